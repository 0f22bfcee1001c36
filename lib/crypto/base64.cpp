#include "crypto/base64.hpp"

#include "crypto/boringssl.hpp"

#include <array>
#include <cstdint>

namespace acme {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t invalid = 0xff;

constexpr std::array<std::uint8_t, 256> make_values()
{
    std::array<std::uint8_t, 256> values{};
    for (auto& value : values)
        value = invalid;
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
    return values;
}

constexpr auto values = make_values();

} // namespace

std::string base64url_encode(std::string_view data)
{
    std::string text;
    text.reserve((data.size() * 4 + 2) / 3);
    std::uint32_t bits = 0;
    int count = 0;
    for (char c : data) {
        bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xffff;
        for (count += 8; count >= 6; count -= 6)
            text += alphabet[bits >> (count - 6) & 0x3f];
    }
    if (count > 0)
        text += alphabet[bits << (6 - count) & 0x3f];
    return text;
}

std::optional<std::string> base64url_decode(std::string_view text)
{
    if (text.size() % 4 == 1)
        return std::nullopt;
    std::string data;
    data.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    int count = 0;
    for (char c : text) {
        auto value = values[static_cast<unsigned char>(c)];
        if (value == invalid)
            return std::nullopt;
        bits = (bits << 6 | value) & 0xffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            data += static_cast<char>(bits >> count & 0xff);
        }
    }
    if ((bits & ((1U << count) - 1)) != 0)
        return std::nullopt;
    return data;
}

std::string base64_encode(std::string_view data)
{
    std::string text = base64url_encode(data);
    for (char& c : text)
        c = c == '-' ? '+' : c == '_' ? '/' : c;
    return text.append((4 - text.size() % 4) % 4, '=');
}

std::optional<std::string> base64_decode_lenient(std::string_view text)
{
    constexpr std::string_view white_space = " \t\r\n";
    std::string plain;
    wipe_guard wipe(plain);
    plain.reserve(text.size());
    for (char c : text) {
        if (white_space.find(c) == std::string_view::npos)
            plain += c == '+' ? '-' : c == '/' ? '_' : c;
    }
    std::size_t padding = 0;
    while (padding < 2 && padding < plain.size() && plain[plain.size() - 1 - padding] == '=')
        ++padding;
    return base64url_decode(std::string_view(plain).substr(0, plain.size() - padding));
}

} // namespace acme
