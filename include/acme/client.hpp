#pragma once

#include <acme/certificate.hpp>
#include <acme/clock.hpp>
#include <acme/error.hpp>
#include <acme/key.hpp>
#include <acme/resource.hpp>
#include <acme/transport.hpp>

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// Let's Encrypt's directories.
inline constexpr std::string_view lets_encrypt = "https://acme-v02.api.letsencrypt.org/directory";
inline constexpr std::string_view lets_encrypt_staging = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// Credentials that a CA gave out of band (RFC 8555 section 7.3.4).
struct external_account
{
    std::string key_id;
    /// base64url or base64 as the CA printed it.
    std::string mac_key;

    external_account() = default;
    external_account(std::string key_id_, std::string mac_key_)
        : key_id(std::move(key_id_))
        , mac_key(std::move(mac_key_))
    {}
};

/// A newAccount request (RFC 8555 section 7.3).
struct account_request
{
    /// "mailto:" URLs; none is fine.
    std::vector<std::string> contact;
    bool terms_of_service_agreed = true;
    std::optional<external_account> external;

    account_request() = default;
};

/// A newOrder request (RFC 8555 section 7.4).
struct order_request
{
    std::vector<identifier> identifiers;
    /// draft-ietf-acme-profiles; empty for the CA's default.
    std::string profile;
    /// The `certificate::renewal_id()` of the certificate that this order replaces (RFC 9773 section 5); empty for
    /// none. `async_obtain` asks again without it where the CA's refusal may be about it.
    std::string replaces;

    order_request() = default;
};

/// A downloaded chain (RFC 8555 section 7.4.2), not yet checked.
struct certificate_chain
{
    std::string pem;
    /// URLs of alternate chains, to be downloaded by `async_certificate`; at most 10.
    std::vector<std::string> alternates;
};

/// Answers challenges during `client::async_obtain`.
class responder
{
public:
    virtual ~responder() = default;

    /// The challenge types it can answer, the preferred first.
    virtual std::vector<std::string> challenge_types() const = 0;

    /// Makes ready to answer; on return the CA may validate. `key_authorization` is RFC 8555 section 8.1's.
    virtual boost::asio::awaitable<void> async_provision(identifier id, challenge c, std::string key_authorization) = 0;

    /// Stops answering. Called once for each `async_provision` that was begun, whatever the outcome (also when
    /// cancelled, when it can't be awaited, hence no awaitable). Validations may straggle in for some seconds after the
    /// authorization became final.
    virtual void withdraw(const identifier& id, const challenge& c) noexcept = 0;
};

/// What `client::async_obtain` is to do.
struct obtain_request
{
    /// Identifiers may be in any case; the certificate has them in lower case.
    order_request order;
    /// The certificate's key; generated where empty. Must not be the account's (`errc::bad_csr`).
    key certificate_key;
    /// The URL of an order begun earlier with the same key; empty to place a new one. An order that the CA no longer
    /// knows, or that became invalid, is replaced by a new one.
    std::string order_url;
    /// Awaited as soon as a new order is placed, before anything is done for it: the moment to save its URL and the
    /// key, so that a crash loses no certificate and nothing is ordered twice. Optional.
    std::function<boost::asio::awaitable<void>(const acme::order&)> order_placed;
    /// Awaited before a new order is placed (not before resuming `order_url`): the moment to ask a rate limit.
    /// Optional.
    std::function<boost::asio::awaitable<void>()> before_new_order;
    /// For everything together but `before_new_order`.
    std::chrono::seconds timeout{600};

    obtain_request() = default;
};

struct client_options
{
    std::string directory_url{lets_encrypt};
    /// The account's key; generated where empty. See `client::account_key`.
    key account_key;
    /// The account's URL where it is known; saves `async_new_account` or `async_find_account`.
    std::string account_url;
    /// Required.
    std::shared_ptr<acme::transport> transport;
    /// The system's where empty.
    std::shared_ptr<acme::clock> clock;
    random_source random;

    client_options() = default;
};

