#include "manager/tls_alpn_responder.hpp"

#include "crypto/challenge_certificate.hpp"
#include "crypto/ip_address.hpp"

namespace acme {

tls_alpn_responder::tls_alpn_responder(
    std::shared_ptr<credential_index> index, std::shared_ptr<acme::clock> clock, retire when_done)
    : index_(std::move(index))
    , clock_(std::move(clock))
    , when_done_(std::move(when_done))
{}

std::vector<std::string> tls_alpn_responder::challenge_types() const
{
    return {"tls-alpn-01"};
}

boost::asio::awaitable<void> tls_alpn_responder::async_provision(
    identifier id, challenge c, std::string key_authorization)
{
    auto server_name = id.type == "ip" ? reverse_name(id.value) : id.value;
    auto answer = make_challenge_certificate(id.value, key_authorization, clock_->now());
    if (!answer)
        throw error(make_error_code(errc::no_usable_challenge), "authorization", "not a name that can be answered for");
    provisioned_[c.token] = std::make_pair(server_name, answer);
    index_->challenges.insert(server_name, answer);
    co_return;
}

void tls_alpn_responder::withdraw(const identifier&, const challenge& c) noexcept
{
    auto it = provisioned_.find(c.token);
    if (it == provisioned_.end())
        return;
    auto [server_name, answer] = std::move(it->second);
    provisioned_.erase(it);
    when_done_(std::move(server_name), std::move(answer));
}

} // namespace acme
