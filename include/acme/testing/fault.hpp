#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace acme::testing {

/// What a request to the CA is for (RFC 8555 section 7.1).
enum class step
{
    /// In `at`: every request.
    any,
    directory,
    new_nonce,
    new_account,
    account,
    new_order,
    /// Fetching an order: the poll.
    order,
    /// Fetching or deactivating an authorization.
    authorization,
    /// Responding to a challenge, or fetching it.
    challenge,
    finalize,
    certificate,
    /// RFC 9773.
    renewal_info,
    revoke_cert,
    key_change,
    /// A URL that is none of these.
    other
};

/// The step's name as it is written above.
std::string_view to_string(step s) noexcept;

/// One request that came to the CA, and what became of it.
struct request_record
{
    testing::step step = testing::step::other;
    std::string method;
    std::string url;
    /// The answer's HTTP status; 0 where none was sent.
    unsigned status = 0;
    /// The name of the fault that it met, such as "bad_nonce"; empty for none.
    std::string fault;
    /// The CA's time.
    std::chrono::system_clock::time_point time{};

    request_record() = default;
};

/// When a fault happens: at requests of one step, all together or only some of them. By itself: the next such request,
/// once. Requests count from the moment at which the fault is injected; those that other faults befall count too, and
/// so does a request that the client sends again.
class at
{
public:
    explicit at(testing::step s) noexcept
        : step_(s)
    {}

    /// Begins with the n-th, counted from 1.
    at& nth(std::size_t n) noexcept;
    /// That many in a row.
    at& times(std::size_t n) noexcept;
    /// All from there on.
    at& always() noexcept;
    /// Counts only requests for which this holds; `status` and `fault` are not known yet.
    at& where(std::function<bool(const request_record&)> condition);

    /// Whether the fault is due at this request, which is counted.
    bool count(const request_record& r);

private:
    testing::step step_;
    std::size_t first_ = 1;
    std::size_t times_ = 1;
    std::size_t seen_ = 0;
    std::function<bool(const request_record&)> condition_;
};

/// What goes wrong. Made by the functions below, one for each kind.
///
/// Those of the first group answer a request in place of the CA, which does not act on it; those of the second are the
/// network's; those of the third change what the CA does.
class fault
{
public:
    /// Any problem document (RFC 8555 section 6.7); `type` is RFC 8555's without its prefix, or a URI.
    static fault problem(unsigned status, std::string type, std::string detail = "as the test wants it");
    /// badNonce, with a good nonce (section 6.5). Befalls signed requests only.
    static fault bad_nonce();
    /// 429 rateLimited with a Retry-After in seconds.
    static fault rate_limited(std::chrono::seconds retry_after);
    /// The same with an HTTP date, that far from the CA's now.
    static fault rate_limited_until(std::chrono::seconds from_now);
    /// A paused account, as Let's Encrypt says it: 429 rateLimited without Retry-After, with a URL for people.
    static fault paused(std::string unpause_url = "https://ca.test/unpause?jwt=x");
    /// A server error, or any other status, with an HTML page as proxies send it.
    static fault http_error(unsigned status = 503, std::optional<std::chrono::seconds> retry_after = {});
    /// 500 serverInternal.
    static fault server_internal();
    /// 400 accountDoesNotExist; the account remains.
    static fault account_unknown();
    /// 403 userActionRequired: new terms (section 7.3.3), at this URL.
    static fault terms_changed(std::string terms_of_service = "https://ca.test/terms/v2");
    /// 409 alreadyReplaced (RFC 9773 section 5).
    static fault already_replaced();

    /// The connection is reset before the CA sees the request.
    static fault reset_before();
    /// The CA acts on the request; the connection is reset before the answer.
    static fault reset_after();
    /// The CA acts on the request; no answer comes until the client gives up.
    static fault stall();
    /// The CA acts on the request; the body ends early, after this many octets (half of it where it has fewer), and
    /// with it the connection.
    static fault truncated(std::size_t octets = 10);
    /// The CA acts on the request; the body is filled up with spaces to this many octets.
    static fault oversized(std::size_t octets = 4 * 1024 * 1024);
    /// The CA acts on the request; the answer is 200 with a body which is not JSON, in this type.
    static fault garbage(std::string content_type = "text/html");

    /// The order of this request stays processing for good. At `new_order`, `order` or `finalize`.
    static fault stuck_processing();
    /// The order of this request becomes invalid, with this problem. At `new_order`, `order` or `finalize`.
    static fault order_invalid(std::string type = "serverInternal", std::string detail = "as the test wants it");
    /// The certificate is another one than was asked for: at `new_order`, `order` or `finalize` the one that will be
    /// issued for this order, at `certificate` what is downloaded this once.
    static fault wrong_key();
    static fault wrong_names(std::vector<std::string> names = {"elsewhere.example"});
    static fault expired();
    static fault not_yet_valid();
    /// Intermediate first.
    static fault unordered_chain();
    /// From this request on, the directory has other URLs, and its former ones are gone: 404. It remains itself where
    /// it is, and so do accounts and orders.
    static fault directory_moved();

    enum class kind
    {
        problem,
        http_error,
        reset_before,
        reset_after,
        stall,
        truncated,
        oversized,
        garbage,
        stuck_processing,
        order_invalid,
        wrong_certificate,
        directory_moved
    };
    /// In what way a certificate is wrong.
    enum class flaw
    {
        none,
        key,
        names,
        expired,
        not_yet_valid,
        unordered
    };

    /// The name of the function that made it.
    const std::string& name() const noexcept { return name_; }
    kind what() const noexcept { return what_; }

private:
    friend class fault_reader;

    fault(kind what, std::string name)
        : what_(what)
        , name_(std::move(name))
    {}
    static fault wrong(flaw f, std::string name);

    kind what_;
    std::string name_;
    unsigned status_ = 0;
    std::string type_;
    std::string text_;
    std::string instance_;
    std::optional<std::chrono::seconds> retry_after_;
    bool as_date_ = false;
    bool signed_only_ = false;
    std::size_t octets_ = 0;
    flaw flaw_ = flaw::none;
    std::vector<std::string> names_;
};

} // namespace acme::testing
