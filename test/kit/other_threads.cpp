#include "kit/other_threads.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace acme::test {

namespace {

// proc_pid_stat(5): "TID (NAME) STATE ..."; a name may have parentheses in it.
bool sleeps(const std::filesystem::path& thread)
{
    std::ifstream file(thread / "stat");
    const std::string stat(std::istreambuf_iterator<char>(file), {});
    const auto name_end = stat.rfind(')');
    return name_end == std::string::npos || name_end + 2 >= stat.size() || stat[name_end + 2] == 'S';
}

} // namespace

bool other_threads_sleep()
{
    constexpr const char* folder = "/proc/self/task";
    // The folder of each thread is a link to this one, which has two by itself.
    struct stat links;
    if (::stat(folder, &links) == 0 && links.st_nlink == 3)
        return true;
    const auto own = std::to_string(::gettid());
    for (const auto& thread : std::filesystem::directory_iterator(folder))
        if (thread.path().filename() != own && !sleeps(thread.path()))
            return false;
    return true;
}

} // namespace acme::test
