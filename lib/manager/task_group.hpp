#pragma once

#include "transport/on_strand.hpp"

#include <acme/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>

#include <list>
#include <memory>

namespace acme {

/// The tasks that a manager owns: each is cancelled, and none is detached from it. Everything is called on the strand.
class task_group
{
public:
    explicit task_group(strand s);

    /// Runs `task` on the strand; what it throws is dropped. Nothing is started after `close`.
    void spawn(asio::awaitable<void> task);

    /// Runs `operation` as one of the tasks, and waits for it. Throws `errc::shut_down` where the group was closed
    /// before or cancels it.
    template <class T>
    asio::awaitable<T> async_join(asio::awaitable<T> operation)
    {
        member self(state_);
        bool cancelled = self.closed();
        try {
            if (!cancelled)
                co_return co_await on_strand(strand_, self.task(), std::move(operation));
        } catch (const boost::system::system_error& e) {
            cancelled = self.closed() && e.code() == asio::error::operation_aborted;
            if (!cancelled)
                throw;
        }
        throw error(make_error_code(errc::shut_down), "certificate manager");
    }

    /// Cancels every task and refuses new ones.
    void close();

    /// Completes when no task is left.
    asio::awaitable<void> async_wait_empty();

private:
    struct state;

    // A task's entry in the list, for as long as it lives.
    class member
    {
    public:
        explicit member(std::shared_ptr<state> all);
        ~member();
        member(const member&) = delete;
        member& operator=(const member&) = delete;

        const std::shared_ptr<strand_task>& task() const noexcept { return *position_; }
        bool closed() const noexcept;

    private:
        std::shared_ptr<state> all_;
        std::list<std::shared_ptr<strand_task>>::iterator position_;
    };

    strand strand_;
    std::shared_ptr<state> state_;
};

} // namespace acme
