#pragma once

#include "protocol/printable.hpp"
#include "protocol/renewal_plan.hpp"
#include "store/encryption.hpp"

#include <acme/error.hpp>

#include <boost/json.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace acme {

namespace json = boost::json;

/// Within what system_clock can hold, so that no saved number overflows it.
inline constexpr std::int64_t latest_second = 9'000'000'000;

inline std::chrono::system_clock::time_point to_time(std::int64_t seconds)
{
    return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

inline std::optional<std::int64_t> sane_number(const json::value& v)
{
    boost::system::error_code ec;
    auto n = v.to_number<std::int64_t>(ec);
    if (ec || n < 0 || n > latest_second)
        return std::nullopt;
    return n;
}

/// One object under its reader's eyes: every accessor names the member that is wrong.
class object_reader
{
public:
    object_reader(std::string_view place, const std::string& key, std::string_view text)
        : where_(printable(place, 512) + ": object " + printable(key, 512))
    {
        boost::system::error_code ec;
        auto value = json::parse(json::string_view(text.data(), text.size()), ec);
        if (is_encrypted(text))
            fail("is encrypted, and no key was given");
        if (ec || !value.is_object())
            fail("is not a JSON object");
        object_ = std::move(value.get_object());
    }

    std::string text(std::string_view member) const
    {
        auto* v = find(member);
        if (!v || !v->is_string())
            fail("has no text \"" + std::string(member) + "\"");
        return std::string(v->get_string());
    }

    std::int64_t number(std::string_view member) const
    {
        auto* v = find(member);
        auto n = v ? sane_number(*v) : std::nullopt;
        if (!n)
            fail("has no sane number \"" + std::string(member) + "\"");
        return *n;
    }

    // Two points in time, or nothing.
    std::optional<suggested_window> window(std::string_view member) const
    {
        auto* v = find(member);
        auto* list = v ? v->if_array() : nullptr;
        if (list && list->empty())
            return std::nullopt;
        auto start = list && list->size() == 2 ? sane_number((*list)[0]) : std::nullopt;
        auto end = start ? sane_number((*list)[1]) : std::nullopt;
        if (!end)
            fail("has no window in \"" + std::string(member) + "\"");
        return suggested_window(to_time(*start), to_time(*end));
    }

    unsigned count(std::string_view member) const
    {
        return static_cast<unsigned>(std::min<std::int64_t>(number(member), 1'000'000));
    }

    std::chrono::system_clock::time_point time(std::string_view member) const { return to_time(number(member)); }

    // For texts that only people read.
    std::string note(std::string_view member) const { return printable(text(member), 4096); }

    // Absent in what earlier versions saved.
    std::string optional_name(std::string_view member) const
    {
        return find(member) ? printable(text(member), 64) : std::string();
    }
    bool flag(std::string_view member) const
    {
        auto* v = find(member);
        if (v && !v->is_bool())
            fail("has neither true nor false in \"" + std::string(member) + "\"");
        return v && v->get_bool();
    }

    acme::key private_key(std::string_view member) const
    {
        auto k = acme::key::from_pem(text(member));
        if (!k)
            fail("has no private key in \"" + std::string(member) + "\"");
        return *k;
    }

    std::vector<std::string> texts(std::string_view member) const
    {
        auto* v = find(member);
        if (!v || !v->is_array())
            fail("has no list \"" + std::string(member) + "\"");
        std::vector<std::string> all;
        for (auto& each : v->get_array()) {
            if (!each.is_string())
                fail("has something else than texts in \"" + std::string(member) + "\"");
            all.emplace_back(each.get_string());
        }
        return all;
    }

    std::vector<object_reader> objects(std::string_view member) const
    {
        auto* v = find(member);
        if (!v || !v->is_array())
            fail("has no list \"" + std::string(member) + "\"");
        std::vector<object_reader> all;
        for (auto& each : v->get_array()) {
            if (!each.is_object())
                fail("has something else than objects in \"" + std::string(member) + "\"");
            all.push_back(object_reader(where_, each.get_object()));
        }
        return all;
    }

    [[noreturn]] void fail(const std::string& what) const
    {
        throw error(make_error_code(errc::damaged_state), "loading the saved state", where_ + " " + what);
    }

private:
    object_reader(std::string where, json::object o)
        : where_(std::move(where))
        , object_(std::move(o))
    {}

    const json::value* find(std::string_view member) const
    {
        return object_.if_contains(json::string_view(member.data(), member.size()));
    }

    std::string where_;
    json::object object_;
};

} // namespace acme
