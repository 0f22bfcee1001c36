#include "store/encryption.hpp"

#include <acme/encrypted_store.hpp>

#include <exception>
#include <utility>

namespace acme {

namespace asio = boost::asio;

namespace {

// Awaitables start later, and may find the encrypted store gone.
struct parts
{
    parts(std::shared_ptr<store> b, encryption_options options)
        : behind(std::move(b))
        , cipher(std::make_shared<const encryption>(std::move(options)))
    {}

    const std::shared_ptr<store> behind;
    const std::shared_ptr<const encryption> cipher;
};
using shared_parts = std::shared_ptr<const parts>;

asio::awaitable<std::optional<std::string>> load(
    shared_parts all, std::string key, asio::awaitable<std::optional<std::string>> loading)
{
    const auto stored = co_await std::move(loading);
    std::optional<std::string> value;
    if (stored)
        value = all->cipher->decrypt(key, *stored);
    co_return value;
}

asio::awaitable<void> save(shared_parts all, std::string key, std::string value)
{
    std::string stored = all->cipher->encrypt(key, value);
    co_await all->behind->async_save(std::move(key), std::move(stored));
}

asio::awaitable<void> guarded_save(shared_parts all, std::string key, std::string value, const store::lock& guard)
{
    std::string stored = all->cipher->encrypt(key, value);
    co_await all->behind->async_guarded_save(std::move(key), std::move(stored), guard);
}

// The value that is stored is compared; it changes though its plain text stays where somebody saves that again.
asio::awaitable<bool> exchange(
    shared_parts all, std::string key, std::optional<std::string> expected, std::string desired)
{
    const std::string stored = all->cipher->encrypt(key, desired);
    for (;;) {
        const auto current = co_await all->behind->async_load(key);
        std::optional<std::string> value;
        if (current)
            value = all->cipher->decrypt(key, *current);
        if (value != expected)
            co_return false;
        if (co_await all->behind->async_exchange(key, current, stored))
            co_return true;
    }
}

class decrypting_subscription final : public subscription
{
public:
    // Without the store behind, whose end ends the subscription.
    decrypting_subscription(std::shared_ptr<const encryption> cipher, std::unique_ptr<subscription> behind)
        : cipher_(std::move(cipher))
        , behind_(std::move(behind))
    {}

    asio::awaitable<store_change> async_receive() override
    {
        store_change change = co_await behind_->async_receive();
        if (change.what != store_change::kind::saved)
            co_return change;
        try {
            change.value = cipher_->decrypt(change.key, change.value);
        } catch (const error&) {
            change = store_change();
        }
        co_return change;
    }

private:
    std::shared_ptr<const encryption> cipher_;
    std::unique_ptr<subscription> behind_;
};

class encrypted_store final : public store
{
public:
    explicit encrypted_store(shared_parts all)
        : all_(std::move(all))
    {}

    asio::awaitable<std::optional<std::string>> async_load(std::string key) override
    {
        auto loading = all_->behind->async_load(key);
        return load(all_, std::move(key), std::move(loading));
    }

    asio::awaitable<void> async_save(std::string key, std::string value) override
    {
        return save(all_, std::move(key), std::move(value));
    }

    asio::awaitable<void> async_erase(std::string key) override { return all_->behind->async_erase(std::move(key)); }

    asio::awaitable<std::vector<std::string>> async_list(std::string prefix) override
    {
        return all_->behind->async_list(std::move(prefix));
    }

    asio::awaitable<std::unique_ptr<lock>> async_lock(std::string name) override
    {
        return all_->behind->async_lock(std::move(name));
    }

    asio::awaitable<void> async_guarded_save(std::string key, std::string value, const lock& guard) override
    {
        return guarded_save(all_, std::move(key), std::move(value), guard);
    }

    asio::awaitable<void> async_guarded_erase(std::string key, const lock& guard) override
    {
        return all_->behind->async_guarded_erase(std::move(key), guard);
    }

    asio::awaitable<bool> async_exchange(
        std::string key, std::optional<std::string> expected, std::string desired) override
    {
        return exchange(all_, std::move(key), std::move(expected), std::move(desired));
    }

    std::unique_ptr<subscription> watch(std::string prefix) override
    {
        auto behind = all_->behind->watch(std::move(prefix));
        return behind ? std::make_unique<decrypting_subscription>(all_->cipher, std::move(behind)) : nullptr;
    }

private:
    shared_parts all_;
};

asio::awaitable<bool> encrypt_again(std::shared_ptr<store> behind, const encryption& cipher, std::string key)
{
    auto stored = co_await behind->async_load(key);
    if (!stored || cipher.is_current(*stored))
        co_return false;
    std::string renewed = cipher.encrypt(key, cipher.decrypt(key, *stored));
    co_return co_await behind->async_exchange(std::move(key), std::move(stored), std::move(renewed));
}

// One object that can't be decrypted does not keep the others from it.
asio::awaitable<std::size_t> encrypt_all_again(std::shared_ptr<store> behind, std::shared_ptr<const encryption> cipher)
{
    std::size_t count = 0;
    std::exception_ptr failure;
    std::string everything;
    const auto keys = co_await behind->async_list(std::move(everything));
    for (const auto& key : keys) {
        try {
            const bool done = co_await encrypt_again(behind, *cipher, key);
            count += done ? 1 : 0;
        } catch (const error& e) {
            if (e.code() != errc::damaged_state)
                throw;
            failure = std::current_exception();
        }
    }
    if (failure)
        std::rethrow_exception(failure);
    co_return count;
}

} // namespace

asio::awaitable<std::size_t> async_encrypt_again(std::shared_ptr<store> behind, encryption_options options)
{
    return encrypt_all_again(std::move(behind), std::make_shared<const encryption>(std::move(options)));
}

std::shared_ptr<store> make_encrypted_store(std::shared_ptr<store> behind, encryption_options options)
{
    return std::make_shared<encrypted_store>(std::make_shared<const parts>(std::move(behind), std::move(options)));
}

} // namespace acme
