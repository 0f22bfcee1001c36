#include "store/archive_parser.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <cstdint>

namespace acme {

namespace {

namespace json = boost::json;

// A DOM would keep the last of two members with the same key, silently, and hold a second copy of everything.
class object_handler
{
public:
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = acme::max_key_size;
    static constexpr std::size_t max_string_size = max_value_size;

    explicit object_handler(objects& contents)
        : contents_(contents)
    {}

    const std::string& cause() const noexcept { return cause_; }
    const std::string& current_key() const noexcept { return current_key_; }

    bool on_document_begin(boost::system::error_code&) { return true; }
    bool on_document_end(boost::system::error_code&) { return true; }

    bool on_object_begin(boost::system::error_code& ec)
    {
        if (open_)
            return refuse(ec, "a value is an object; all are strings");
        open_ = true;
        return true;
    }

    bool on_object_end(std::size_t, boost::system::error_code&)
    {
        current_key_.clear();
        return true;
    }

    bool on_key_part(json::string_view part, std::size_t, boost::system::error_code&)
    {
        text_.append(part.data(), part.size());
        return true;
    }

    bool on_key(json::string_view part, std::size_t, boost::system::error_code& ec)
    {
        current_key_.clear();
        text_.append(part.data(), part.size());
        if (!is_valid_key(text_))
            return refuse(ec, "an invalid key");
        current_key_ = std::exchange(text_, {});
        return !contents_.contains(current_key_) || refuse(ec, "the key is there twice");
    }

    bool on_string_part(json::string_view part, std::size_t, boost::system::error_code& ec)
    {
        text_.append(part.data(), part.size());
        return open_ || refuse(ec, "not a JSON object");
    }

    bool on_string(json::string_view part, std::size_t, boost::system::error_code& ec)
    {
        if (!open_)
            return refuse(ec, "not a JSON object");
        text_.append(part.data(), part.size());
        contents_.emplace_hint(contents_.end(), current_key_, std::exchange(text_, {}));
        current_key_.clear();
        return true;
    }

    bool on_array_begin(boost::system::error_code& ec) { return not_a_string(ec); }
    bool on_array_end(std::size_t, boost::system::error_code& ec) { return not_a_string(ec); }
    bool on_number_part(json::string_view, boost::system::error_code& ec) { return not_a_string(ec); }
    bool on_int64(std::int64_t, json::string_view, boost::system::error_code& ec) { return not_a_string(ec); }
    bool on_uint64(std::uint64_t, json::string_view, boost::system::error_code& ec) { return not_a_string(ec); }
    bool on_double(double, json::string_view, boost::system::error_code& ec) { return not_a_string(ec); }
    bool on_bool(bool, boost::system::error_code& ec) { return not_a_string(ec); }
    bool on_null(boost::system::error_code& ec) { return not_a_string(ec); }
    bool on_comment_part(json::string_view, boost::system::error_code& ec) { return not_a_string(ec); }
    bool on_comment(json::string_view, boost::system::error_code& ec) { return not_a_string(ec); }

private:
    bool not_a_string(boost::system::error_code& ec)
    {
        return refuse(ec, open_ ? "a value is not a string" : "not a JSON object");
    }

    bool refuse(boost::system::error_code& ec, const char* cause)
    {
        cause_ = cause;
        ec = json::error::exception;
        return false;
    }

    objects& contents_;
    std::string text_;
    std::string current_key_;
    std::string cause_;
    bool open_ = false;
};

} // namespace

std::optional<archive_fault> parse_objects(std::string_view json, objects& contents)
{
    boost::json::basic_parser<object_handler> parser(boost::json::parse_options(), contents);
    boost::system::error_code ec;
    const std::size_t parsed = parser.write_some(false, json.data(), json.size(), ec);
    if (!ec && parsed == json.size())
        return std::nullopt;

    archive_fault fault;
    fault.offset = parsed;
    fault.key = parser.handler().current_key();
    if (!ec)
        fault.cause = "more text after the end";
    else
        fault.cause = parser.handler().cause().empty() ? ec.message() : parser.handler().cause();
    return fault;
}

} // namespace acme
