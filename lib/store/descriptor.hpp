#pragma once

#include <boost/system/error_code.hpp>

#include <cerrno>
#include <unistd.h>
#include <utility>

namespace acme {

/// A file descriptor of its own.
class descriptor
{
public:
    explicit descriptor(int fd) noexcept
        : fd_(fd)
    {}
    descriptor(descriptor&& other) noexcept
        : fd_(std::exchange(other.fd_, -1))
    {}
    descriptor& operator=(descriptor&& other) noexcept
    {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor()
    {
        if (fd_ >= 0)
            ::close(fd_);
    }

    explicit operator bool() const noexcept { return fd_ >= 0; }
    int get() const noexcept { return fd_; }

private:
    int fd_;
};

/// Repeats a system call while signals interrupt it.
template <class Call>
auto uninterrupted(Call call)
{
    auto result = call();
    while (result < 0 && errno == EINTR)
        result = call();
    return result;
}

inline boost::system::error_code last_error() noexcept
{
    return {errno, boost::system::system_category()};
}

} // namespace acme
