#include "manager/challenge_responder.hpp"

#include "protocol/challenge_choice.hpp"

namespace acme {

challenge_responder::challenge_responder(
    std::vector<std::string> types, tls_alpn_responder& over_tls, http_responder& over_http, chosen when_chosen)
    : types_(std::move(types))
    , over_tls_(over_tls)
    , over_http_(over_http)
    , when_chosen_(std::move(when_chosen))
{}

boost::asio::awaitable<void> challenge_responder::async_provision(
    identifier id, challenge c, std::string key_authorization)
{
    when_chosen_(c.type);
    auto& one = for_type(c.type);
    return one.async_provision(std::move(id), std::move(c), std::move(key_authorization));
}

void challenge_responder::withdraw(const identifier& id, const challenge& c) noexcept
{
    for_type(c.type).withdraw(id, c);
}

responder& challenge_responder::for_type(std::string_view type) noexcept
{
    if (type == http_01)
        return over_http_;
    return over_tls_;
}

} // namespace acme
