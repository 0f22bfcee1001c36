#pragma once

#include <acme/certificate.hpp>
#include <acme/client_hello.hpp>
#include <acme/config.hpp>
#include <acme/store.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/strand.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace acme {

/// A pending http-01 challenge (RFC 8555 section 8.3).
struct http_challenge
{
    /// The host that is validated.
    std::string host;
    /// What its CA wants to read.
    std::string key_authorization;

    http_challenge(std::string host_, std::string key_authorization_)
        : host(std::move(host_))
        , key_authorization(std::move(key_authorization_))
    {}
};
using http_challenge_ptr = std::shared_ptr<const http_challenge>;

/// What TLS hooks and HTTP servers read: the certificates at hand, and the pending challenges.
/// Thread safety: from any thread; never waits for the manager, suspends, throws or allocates.
class credentials
{
public:
    virtual ~credentials() = default;

    /// The certificate for a server name: exact, else its wildcard. Case and one trailing dot do not matter. Null where
    /// there is none.
    virtual certificate_ptr find(std::string_view server_name) const noexcept = 0;

    /// What clients are shown that ask for no host, or for one that is refused a certificate (`config::default_host`).
    /// Null where there is nothing for them.
    virtual certificate_ptr find_default() const noexcept { return nullptr; }

    /// The certificate that answers a pending tls-alpn-01 challenge for a server name (RFC 8737 section 3), or the
    /// manager's own self-check of it. Null where there is none.
    virtual certificate_ptr find_challenge(std::string_view server_name) const noexcept = 0;

    /// Whether there is such a challenge, not a self-check alone.
    virtual bool is_pending(std::string_view server_name) const noexcept
    {
        return find_challenge(server_name) != nullptr;
    }

    /// The pending http-01 challenge of a token, exactly as it is. Null where there is none. `answer_http_challenge`
    /// makes an answer of it.
    virtual http_challenge_ptr find_http_challenge([[maybe_unused]] std::string_view token) const noexcept
    {
        return nullptr;
    }

    /// Whether challenges may become known that are pending already: those of other managers on the same store. Then
    /// `manager::async_find_challenge` is worth waiting for.
    virtual bool learns_challenges() const noexcept { return false; }
};

/// Asked with the URL of the CA's terms of service; true agrees.
using terms_prompt = std::function<bool(const std::string& terms_of_service)>;

/// Something that all managers on a store are to agree on: session ticket keys, for instance.
struct shared_value
{
    /// The key of its object, at the top of the store: none that a manager uses itself.
    std::string name;
    /// The value as any octets, as it is here.
    std::function<std::string()> marshal;
    /// Takes over what another manager has. Has to be commutative and idempotent, and throws `acme::error` for what is
    /// no such value.
    std::function<void(std::string_view)> merge;
    /// How often it is compared with the store; changes there are taken over at once.
    std::chrono::seconds interval{600};

    shared_value() = default;
};

class notification_channel;

/// A subscription to a manager's state changes; see `manager::watch`.
/// Thread safety: one receive at a time. Lifetime: may outlive the manager.
class watcher
{
public:
    /// Completes when the state has changed since the last receive (the first completes at once); changes in between
    /// coalesce into one. Throws `errc::shut_down` once the manager is shut down or destroyed and no notification is
    /// left. Cancellation: terminal; no notification is lost by it.
    boost::asio::awaitable<void> async_receive();

    ~watcher();
    watcher(watcher&&) noexcept;
    watcher& operator=(watcher&&) noexcept;

private:
    friend class manager;
    explicit watcher(std::shared_ptr<notification_channel> c) noexcept;

    std::shared_ptr<notification_channel> channel_;
};

