#include "testing/route.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

namespace acme::testing {

namespace {

std::vector<std::string_view> split(std::string_view path)
{
    std::vector<std::string_view> parts;
    while (!path.empty() && parts.size() < 5) {
        path.remove_prefix(1);
        const auto end = std::min(path.find('/'), path.size());
        parts.push_back(path.substr(0, end));
        path.remove_prefix(end);
    }
    return parts;
}

unsigned take_generation(std::vector<std::string_view>& parts)
{
    unsigned generation = 0;
    if (parts.empty() || parts.front().size() < 2 || parts.front().front() != 'm')
        return 0;
    const auto digits = parts.front().substr(1);
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), generation);
    if (ec != std::errc() || end != digits.data() + digits.size())
        return 0;
    parts.erase(parts.begin());
    return generation;
}

step step_of(std::string_view first)
{
    static const std::map<std::string_view, step> steps{
        {"directory", step::directory},
        {"new-nonce", step::new_nonce},
        {"new-account", step::new_account},
        {"new-order", step::new_order},
        {"revoke-cert", step::revoke_cert},
        {"key-change", step::key_change},
        {"renewal-info", step::renewal_info},
        {"account", step::account},
        {"order", step::order},
        {"authz", step::authorization},
        {"cert", step::certificate},
    };
    const auto found = steps.find(first);
    return found == steps.end() ? step::other : found->second;
}

} // namespace

route find_route(std::string_view origin, std::string_view url)
{
    route r;
    const auto path = url.starts_with(origin) ? url.substr(origin.size()) : std::string_view();
    if (!path.starts_with('/'))
        return r;
    auto parts = split(path);
    r.generation = take_generation(parts);
    r.step = step_of(parts.empty() ? std::string_view() : parts[0]);
    if (parts.size() > 1)
        r.resource = std::string(origin) + "/" + std::string(parts[0]) + "/" + std::string(parts[1]);
    if (parts.size() > 2)
        r.detail = parts[2];
    if (r.step == step::renewal_info && parts.size() > 1)
        r.detail = parts[1];
    const bool has_resources = r.step == step::account || r.step == step::order || r.step == step::authorization ||
        r.step == step::certificate || r.step == step::renewal_info;
    if (parts.size() > (has_resources ? 3 : 1))
        r.step = step::other;
    if (r.step == step::order && r.detail == "finalize")
        r.step = step::finalize;
    if (r.step == step::authorization && !r.detail.empty())
        r.step = step::challenge;
    return r;
}

} // namespace acme::testing
