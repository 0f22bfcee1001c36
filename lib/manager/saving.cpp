#include "manager/core.hpp"

namespace acme {
namespace {

constexpr auto pause_after_failure = std::chrono::seconds(30);

error saving_error()
{
    try {
        throw;
    } catch (const error& e) {
        return e;
    } catch (const boost::system::system_error& e) {
        return error(e.code(), "saving the state", e.what());
    } catch (const std::exception& e) {
        return error(boost::system::errc::make_error_code(boost::system::errc::io_error), "saving the state", e.what());
    }
}

} // namespace

asio::awaitable<void> manager::core::open_cache_file(std::filesystem::path path)
{
    auto place = "cache file " + path.string();
    auto opened = co_await async_open_file_store(std::move(path));
    co_await use_store(std::move(opened), std::move(place));
}

asio::awaitable<void> manager::core::use_store(std::shared_ptr<store> where, std::string place)
{
    if (stopped_)
        throw error(make_error_code(errc::shut_down), "loading the saved state");
    if (store_ || opening_store_)
        throw error(make_error_code(errc::conflict), "loading the saved state", "the manager has a store already");
    opening_store_ = true;
    std::exception_ptr failed;
    try {
        auto found = co_await load_objects(where);
        auto unsaved = merge(decode(found, keys_, place));
        store_ = std::move(where);
        reload();
        changed(std::move(unsaved));
    } catch (...) {
        failed = std::current_exception();
    }
    opening_store_ = false;
    if (failed)
        std::rethrow_exception(failed);
}

asio::awaitable<objects> manager::core::load_objects(std::shared_ptr<store> where)
{
    objects found;
    auto names = co_await where->async_list(std::string());
    for (auto& name : names) {
        auto value = co_await where->async_load(name);
        if (value)
            found[name] = std::move(*value);
    }
    co_return found;
}

// What is in memory stays where the loaded state has nothing newer; returns the keys that the store does not have so.
std::set<std::string> manager::core::merge(state loaded)
{
    std::set<std::string> unsaved;
    auto take = [&](state& s) {
        if (loaded.account) {
            s.account = std::move(loaded.account);
            client_.reset();
        } else if (s.account) {
            unsaved.insert(keys_.account());
        }
        if (loaded.hosts && !hosts_set_)
            s.hosts = std::move(loaded.hosts);
        else if (s.hosts)
            unsaved.insert(state_keys::hosts());
        if (loaded.limits)
            s.limits = loaded.limits;
        for (auto& [host, record] : s.orders)
            unsaved.insert(keys_.order(host));
        s.orders.merge(loaded.orders);
        for (auto& [host, record] : s.certificates) {
            auto it = loaded.certificates.find(host);
            if (it != loaded.certificates.end() &&
                it->second.certificate->not_after() >= record.certificate->not_after())
                record = it->second;
            else
                unsaved.insert(keys_.certificate(host));
        }
        s.certificates.merge(loaded.certificates);
        for (auto& [host, record] : s.certificates)
            index_->certificates.insert(host, record.certificate);
    };
    with_state(take);
    return unsaved;
}

asio::awaitable<bool> manager::core::save(std::string key)
{
    auto where = store_;
    if (!where)
        co_return true;
    // The value is read behind the lock, so the last save of a key always carries its newest value.
    auto lock = co_await save_locks_->async_lock(key);
    auto value = with_state([&](const state& s) { return encode_object(s, keys_, key); });
    std::optional<error> failed;
    try {
        if (value)
            co_await where->async_save(key, *value);
        else
            co_await where->async_erase(key);
    } catch (...) {
        failed = saving_error();
    }
    if (!failed)
        co_return true;
    save_failed told{key, *failed};
    tell(told);
    with_state([&](state&) { changed_.insert(key); });
    if (!saving_paused_) {
        saving_paused_ = true;
        spawn(resume_saving());
    }
    co_return false;
}

asio::awaitable<void> manager::core::save_changed(std::string key)
{
    co_await save(std::move(key));
}

asio::awaitable<void> manager::core::resume_saving()
{
    co_await options_.clock->async_wait(pause_after_failure);
    saving_paused_ = false;
    wake();
}

void manager::core::save_what_changed()
{
    if (saving_paused_)
        return;
    std::set<std::string> keys;
    with_state([&](state&) { keys.swap(changed_); });
    if (!store_)
        return;
    for (auto& key : keys)
        spawn(save_changed(key));
}

} // namespace acme
