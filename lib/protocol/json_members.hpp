#pragma once

#include "protocol/parsed.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

/// One JSON object of at most 16 levels, `max_octets` and `max_members` in all, without duplicate members, byte order
/// mark, trailing octets or invalid UTF-8.
parsed<boost::json::object> parse_object(
    std::string_view body, std::size_t max_octets = 1'048'576, std::size_t max_members = 10'000);

enum class presence
{
    required,
    /// Absent and null are the same.
    optional
};

/// Reads the members of an object one by one, and remembers the first that is wrong; after it, what is read has no
/// meaning.
class json_members
{
public:
    /// `what` names the object in `why()`: "the order".
    json_members(const boost::json::object& o, std::string_view what)
        : object_(o)
        , what_(what)
    {}

    bool ok() const noexcept { return why_.empty(); }
    const std::string& why() const noexcept { return why_; }

    bool has(std::string_view name) const noexcept { return find(name) != nullptr; }

    /// A text for people or logs, made printable.
    std::string text(std::string_view name, presence p, std::size_t limit = 2048);
    /// A word to compare with: 1 to `limit` octets of visible ASCII.
    std::string word(std::string_view name, presence p, std::size_t limit = 256);
    /// A URL to send requests to. An optional one may also be "".
    std::string url(std::string_view name, presence p);
    /// False where absent.
    bool flag(std::string_view name);
    std::optional<std::chrono::system_clock::time_point> time(std::string_view name);
    const boost::json::object* object(std::string_view name, presence p);
    const boost::json::array* list(std::string_view name, presence p, std::size_t limit);
    /// A list of texts, as `text`.
    std::vector<std::string> texts(std::string_view name, std::size_t limit);

    /// Declares a member wrong.
    void refuse(std::string_view name, std::string_view problem);

private:
    const boost::json::value* find(std::string_view name) const noexcept;
    const boost::json::value* get(std::string_view name, presence p);
    const boost::json::string* get_string(std::string_view name, presence p);

    const boost::json::object& object_;
    std::string what_;
    std::string why_;
};

} // namespace acme
