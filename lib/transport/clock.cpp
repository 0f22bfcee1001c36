#include <acme/clock.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <openssl/rand.h>

namespace acme {

namespace {

namespace asio = boost::asio;

class real_clock : public clock
{
public:
    std::chrono::system_clock::time_point now() const noexcept override { return std::chrono::system_clock::now(); }

    asio::awaitable<void> async_wait(std::chrono::steady_clock::duration d) override
    {
        asio::steady_timer timer(co_await asio::this_coro::executor);
        timer.expires_after(d);
        co_await timer.async_wait(asio::use_awaitable);
    }
};

} // namespace

std::shared_ptr<clock> system_clock()
{
    static const std::shared_ptr<clock> only = std::make_shared<real_clock>();
    return only;
}

random_source system_random()
{
    return [] {
        std::uint64_t bits = 0;
        RAND_bytes(reinterpret_cast<std::uint8_t*>(&bits), sizeof bits);
        return bits;
    };
}

} // namespace acme
