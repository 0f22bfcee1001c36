#include "transport/target.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <charconv>
#include <cstdint>

namespace acme {

namespace {

bool valid_port(std::string_view text) noexcept
{
    std::uint16_t number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    return ec == std::errc() && end == text.data() + text.size() && number != 0;
}

} // namespace

std::optional<target> parse_target(std::string_view url)
{
    auto t = parse_http_target(url);
    if (t && !t->tls)
        t.reset();
    return t;
}

std::optional<target> parse_http_target(std::string_view url)
{
    if (url.size() > 2048)
        return std::nullopt;
    const auto parsed = boost::urls::parse_uri(url);
    if (!parsed || parsed->has_userinfo())
        return std::nullopt;
    const auto scheme = parsed->scheme_id();
    if (scheme != boost::urls::scheme::https && scheme != boost::urls::scheme::http)
        return std::nullopt;
    const auto kind = parsed->host_type();
    if (kind == boost::urls::host_type::ipvfuture || parsed->encoded_host().empty())
        return std::nullopt;

    target t;
    t.ip_address = kind != boost::urls::host_type::name;
    t.host = parsed->host_address();
    t.tls = scheme == boost::urls::scheme::https;
    const std::string_view default_port = t.tls ? "443" : "80";
    t.port = parsed->port().empty() ? std::string(default_port) : std::string(parsed->port());
    if (!valid_port(t.port))
        return std::nullopt;
    t.authority = parsed->encoded_host();
    if (t.port != default_port)
        t.authority += ':' + t.port;
    t.path = parsed->encoded_target();
    if (t.path.empty() || t.path.front() != '/')
        t.path.insert(0, 1, '/');
    return t;
}

} // namespace acme
