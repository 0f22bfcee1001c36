#include "transport/target.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace acme {

std::optional<target> parse_target(std::string_view url)
{
    if (url.size() > 2048)
        return std::nullopt;
    const auto parsed = boost::urls::parse_uri(url);
    if (!parsed || parsed->scheme_id() != boost::urls::scheme::https || parsed->has_userinfo())
        return std::nullopt;
    const auto kind = parsed->host_type();
    if (kind == boost::urls::host_type::ipvfuture || parsed->encoded_host().empty())
        return std::nullopt;
    if (parsed->has_port() && !parsed->port().empty() && parsed->port_number() == 0)
        return std::nullopt;

    target t;
    t.ip_address = kind != boost::urls::host_type::name;
    t.host = parsed->host_address();
    t.port = parsed->port().empty() ? "443" : std::string(parsed->port());
    t.authority = parsed->encoded_host();
    if (t.port != "443")
        t.authority += ':' + t.port;
    t.path = parsed->encoded_target();
    if (t.path.empty() || t.path.front() != '/')
        t.path.insert(0, 1, '/');
    return t;
}

} // namespace acme
