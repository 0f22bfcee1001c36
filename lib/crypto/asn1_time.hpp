#pragma once

#include <openssl/bytestring.h>

#include <chrono>
#include <optional>

namespace acme {

/// Reads a Time of RFC 5280 section 4.1.2.5: UTCTime or GeneralizedTime, to the second, in UTC. What lies beyond the
/// range of `system_clock` (GeneralizedTime reaches to 9999) becomes the nearest year within it.
std::optional<std::chrono::system_clock::time_point> read_asn1_time(CBS& in);

/// Writes the same: UTCTime from 1950 to 2049, else GeneralizedTime.
void add_asn1_time(CBB& out, std::chrono::system_clock::time_point t);

} // namespace acme
