#include "protocol/url.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

#include <algorithm>

namespace acme {
namespace {

constexpr std::size_t max_length = 2048;

bool is_visible_ascii(std::string_view s) noexcept
{
    return std::all_of(s.begin(), s.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

} // namespace

bool acceptable_url(std::string_view url)
{
    if (url.empty() || url.size() > max_length || !is_visible_ascii(url))
        return false;
    const auto parts = boost::urls::parse_uri(url);
    if (!parts || parts->scheme_id() != boost::urls::scheme::https)
        return false;
    if (!parts->has_authority() || parts->encoded_host().empty() || parts->has_userinfo() || parts->has_fragment())
        return false;
    // port_number() is 0 for an absent or empty port and for one over 65,535.
    return !parts->has_port() || parts->port().empty() || parts->port_number() != 0;
}

std::optional<std::string> resolve(std::string_view base, std::string_view reference)
{
    if (acceptable_url(reference))
        return std::string(reference);
    if (!acceptable_url(base) || reference.size() > max_length || !is_visible_ascii(reference))
        return std::nullopt;
    const auto from = boost::urls::parse_uri(base);
    const auto to = boost::urls::parse_uri_reference(reference);
    if (!from || !to)
        return std::nullopt;
    boost::urls::url outcome;
    if (!boost::urls::resolve(*from, *to, outcome))
        return std::nullopt;
    std::string text(outcome.buffer().data(), outcome.buffer().size());
    if (!acceptable_url(text))
        return std::nullopt;
    return text;
}

} // namespace acme
