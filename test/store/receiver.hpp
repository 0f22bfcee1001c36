#pragma once

#include "store/scratch.hpp"

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace acme::test {

using namespace std::chrono_literals;

using kind = store_change::kind;

/// Receives on a thread of its own, so that a test does not wait for ever.
class receiver
{
public:
    explicit receiver(std::unique_ptr<subscription> s)
        : subscription_(std::move(s))
    {}

    store_change next(std::chrono::milliseconds limit = 60s)
    {
        auto received = asio::co_spawn(pool_, subscription_->async_receive(), asio::use_future);
        if (received.wait_for(limit) != std::future_status::ready)
            throw std::runtime_error("nothing is received");
        return received.get();
    }

    void expect(kind what, const std::string& key = {}, const std::string& value = {})
    {
        compare(next(), what, key, value);
    }

    /// However often the subscription is interrupted before.
    void expect_in_the_end(kind what, const std::string& key = {}, const std::string& value = {})
    {
        store_change c = next();
        while (c.what == kind::interrupted || c.what == kind::resumed)
            c = next();
        compare(c, what, key, value);
    }

private:
    static void compare(const store_change& c, kind what, const std::string& key, const std::string& value)
    {
        BOOST_TEST((c.what == what), "got " << int(c.what) << " " << c.key);
        BOOST_TEST(c.key == key);
        BOOST_TEST(c.value == value);
    }

    std::unique_ptr<subscription> subscription_;
    asio::thread_pool pool_{1};
};

} // namespace acme::test
