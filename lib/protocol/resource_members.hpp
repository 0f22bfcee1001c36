#pragma once

#include "protocol/json_members.hpp"

#include <acme/resource.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace acme {

/// A row of the table of a resource's statuses.
template <class Status>
using status_name = std::pair<std::string_view, Status>;

/// A status as RFC 8555 spells it.
template <class Table, class Status>
std::string_view name_in(const Table& table, Status s) noexcept
{
    for (const auto& [name, status] : table)
        if (status == s)
            return name;
    return "?";
}

/// The member "status"; one that is not in the table is refused, lest it be waited for without end.
template <class Table>
auto read_status(json_members& in, const Table& table)
{
    const std::string name = in.text("status", presence::required, 80);
    for (const auto& [known, status] : table)
        if (known == name)
            return status;
    in.refuse("status", "is not one that RFC 8555 knows: \"" + name + '"');
    return table[0].second;
}

/// What was read, unless a member was wrong.
template <class T>
parsed<T> outcome(const json_members& in, T value)
{
    if (in.ok())
        return value;
    return parsed<T>::refused(in.why());
}

/// An identifier; where it is bad, so is its owner.
identifier read_identifier(json_members& owner, const boost::json::object& o);

/// The member "error".
std::optional<problem> read_error(json_members& in);

} // namespace acme
