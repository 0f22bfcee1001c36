#include "protocol/challenge_choice.hpp"

#include <algorithm>

namespace acme {
namespace {

bool is_about_an_answer(errc e) noexcept
{
    return e == errc::connection || e == errc::dns || e == errc::incorrect_response || e == errc::tls ||
        e == errc::unauthorized;
}

} // namespace

std::vector<std::string> usable_challenges(const std::vector<std::string>& configured, bool http_served)
{
    if (!configured.empty())
        return configured;
    std::vector<std::string> usable{std::string(tls_alpn_01)};
    if (http_served)
        usable.emplace_back(http_01);
    return usable;
}

std::vector<std::string> in_order_of_experience(
    std::vector<std::string> usable, std::string_view succeeded, std::string_view failed)
{
    const auto best = std::find(usable.begin(), usable.end(), succeeded);
    if (best != usable.end())
        std::rotate(usable.begin(), best, best + 1);
    const auto worst = std::find(usable.begin(), usable.end(), failed);
    if (worst != usable.end())
        std::rotate(worst, worst + 1, usable.end());
    return usable;
}

bool is_validation_failure(const boost::system::error_code& ec, const std::optional<problem>& p) noexcept
{
    if (ec != make_error_code(errc::authorization_invalid) && ec != make_error_code(errc::order_invalid))
        return false;
    const errc said = p ? p->code() : errc::unknown_problem;
    if (said == errc::unknown_problem)
        return true;
    if (said != errc::compound)
        return is_about_an_answer(said);
    return std::any_of(p->subproblems.begin(), p->subproblems.end(),
        [](const subproblem& s) { return is_about_an_answer(errc_from_type(s.type)); });
}

} // namespace acme
