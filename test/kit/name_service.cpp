#include "kit/name_service.hpp"

#include <condition_variable>
#include <dlfcn.h>
#include <mutex>
#include <netdb.h>
#include <string_view>

namespace acme::test {
namespace {

struct service
{
    std::mutex mutex;
    std::condition_variable changed;
    bool exists = false;
    unsigned stuck = 0;
    unsigned begun = 0;
};

service& the_service()
{
    static service s;
    return s;
}

} // namespace

name_service::name_service()
{
    auto& s = the_service();
    std::lock_guard lock(s.mutex);
    s.exists = true;
    s.begun = 0;
}

name_service::~name_service()
{
    auto& s = the_service();
    std::unique_lock lock(s.mutex);
    s.exists = false;
    s.changed.notify_all();
    s.changed.wait(lock, [&] { return s.stuck == 0; });
}

unsigned name_service::stuck()
{
    auto& s = the_service();
    std::lock_guard lock(s.mutex);
    return s.stuck;
}

unsigned name_service::begun()
{
    auto& s = the_service();
    std::lock_guard lock(s.mutex);
    return s.begun;
}

} // namespace acme::test

extern "C" int getaddrinfo(const char* host, const char* port, const addrinfo* hints, addrinfo** found)
{
    const auto system = reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    auto& s = acme::test::the_service();
    const std::string_view name(host ? host : "");
    std::unique_lock lock(s.mutex);
    if (s.exists && name.ends_with(".slow")) {
        ++s.begun;
        ++s.stuck;
        s.changed.wait(lock, [&] { return !s.exists; });
        --s.stuck;
        s.changed.notify_all();
        return EAI_NONAME;
    }
    const bool is_quick = s.exists && name.ends_with(".quick");
    lock.unlock();
    return system(is_quick ? "127.0.0.1" : host, port, hints, found);
}
