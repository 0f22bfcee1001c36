#pragma once

#include "kit/jws_check.hpp"
#include "kit/make_chain.hpp"
#include "kit/scripted_transport.hpp"

#include <acme/resource.hpp>
#include <acme/transport.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <openssl/evp.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace acme::test {

/// What a CA looks at when it validates.
struct validation
{
    acme::identifier identifier;
    std::string type;
    std::string token;
    std::string key_authorization;
};

struct model_ca_options
{
    std::string origin = "https://ca.test";
    /// The CA's wall clock; `chain_time` where empty.
    std::function<time_point()> now;
    bool require_agreement = true;
    /// Key identifier to raw MAC key; demanded of new accounts where it is not empty.
    std::map<std::string, std::string> external_accounts;
    std::vector<std::string> challenge_types{"http-01", "tls-alpn-01", "dns-01"};
    std::map<std::string, std::string> profiles;
    /// How many fetches still show an authorization pending after its challenge was responded to.
    unsigned validation_polls = 1;
    /// How many fetches still show an order processing after it was finalized. None: the answer to finalize shows it
    /// valid.
    unsigned issuance_polls = 1;
    /// The Retry-After of answers that show something unfinished; none where empty.
    std::string retry_after;
    /// Names validated once need no further validation.
    bool reuse_authorizations = false;
    std::chrono::hours lifetime{24 * 90};

    model_ca_options() = default;
};

/// An RFC 8555 CA without a network: strict about what it is asked, real in what it issues. Its fields may be changed
/// between requests.
class model_ca
{
public:
    explicit model_ca(model_ca_options o = model_ca_options());

    https_response answer(const https_request& request);
    scripted_transport::peer peer();

    std::string directory_url() const { return options.origin + "/directory"; }
    const std::string& root_pem() const { return authority_.root_pem; }

    model_ca_options options;
    /// What is wrong with a validation; everything is well where it is empty.
    std::function<std::optional<std::string>(const validation&)> validate;
    /// Changes what the next certificates say.
    std::function<void(certificate_options&)> on_issue;
    /// How many of the next signed requests are refused with badNonce.
    unsigned refuse_nonces = 0;

    struct account_record
    {
        std::string url;
        boost::json::object jwk;
        std::string status = "valid";
        boost::json::array contact;
    };
    struct challenge_record
    {
        std::string type;
        std::string token;
        std::string status = "pending";
        std::string error;
    };
    struct authorization_record
    {
        std::string url;
        std::string account;
        acme::identifier identifier;
        bool wildcard = false;
        std::string status = "pending";
        std::vector<challenge_record> challenges;
        unsigned polls_left = 0;
    };
    struct order_record
    {
        std::string url;
        std::string account;
        std::string status = "pending";
        std::vector<identifier> identifiers;
        std::vector<std::string> authorizations;
        std::string profile;
        std::string replaces;
        std::string certificate;
        bssl::UniquePtr<EVP_PKEY> public_key;
        unsigned polls_left = 0;
    };
    struct certificate_record
    {
        std::string account;
        std::string pem;
        std::string leaf_der;
        std::string jwk;
        std::optional<int> revoked;
    };

    /// By URL.
    std::map<std::string, account_record> accounts;
    std::map<std::string, authorization_record> authorizations;
    std::map<std::string, order_record> orders;
    std::map<std::string, certificate_record> certificates;

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

    std::string url(std::string_view path) const { return options.origin + std::string(path); }
    std::string fresh_url(std::string_view path) { return url(path) + std::to_string(++counter_); }
    time_point now() const { return options.now ? options.now() : chain_time; }
    std::string new_nonce();

    https_response post(const https_request& request);
    authentic authenticate(const https_request& request);
    https_response route(const https_request& request, authentic& a);

    https_response directory() const;
    https_response new_account(authentic& a);
    void check_binding(const authentic& a) const;
    https_response account(authentic& a);
    https_response key_change(authentic& a, const std::string& request_url);
    https_response new_order(authentic& a);
    std::string authorize(const identifier& id, const std::string& account);
    https_response order(order_record& o);
    https_response finalize(authentic& a, order_record& o);
    https_response authorization(authentic& a, authorization_record& z);
    https_response respond(authorization_record& z, challenge_record& c, const authentic& a);
    https_response certificate(const std::string& url);
    https_response revoke(authentic& a);

    void settle(order_record& o);
    void settle(authorization_record& z);
    void issue(order_record& o);
    boost::json::object show_challenge(const authorization_record& z, const challenge_record& c) const;
    https_response unfinished(https_response answer, bool yes) const;

    std::set<std::string> nonces_;
    std::set<std::string> replaced_;
    unsigned counter_ = 0;
    made_chain authority_;
};

} // namespace acme::test
