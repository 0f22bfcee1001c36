#include "manager/http_responder.hpp"

#include "protocol/challenge_choice.hpp"
#include "protocol/challenge_token.hpp"

namespace acme {

http_responder::http_responder(std::shared_ptr<credential_index> index, std::chrono::seconds grace)
    : index_(std::move(index))
    , grace_(grace)
{}

std::vector<std::string> http_responder::challenge_types() const
{
    return {std::string(http_01)};
}

boost::asio::awaitable<void> http_responder::async_provision(identifier id, challenge c, std::string key_authorization)
{
    if (!is_challenge_token(c.token))
        throw error(make_error_code(errc::no_usable_challenge), "authorization", "not a token");
    auto answer = std::make_shared<const http_challenge>(std::move(id.value), std::move(key_authorization));
    provisioned_[c.token] = answer;
    index_->http_challenges.insert(std::move(c.token), std::move(answer));
    co_return;
}

void http_responder::withdraw(const identifier&, const challenge& c) noexcept
{
    const auto it = provisioned_.find(c.token);
    if (it == provisioned_.end())
        return;
    index_->http_challenges.retire(it->first, it->second, grace_);
    provisioned_.erase(it);
}

} // namespace acme
