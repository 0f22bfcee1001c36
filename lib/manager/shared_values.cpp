#include "crypto/base64.hpp"
#include "manager/core.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>

// Values that all managers on a store agree on.
namespace acme {
namespace {

constexpr int most_attempts = 20;

constexpr const char* step = "sharing a value";

} // namespace

void manager::core::share(shared_value value)
{
    auto share_there = [weak = weak_from_this(), value = std::move(value)]() mutable {
        auto self = weak.lock();
        if (!self || self->stopped_)
            return;
        auto name = value.name;
        const bool is_new = self->group_.values.insert_or_assign(name, std::move(value)).second;
        if (is_new)
            self->spawn(self->keep_shared(std::move(name)));
    };
    asio::post(strand_, std::move(share_there));
}

asio::awaitable<void> manager::core::keep_shared(std::string name)
{
    using namespace asio::experimental::awaitable_operators;
    while (!stopped_) {
        if (group_.changes && !group_.cut_off)
            co_await synchronize_or_tell(name);
        const auto pause = std::max<std::chrono::seconds>(group_.values.at(name).interval, std::chrono::seconds(1));
        co_await (options_.clock->async_wait(pause) || group_news_.async_wait(asio::as_tuple(asio::use_awaitable)));
    }
}

asio::awaitable<void> manager::core::synchronize_or_tell(std::string name)
{
    std::optional<error> failure;
    try {
        co_await synchronize(name);
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
        failure = e;
    }
    if (!failure)
        co_return;
    save_failed told{name, *failure};
    tell(told);
}

asio::awaitable<void> manager::core::synchronize(std::string name)
{
    auto where = store_;
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        auto stored = co_await where->async_load(name);
        if (stored)
            take_shared_value(name, *stored);
        auto merged = base64url_encode(group_.values.at(name).marshal());
        if (stored == merged)
            co_return;
        const bool saved = co_await where->async_exchange(name, std::move(stored), std::move(merged));
        if (saved)
            co_return;
    }
    throw error(make_error_code(errc::conflict), step, "others change it all the time");
}

void manager::core::take_shared_value(const std::string& name, const std::string& value)
{
    const auto octets = base64url_decode(value);
    try {
        if (!octets)
            throw error(make_error_code(errc::damaged_state), step, "the store");
        group_.values.at(name).merge(*octets);
    } catch (const error& e) {
        state_refused told{name, e};
        tell(told);
    }
}

} // namespace acme
