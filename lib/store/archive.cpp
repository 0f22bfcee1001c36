#include "store/archive.hpp"

#include "crypto/jose.hpp"
#include "store/archive_parser.hpp"

#include <acme/error.hpp>

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <charconv>

namespace acme {

namespace {

constexpr std::string_view magic = "asio-acme-state ";
constexpr unsigned current_version = 1;
constexpr std::size_t max_header_size = 200;

std::string hexadecimal_sha256(std::string_view text)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result;
    for (const unsigned char octet : sha256(text)) {
        result += digits[octet >> 4];
        result += digits[octet & 15];
    }
    return result;
}

std::string header_line(std::string_view body)
{
    return std::string(magic) + std::to_string(current_version) + ' ' + hexadecimal_sha256(body) + '\n';
}

class decoder
{
public:
    decoder(std::string_view text, std::string_view place)
        : text_(text)
        , place_(place)
    {}

    objects decode() const
    {
        check_magic();
        check_version();
        const std::string_view line = text_.substr(0, max_header_size);
        const std::size_t end = line.find('\n');
        if (end == std::string_view::npos)
            refuse(errc::damaged_state, "line 1: the header line has no end");
        const std::string_view body = text_.substr(end + 1);
        objects contents;
        const auto fault = parse_objects(body, contents);
        if (fault)
            refuse(errc::damaged_state, describe(*fault, end + 1));
        if (text_.substr(0, end + 1) != header_line(body))
            refuse(errc::damaged_state,
                "line 1: the checksum is not that of the " + std::to_string(body.size()) +
                    " octets after it: they, or it, were changed after they were written");
        return contents;
    }

private:
    void check_magic() const
    {
        if (text_.size() > max_archive_size)
            refuse(errc::foreign_state,
                std::to_string(text_.size()) + " octets; saved state is never longer than " +
                    std::to_string(max_archive_size));
        if (text_.empty())
            refuse(errc::damaged_state, "it is empty; saved state is never empty, so its contents were lost");
        if (text_.size() < magic.size() && magic.starts_with(text_))
            refuse(errc::damaged_state, "line 1: cut short after " + std::to_string(text_.size()) + " octets");
        if (!text_.starts_with(magic))
            refuse(errc::foreign_state, "line 1: it does not begin with \"asio-acme-state\": it is something else's");
    }

    // Ahead of all else: nothing but the place of its number is known of a newer version.
    void check_version() const
    {
        const std::string_view rest = text_.substr(magic.size(), 10);
        unsigned version = 0;
        const auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), version);
        if (failure != std::errc() || end == rest.data() + rest.size() || *end != ' ' || version == 0)
            refuse(errc::damaged_state, "line 1: no version number at octet " + std::to_string(magic.size()));
        if (version > current_version)
            refuse(errc::foreign_state,
                "line 1: it has version " + std::to_string(version) + "; this library reads up to version " +
                    std::to_string(current_version) + ": a newer one wrote it");
    }

    std::string describe(const archive_fault& fault, std::size_t body_begin) const
    {
        const std::size_t offset = body_begin + fault.offset;
        const auto lines = std::ranges::count(text_.substr(0, offset), '\n') + 1;
        std::string where = "line " + std::to_string(lines) + ", octet " + std::to_string(offset);
        if (!fault.key.empty())
            where += ", object " + fault.key;
        const bool cut_short = offset == text_.size();
        return where + ": " + fault.cause + (cut_short ? " (the end is missing)" : "");
    }

    [[noreturn]] void refuse(errc code, const std::string& cause) const
    {
        throw error(make_error_code(code), "reading saved state", std::string(place_) + ": " + cause);
    }

    std::string_view text_;
    std::string_view place_;
};

} // namespace

std::string encode_archive(const objects& contents)
{
    std::string body = "{";
    for (const auto& [key, value] : contents) {
        check_object(key, value);
        body += body.size() == 1 ? "\n\"" : ",\n\"";
        body += key;
        body += "\": ";
        body += boost::json::serialize(boost::json::string_view(value.data(), value.size()));
        if (body.size() > max_archive_size - max_header_size)
            throw error(make_error_code(boost::system::errc::file_too_large), "writing saved state",
                "all objects together exceed 1 GiB");
    }
    body += "\n}\n";
    return header_line(body) + body;
}

objects decode_archive(std::string_view text, std::string_view place)
{
    return decoder(text, place).decode();
}

} // namespace acme
