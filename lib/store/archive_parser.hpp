#pragma once

#include "store/object.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace acme {

struct archive_fault
{
    /// Counted from 0, in the text given to the parser.
    std::size_t offset = 0;
    /// The object it happened in; empty where it was in none.
    std::string key;
    std::string cause;
};

/// Parses the JSON part of an archive: one object of strings, no key twice. Nothing where all went well.
std::optional<archive_fault> parse_objects(std::string_view json, objects& contents);

} // namespace acme
