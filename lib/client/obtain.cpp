#include "client/deadline.hpp"
#include "client/order_loop.hpp"
#include "client/session.hpp"
#include "protocol/order.hpp"

#include <algorithm>
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

error too_late(std::chrono::seconds limit)
{
    return error(errc::timed_out, "order", "no certificate within " + std::to_string(limit.count()) + " s");
}

asio::awaitable<certificate_ptr> async_obtain(order_loop& l, clock& time, obtain_request& request)
{
    const auto limit = request.timeout;
    auto left = limit;
    if (!request.order_url.empty()) {
        const auto start = time.now();
        auto taken_up = co_await async_within(time, left, async_take_up(l));
        if (!taken_up)
            throw too_late(limit);
        if (*taken_up)
            co_return std::move(*taken_up);
        const auto spent = std::chrono::duration_cast<std::chrono::seconds>(time.now() - start);
        left = std::clamp(limit - spent, std::chrono::seconds(1), std::max(limit, std::chrono::seconds(1)));
    }
    if (request.before_new_order)
        co_await request.before_new_order();
    auto done = co_await async_within(time, left, async_order_anew(l));
    if (!done)
        throw too_late(limit);
    co_return std::move(*done);
}

// RFC 8555 section 11.1; and host names in the one form in which certificates have them.
void make_usable(obtain_request& request, const key& account_key)
{
    for (identifier& id : request.order.identifiers)
        id = folded(id);
    if (!request.certificate_key)
        request.certificate_key = key::generate();
    if (request.certificate_key == account_key)
        throw error(errc::bad_csr, "order", "the certificate's key must not be the account's");
}

} // namespace

asio::awaitable<certificate_ptr> client::async_obtain(obtain_request request, responder& r)
{
    make_usable(request, account_key());
    order_loop l(*this, *session_->options.clock, request, r);
    try {
        co_return co_await acme::async_obtain(l, *session_->options.clock, request);
    } catch (const error& e) {
        throw session_->with_advice(e);
    } catch (const boost::system::system_error& e) {
        throw error(e.code(), "order");
    }
}

} // namespace acme
