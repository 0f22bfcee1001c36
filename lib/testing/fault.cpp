#include <acme/testing/fault.hpp>

#include <array>
#include <limits>

namespace acme::testing {

std::string_view to_string(step s) noexcept
{
    static constexpr std::array<std::string_view, 15> names{"any", "directory", "new_nonce", "new_account", "account",
        "new_order", "order", "authorization", "challenge", "finalize", "certificate", "renewal_info", "revoke_cert",
        "key_change", "other"};
    return names.at(static_cast<std::size_t>(s));
}

at& at::nth(std::size_t n) noexcept
{
    first_ = n;
    return *this;
}

at& at::times(std::size_t n) noexcept
{
    times_ = n;
    return *this;
}

at& at::always() noexcept
{
    return times(std::numeric_limits<std::size_t>::max());
}

at& at::where(std::function<bool(const request_record&)> condition)
{
    condition_ = std::move(condition);
    return *this;
}

bool at::count(const request_record& r)
{
    if ((step_ != step::any && step_ != r.step) || (condition_ && !condition_(r)))
        return false;
    ++seen_;
    return seen_ >= first_ && seen_ - first_ < times_;
}

fault fault::problem(unsigned status, std::string type, std::string detail)
{
    fault f(kind::problem, "problem");
    f.status_ = status;
    f.type_ = std::move(type);
    f.text_ = std::move(detail);
    return f;
}

fault fault::bad_nonce()
{
    fault f = problem(400, "badNonce", "the nonce is not good");
    f.name_ = "bad_nonce";
    f.signed_only_ = true;
    return f;
}

fault fault::rate_limited(std::chrono::seconds retry_after)
{
    fault f = problem(429, "rateLimited", "too many requests of this kind");
    f.name_ = "rate_limited";
    f.retry_after_ = retry_after;
    return f;
}

fault fault::rate_limited_until(std::chrono::seconds from_now)
{
    fault f = rate_limited(from_now);
    f.name_ = "rate_limited_until";
    f.as_date_ = true;
    return f;
}

fault fault::paused(std::string unpause_url)
{
    fault f = problem(429, "rateLimited",
        "Your account is temporarily prevented from requesting certificates for these names. Please visit: " +
            unpause_url);
    f.name_ = "paused";
    return f;
}

fault fault::http_error(unsigned status, std::optional<std::chrono::seconds> retry_after)
{
    fault f(kind::http_error, "http_error");
    f.status_ = status;
    f.text_ = "<!DOCTYPE html>\n<html><body><h1>Try again later</h1></body></html>\n";
    f.retry_after_ = retry_after;
    return f;
}

fault fault::server_internal()
{
    fault f = problem(500, "serverInternal", "an internal error");
    f.name_ = "server_internal";
    return f;
}

fault fault::account_unknown()
{
    fault f = problem(400, "accountDoesNotExist", "no such account");
    f.name_ = "account_unknown";
    f.signed_only_ = true;
    return f;
}

fault fault::terms_changed(std::string terms_of_service)
{
    fault f = problem(403, "userActionRequired", "the terms of service have changed");
    f.name_ = "terms_changed";
    f.instance_ = std::move(terms_of_service);
    f.signed_only_ = true;
    return f;
}

fault fault::already_replaced()
{
    fault f = problem(409, "alreadyReplaced", "another order replaces this certificate");
    f.name_ = "already_replaced";
    return f;
}

fault fault::reset_before()
{
    return fault(kind::reset_before, "reset_before");
}

fault fault::reset_after()
{
    return fault(kind::reset_after, "reset_after");
}

fault fault::stall()
{
    return fault(kind::stall, "stall");
}

fault fault::truncated(std::size_t octets)
{
    fault f(kind::truncated, "truncated");
    f.octets_ = octets;
    return f;
}

fault fault::oversized(std::size_t octets)
{
    fault f(kind::oversized, "oversized");
    f.octets_ = octets;
    return f;
}

fault fault::garbage(std::string content_type)
{
    fault f(kind::garbage, "garbage");
    f.type_ = std::move(content_type);
    f.text_ = "<html>\xff{\"not\": JSON";
    return f;
}

fault fault::stuck_processing()
{
    return fault(kind::stuck_processing, "stuck_processing");
}

fault fault::order_invalid(std::string type, std::string detail)
{
    fault f(kind::order_invalid, "order_invalid");
    f.type_ = std::move(type);
    f.text_ = std::move(detail);
    return f;
}

fault fault::wrong(flaw kind_of_flaw, std::string name)
{
    fault f(kind::wrong_certificate, std::move(name));
    f.flaw_ = kind_of_flaw;
    return f;
}

fault fault::wrong_key()
{
    return wrong(flaw::key, "wrong_key");
}

fault fault::wrong_names(std::vector<std::string> names)
{
    fault f = wrong(flaw::names, "wrong_names");
    f.names_ = std::move(names);
    return f;
}

fault fault::expired()
{
    return wrong(flaw::expired, "expired");
}

fault fault::not_yet_valid()
{
    return wrong(flaw::not_yet_valid, "not_yet_valid");
}

fault fault::unordered_chain()
{
    return wrong(flaw::unordered, "unordered_chain");
}

fault fault::directory_moved()
{
    return fault(kind::directory_moved, "directory_moved");
}

} // namespace acme::testing
