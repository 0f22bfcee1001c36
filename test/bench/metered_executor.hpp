#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <chrono>
#include <ctime>
#include <memory>
#include <type_traits>
#include <utility>

namespace acme::bench {

/// The CPU time of one connection among many in a thread; added to `total`, where that is set, in the end.
struct meter
{
    meter() = default;
    meter(const meter&) = delete;
    meter& operator=(const meter&) = delete;
    ~meter()
    {
        if (total)
            *total += spent;
    }

    std::chrono::nanoseconds spent{0};
    std::chrono::nanoseconds* total = nullptr;
    bool running = false;
};

/// An executor that adds to a meter what it executes.
class metered_executor
{
public:
    metered_executor(boost::asio::any_io_executor behind, std::shared_ptr<meter> m)
        : behind_(std::move(behind))
        , meter_(std::move(m))
    {}

    template <class Function>
    void execute(Function&& f) const
    {
        behind_.execute(metered<std::decay_t<Function>>(std::forward<Function>(f), meter_));
    }

    template <class Property>
        requires boost::asio::can_query_v<const boost::asio::any_io_executor&, Property>
    decltype(auto) query(const Property& p) const
    {
        return boost::asio::query(behind_, p);
    }
    template <class Property>
        requires boost::asio::can_require_v<const boost::asio::any_io_executor&, Property>
    metered_executor require(const Property& p) const
    {
        return {boost::asio::require(behind_, p), meter_};
    }
    template <class Property>
        requires boost::asio::can_prefer_v<const boost::asio::any_io_executor&, Property>
    metered_executor prefer(const Property& p) const
    {
        return {boost::asio::prefer(behind_, p), meter_};
    }

    friend bool operator==(const metered_executor& a, const metered_executor& b) noexcept
    {
        return a.behind_ == b.behind_ && a.meter_ == b.meter_;
    }

private:
    static std::chrono::nanoseconds now() noexcept
    {
        timespec t{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
    }

    template <class Function>
    struct metered
    {
        metered(Function f, std::shared_ptr<meter> m)
            : function(std::move(f))
            , counted(std::move(m))
        {}
        // One function may execute another within itself; the outer one counts both.
        void operator()()
        {
            if (counted->running)
                return function();
            counted->running = true;
            const auto begin = now();
            function();
            counted->spent += now() - begin;
            counted->running = false;
        }

        Function function;
        std::shared_ptr<meter> counted;
    };

    boost::asio::any_io_executor behind_;
    std::shared_ptr<meter> meter_;
};

} // namespace acme::bench
