#include "store/object.hpp"

#include <acme/etcd_store.hpp>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace acme {

namespace {

constexpr const char* default_port = ":2379";

[[noreturn]] void refuse(const std::string& why)
{
    throw error(make_error_code(boost::system::errc::invalid_argument), "etcd URL",
        why + "; it is to be like etcd://10.0.0.1:2379,10.0.0.2:2379/prefix, or etcds:// with TLS");
}

std::string endpoint(std::string_view scheme, std::string_view address)
{
    const std::string text = std::string(scheme) + std::string(address);
    const auto parsed = boost::urls::parse_uri(text);
    if (address.empty() || !parsed || parsed->encoded_host().empty() || parsed->encoded_host_and_port() != address)
        refuse("not a member's address: " + std::string(address));
    return parsed->has_port() ? text : text + default_port;
}

} // namespace

etcd_options parse_etcd_url(std::string_view url)
{
    constexpr std::string_view plain = "etcd://";
    constexpr std::string_view with_tls = "etcds://";
    const bool tls = url.starts_with(with_tls);
    if (!tls && !url.starts_with(plain))
        refuse("not a URL of etcd's");
    url.remove_prefix(tls ? with_tls.size() : plain.size());
    if (url.find('@') != std::string_view::npos)
        refuse("it has a user, who belongs into the options");

    etcd_options options;
    const auto slash = url.find('/');
    std::string_view addresses = url.substr(0, slash);
    if (slash != std::string_view::npos && slash + 1 != url.size())
        options.prefix = url.substr(slash + 1);
    if (!is_valid_key(options.prefix))
        refuse("the prefix is not made of a-z 0-9 . _ - in parts separated by /");
    for (std::size_t comma = 0; comma != std::string_view::npos;) {
        comma = addresses.find(',');
        options.endpoints.push_back(endpoint(tls ? "https://" : "http://", addresses.substr(0, comma)));
        if (comma != std::string_view::npos)
            addresses.remove_prefix(comma + 1);
    }
    return options;
}

} // namespace acme
