#include <acme/error.hpp>
#include <acme/testing/store.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <limits>
#include <list>
#include <mutex>
#include <optional>
#include <utility>

namespace acme::testing {

namespace asio = boost::asio;

namespace {

constexpr const char* place = "the test's store";

} // namespace

store_fault& store_fault::prefix(std::string p)
{
    prefix_ = std::move(p);
    return *this;
}

store_fault& store_fault::nth(std::size_t n) noexcept
{
    first_ = n;
    return *this;
}

store_fault& store_fault::times(std::size_t n) noexcept
{
    times_ = n;
    return *this;
}

store_fault& store_fault::always() noexcept
{
    return times(std::numeric_limits<std::size_t>::max());
}

store_fault& store_fault::with(boost::system::error_code ec) noexcept
{
    code_ = ec;
    return *this;
}

store_fault& store_fault::after() noexcept
{
    after_ = true;
    return *this;
}

store_fault& store_fault::stall() noexcept
{
    stalls_ = true;
    return *this;
}

bool store_fault::count(testing::operation o, const std::string& key)
{
    if ((operation_ != operation::any && operation_ != o) || !key.starts_with(prefix_))
        return false;
    ++seen_;
    return seen_ >= first_ && seen_ - first_ < times_;
}

// What becomes of an operation: it fails before or after it is carried out, or not.
struct faulty_store::verdict
{
    verdict() = default;

    std::optional<error> before;
    std::optional<error> after;

    void throw_before() const
    {
        if (before)
            throw error(*before);
    }
    void throw_after() const
    {
        if (after)
            throw error(*after);
    }
};

// Guarded by its mutex; stalled operations are known by a timer each, which is touched on its own executor only.
struct faulty_store::script
{
    struct stalled
    {
        explicit stalled(asio::any_io_executor executor)
            : timer(std::move(executor), std::chrono::steady_clock::time_point::max())
        {}

        asio::steady_timer timer;
        bool resumed = false;
    };

    std::mutex mutex;
    std::list<store_fault> faults;
    std::vector<operation_record> operations;
    std::list<std::weak_ptr<stalled>> stalling;

    verdict judge(operation o, const std::string& key, const std::shared_ptr<stalled>& stall, bool& stalls)
    {
        const std::lock_guard guard(mutex);
        const store_fault* due = nullptr;
        for (store_fault& f : faults)
            if (f.count(o, key) && due == nullptr)
                due = &f;
        verdict v;
        operation_record record;
        record.operation = o;
        record.key = key;
        stalls = due != nullptr && due->stalls_;
        if (stalls) {
            stalling.push_back(stall);
        } else if (due != nullptr) {
            record.failure = due->code_;
            (due->after_ ? v.after : v.before).emplace(due->code_, place, key);
        }
        operations.push_back(std::move(record));
        return v;
    }
};

faulty_store::faulty_store(std::shared_ptr<store> behind)
    : behind_(behind ? std::move(behind) : make_memory_store())
    , script_(std::make_shared<script>())
{}

faulty_store::~faulty_store() = default;

asio::awaitable<faulty_store::verdict> faulty_store::async_begin(operation o, std::string key)
{
    const auto kept = script_;
    const auto stall = std::make_shared<script::stalled>(co_await asio::this_coro::executor);
    co_await asio::post(asio::use_awaitable);
    bool stalls = false;
    const verdict v = kept->judge(o, key, stall, stalls);
    boost::system::error_code ec;
    if (stalls)
        co_await stall->timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    if (stalls && !stall->resumed)
        throw error(ec, place, key);
    co_return v;
}

asio::awaitable<std::optional<std::string>> faulty_store::async_load(std::string key)
{
    const auto behind = behind_;
    const verdict v = co_await async_begin(operation::load, key);
    v.throw_before();
    auto value = co_await behind->async_load(std::move(key));
    v.throw_after();
    co_return value;
}

asio::awaitable<void> faulty_store::async_save(std::string key, std::string value)
{
    const auto behind = behind_;
    const verdict v = co_await async_begin(operation::save, key);
    v.throw_before();
    co_await behind->async_save(std::move(key), std::move(value));
    v.throw_after();
}

asio::awaitable<void> faulty_store::async_erase(std::string key)
{
    const auto behind = behind_;
    const verdict v = co_await async_begin(operation::erase, key);
    v.throw_before();
    co_await behind->async_erase(std::move(key));
    v.throw_after();
}

asio::awaitable<std::vector<std::string>> faulty_store::async_list(std::string prefix)
{
    const auto behind = behind_;
    const verdict v = co_await async_begin(operation::list, prefix);
    v.throw_before();
    auto keys = co_await behind->async_list(std::move(prefix));
    v.throw_after();
    co_return keys;
}

asio::awaitable<std::unique_ptr<store::lock>> faulty_store::async_lock(std::string name)
{
    const auto behind = behind_;
    const verdict v = co_await async_begin(operation::lock, name);
    v.throw_before();
    auto held = co_await behind->async_lock(std::move(name));
    v.throw_after();
    co_return held;
}

asio::awaitable<void> faulty_store::async_guarded_save(std::string key, std::string value, const lock& guard)
{
    const auto behind = behind_;
    const verdict v = co_await async_begin(operation::save, key);
    v.throw_before();
    co_await behind->async_guarded_save(std::move(key), std::move(value), guard);
    v.throw_after();
}

asio::awaitable<void> faulty_store::async_guarded_erase(std::string key, const lock& guard)
{
    const auto behind = behind_;
    const verdict v = co_await async_begin(operation::erase, key);
    v.throw_before();
    co_await behind->async_guarded_erase(std::move(key), guard);
    v.throw_after();
}

asio::awaitable<bool> faulty_store::async_exchange(
    std::string key, std::optional<std::string> expected, std::string desired)
{
    const auto behind = behind_;
    const verdict v = co_await async_begin(operation::exchange, key);
    v.throw_before();
    const bool exchanged = co_await behind->async_exchange(std::move(key), std::move(expected), std::move(desired));
    v.throw_after();
    co_return exchanged;
}

std::unique_ptr<subscription> faulty_store::watch(std::string prefix)
{
    return behind_->watch(std::move(prefix));
}

void faulty_store::inject(store_fault f)
{
    const std::lock_guard guard(script_->mutex);
    script_->faults.push_back(std::move(f));
}

void faulty_store::clear_faults()
{
    const std::lock_guard guard(script_->mutex);
    script_->faults.clear();
}

void faulty_store::resume()
{
    const std::lock_guard guard(script_->mutex);
    for (const auto& one : script_->stalling) {
        const auto s = one.lock();
        if (!s)
            continue;
        asio::post(s->timer.get_executor(), [s] {
            s->resumed = true;
            s->timer.cancel();
        });
    }
    script_->stalling.clear();
}

std::vector<operation_record> faulty_store::operations() const
{
    const std::lock_guard guard(script_->mutex);
    return script_->operations;
}

std::size_t faulty_store::count(operation o) const
{
    const std::lock_guard guard(script_->mutex);
    return static_cast<std::size_t>(std::count_if(script_->operations.begin(), script_->operations.end(),
        [&](const operation_record& r) { return o == operation::any || r.operation == o; }));
}

} // namespace acme::testing
