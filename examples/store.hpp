#pragma once

#include "arguments.hpp"

#include <acme/cached_store.hpp>
#include <acme/encrypted_store.hpp>
#include <acme/etcd_store.hpp>
#include <acme/manager.hpp>

#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

// Where certificates are kept: in a file, in a folder for more than some hundreds of hosts, or in etcd, perhaps with a
// copy in one of the former; encrypted or not.
struct store_settings
{
    std::string place;
    std::string copy;
    std::string key_file;
    std::chrono::seconds lease{15};

    explicit store_settings(std::string place_ = {})
        : place(std::move(place_))
    {}

    bool is_shared() const { return place.starts_with("etcd://") || place.starts_with("etcds://"); }
};

inline std::string environment(const char* name)
{
    const char* value = std::getenv(name);
    return value ? value : "";
}

// What a URL does not say comes from where etcdctl looks for it.
inline acme::etcd_options etcd_at(const store_settings& s)
{
    auto options = acme::parse_etcd_url(s.place);
    options.lease_duration = s.lease;
    if (!s.copy.empty()) // It is there instead.
        options.operation_timeout = std::chrono::seconds(5);
    options.ca_file = environment("ETCDCTL_CACERT");
    options.certificate_file = environment("ETCDCTL_CERT");
    options.key_file = environment("ETCDCTL_KEY");
    const auto user = environment("ETCDCTL_USER");
    const auto colon = user.find(':');
    options.user = user.substr(0, colon);
    options.password = colon == user.npos ? environment("ETCDCTL_PASSWORD") : user.substr(colon + 1);
    return options;
}

// A path that ends in / is a folder.
inline boost::asio::awaitable<std::shared_ptr<acme::store>> open_place(std::string path)
{
    std::error_code ec;
    const bool is_folder = path.ends_with('/') || std::filesystem::is_directory(path, ec);
    return is_folder ? acme::async_open_directory_store(path) : acme::async_open_file_store(path);
}

// As it is there, encrypted or not.
inline boost::asio::awaitable<std::shared_ptr<acme::store>> open_bare_store(store_settings s)
{
    const auto executor = co_await boost::asio::this_coro::executor;
    std::shared_ptr<acme::store> store;
    if (s.is_shared() && !s.copy.empty()) {
        auto copy = co_await open_place(s.copy);
        store = acme::make_cached_store(acme::make_etcd_store(executor, etcd_at(s)), copy);
    } else if (s.is_shared()) {
        store = co_await acme::async_open_etcd_store(executor, etcd_at(s));
    } else {
        store = co_await open_place(s.place);
    }
    co_return store;
}

inline std::shared_ptr<acme::store> encrypt(std::shared_ptr<acme::store> bare, const store_settings& s)
{
    return s.key_file.empty() ? bare : acme::make_encrypted_store(bare, acme::read_encryption_keys(s.key_file));
}

inline boost::asio::awaitable<void> use_store(acme::manager& certificates, store_settings s)
{
    auto bare = co_await open_bare_store(s);
    co_await certificates.async_use_store(encrypt(std::move(bare), s));
}
