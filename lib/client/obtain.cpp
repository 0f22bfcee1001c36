#include "client/deadline.hpp"
#include "client/order_loop.hpp"
#include "client/session.hpp"

#include <utility>

namespace acme {

namespace {

namespace asio = boost::asio;

asio::awaitable<certificate_ptr> async_take_up(order_loop& l)
{
    // Null where a new order is needed.
    certificate_ptr done;
    const bool usable = co_await l.async_resume();
    if (!usable)
        co_return done;
    try {
        done = co_await l.async_finish();
    } catch (const error& e) {
        // The CA may have validated while nobody was there to answer.
        const bool died_before = e.code() == errc::authorization_invalid || e.code() == errc::order_invalid;
        if (!died_before || l.has_responded())
            throw;
    }
    co_return done;
}

asio::awaitable<certificate_ptr> async_order_anew(order_loop& l)
{
    co_await l.async_place();
    co_return co_await l.async_finish();
}

asio::awaitable<certificate_ptr> async_obtain(order_loop& l, clock& time, obtain_request& request)
{
    std::optional<certificate_ptr> done;
    if (!request.order_url.empty()) {
        done = co_await async_within(time, request.timeout, async_take_up(l));
        if (done && *done)
            co_return std::move(*done);
    }
    if (request.order_url.empty() || done) {
        if (request.before_new_order)
            co_await request.before_new_order();
        done = co_await async_within(time, request.timeout, async_order_anew(l));
    }
    if (!done)
        throw error(
            errc::timed_out, "order", "no certificate within " + std::to_string(request.timeout.count()) + " s");
    co_return std::move(*done);
}

} // namespace

asio::awaitable<certificate_ptr> client::async_obtain(obtain_request request, responder& r)
{
    order_loop l(*this, *session_->options.clock, request, r);
    try {
        co_return co_await acme::async_obtain(l, *session_->options.clock, request);
    } catch (const error&) {
        throw;
    } catch (const boost::system::system_error& e) {
        throw error(e.code(), "order");
    }
}

} // namespace acme
