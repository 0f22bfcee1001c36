#include "protocol/json_members.hpp"

#include <acme/error.hpp>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>

namespace acme {
namespace {

namespace json = boost::json;

constexpr std::size_t max_depth = 16;

/// Builds a value as Boost's own parser does, and counts the members that it met: of members with the same name only
/// the last stays in the object, so that a difference in number gives a duplicate away.
class counting_handler
{
public:
    constexpr static std::size_t max_object_size = json::object::max_size();
    constexpr static std::size_t max_array_size = json::array::max_size();
    constexpr static std::size_t max_key_size = json::string::max_size();
    constexpr static std::size_t max_string_size = json::string::max_size();

    explicit counting_handler(std::size_t max_members)
        : max_members_(max_members)
    {}

    std::size_t members_met() const noexcept { return members_; }
    json::value release() { return stack_.release(); }

    bool on_document_begin(boost::system::error_code&)
    {
        stack_.reset();
        return true;
    }
    bool on_document_end(boost::system::error_code&) { return true; }
    bool on_object_begin(boost::system::error_code&) { return true; }
    bool on_object_end(std::size_t n, boost::system::error_code& ec)
    {
        members_ += n;
        if (members_ > max_members_) {
            ec = make_error_code(errc::answer_too_large);
            return false;
        }
        stack_.push_object(n);
        return true;
    }
    bool on_array_begin(boost::system::error_code&) { return true; }
    bool on_array_end(std::size_t n, boost::system::error_code&)
    {
        stack_.push_array(n);
        return true;
    }
    bool on_key_part(json::string_view s, std::size_t, boost::system::error_code&)
    {
        stack_.push_chars(s);
        return true;
    }
    bool on_key(json::string_view s, std::size_t, boost::system::error_code&)
    {
        stack_.push_key(s);
        return true;
    }
    bool on_string_part(json::string_view s, std::size_t, boost::system::error_code&)
    {
        stack_.push_chars(s);
        return true;
    }
    bool on_string(json::string_view s, std::size_t, boost::system::error_code&)
    {
        stack_.push_string(s);
        return true;
    }
    bool on_number_part(json::string_view, boost::system::error_code&) { return true; }
    bool on_int64(std::int64_t i, json::string_view, boost::system::error_code&)
    {
        stack_.push_int64(i);
        return true;
    }
    bool on_uint64(std::uint64_t u, json::string_view, boost::system::error_code&)
    {
        stack_.push_uint64(u);
        return true;
    }
    bool on_double(double d, json::string_view, boost::system::error_code&)
    {
        stack_.push_double(d);
        return true;
    }
    bool on_bool(bool b, boost::system::error_code&)
    {
        stack_.push_bool(b);
        return true;
    }
    bool on_null(boost::system::error_code&)
    {
        stack_.push_null();
        return true;
    }
    bool on_comment_part(json::string_view, boost::system::error_code&) { return true; }
    bool on_comment(json::string_view, boost::system::error_code&) { return true; }

private:
    json::value_stack stack_;
    std::size_t max_members_;
    std::size_t members_ = 0;
};

std::size_t count_members(const json::value& v)
{
    std::size_t n = 0;
    if (const auto* o = v.if_object()) {
        n = o->size();
        for (const auto& member : *o)
            n += count_members(member.value());
    } else if (const auto* a = v.if_array()) {
        for (const auto& element : *a)
            n += count_members(element);
    }
    return n;
}

std::string syntax_error(const boost::system::error_code& ec, std::size_t at)
{
    if (ec == make_error_code(errc::answer_too_large))
        return "the JSON has too many members";
    return "the body is not JSON: " + ec.message() + " at octet " + std::to_string(at);
}

} // namespace

parsed<json::object> parse_object(std::string_view body, std::size_t max_octets, std::size_t max_members)
{
    if (body.size() > max_octets)
        return parsed<json::object>::refused("the body is larger than " + std::to_string(max_octets) + " octets");
    json::parse_options options;
    options.max_depth = max_depth;
    json::basic_parser<counting_handler> parser(options, max_members);
    boost::system::error_code ec;
    const std::size_t read = parser.write_some(false, body.data(), body.size(), ec);
    if (ec)
        return parsed<json::object>::refused(syntax_error(ec, read));
    if (read != body.size())
        return parsed<json::object>::refused("the body goes on after its JSON, from octet " + std::to_string(read));
    const std::size_t met = parser.handler().members_met();
    json::value v = parser.handler().release();
    if (!v.is_object())
        return parsed<json::object>::refused("the body is JSON, but not an object");
    if (count_members(v) != met)
        return parsed<json::object>::refused("the JSON has two members of the same name in one object");
    return std::move(v.get_object());
}

} // namespace acme
