#include "manager/core.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>

namespace acme {
namespace {

constexpr auto pause_after_failure = std::chrono::seconds(30);

// Certificates beyond this number are loaded while others are served already.
constexpr std::size_t most_loaded_at_once = 1'000;

constexpr const char* loading_step = "loading the saved state";
constexpr const char* saving_step = "saving the state";

class claim
{
public:
    explicit claim(bool& flag)
        : flag_(flag)
    {
        flag_ = true;
    }
    claim(const claim&) = delete;
    claim& operator=(const claim&) = delete;
    ~claim() { flag_ = false; }

private:
    bool& flag_;
};

bool is_of_one_host(const state_keys& keys, const std::string& key)
{
    return key.starts_with(keys.certificate({})) || key.starts_with(keys.order({})) ||
        key.starts_with(keys.failure({}));
}

error saving_error()
{
    try {
        throw;
    } catch (const error& e) {
        return e;
    } catch (const boost::system::system_error& e) {
        return error(e.code(), saving_step, e.what());
    } catch (const std::exception& e) {
        return error(boost::system::errc::make_error_code(boost::system::errc::io_error), saving_step, e.what());
    }
}

} // namespace

asio::awaitable<void> manager::core::use_store(std::shared_ptr<store> where)
{
    refuse_second_store();
    claim opening(opening_store_);
    std::string place = "the store";
    co_await load_from(std::move(where), std::move(place));
}

asio::awaitable<void> manager::core::use_cache_file(std::filesystem::path path)
{
    refuse_second_store();
    claim opening(opening_store_);
    auto place = "cache file " + path.string();
    auto opened = co_await async_open_file_store(std::move(path));
    co_await load_from(std::move(opened), std::move(place));
}

void manager::core::refuse_second_store() const
{
    if (store_ || opening_store_)
        throw error(make_error_code(errc::second_store), loading_step);
}

asio::awaitable<void> manager::core::load_from(std::shared_ptr<store> where, std::string place)
{
    std::vector<std::string> left;
    // What is read after the first message can't be missed.
    auto changes = subscribe(*where);
    store_change began;
    if (changes)
        began = co_await changes->async_receive();
    auto found = co_await load_objects(where, left);
    if (stopped_)
        throw error(make_error_code(errc::shut_down), loading_step);
    auto unsaved = merge(decode(found, keys_, place));
    store_ = std::move(where);
    if (auto limits = found.find(keys_.limits()); limits != found.end())
        group_.limits = limits->second;
    leave_in_store(std::move(left));
    join_group(std::move(changes));
    take_change(began);
    for (auto& [key, value] : found)
        if (key.starts_with(keys_.challenge({})))
            take_saved(key, value);
    reload();
    changed(std::move(unsaved));
}

// Where there are many certificates, they are left for later: `left` names their hosts.
asio::awaitable<objects> manager::core::load_objects(std::shared_ptr<store> where, std::vector<std::string>& left)
{
    objects found;
    auto names = co_await where->async_list(keys_.prefix());
    names.push_back(state_keys::hosts());
    const auto certificates = keys_.certificate({});
    auto is_certificate = [&](const std::string& name) { return name.starts_with(certificates); };
    const auto count = std::count_if(names.begin(), names.end(), is_certificate);
    const auto resident = options_.max_resident == 0 ? most_loaded_at_once : options_.max_resident;
    const bool some_later = static_cast<std::size_t>(count) > std::min(resident, most_loaded_at_once);
    for (auto& name : names) {
        if (some_later && is_certificate(name)) {
            auto host = name.substr(certificates.size());
            // What is in memory too has to be compared.
            if (!with_state([&](const state& s) { return s.certificates.contains(host); })) {
                left.push_back(std::move(host));
                continue;
            }
        }
        auto value = co_await load_or_tell(where, name);
        if (value)
            found[name] = std::move(*value);
    }
    co_return found;
}

// Of what is damaged nothing is known.
asio::awaitable<std::optional<std::string>> manager::core::load_undamaged(
    std::shared_ptr<store> where, std::string name)
{
    std::optional<std::string> value;
    try {
        value = co_await where->async_load(name);
    } catch (const error& e) {
        if (!is_unusable(e))
            throw;
    }
    co_return value;
}

// What is of one host does not keep the others from being served.
asio::awaitable<std::optional<std::string>> manager::core::load_or_tell(std::shared_ptr<store> where, std::string name)
{
    std::optional<std::string> value;
    try {
        value = co_await where->async_load(name);
    } catch (const error& e) {
        if (!is_unusable(e) || !is_of_one_host(keys_, name))
            throw;
        state_refused told{name, e};
        tell(told);
    }
    co_return value;
}

// What is in memory stays where the loaded state has nothing newer; returns the keys that the store does not have so.
std::set<std::string> manager::core::merge(state loaded)
{
    std::set<std::string> unsaved;
    auto take = [&](state& s) {
        unstored_.clear();
        unwanted_.clear();
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
        else if (s.limits)
            unsaved.insert(keys_.limits());
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
            if (it == loaded.certificates.end())
                unstored_.insert(keys_.certificate(host));
        }
        s.certificates.merge(loaded.certificates);
        for (auto& [host, record] : s.failures)
            unsaved.insert(keys_.failure(host));
        s.failures.merge(loaded.failures);
        for (auto& [host, record] : s.certificates)
            index_->certificates.insert(host, record.certificate);
    };
    with_state(take);
    return unsaved;
}

