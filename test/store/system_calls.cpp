#include "store/system_calls.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace acme::test {

namespace {

std::mutex mutex;
std::shared_ptr<system_call_hook::function> current;
std::atomic<std::size_t> write_limit = static_cast<std::size_t>(-1);

int ask(const char* call, int descriptor)
{
    std::shared_ptr<system_call_hook::function> hook;
    {
        const std::lock_guard guard(mutex);
        hook = current;
    }
    return hook ? (*hook)(call, descriptor) : 0;
}

template <class Call>
auto pass(const char* name, int descriptor, Call call) -> decltype(call())
{
    if (const int failure = ask(name, descriptor)) {
        errno = failure;
        return -1;
    }
    return call();
}

} // namespace

system_call_hook::system_call_hook(function hook)
{
    const std::lock_guard guard(mutex);
    current = std::make_shared<function>(std::move(hook));
}

system_call_hook::~system_call_hook()
{
    const std::lock_guard guard(mutex);
    current.reset();
    write_limit = static_cast<std::size_t>(-1);
}

void system_call_hook::limit_writes(std::size_t octets)
{
    write_limit = octets;
}

} // namespace acme::test

// These take the place of the C library's in this executable and in the libraries it loads.
extern "C" {

ssize_t write(int fd, const void* data, size_t size)
{
    const std::size_t limit = acme::test::write_limit;
    return acme::test::pass(
        "write", fd, [&] { return static_cast<ssize_t>(::syscall(SYS_write, fd, data, size < limit ? size : limit)); });
}

int fsync(int fd)
{
    return acme::test::pass("fsync", fd, [&] { return static_cast<int>(::syscall(SYS_fsync, fd)); });
}

int fchmod(int fd, mode_t mode) noexcept
{
    return acme::test::pass("fchmod", fd, [&] { return static_cast<int>(::syscall(SYS_fchmod, fd, mode)); });
}

int renameat(int from, const char* old_name, int to, const char* new_name) noexcept
{
    return acme::test::pass(
        "renameat", from, [&] { return static_cast<int>(::syscall(SYS_renameat2, from, old_name, to, new_name, 0)); });
}
}