/// Obtains certificates for host names from an ACME CA at first need, keeps them at hand for TLS handshakes, refreshes
/// them before they expire, and saves them.
///
/// A manager never starts a thread and does nothing until it is used. Its supervising task runs on a strand of the
/// executor given; it is started by the first operation that needs it.
///
/// Thread safety: all members may be called from any thread, and awaited from any executor; they resume there.
/// Errors: awaitables throw `acme::error`.
/// Cancellation: terminal. Cancelling a caller that waits for a certificate does not cancel the issuance, which others
///     may wait for and which goes on for its own sake.
/// Lifetime: destroying the manager ends everything at once; operations still awaited fail with `errc::shut_down`. Call
///     `async_shutdown` first for a graceful end. The executor's context must outlive the manager. Once used, a manager
///     keeps its executor at work: `io_context::run` returns after its end only.
class manager
{
public:
    /// Throws `std::invalid_argument` where `config::directory_url` is no https URL or `config::challenge_types` has a
    /// kind that is not known, and `acme::error` for trust anchors that can't be read.
    explicit manager(boost::asio::any_io_executor executor, config options = {});
    ~manager();
    manager(const manager&) = delete;
    manager& operator=(const manager&) = delete;

    /// The certificate of a host, obtained first where there is none. Without a limit of its own on the wait: cancel
    /// it. (`config::issuance_timeout` bounds what is done with the CA for an order, not the wait for a store, a token
    /// or a turn.)
    ///
    /// The name is normalised (lower case, no trailing dot) and refused where it is no host name
    /// (`errc::invalid_host_name`) or not allowed (`host_not_allowed`). Concurrent calls for one host share one order.
    /// Throws also `recently_failed`, `too_many_new_hosts`, `too_many_waiters`, and what the issuance ended with.
    boost::asio::awaitable<certificate_ptr> async_get_certificate(std::string host);

    /// The same for a handshake: bounded by `config::handshake_wait`. Throws `errc::no_server_name` for an empty name.
    boost::asio::awaitable<certificate_ptr> async_get_certificate(client_hello hello);

    /// What that would throw without waiting, where that can be told for little, and empty where nothing is known
    /// against the host: for whoever prepares for a wait. Asks for nothing and takes no token. A refusal becomes an
    /// event (`host_refused`).
    boost::asio::awaitable<std::optional<error>> async_find_refusal(client_hello hello);

    /// Waits for the turn of a client that is to be refused (`config::max_refusals_per_second`), 200 ms at most.
    boost::asio::awaitable<void> async_wait_to_refuse();

    /// Registers with the CA, with a contact address, or none where `email` is empty. `prompt` is asked, on the
    /// caller's executor, to agree to the CA's terms of service, where it has any; without a prompt the manager agrees
    /// (RFC 8555 section 7.3.3). Without this call the manager registers anonymously and agrees at first need. Where an
    /// account exists already and `email` is not empty, its contact is updated. Throws `errc::terms_refused`, and what
    /// the CA answers. After a refusal the manager does not register by itself either, until a later call.
    boost::asio::awaitable<void> async_register(std::string email, terms_prompt prompt = {});

    /// Revokes the certificate at hand for a host (RFC 8555 section 7.6) and has it replaced at once, if the host is
    /// allowed. With `revocation_reason::key_compromise` it is no longer served from then on: handshakes wait for its
    /// replacement, which has another key, as every certificate has. With `cessation_of_operation` it is forgotten and
    /// not replaced. Where others share the store, all this holds for them as well; giving a host up waits for the end
    /// of an order of theirs. With other reasons it is served until its replacement is there. Throws
    /// `errc::no_certificate` where there is none, and what the CA answers; then nothing has changed.
    boost::asio::awaitable<void> async_revoke(
        std::string host, revocation_reason reason = revocation_reason::unspecified);

    /// Serves a certificate of the application's own for all its names (wildcards for one label), from now on: before
    /// any managed one, and whatever `set_hosts` and the budgets say. What it covers is not ordered or refreshed
    /// meanwhile. Another certificate for some of its names replaces it for these at once; handshakes under way end
    /// with the one that they have. It is not checked (`accept` does that), served past its end too
    /// (`certificate_expiring`), and not part of `marshal` or the store. Throws `std::invalid_argument` for null or a
    /// certificate without names.
    void add_certificate(certificate_ptr own);

    /// Ends that, at once, for the names for which it is not replaced already; managed certificates take its place.
    void remove_certificate(const certificate_ptr& own);

