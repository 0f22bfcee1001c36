#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace acme {

/// Calls a function at a point in time, unless it is destroyed before.
class watchdog
{
public:
    watchdog(
        boost::asio::any_io_executor executor, std::chrono::steady_clock::time_point when, std::function<void()> stop)
        : state_(std::make_shared<state>(std::move(executor), std::move(stop)))
    {
        state_->timer.expires_at(when);
        state_->timer.async_wait([s = state_](boost::system::error_code ec) {
            if (ec || !s->stop)
                return;
            s->expired = true;
            s->stop();
        });
    }
    ~watchdog()
    {
        // The wait may have ended already, with its handler still to come.
        state_->stop = nullptr;
        state_->timer.cancel();
    }
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;

    bool expired() const noexcept { return state_->expired; }

private:
    struct state
    {
        state(boost::asio::any_io_executor executor, std::function<void()> s)
            : timer(std::move(executor))
            , stop(std::move(s))
        {}

        boost::asio::steady_timer timer;
        std::function<void()> stop;
        bool expired = false;
    };

    std::shared_ptr<state> state_;
};

} // namespace acme
