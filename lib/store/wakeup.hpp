#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>

namespace acme {

/// One coroutine's wait for something that another thread reports. It lives in that coroutine's frame.
class wakeup
{
public:
    class core;

    /// What the other thread keeps. Usable from any thread, and at any time: after the end of the wait, or of the
    /// waiting coroutine's execution context, it does nothing.
    class notifier
    {
    public:
        notifier() = default;
        explicit notifier(std::shared_ptr<core> c)
            : core_(std::move(c))
        {}

        void operator()() const;

    private:
        std::shared_ptr<core> core_;
    };

    explicit wakeup(const boost::asio::any_io_executor& executor);
    wakeup(const wakeup&) = delete;
    wakeup& operator=(const wakeup&) = delete;
    ~wakeup();

    notifier get_notifier() const { return notifier(core_); }

    /// Completes after the first notification, which may have come before. Throws `acme::error` (operation_aborted,
    /// with this `step`) on terminal cancellation.
    boost::asio::awaitable<void> async_wait(std::string step);

private:
    std::shared_ptr<core> core_;
};

} // namespace acme
