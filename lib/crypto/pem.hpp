#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace acme {

struct pem_block
{
    std::string label;
    std::string der;
};

/// The blocks of RFC 7468 in a text, at most `max_blocks` of them (the rest of the text is then not read). Text between
/// blocks is skipped; lines end with LF or CRLF. Empty where a block is not closed, not base64, or has headers.
std::optional<std::vector<pem_block>> parse_pem(std::string_view text, std::size_t max_blocks);

std::string write_pem(std::string_view label, std::string_view der);

} // namespace acme
