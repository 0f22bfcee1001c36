#pragma once

#include "manager/credential_index.hpp"

#include <acme/client.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace acme {

/// Answers the http-01 challenges (RFC 8555 section 8.3) of one order through the index that HTTP servers read.
class http_responder final : public responder
{
public:
    /// What is withdrawn is answered for `grace`.
    http_responder(std::shared_ptr<credential_index> index, std::chrono::seconds grace);

    std::vector<std::string> challenge_types() const override;
    boost::asio::awaitable<void> async_provision(identifier id, challenge c, std::string key_authorization) override;
    void withdraw(const identifier& id, const challenge& c) noexcept override;

private:
    std::shared_ptr<credential_index> index_;
    std::chrono::seconds grace_;
    /// By token.
    std::map<std::string, http_challenge_ptr> provisioned_;
};

} // namespace acme
