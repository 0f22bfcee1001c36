#pragma once

#include "manager/http_responder.hpp"
#include "manager/tls_alpn_responder.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// Answers the challenges of one order by whichever kind is chosen.
class challenge_responder final : public responder
{
public:
    /// Told of the kind that is provisioned.
    using chosen = std::function<void(const std::string& type)>;

    /// `types`: the preferred first; none that neither of the two answers.
    challenge_responder(
        std::vector<std::string> types, tls_alpn_responder& over_tls, http_responder& over_http, chosen when_chosen);

    std::vector<std::string> challenge_types() const override { return types_; }
    boost::asio::awaitable<void> async_provision(identifier id, challenge c, std::string key_authorization) override;
    void withdraw(const identifier& id, const challenge& c) noexcept override;

private:
    responder& for_type(std::string_view type) noexcept;

    std::vector<std::string> types_;
    tls_alpn_responder& over_tls_;
    http_responder& over_http_;
    chosen when_chosen_;
};

} // namespace acme
