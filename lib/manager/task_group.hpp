#pragma once

#include "manager/on_strand.hpp"

#include <boost/asio/awaitable.hpp>

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

    /// Cancels every task and refuses new ones.
    void close();

    /// Completes when no task is left.
    asio::awaitable<void> async_wait_empty();

private:
    struct task;
    struct state;

    strand strand_;
    std::shared_ptr<state> state_;
};

} // namespace acme
