#include "server/location.hpp"

#include "server/authority.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>

#include <algorithm>
#include <string_view>

namespace acme {
namespace {

namespace http = boost::beast::http;

bool is_acceptable(char c) noexcept
{
    return static_cast<unsigned char>(c) > ' ' && c != '\x7f' && c != '#' && c != '\\';
}

std::optional<std::string> host_of_field(const http::request_header<>& request)
{
    if (request.count(http::field::host) != 1)
        return std::nullopt;
    return host_of_authority(request[http::field::host]);
}

std::optional<location> absolute_form(std::string_view target)
{
    for (std::string_view scheme : {"http://", "https://"}) {
        if (target.size() < scheme.size() || !boost::beast::iequals(target.substr(0, scheme.size()), scheme))
            continue;
        target.remove_prefix(scheme.size());
        auto end = std::min(target.find_first_of("/?"), target.size());
        auto host = host_of_authority(target.substr(0, end));
        if (!host)
            return std::nullopt;
        std::string path(target.substr(end));
        return location{*host, path.starts_with('/') ? path : "/" + path};
    }
    return std::nullopt;
}

} // namespace

std::optional<location> requested_location(const http::request_header<>& request)
{
    std::string_view target = request.target();
    auto host = host_of_field(request);
    if (target.empty() || !std::all_of(target.begin(), target.end(), is_acceptable))
        return std::nullopt;
    if (request.method() == http::verb::connect)
        return std::nullopt;
    if (!host && request.count(http::field::host) != 0)
        return std::nullopt;
    if (target.front() != '/' && target != "*")
        return absolute_form(target);
    if (!host)
        return std::nullopt;
    return location{*host, target == "*" ? "/" : std::string(target)};
}

} // namespace acme
