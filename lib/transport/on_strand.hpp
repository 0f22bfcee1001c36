#pragma once

#include "transport/posted.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>

namespace acme {

namespace asio = boost::asio;
using strand = asio::strand<asio::any_io_executor>;

/// What ends an operation that runs on a strand; used on that strand only.
struct strand_task
{
    asio::cancellation_signal signal;
    bool done = false;
    /// Of `strand_call`: held by the strand's thread while it uses the caller's executor.
    std::mutex at_caller;

    void cancel(asio::cancellation_type type = asio::cancellation_type::terminal)
    {
        if (!done)
            signal.emit(type);
    }
};

// co_spawn(strand, ..., use_awaitable) from another executor would hand a raw pointer to its signal across threads on
// cancellation (Asio 1.26). Here the signal is owned by what crosses, and emitted on the strand only.
template <class... Value>
class strand_call
{
public:
    strand_call(strand s, std::shared_ptr<strand_task> task)
        : strand_(std::move(s))
        , task_(std::move(task))
    {}

    template <class Handler, class Awaitable>
    void operator()(Handler handler, Awaitable operation) const
    {
        auto running = task_;
        auto slot = asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected()) {
            slot.assign([running, s = strand_](asio::cancellation_type type) {
                asio::dispatch(s, [running, type] { running->cancel(type); });
            });
        }
        auto work = asio::make_work_guard(asio::get_associated_executor(handler));
        auto finish = [running, slot, work = std::move(work), handler = std::move(handler)](
                          std::exception_ptr failure, Value... value) mutable {
            running->done = true;
            auto resume = [running, slot, failure, handler = std::move(handler),
                              values = std::tuple<Value...>(std::move(value)...)]() mutable {
                // The caller may end its context next.
                wait_for_thread_of(*running);
                slot.clear();
                auto call = [&](Value&... v) { std::move(handler)(failure, std::move(v)...); };
                std::apply(call, values);
            };
            const std::lock_guard guard(running->at_caller);
            // Ends after the call, so that the caller's context does not end while it is posted to. Not dispatched: on
            // the same threads that would run the caller within this strand.
            const auto last_work = std::move(work);
            asio::post(last_work.get_executor(), std::move(resume));
        };
        asio::co_spawn(strand_, posted(std::move(operation)),
            asio::bind_cancellation_slot(running->signal.slot(), std::move(finish)));
    }

private:
    static void wait_for_thread_of(strand_task& running) { const std::lock_guard guard(running.at_caller); }

    strand strand_;
    std::shared_ptr<strand_task> task_;
};

/// Runs `operation` on the strand and resumes the caller where it was. Terminal cancellation reaches the operation, and
/// so does `task->cancel()`.
template <class T>
asio::awaitable<T> on_strand(strand s, std::shared_ptr<strand_task> task, asio::awaitable<T> operation)
{
    return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, T)>(
        strand_call<T>(std::move(s), std::move(task)), asio::use_awaitable, std::move(operation));
}

inline asio::awaitable<void> on_strand(strand s, std::shared_ptr<strand_task> task, asio::awaitable<void> operation)
{
    return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
        strand_call<>(std::move(s), std::move(task)), asio::use_awaitable, std::move(operation));
}

template <class T>
asio::awaitable<T> on_strand(strand s, asio::awaitable<T> operation)
{
    return on_strand(std::move(s), std::make_shared<strand_task>(), std::move(operation));
}

} // namespace acme
