#pragma once

#include <acme/client.hpp>

#include <functional>
#include <string>

namespace acme {

/// Has other servers answer the challenges of an order as well: whichever of them the CA's validation reaches.
class shared_responder final : public responder
{
public:
    /// On return every server can know of the challenge.
    using publish =
        std::function<boost::asio::awaitable<void>(std::string host, challenge c, std::string key_authorization)>;

    /// `here` answers on this server.
    shared_responder(responder& here, publish p)
        : here_(here)
        , publish_(std::move(p))
    {}

    std::vector<std::string> challenge_types() const override { return here_.challenge_types(); }

    boost::asio::awaitable<void> async_provision(identifier id, challenge c, std::string key_authorization) override
    {
        co_await here_.async_provision(id, c, key_authorization);
        co_await publish_(id.value, c, key_authorization);
    }

    /// The others stop with the issuance.
    void withdraw(const identifier& id, const challenge& c) noexcept override { here_.withdraw(id, c); }

private:
    responder& here_;
    publish publish_;
};

} // namespace acme
