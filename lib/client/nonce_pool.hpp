#pragma once

#include <acme/resource.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// The unused nonces of one CA (RFC 8555 section 6.5): the last in is the first out, at most 64, none older than an
/// hour.
class nonce_pool
{
public:
    /// A nonce that is not base64url, or longer than 512 octets, is ignored.
    void put(std::string_view nonce, time_point now);
    std::optional<std::string> take(time_point now);
    void clear() noexcept { nonces_.clear(); }

private:
    struct entry
    {
        std::string nonce;
        time_point received;
    };

    std::vector<entry> nonces_;
};

} // namespace acme