    /// Whether the manager has an account at its CA.
    bool registered() const;

    /// The hosts for which certificates may be requested, exactly these from now on; replaces any earlier list. An
    /// empty list allows none. Until the first call all are allowed. Certificates at hand are served all the same. Part
    /// of the saved state. Throws `acme::error` (`errc::invalid_host_name`) for a name that is none, and then changes
    /// nothing.
    void set_hosts(std::vector<std::string> hosts);

    /// Loads the state from a file and saves every change to it from then on (`async_open_file_store`). What the
    /// manager holds already is kept where the file has nothing newer, and saved. Throws where the file is damaged,
    /// foreign or unreadable; the file is then left untouched and the manager unchanged.
    boost::asio::awaitable<void> async_cache_file(std::filesystem::path path);

    /// The same with any store, such as one of `async_open_directory_store`. An object of one host that the store calls
    /// damaged or foreign is passed over, and told of as `state_refused`. At most one store; a second call throws
    /// `errc::second_store`.
    boost::asio::awaitable<void> async_use_store(std::shared_ptr<store> where);

    /// The whole state (account with its key, certificates with their keys, hosts, limits) as an opaque string. It
    /// holds private keys.
    std::string marshal() const;

    /// Replaces the state by one that `marshal` returned, of this or another manager with the same directory URL.
    /// Throws `acme::error` (`errc::damaged_state`, `foreign_state` for that of another CA), and then changes nothing.
    void unmarshal(std::string_view state);

    /// A new subscription to state changes: everything that `marshal` covers. The first receive completes at once.
    watcher watch();

    /// What TLS hooks and HTTP servers read. The object stays usable, and keeps its certificates, after the manager's
    /// end.
    std::shared_ptr<const acme::credentials> credentials() const noexcept;

    /// The certificate that answers a tls-alpn-01 validation which has come here: one that is pending or, on a store
    /// shared with other managers, becomes known, since a CA may be faster than the store's word. The store is looked
    /// into after half a second, or at once where no other manager is known of; where it can't be read, or told nothing
    /// for a while, this takes five seconds. Where there is none: the answer to another manager's self-check, or null;
    /// then at once where too many wait already: as many as may wait for certificates (`config::max_waiters`, and of
    /// one client `max_waiters_per_client`), counted apart.
    boost::asio::awaitable<certificate_ptr> async_find_challenge(
        std::string server_name, std::optional<boost::asio::ip::address> client_address = std::nullopt);

    /// The same for http-01; see `credentials::find_http_challenge`.
    boost::asio::awaitable<http_challenge_ptr> async_find_http_challenge(
        std::string token, std::optional<boost::asio::ip::address> client_address = std::nullopt);

    /// Keeps a value the same on all managers that use the store, from the time on that there is one. Its functions are
    /// called on the manager's strand.
    void share(shared_value value);

    /// Tells that port 80 of the hosts is served, with `answer_http_challenge`: as long as what is returned, or a copy
    /// of it, lives, http-01 (RFC 8555 section 8.3) can be chosen for orders, unless `config::challenge_types` says
    /// what can. `async_serve` does this by itself. What is returned may outlive the manager.
    [[nodiscard]] std::shared_ptr<const void> answering_http_challenges() const noexcept;

    /// Tells that a validation of `host` was answered, by a handshake ("tls-alpn-01") or over HTTP ("http-01"); becomes
    /// an event.
    void validation_answered(std::string host, std::string challenge);

    /// Ends the supervising task gracefully: no new issuance is begun, those under way are cancelled (an order that was
    /// finalized is resumed at the next start), watchers are told, and with them `async_serve`; then the state is
    /// saved. What a store that does not answer has not taken within 15 seconds is told of as `save_failed`.
    /// Certificates at hand can still be served. Waiting callers get `errc::shut_down`.
    boost::asio::awaitable<void> async_shutdown();

    /// The manager's strand.
    boost::asio::strand<boost::asio::any_io_executor> get_executor() const noexcept;

    const config& options() const noexcept;

private:
    class core;
    std::shared_ptr<core> core_;
};

} // namespace acme
