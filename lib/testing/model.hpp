#pragma once

#include "testing/answers.hpp"
#include "testing/authority.hpp"
#include "testing/fault_script.hpp"
#include "testing/jws.hpp"
#include "testing/route.hpp"

#include <acme/testing/ca.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/json/object.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>

namespace acme::testing {

/// How an answer is to be delivered.
enum class delivery
{
    whole,
    /// The body's first octets, in front of a connection that breaks.
    truncated,
    reset,
    stall
};

/// What becomes of a request.
struct outcome
{
    https_response answer;
    delivery how = delivery::whole;
    std::size_t octets = 0;

    outcome() = default;
};

/// A validation that the CA is to carry out by connecting.
struct validation_task
{
    testing::validation validation;
    std::string authorization;
    std::optional<boost::asio::ip::tcp::endpoint> where;
    std::chrono::steady_clock::duration timeout{};

    validation_task() = default;
};

/// What was wrong with a validation.
struct validation_failure
{
    std::string type;
    std::string detail;

    validation_failure(std::string type_, std::string detail_)
        : type(std::move(type_))
        , detail(std::move(detail_))
    {}
};

/// What a CA knows and does; no network.
class ca::model
{
public:
    explicit model(ca_options o);

    /// Acts on a request. `start` is given the validations that it brings; without it they succeed, or are asked of a
    /// function.
    using start_validation = std::function<void(validation_task)>;
    outcome handle(const https_request& request, const start_validation& start);
    /// The end of a validation.
    void validated(const validation_task& task, const std::optional<validation_failure>& failure);

    time_point now() const;
    std::string url(std::string_view path) const { return state.options.origin + std::string(path); }

    mutable std::recursive_mutex mutex;
    ca_state state;
    fault_script faults;
    std::vector<request_record> requests;
    const authority issuer;
    std::function<void()> close;

private:
    // A signed request whose signature, nonce and URL are in order.
    struct authentic
    {
        explicit authentic(read_jws j)
            : jws(std::move(j))
        {}

        read_jws jws;
        boost::json::object jwk;
        // Null where the request shows its key itself.
        account_record* account = nullptr;
        boost::json::object payload;
        bool get = false;
    };
    // One request on its way.
    struct passage
    {
        passage(const https_request& r, const start_validation& s)
            : request(r)
            , start(s)
        {}

        const https_request& request;
        const start_validation& start;
        testing::route route;
        std::optional<testing::fault> fault;
    };

    std::string endpoint(std::string_view name) const;
    std::string fresh_url(std::string_view path);
    std::string new_nonce();
    bool spend_nonce(const std::string& nonce);

    outcome meet_fault(passage& p);
    https_response act(passage& p);
    https_response act_or_refuse(passage& p);
    https_response post(passage& p);
    https_response route_signed(passage& p, authentic& a);
    authentic authenticate(const https_request& request, const route& r);
    void find_key(authentic& a, const route& r);

    https_response directory() const;
    https_response new_account(authentic& a);
    account_record& create_account(authentic& a);
    void check_binding(const authentic& a) const;
    account_record* account_with(const std::string& jwk);
    https_response account(authentic& a);
    https_response key_change(authentic& a, const std::string& request_url);

    https_response new_order(passage& p, authentic& a);
    void read_identifiers(const authentic& a, order_record& o) const;
    void read_profile(const authentic& a, order_record& o) const;
    void check_replaces(const authentic& a, order_record& o);
    std::string authorize(const identifier& id, const std::string& account);
    const authorization_record* reusable(const std::string& owner_and_name) const;
    void add_challenges(authorization_record& z) const;
    https_response order(passage& p, order_record& o);
    https_response finalize(passage& p, authentic& a, order_record& o);
    void befall(const passage& p, order_record& o) const;
    void settle(order_record& o);
    boost::json::object show(const order_record& o) const;

    https_response authorization(authentic& a, authorization_record& z);
    https_response challenge(passage& p, authentic& a, authorization_record& z);
    void respond(const passage& p, authorization_record& z, challenge_record& c);
    void settle(authorization_record& z);
    void conclude(authorization_record& z, challenge_record& c, const std::optional<validation_failure>& failure);
    validation_task task_for(const authorization_record& z, const challenge_record& c) const;
    boost::json::object show(const authorization_record& z, const challenge_record& c) const;

    leaf_contents contents_for(const order_record& o) const;
    void issue(order_record& o);
    std::string chain(const certificate_record& c, std::size_t n, fault::flaw flaw, const std::vector<std::string>&);
    https_response certificate(const passage& p, const authentic& a);
    https_response revoke(authentic& a);
    https_response renewal_info(const route& r);
    renewal_window window_of(const certificate_record& c) const;

    https_response unfinished(https_response answer, bool yes) const;

    std::set<std::string, std::less<>> nonces_;
    std::deque<std::string> nonce_age_;
    std::uint64_t counter_ = 0;
    unsigned generation_ = 0;
    std::unordered_map<std::string, std::string> account_by_jwk_;
    // The newest for an account and a name.
    std::unordered_map<std::string, std::string> authorization_by_name_;
    std::unordered_map<std::string, std::string> certificate_by_der_;
    std::unordered_map<std::string, std::string> certificate_by_renewal_id_;
};

} // namespace acme::testing
