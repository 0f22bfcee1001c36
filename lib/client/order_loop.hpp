#pragma once

#include "protocol/order.hpp"

#include <acme/client.hpp>

#include <boost/asio/awaitable.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// One order on its way to its certificate: applies `next` (protocol/order.hpp) until there is nothing left to do.
class order_loop
{
public:
    order_loop(client& c, clock& time, obtain_request& request, responder& r);

    /// Takes up the order of `obtain_request::order_url`. False where it leads nowhere and a new one is needed.
    boost::asio::awaitable<bool> async_resume();
    /// Places a new order.
    boost::asio::awaitable<void> async_place();
    /// Carries the order out.
    boost::asio::awaitable<certificate_ptr> async_finish();
    /// Whether the CA was told to validate.
    bool has_responded() const noexcept { return responded_; }

private:
    boost::asio::awaitable<void> async_fetch_authorizations();
    boost::asio::awaitable<void> async_authorize(std::vector<std::size_t> pending);
    boost::asio::awaitable<void> async_respond(authorization& a, challenge c);
    boost::asio::awaitable<void> async_await_final(authorization& a);
    boost::asio::awaitable<void> async_finalize();
    boost::asio::awaitable<void> async_poll();
    boost::asio::awaitable<certificate_ptr> async_download();

    challenge choose(const authorization& a) const;
    boost::asio::awaitable<order> async_order(std::string url);
    boost::asio::awaitable<authorization> async_authorization(std::string url);

    client& client_;
    clock& clock_;
    obtain_request& request_;
    responder& responder_;
    std::vector<std::string> types_;

    order order_;
    std::vector<authorization> authorizations_;
    finalize_outcome finalized_ = finalize_outcome::not_sent;
    unsigned polls_ = 0;
    unsigned lost_finalizes_ = 0;
    bool responded_ = false;
};

} // namespace acme
