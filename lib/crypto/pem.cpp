#include "crypto/pem.hpp"

#include "crypto/boringssl.hpp"

#include <openssl/base64.h>

#include <algorithm>

namespace acme {
namespace {

constexpr std::string_view begin_mark = "-----BEGIN ";
constexpr std::string_view end_mark = "-----END ";
constexpr std::string_view dashes = "-----";
constexpr std::size_t line_length = 64;

std::string_view take_line(std::string_view& text)
{
    auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    auto first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos)
        return {};
    return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

// The label of an encapsulation boundary; empty where the line is none.
std::optional<std::string_view> label_of(std::string_view line, std::string_view mark)
{
    if (line.size() < mark.size() + dashes.size() || !line.starts_with(mark) || !line.ends_with(dashes))
        return std::nullopt;
    return line.substr(mark.size(), line.size() - mark.size() - dashes.size());
}

std::optional<std::string> decode(std::string_view base64)
{
    std::string der(base64.size() / 4 * 3, '\0');
    std::size_t size = 0;
    if (!EVP_DecodeBase64(
            reinterpret_cast<std::uint8_t*>(der.data()), &size, der.size(), octets(base64), base64.size()))
        return std::nullopt;
    der.resize(size);
    return der;
}

std::optional<std::string> parse_body(std::string_view& text, std::string_view label)
{
    std::string base64;
    wipe_guard wipe(base64);
    // Long enough for the whole: a string that grows leaves copies of a key behind.
    base64.reserve(std::min(text.find(end_mark), text.size()));
    while (!text.empty()) {
        auto line = take_line(text);
        if (line.starts_with(dashes))
            return label_of(line, end_mark) == label ? decode(base64) : std::nullopt;
        base64 += line;
    }
    return std::nullopt;
}

} // namespace

std::optional<std::vector<pem_block>> parse_pem(std::string_view text, std::size_t max_blocks)
{
    error_queue_guard guard;
    std::vector<pem_block> blocks;
    while (!text.empty() && blocks.size() < max_blocks) {
        auto line = take_line(text);
        auto label = label_of(line, begin_mark);
        if (label) {
            auto der = parse_body(text, *label);
            if (!der)
                return std::nullopt;
            blocks.push_back({std::string(*label), std::move(*der)});
        } else if (line.find(dashes) != std::string_view::npos) {
            // A boundary that another reader might see, and this one not.
            return std::nullopt;
        }
    }
    return blocks;
}

std::string write_pem(std::string_view label, std::string_view der)
{
    std::string base64((der.size() + 2) / 3 * 4 + 1, '\0');
    wipe_guard wipe(base64);
    auto size = EVP_EncodeBlock(reinterpret_cast<std::uint8_t*>(base64.data()), octets(der), der.size());
    std::string_view rest(base64.data(), size);

    std::string pem;
    pem.reserve(rest.size() + rest.size() / line_length + 2 * label.size() + 40);
    pem.append(begin_mark).append(label).append(dashes).append("\n");
    for (; !rest.empty(); rest.remove_prefix(std::min(line_length, rest.size())))
        pem.append(rest.substr(0, line_length)).append("\n");
    pem.append(end_mark).append(label).append(dashes).append("\n");
    return pem;
}

} // namespace acme
