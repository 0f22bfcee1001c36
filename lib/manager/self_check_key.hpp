#pragma once

#include <acme/certificate.hpp>
#include <acme/key.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace acme {

/// By which managers that share it know their own answers to self-checks, whichever of them gave one. Who only sees
/// answers can't make any: those of TLS prove that they have the key, and each token over HTTP is of their making.
class self_check_key
{
public:
    self_check_key();

    const key& get() const noexcept { return key_; }
    /// Null where it is no host name in lower case.
    certificate_ptr make_leaf(std::string_view host, std::chrono::system_clock::time_point now) const;

    /// One that nobody has seen.
    std::string make_token() const;
    /// The key authorization for a token of `make_token`; empty for others.
    std::optional<std::string> answer(std::string_view token) const;

    /// The private key. `merge` takes it over, and throws `acme::error` for what is none.
    std::string marshal() const { return key_.to_pem(); }
    void merge(std::string_view theirs);

private:
    key key_;
    std::string secret_;
};

} // namespace acme
