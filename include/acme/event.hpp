#pragma once

#include <acme/certificate.hpp>
#include <acme/error.hpp>
#include <acme/resource.hpp>

#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <variant>

/// What happens inside a manager, told to `config::on_event` as typed values.
namespace acme {

/// An account was created at, or found by, the CA.
struct account_registered
{
    std::string url;
    bool created = false;
};

/// A certificate was obtained for a host that had none, or for one whose certificate was due.
struct certificate_obtained
{
    std::string host;
    certificate_ptr certificate;
    /// Whether it replaces an earlier one.
    bool refresh = false;
    /// From the start of the issuance to here.
    std::chrono::milliseconds took{0};
    std::chrono::system_clock::time_point next_refresh{};
};

/// An issuance failed. A refresh is tried again at `retry().not_before`; for a host without a certificate, requests are
/// refused until then.
struct issuance_failed
{
    std::string host;
    bool refresh = false;
    acme::error error;
};

/// A host for which there is no certificate was asked for, and nothing was asked of the CA: the host is not allowed, or
/// has failed recently, a limit or budget is used up, the store can't be reached, or the name does not lead here.
/// `error` says which.
struct host_refused
{
    std::string host;
    /// The client's, where the refusal is a handshake's and it is known.
    std::optional<boost::asio::ip::address> client_address;
    acme::error error;
};

/// The CA suggests another time for a certificate's refresh than before (RFC 9773).
struct renewal_suggested
{
    std::string host;
    /// The window it names.
    std::chrono::system_clock::time_point start{};
    std::chrono::system_clock::time_point end{};
    /// A page about the reason, for people; may be empty.
    std::string explanation_url;
    /// The moment within it that was chosen.
    std::chrono::system_clock::time_point refresh_at{};
};

/// The CA could not be asked when it suggests a refresh (RFC 9773); what was planned stays, and it is asked again.
struct renewal_info_failed
{
    std::string host;
    acme::error error;
};

/// A certificate was revoked by `manager::async_revoke`.
struct certificate_revoked
{
    std::string host;
    certificate_ptr certificate;
    revocation_reason reason = revocation_reason::unspecified;
};

/// A CA's validation of the host was answered.
struct validation_answered
{
    std::string host;
    /// "tls-alpn-01" or "http-01".
    std::string challenge;
};

/// The state could not be saved; serving goes on from memory and saving is tried again.
struct save_failed
{
    std::string key;
    acme::error error;
};

/// An object in the store was unusable. It is left there until there is a new one to save in its place.
struct state_refused
{
    std::string key;
    acme::error error;
};

/// A certificate of the application's own (`manager::add_certificate`) is near its end, with a sixth of its validity
/// left, and then at its end. It is served on; `certificate->not_after()` says which of the two it is.
struct certificate_expiring
{
    certificate_ptr certificate;
};

/// The store that this manager shares with others can't be reached. What is at hand is served; nothing is ordered, but
/// for certificates near their end.
struct store_interrupted
{
    acme::error error;
};

/// The store can be reached again; what has changed meanwhile becomes known.
struct store_resumed
{};

/// Another manager on the same store obtained a certificate, and it is served from here, too. Where it was waited for
/// here, `certificate_obtained` is told instead.
struct certificate_shared
{
    std::string host;
    certificate_ptr certificate;
};

using event = std::variant<account_registered, certificate_obtained, issuance_failed, host_refused, renewal_suggested,
    renewal_info_failed, certificate_revoked, validation_answered, save_failed, state_refused, certificate_expiring,
    store_interrupted, store_resumed, certificate_shared>;

/// One line for a log, without control characters.
std::string describe(const event& e);

/// Called on the manager's strand, one at a time; must not block. An exception that it throws is ignored. A call may
/// still be under way in another thread while the manager is destroyed, so what it uses must outlive the context's run.
using event_sink = std::function<void(const event&)>;

} // namespace acme
