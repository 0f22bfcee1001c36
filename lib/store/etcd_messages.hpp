#pragma once

#include "protocol/parsed.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// etcd's messages as its JSON gateway has them: octets in base64, 64-bit numbers as strings, and what is zero is
/// absent.
namespace acme {

/// The largest answers and watch messages that are read. etcd itself takes requests of 1.5 MiB.
inline constexpr std::size_t max_etcd_answer = std::size_t{4} << 20;
inline constexpr std::size_t max_etcd_message = std::size_t{8} << 20;

// Requests.

/// The key after all that begin with `prefix`.
std::string etcd_range_end(std::string_view prefix);

boost::json::object etcd_get(std::string_view key);
/// Keys in their order without values, from `first` up to before `end`.
boost::json::object etcd_list(std::string_view first, std::string_view end, std::size_t limit);
/// The key with the prefix that was created first of all, or last up to `revision`, without its value.
boost::json::object etcd_first_created(std::string_view prefix);
boost::json::object etcd_last_created(std::string_view prefix, std::int64_t revision);
/// `lease` of 0: none.
boost::json::object etcd_put(std::string_view key, std::string_view value, std::int64_t lease = 0);
boost::json::object etcd_delete(std::string_view key);

/// A comparison of a transaction: the key was created at that revision, or changed last (0: it is not there); or it has
/// not changed after it.
boost::json::object etcd_created_at(std::string_view key, std::int64_t revision);
boost::json::object etcd_changed_at(std::string_view key, std::int64_t revision);
boost::json::object etcd_unchanged_since(std::string_view key, std::int64_t revision);
/// The operations of a transaction; `kind` is "request_range", "request_put" or "request_delete_range".
struct etcd_transaction
{
    etcd_transaction();

    etcd_transaction& when(boost::json::object comparison);
    etcd_transaction& then(std::string_view kind, boost::json::object request);
    etcd_transaction& otherwise(std::string_view kind, boost::json::object request);

    boost::json::object message;
};

/// Of all keys with the prefix. `from` of 0: from now on.
boost::json::object etcd_watch(std::string_view prefix, std::int64_t from);

boost::json::object etcd_lease_request(std::chrono::seconds duration);
boost::json::object etcd_lease_id(std::int64_t id);

// Answers.

struct etcd_key_value
{
    std::string key;
    std::string value;
    std::int64_t create_revision = 0;
    std::int64_t mod_revision = 0;

    etcd_key_value() = default;
};

struct etcd_range
{
    std::vector<etcd_key_value> all;
    bool more = false;

    etcd_range() = default;
};

/// The members of every answer but a watch's; those that it does not have are empty.
struct etcd_answer
{
    std::int64_t revision = 0;
    etcd_range range;
    bool succeeded = false;
    /// A transaction's, one for each operation; empty for those which are not ranges.
    std::vector<etcd_range> responses;
    std::int64_t lease = 0;
    std::int64_t ttl = 0;
    std::string token;
    /// No member of it, but when the question was sent, by `time_since_boot`.
    std::chrono::nanoseconds asked{0};

    etcd_answer() = default;
};

parsed<etcd_answer> parse_etcd_answer(std::string_view text);

struct etcd_event
{
    bool erased = false;
    etcd_key_value object;

    etcd_event() = default;
};

struct etcd_watch_message
{
    std::int64_t revision = 0;
    bool created = false;
    bool cancelled = false;
    /// Not 0 where the watch was to begin before it.
    std::int64_t compact_revision = 0;
    std::string reason;
    /// More of the same revision follows.
    bool fragment = false;
    std::vector<etcd_event> events;

    etcd_watch_message() = default;
};

parsed<etcd_watch_message> parse_etcd_watch(std::string_view line);

/// What is not an answer: gRPC's status code, and a text fit for a log.
struct etcd_refusal
{
    enum : int
    {
        unknown = 2,
        invalid_argument = 3,
        not_found = 5,
        permission_denied = 7,
        resource_exhausted = 8,
        failed_precondition = 9,
        out_of_range = 11,
        unavailable = 14,
        unauthenticated = 16
    };

    int code = unknown;
    std::string text;

    etcd_refusal() = default;
};

/// Empty text where it is no such message.
etcd_refusal parse_etcd_refusal(std::string_view text);

} // namespace acme
