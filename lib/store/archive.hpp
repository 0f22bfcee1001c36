#pragma once

#include "store/object.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace acme {

/// What is longer is refused, when written as when read.
inline constexpr std::size_t max_archive_size = std::size_t{1} << 30;

/// All objects as one text: a header line "asio-acme-state 1 SHA-256", then one JSON object whose members are the
/// objects in the order of their keys, a line each. Equal objects give equal text. Throws `acme::error`
/// (invalid_argument, file_too_large) for objects that could not be read again.
std::string encode_archive(const objects& contents);

/// The opposite. `place` says where the text is from ("/var/lib/x/acme.cache", "marshalled state"). Throws
/// `acme::error`: `errc::foreign_state` for what is not this format or a newer version's, `errc::damaged_state` for
/// what was this format once. The explanation names the place, the position and the cause, and quotes nothing of the
/// text.
objects decode_archive(std::string_view text, std::string_view place);

} // namespace acme
