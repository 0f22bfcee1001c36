#include "store/temporary_file.hpp"

#include "store/file_access.hpp"

#include <algorithm>
#include <random>
#include <sys/file.h>
#include <sys/stat.h>
#include <vector>

namespace acme {

namespace {

constexpr std::string_view digits = "0123456789abcdef";
constexpr std::size_t random_digits = 16;
constexpr std::string_view suffix = ".tmp";
constexpr int max_attempts = 16;

// Leaves room for the rest of the name where file names end at 255 octets.
std::string prefix(const std::string& target)
{
    return "." + target.substr(0, 200) + ".";
}

std::string random_name(const std::string& target)
{
    std::random_device random;
    std::uniform_int_distribution<std::size_t> digit(0, digits.size() - 1);
    std::string name = prefix(target);
    for (std::size_t i = 0; i < random_digits; ++i)
        name += digits[digit(random)];
    return name.append(suffix);
}

bool is_temporary_name(std::string_view name, const std::string& target)
{
    const std::string begin = prefix(target);
    if (name.size() != begin.size() + random_digits + suffix.size() || !name.starts_with(begin) ||
        !name.ends_with(suffix))
        return false;
    return std::ranges::all_of(
        name.substr(begin.size(), random_digits), [](char c) { return digits.find(c) != std::string_view::npos; });
}

// A file system without locks has no users of them either.
bool lock_if_unused(const descriptor& file)
{
    return uninterrupted([&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); }) == 0 || errno != EWOULDBLOCK;
}

// Somebody who cleans up may have locked and removed the file between its creation and its lock.
bool claim(const descriptor& file)
{
    struct stat status = {};
    return lock_if_unused(file) && ::fstat(file.get(), &status) == 0 && status.st_nlink == 1;
}

void remove_if_unused(const descriptor& folder, const std::string& name)
{
    const descriptor file(uninterrupted(
        [&] { return ::openat(folder.get(), name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); }));
    struct stat status = {};
    if (file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::geteuid() &&
        lock_if_unused(file))
        ::unlinkat(folder.get(), name.c_str(), 0);
}

std::vector<std::string> temporary_names(const descriptor& folder, const std::string& target)
{
    std::vector<std::string> names;
    for_each_entry(folder, [&](const dirent& entry) {
        if (is_temporary_name(entry.d_name, target))
            names.emplace_back(entry.d_name);
    });
    return names;
}

} // namespace

temporary_file::temporary_file(const descriptor& folder, std::string name, descriptor file) noexcept
    : folder_(&folder)
    , name_(std::move(name))
    , file_(std::move(file))
{}

temporary_file::temporary_file(temporary_file&& other) noexcept
    : folder_(other.folder_)
    , name_(std::exchange(other.name_, {}))
    , file_(std::move(other.file_))
{}

temporary_file::~temporary_file()
{
    if (!name_.empty())
        ::unlinkat(folder_->get(), name_.c_str(), 0);
}

boost::system::result<temporary_file> temporary_file::create(const descriptor& folder, const std::string& target)
{
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        std::string name = random_name(target);
        const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        descriptor file(uninterrupted([&] { return ::openat(folder.get(), name.c_str(), flags, 0600); }));
        if (!file && errno == EEXIST)
            continue;
        if (!file)
            return last_error();
        temporary_file created(folder, std::move(name), std::move(file));
        // The umask may have taken away what the owner needs.
        if (::fchmod(created.file_.get(), 0600) != 0)
            return last_error();
        if (claim(created.file_))
            return created;
    }
    return make_error_code(boost::system::errc::file_exists);
}

boost::system::error_code temporary_file::write(std::string_view content)
{
    while (!content.empty()) {
        const auto written = uninterrupted([&] { return ::write(file_.get(), content.data(), content.size()); });
        if (written < 0)
            return last_error();
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    if (uninterrupted([&] { return ::fsync(file_.get()); }) != 0)
        return last_error();
    return {};
}

boost::system::error_code temporary_file::rename(const descriptor& folder, const std::string& target)
{
    if (::renameat(folder_->get(), name_.c_str(), folder.get(), target.c_str()) != 0)
        return last_error();
    name_.clear();
    return {};
}

void temporary_file::remove_leftovers(const descriptor& folder, const std::string& target)
{
    for (const std::string& name : temporary_names(folder, target))
        remove_if_unused(folder, name);
}

} // namespace acme
