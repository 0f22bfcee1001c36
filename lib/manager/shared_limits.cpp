#include "manager/core.hpp"

// The limits of a group of managers are one object, changed by whoever takes a token.
namespace acme {
namespace {

constexpr int most_attempts = 50;

constexpr const char* step = "the shared limits";

} // namespace

// As others see them; where nobody has saved any, as they are here.
limit_record manager::core::shared_limits(const std::optional<std::string>& value) const
{
    if (!value)
        return with_state([](const state& s) { return s.limits.value_or(limit_record()); });
    state read;
    decode_object(read, keys_, keys_.limits(), *value, "the store");
    return read.limits.value_or(limit_record());
}

// Changes the object in one step, from what was last seen of it. `change` says whether there is anything to save.
asio::awaitable<void> manager::core::change_shared_limits(std::function<bool(limit_record&)> change)
{
    const auto key = keys_.limits();
    auto seen = group_.limits;
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        auto limits = shared_limits(seen);
        if (!change(limits))
            co_return;
        auto value = encode(limits);
        const bool changed = co_await store_->async_exchange(key, seen, value);
        if (changed) {
            group_.limits = value;
            with_state([&](state& s) { s.limits = limits; });
            watchers_.notify();
            co_return;
        }
        seen = co_await store_->async_load(key);
    }
    throw error(make_error_code(errc::conflict), step, "others change them all the time");
}

asio::awaitable<std::chrono::system_clock::duration> manager::core::take_shared_token(
    token_bucket::saved limit_record::* which, rate pace)
{
    std::chrono::system_clock::duration wait{0};
    auto take = [&](limit_record& limits) {
        token_bucket bucket(pace, limits.*which);
        wait = bucket.wait(now());
        if (wait > wait.zero())
            return false;
        bucket.try_take(now());
        limits.*which = bucket.save();
        return true;
    };
    co_await change_shared_limits(take);
    co_return wait;
}

asio::awaitable<std::chrono::system_clock::duration> manager::core::take_shared_token_or_tell(
    token_bucket::saved limit_record::* which, rate pace)
{
    std::chrono::system_clock::duration wait{0};
    try {
        wait = co_await take_shared_token(which, pace);
    } catch (const error& e) {
        save_failed told{keys_.limits(), e};
        if (e.code() != asio::error::operation_aborted)
            tell(told);
        throw;
    }
    co_return wait;
}

asio::awaitable<void> manager::core::put_back_shared_token(token_bucket::saved limit_record::* which, rate pace)
{
    auto put_back = [&](limit_record& limits) {
        token_bucket bucket(pace, limits.*which);
        bucket.put_back();
        limits.*which = bucket.save();
        return true;
    };
    co_await change_shared_limits(put_back);
}

// The CA's own limits, as this manager has learnt them; the tokens are others' business.
asio::awaitable<void> manager::core::save_shared_pauses()
{
    const auto ours = with_state([](const state& s) { return s.limits ? s.limits->pauses : limit_record().pauses; });
    auto merge = [&](limit_record& limits) {
        bool news = !group_.limits;
        for (auto& [domain, pause] : ours) {
            auto& theirs = limits.pauses[domain];
            if (theirs.until >= pause.until)
                continue;
            theirs = pause;
            news = true;
        }
        return news;
    };
    co_await change_shared_limits(merge);
}

asio::awaitable<std::chrono::system_clock::duration> manager::core::take_limit_token(
    token_bucket::saved limit_record::* which, rate pace)
{
    const auto at = now();
    std::chrono::system_clock::duration wait{0};
    if (!group_.changes)
        wait = with_state([&](state& s) { return take_token(s, which, pace, at); });
    else if (!pace.is_unlimited())
        wait = co_await take_shared_token_or_tell(which, pace);
    co_return wait;
}

void manager::core::put_back_limit_token(token_bucket::saved limit_record::* which, rate pace)
{
    if (group_.changes) {
        if (!pace.is_unlimited())
            spawn(put_back_shared_token(which, pace));
        return;
    }
    with_state([&](state& s) {
        if (!s.limits)
            return;
        token_bucket bucket(pace, (*s.limits).*which);
        bucket.put_back();
        (*s.limits).*which = bucket.save();
    });
    changed({keys_.limits()});
}

} // namespace acme
