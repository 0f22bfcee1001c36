#include "client/deadline.hpp"
#include "client/issuance.hpp"
#include "client/session.hpp"

#include <utility>

namespace acme {

namespace {

namespace asio = boost::asio;

asio::awaitable<certificate_ptr> async_take_up(issuance& i)
{
    // Null where a new order is needed.
    if (!co_await i.async_resume())
        co_return nullptr;
    co_return co_await i.async_finish();
}

asio::awaitable<certificate_ptr> async_order_anew(issuance& i)
{
    co_await i.async_place();
    co_return co_await i.async_finish();
}

asio::awaitable<certificate_ptr> async_obtain(issuance& i, clock& time, obtain_request& request)
{
    std::optional<certificate_ptr> done;
    if (!request.order_url.empty()) {
        done = co_await async_within(time, request.timeout, async_take_up(i));
        if (done && *done)
            co_return std::move(*done);
    }
    if (request.order_url.empty() || done) {
        if (request.before_new_order)
            co_await request.before_new_order();
        done = co_await async_within(time, request.timeout, async_order_anew(i));
    }
    if (!done)
        throw error(
            errc::timed_out, "order", "no certificate within " + std::to_string(request.timeout.count()) + " s");
    co_return std::move(*done);
}

} // namespace

asio::awaitable<certificate_ptr> client::async_obtain(obtain_request request, responder& r)
{
    issuance i(*this, *session_->options.clock, request, r);
    try {
        co_return co_await acme::async_obtain(i, *session_->options.clock, request);
    } catch (const error&) {
        throw;
    } catch (const boost::system::system_error& e) {
        throw error(e.code(), "order");
    }
}

} // namespace acme
