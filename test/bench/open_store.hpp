#pragma once

#include "many_certificates.hpp"

#include <acme/store.hpp>

#include <boost/asio/awaitable.hpp>

#include <stdexcept>

namespace acme::bench {

/// The stores that a benchmark can start from, by name.
inline boost::asio::awaitable<std::shared_ptr<store>> open_store(std::string kind, std::filesystem::path path)
{
    if (kind == "file")
        co_return co_await async_open_file_store(std::move(path));
    if (kind == "directory")
        co_return co_await async_open_directory_store(std::move(path));
    throw std::invalid_argument("there is no store " + kind);
}

} // namespace acme::bench