// A store without the account was emptied, or set up anew: nobody erases that. What is in memory is all that is left.
void manager::core::save_all_again()
{
    std::set<std::string> lost;
    with_state([&](const state& s) {
        if (!s.account)
            return;
        lost = keys_of(s, keys_);
        for (auto& [host, record] : s.certificates)
            unstored_.insert(keys_.certificate(host));
    });
    if (!lost.empty())
        changed(std::move(lost));
}

// Until its value is read, a key stays among the unsaved: a save that is cancelled before has not happened.
asio::awaitable<std::optional<error>> manager::core::save(std::string key)
{
    std::optional<error> failed;
    auto where = store_;
    if (!where)
        co_return failed;
    with_state([&](state&) { unsaved_.insert(key); });
    // The value is read behind the lock, so the last save of a key always carries its newest value.
    auto lock = co_await save_locks_->async_lock(key);
    const bool saved_meanwhile = with_state([&](const state&) { return !unsaved_.contains(key); });
    if (saved_meanwhile)
        co_return failed;
    auto value = take_unsaved(key);
    // What is not in memory is not for that reason to be erased.
    const bool is_unneeded = !value && key.starts_with(keys_.certificate({})) &&
        with_state([&](const state&) { return !unwanted_.contains(key); });
    if (is_unneeded) {
        saved(key, false);
        co_return failed;
    }
    const bool erases = !value;
    saving_.insert(key);
    try {
        co_await save_value(where, key, std::move(value));
    } catch (...) {
        failed = saving_error();
    }
    auto cancellation = co_await asio::this_coro::cancellation_state;
    const bool cancelled = cancellation.cancelled() != asio::cancellation_type::none;
    saving_.erase(key);
    if (!failed)
        saved(key, erases);
    else if (cancelled)
        keep_unsaved(key);
    else if (failed->code() == errc::lock_lost)
        yield_order(key);
    else
        saving_failed(key, *failed);
    co_return failed;
}

void manager::core::saved(const std::string& key, bool is_erased)
{
    const bool is_last = with_state([&](state&) {
        if (is_erased)
            unwanted_.erase(key);
        return unstored_.erase(key) > 0 && unstored_.empty();
    });
    if (is_last)
        wake();
}

