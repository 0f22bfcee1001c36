#pragma once

#include <acme/manager.hpp>
#include <acme/store.hpp>

#include <filesystem>
#include <string>
#include <utility>

// Where certificates are kept: a file, or a folder for more than some hundreds of hosts. A path that ends in / is one.
inline boost::asio::awaitable<void> use_cache(acme::manager& certificates, std::string path)
{
    std::error_code ec;
    if (!path.ends_with('/') && !std::filesystem::is_directory(path, ec)) {
        co_await certificates.async_cache_file(path);
        co_return;
    }
    auto folder = co_await acme::async_open_directory_store(path);
    co_await certificates.async_use_store(std::move(folder));
}