/// An ACME client: each operation of RFC 8555 as an awaitable of its own, and the whole order.
///
/// The directory is fetched at first need and kept for an hour. Nonces are kept from every answer. A request refused
/// with badNonce is signed again with the nonce of that answer, up to 9 times (RFC 8555 section 6.5); one to a URL of
/// the directory that the CA no longer knows is sent again to the URL of a fresh directory; and the transport may send
/// a request twice (`transport::async_exchange`). `async_obtain` also repeats what is safe to repeat.
///
/// Thread safety: none; use one client from one strand (or one thread). Operations may overlap.
/// Lifetime: the client must outlive its operations. Moving is not supported.
/// Errors: awaitables throw `acme::error`. An HTTP error becomes the `errc` of its problem type, with the problem.
///     `error::retry()` says when another attempt is worth while.
/// Cancellation: terminal; throws `operation_aborted`. The CA may or may not have acted on the request.
class client
{
public:
    /// Throws `std::invalid_argument` without a transport.
    explicit client(client_options options);
    ~client();
    client(const client&) = delete;
    client& operator=(const client&) = delete;

    const std::string& directory_url() const noexcept;
    const key& account_key() const noexcept;
    /// Empty until the account is known.
    const std::string& account_url() const noexcept;

    /// RFC 8555 section 7.1.1.
    boost::asio::awaitable<directory> async_directory();

    /// Creates the account of `account_key()`, or finds it where the CA has it already (RFC 8555 section 7.3). Sets
    /// `account_url()`.
    boost::asio::awaitable<account> async_new_account(account_request request);
    /// Looks the account of `account_key()` up, without creating one (section 7.3.1). Empty where the CA has none.
    boost::asio::awaitable<std::optional<account>> async_find_account();
    /// Fetches the account object (section 7.3).
    boost::asio::awaitable<account> async_account();
    /// Replaces the account's contacts (section 7.3.2).
    boost::asio::awaitable<account> async_update_account(std::vector<std::string> contact);
    /// Section 7.3.6; can't be undone.
    boost::asio::awaitable<account> async_deactivate_account();
    /// Changes the account's key (section 7.3.5). On success `account_key()` is the new one. After an error, keep both:
    /// the CA may have changed the key though its answer was lost, or came from something between. `async_find_account`
    /// tells whether it knows the old one. Throws `errc::bad_public_key` for an empty key, or the one in force.
    boost::asio::awaitable<void> async_key_change(key new_key);

    /// Section 7.4. The order may be an older one that the CA returns again.
    boost::asio::awaitable<order> async_new_order(order_request request);
    /// Fetches an order by its URL.
    boost::asio::awaitable<order> async_order(std::string url);
    /// Section 7.5.
    boost::asio::awaitable<authorization> async_authorization(std::string url);
    /// Section 7.5.2.
    boost::asio::awaitable<authorization> async_deactivate_authorization(std::string url);
    /// Tells the CA to validate (section 7.5.1).
    boost::asio::awaitable<challenge> async_respond(challenge c);
    /// Sections 7.4 and 11.1: `csr` is DER.
    boost::asio::awaitable<order> async_finalize(order o, std::string csr);
    /// Section 7.4.2.
    boost::asio::awaitable<certificate_chain> async_certificate(std::string url);
    /// When the CA suggests to replace the certificate of this `certificate::renewal_id()` (RFC 9773 section 4). Empty
    /// where the CA does not say such things, or the id is empty.
    boost::asio::awaitable<std::optional<renewal_info>> async_renewal_info(std::string renewal_id);
    /// Section 7.6, signed by the account. A certificate that is revoked already is a success.
    boost::asio::awaitable<void> async_revoke(std::string leaf_der, revocation_reason reason);
    /// The same, signed by the certificate's own key; needs no account.
    boost::asio::awaitable<void> async_revoke(std::string leaf_der, revocation_reason reason, key certificate_key);

    /// The key authorization of a challenge (section 8.1).
    std::string key_authorization(const challenge& c) const;

    /// Carries an order through: places or resumes it, has its challenges answered by `r`, finalizes it, waits,
    /// downloads the certificate and accepts it (`acme::accept`). Polls start at 15 ms and back off to 10 s; a
    /// Retry-After is obeyed up to 60 s. Throws also `errc::order_invalid`, `authorization_invalid`,
    /// `no_usable_challenge`, `certificate_rejected`, `timed_out`. `r` must outlive the call.
    boost::asio::awaitable<certificate_ptr> async_obtain(obtain_request request, responder& r);

private:
    class session;
    std::unique_ptr<session> session_;
};

} // namespace acme
