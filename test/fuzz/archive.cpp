#include "store/archive.hpp"

#include "check.hpp"
#include "crypto/jose.hpp"

#include <acme/error.hpp>

#include <string>

using namespace acme;

namespace {

std::string with_header(std::string_view body)
{
    constexpr char digits[] = "0123456789abcdef";
    std::string text = "asio-acme-state 1 ";
    for (const unsigned char octet : sha256(body)) {
        text += digits[octet >> 4];
        text += digits[octet & 15];
    }
    return text.append("\n").append(body);
}

void read(std::string_view text)
{
    try {
        const auto contents = decode_archive(text, "the archive");
        fuzz::check(decode_archive(encode_archive(contents), "the archive") == contents);
    } catch (const error& e) {
        fuzz::check(e.code() == errc::foreign_state || e.code() == errc::damaged_state);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    read(input);
    // With a header that fits, since no fuzzer finds a checksum.
    read(with_header(input));
    return 0;
}