// What other managers on the store may change at the same time is saved with care.
asio::awaitable<void> manager::core::save_value(
    std::shared_ptr<store> where, std::string key, std::optional<std::string> value)
{
    const auto host = [&](const std::string& prefix) {
        return key.starts_with(prefix) ? key.substr(prefix.size()) : std::string();
    };
    const auto ordered = host(keys_.order({}));
    const auto held = group_.locks.find(ordered);
    const auto lock = held == group_.locks.end() ? nullptr : held->second;
    if (group_.changes && key == keys_.limits())
        co_await save_shared_pauses();
    else if (const auto served = host(keys_.certificate({})); group_.changes && !served.empty() && value)
        co_await save_certificate(where, served, *value);
    else if (group_.changes && !served.empty())
        co_await erase_certificate(where, served);
    else if (lock && value)
        co_await where->async_guarded_save(key, *value, *lock);
    else if (lock)
        co_await where->async_guarded_erase(key, *lock);
    else if (value)
        co_await where->async_save(key, *value);
    else
        co_await where->async_erase(key);
}

// Whoever has the lock now goes on with the order, or has another.
void manager::core::yield_order(const std::string& key)
{
    with_state([&](state& s) { std::erase_if(s.orders, [&](const auto& o) { return keys_.order(o.first) == key; }); });
}

// What others have saved since stays.
asio::awaitable<void> manager::core::erase_certificate(std::shared_ptr<store> where, std::string host)
{
    const auto key = keys_.certificate(host);
    const auto value = co_await load_undamaged(where, key);
    auto theirs = value ? read_certificate(host, *value) : std::nullopt;
    if (theirs && !is_unwanted(key, *theirs->certificate)) {
        take_certificate(host, std::move(*theirs));
        co_return;
    }
    co_await where->async_erase(key);
}

bool manager::core::is_unwanted(const std::string& key, const certificate& c) const
{
    return with_state([&](const state&) {
        const auto it = unwanted_.find(key);
        return it != unwanted_.end() && (!it->second || !is_newer(c, *it->second));
    });
}

// The CA's quota is not spent on what would be lost with the next restart.
asio::awaitable<void> manager::core::save_before_asking(std::string key, std::string host)
{
    auto failed = co_await save(std::move(key));
    if (failed && !can_not_wait(host))
        throw *failed;
}

// A certificate near its end, or past it, is refreshed even where it can be kept in memory only.
bool manager::core::can_not_wait(const std::string& host) const
{
    auto at = now();
    return with_state([&](const state& s) {
        auto it = s.certificates.find(host);
        return it != s.certificates.end() && at >= latest_refresh(validity_of(*it->second.certificate));
    });
}

std::optional<std::string> manager::core::take_unsaved(const std::string& key)
{
    queued_.erase(key);
    return with_state([&](const state& s) {
        unsaved_.erase(key);
        auto value = encode_object(s, keys_, key);
        if (value)
            unwanted_.erase(key);
        return value;
    });
}

// Whoever wanted it saved was cancelled, which says nothing of the disk.
void manager::core::keep_unsaved(const std::string& key)
{
    with_state([&](state&) { unsaved_.insert(key); });
    wake();
}

void manager::core::saving_failed(const std::string& key, const error& e)
{
    with_state([&](state&) { unsaved_.insert(key); });
    save_failed told{key, e};
    tell(told);
    if (saving_paused_)
        return;
    saving_paused_ = true;
    spawn(resume_saving());
}

asio::awaitable<void> manager::core::resume_saving()
{
    co_await options_.clock->async_wait(pause_after_failure);
    saving_paused_ = false;
    wake();
}

asio::awaitable<void> manager::core::save_one(std::string key)
{
    co_await save(std::move(key));
    make_room();
}

void manager::core::save_what_changed()
{
    if (saving_paused_)
        return;
    std::vector<std::string> keys;
    with_state([&](state&) {
        if (!store_)
            unsaved_.clear();
        // A store that has the account has the certificates as well.
        for (auto& key : unsaved_)
            if ((key != keys_.account() || unstored_.empty()) && queued_.insert(key).second)
                keys.push_back(key);
    });
    for (auto& key : keys)
        spawn(save_one(key));
}

} // namespace acme
