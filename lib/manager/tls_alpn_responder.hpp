#pragma once

#include "manager/credential_index.hpp"

#include <acme/client.hpp>

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace acme {

/// Answers the tls-alpn-01 challenges (RFC 8737) of one order through the index that the TLS hook reads.
class tls_alpn_responder final : public responder
{
public:
    /// A certificate that is to leave the index, and the server name under which it is there.
    using retire = std::function<void(std::string server_name, certificate_ptr c)>;

    tls_alpn_responder(std::shared_ptr<credential_index> index, std::shared_ptr<acme::clock> clock, retire when_done);

    std::vector<std::string> challenge_types() const override;
    boost::asio::awaitable<void> async_provision(identifier id, challenge c, std::string key_authorization) override;
    void withdraw(const identifier& id, const challenge& c) noexcept override;

private:
    std::shared_ptr<credential_index> index_;
    std::shared_ptr<acme::clock> clock_;
    retire when_done_;
    /// By challenge token.
    std::map<std::string, std::pair<std::string, certificate_ptr>> provisioned_;
};

} // namespace acme
