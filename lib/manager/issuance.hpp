#pragma once

#include "transport/on_strand.hpp"
#include "transport/slots.hpp"

#include <acme/certificate.hpp>
#include <acme/client_hello.hpp>
#include <acme/error.hpp>

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace acme {

namespace asio = boost::asio;

/// One issuance under way, and those who wait for it.
struct issuance
{
    issuance(const strand& s, std::string host_name, bool is_refresh)
        : host(std::move(host_name))
        , refresh(is_refresh)
        , finished(s, asio::steady_timer::time_point::max())
    {}

    std::string host;
    bool refresh;
    /// A refresh that waits for another manager.
    bool yields = false;
    /// The handshake that it was begun for; without names where it was none.
    client_hello hello;
    /// The application itself asked for the host.
    bool wanted = false;
    /// The CA may be asked.
    bool admitted = false;
    /// Somebody vouches for the host.
    bool vouched = false;
    /// Held while nobody is known to vouch for it, until it is admitted.
    std::shared_ptr<const int> stranger;
    /// The self-check failed for reasons that say nothing of the host.
    bool unclear = false;
    /// Has a token of `limits::requests`, and has not used it.
    bool holds_token = false;
    bool used_token = false;
    /// Used a token of its client's.
    bool took_client = false;
    /// Used a token of `limits::new_hosts`, and one of its domain's.
    bool took_new_host = false;
    bool took_domain = false;
    /// Its place among the issuances under way.
    slots::lease place;
    /// Has the host's lock, so that nobody else obtains the certificate.
    bool ordering = false;
    /// Others were told of a challenge.
    bool published = false;
    /// The kind of challenge that was answered last; empty where none was.
    std::string challenge;
    /// The host was given up meanwhile.
    bool given_up = false;
    std::chrono::system_clock::time_point started{};
    asio::steady_timer finished;
    std::size_t waiters = 0;
    bool done = false;
    certificate_ptr result;
    std::optional<error> failure;
};

} // namespace acme
