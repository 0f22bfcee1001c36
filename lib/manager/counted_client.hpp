#pragma once

#include <boost/asio/ip/address.hpp>

#include <cstddef>
#include <string>
#include <unordered_map>

namespace acme {

namespace asio = boost::asio;

/// Whom budgets and bounds belong to: an IPv4 address, mapped or not, or an IPv6 network of 64 bits, which is what one
/// customer has.
std::string client_key(const asio::ip::address& address);

/// What there is of each client; nothing is left of those of whom there is nothing.
using client_counts = std::unordered_map<std::string, std::size_t>;

/// Counts something of a client while it exists.
class counted_client
{
public:
    /// A client without a key is not counted.
    counted_client(client_counts& counts, std::string key)
        : counts_(counts)
        , key_(std::move(key))
        , count_(key_.empty() ? 0 : ++counts_[key_])
    {}
    counted_client(const counted_client&) = delete;
    counted_client& operator=(const counted_client&) = delete;
    ~counted_client()
    {
        if (count_ > 0 && --counts_[key_] == 0)
            counts_.erase(key_);
    }

    /// How many there are, this one included.
    std::size_t count() const noexcept { return count_; }

private:
    client_counts& counts_;
    std::string key_;
    std::size_t count_;
};

} // namespace acme
