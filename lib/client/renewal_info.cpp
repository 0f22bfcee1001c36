#include "client/expect.hpp"
#include "client/session.hpp"
#include "protocol/resource.hpp"

#include <utility>

namespace acme {

namespace asio = boost::asio;

asio::awaitable<std::optional<renewal_info>> client::async_renewal_info(std::string renewal_id)
{
    constexpr const char* step = "renewalInfo";
    const directory d = co_await session_->async_directory();
    if (d.renewal_info.empty() || renewal_id.empty())
        co_return std::nullopt;
    std::string url = d.renewal_info;
    if (!url.ends_with('/'))
        url += '/';
    url += renewal_id;
    const https_response answer = co_await session_->async_get(std::move(url), step);
    renewal_info info = expect(parse_renewal_info(answer.body), step);
    info.retry_after = session_->retry_after(answer);
    co_return info;
}

} // namespace acme
