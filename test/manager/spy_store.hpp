#pragma once

#include <acme/error.hpp>
#include <acme/store.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace acme::test {

/// A store in memory that shows what is saved, and fails on demand. Each operation suspends, as those of a disk do.
class spy_store : public store
{
public:
    /// Called with the key before each save and erase; the disk is full where it says so.
    std::function<bool(const std::string& key)> fails;
    /// Keys in the order of their saving, erased ones with a '-' in front.
    std::vector<std::string> log;

    boost::asio::awaitable<std::optional<std::string>> async_load(std::string key) override
    {
        co_await boost::asio::post(boost::asio::use_awaitable);
        co_return co_await behind->async_load(std::move(key));
    }

    boost::asio::awaitable<void> async_save(std::string key, std::string value) override
    {
        co_await boost::asio::post(boost::asio::use_awaitable);
        refuse_where_it_fails(key);
        log.push_back(key);
        co_await behind->async_save(std::move(key), std::move(value));
    }

    boost::asio::awaitable<void> async_erase(std::string key) override
    {
        co_await boost::asio::post(boost::asio::use_awaitable);
        refuse_where_it_fails(key);
        log.push_back("-" + key);
        co_await behind->async_erase(std::move(key));
    }

    boost::asio::awaitable<std::vector<std::string>> async_list(std::string prefix) override
    {
        co_await boost::asio::post(boost::asio::use_awaitable);
        co_return co_await behind->async_list(std::move(prefix));
    }

    boost::asio::awaitable<std::unique_ptr<lock>> async_lock(std::string name) override
    {
        return behind->async_lock(std::move(name));
    }

    std::shared_ptr<store> behind = make_memory_store();

private:
    void refuse_where_it_fails(const std::string& key) const
    {
        if (fails && fails(key))
            throw error(make_error_code(boost::system::errc::no_space_on_device), "saving", key);
    }
};

} // namespace acme::test
