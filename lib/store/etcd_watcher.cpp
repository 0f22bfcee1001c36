#include "store/etcd_watcher.hpp"

#include "store/object.hpp"
#include "transport/watchdog.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace acme {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr const char* step = "watching etcd";
constexpr std::chrono::milliseconds longest_pause = 2s;
// A watch that ends earlier is no better than one that fails.
constexpr auto shortest_life = 1s;
// etcd itself tells every 10 minutes that there was nothing.
constexpr auto longest_silence = 11min;
// Should a message ever be missed, a lock is not waited for in vain for longer.
constexpr auto second_look = 30s;

[[noreturn]] void fail(const std::string& why)
{
    throw error(make_error_code(errc::store_unavailable), step, why);
}

asio::awaitable<std::optional<std::string>> hear(const strand& s, line_stream& stream, steady_clock::duration limit)
{
    const watchdog dog(s, steady_clock::now() + limit, [&stream] { stream.close(); });
    try {
        co_return co_await stream.async_read_line(max_etcd_message);
    } catch (const error&) {
        if (!dog.expired())
            throw;
    }
    fail("nothing is heard");
}

} // namespace

etcd_watcher::etcd_watcher(std::shared_ptr<etcd_gateway> gateway, std::string prefix, const std::string& below)
    : gateway_(std::move(gateway))
    , prefix_(std::move(prefix))
    , objects_(prefix_ + below)
    , pause_(gateway_->get_strand())
    , next_question_(gateway_->get_strand())
{}

std::unique_ptr<subscription> etcd_watcher::subscribe(std::string prefix)
{
    const std::int64_t revision = gateway_->revision();
    const auto begin = revision == 0 ? change_queue::beginning::later : change_queue::beginning::now;
    auto queue = std::make_shared<change_queue>(std::move(prefix), begin);
    const auto& s = gateway_->get_strand();
    asio::post(s, [self = shared_from_this(), queue, revision] { self->add(queue, revision); });
    std::weak_ptr<etcd_watcher> weak = weak_from_this();
    return make_subscription(std::move(queue), [weak, s] {
        asio::post(s, [weak] {
            if (const auto self = weak.lock())
                self->leave();
        });
    });
}

void etcd_watcher::close()
{
    asio::post(gateway_->get_strand(), [self = shared_from_this()] {
        self->closed_ = true;
        for (const auto& weak : self->queues_)
            if (const auto queue = weak.lock())
                queue->close();
        self->queues_.clear();
        self->leave();
    });
}

void etcd_watcher::add(std::shared_ptr<change_queue> queue, std::int64_t revision)
{
    if (closed_)
        queue->close();
    // What was heard since it was made was not told to it.
    if (running_ && next_ > revision + 1)
        queue->push(store_change());
    if (interrupted_)
        queue->push(store_change(store_change::kind::interrupted));
    std::weak_ptr<change_queue> weak = queue;
    queue.reset();
    queues_.push_back(std::move(weak));
    need(revision);
}

// Nothing before that revision matters to who needs it.
void etcd_watcher::need(std::int64_t revision)
{
    if (!is_needed() || std::exchange(running_, true))
        return;
    next_ = revision == 0 ? 0 : revision + 1;
    missed_ = next_ == 0;
    asio::co_spawn(gateway_->get_strand(), run(shared_from_this()), asio::detached);
    if (!std::exchange(asking_, true))
        asio::co_spawn(gateway_->get_strand(), ask(shared_from_this()), asio::detached);
}

bool etcd_watcher::is_needed()
{
    std::erase_if(queues_, [](const auto& q) { return q.expired(); });
    return !queues_.empty() || !departures_.empty();
}

void etcd_watcher::leave()
{
    if (is_needed())
        return;
    pause_.cancel();
    left_ = true;
    if (stream_)
        stream_->close();
}

asio::awaitable<void> etcd_watcher::run(std::shared_ptr<etcd_watcher> self)
{
    while (self->is_needed()) {
        std::optional<error> failure;
        self->left_ = false;
        try {
            co_await read(self);
        } catch (const error& e) {
            failure = e;
        }
        if (self->left_ || !self->is_needed())
            continue;
        self->take_end(failure);
        const auto pause = std::min(100ms * (1U << std::min(self->failures_, 10U)), longest_pause);
        self->pause_.expires_after(self->failures_ == 1 ? 0ms : pause);
        co_await self->pause_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    self->running_ = self->interrupted_ = false;
    self->failures_ = 0;
    self->next_question_.cancel();
}

// Returns where the watch is to begin anew.
asio::awaitable<void> etcd_watcher::read(std::shared_ptr<etcd_watcher> self)
{
    boost::json::object request = etcd_watch(self->prefix_, self->next_);
    const auto stream = co_await self->gateway_->async_watch(std::move(request));
    std::optional<steady_clock::time_point> begin;
    self->stream_ = stream.get();
    const std::shared_ptr<void> end(nullptr, [&](void*) {
        self->stream_ = nullptr;
        if (begin && steady_clock::now() - *begin >= shortest_life)
            self->failures_ = 0;
    });
    const etcd_gateway::reading reading(*self->gateway_, *stream);
    const auto& s = self->gateway_->get_strand();
    steady_clock::duration limit = self->gateway_->options().request_timeout;
    std::optional<error> failure;
    try {
        while (self->is_needed()) {
            const auto line = co_await hear(s, *stream, limit);
            if (!line)
                fail("the connection was ended");
            if (!begin)
                begin = steady_clock::now();
            limit = longest_silence;
            if (!self->take_line(*line) || !co_await is_at_its_place(self))
                co_return;
        }
        co_return;
    } catch (const error& e) {
        failure = e;
    }
    if (failure->code() == errc::answer_too_large)
        self->lose_place(0);
    fail(self->gateway_->watched_member() + ": " + failure->explanation());
}

// Of a revision that etcd has not come to nothing would be heard. It may be the member that lags, or etcd was restored
// to an older one.
asio::awaitable<bool> etcd_watcher::is_at_its_place(std::shared_ptr<etcd_watcher> self)
{
    if (!std::exchange(self->ahead_, false))
        co_return true;
    boost::json::object message = etcd_get(self->prefix_);
    const etcd_answer answer = co_await self->gateway_->async_call("/v3/kv/range", std::move(message));
    if (answer.revision + 1 >= self->next_)
        co_return true;
    self->gateway_->go_back(answer.revision);
    self->lose_place(0);
    co_return false;
}

// A member that hangs is as silent as one where nothing happens: it is asked now and then, and the watch is closed
// where it does not answer.
asio::awaitable<void> etcd_watcher::ask(std::shared_ptr<etcd_watcher> self)
{
    for (;;) {
        self->next_question_.expires_after(2 * self->gateway_->options().request_timeout);
        co_await self->next_question_.async_wait(asio::as_tuple(asio::use_awaitable));
        if (!self->running_)
            break;
        try {
            boost::json::object message = etcd_get(self->prefix_);
            co_await self->gateway_->async_call(
                "/v3/kv/range", std::move(message), etcd_gateway::repetition::once_each);
        } catch (const boost::system::system_error&) {
            // Who reads tells of it.
        }
    }
    self->asking_ = false;
}

// False where the watch is to begin anew.
bool etcd_watcher::take_line(const std::string& line)
{
    const auto message = parse_etcd_watch(line);
    if (!message) {
        lose_place(0);
        fail(message.why);
    }
    if (message->cancelled && message->compact_revision > 0) {
        lose_place(message->compact_revision);
        return false;
    }
    if (message->cancelled) {
        gateway_->watch_refused(message->reason);
        fail(message->reason.empty() ? "the watch was ended" : message->reason);
    }
    take(*message);
    return true;
}

void etcd_watcher::take(const etcd_watch_message& message)
{
    if (message.created) {
        ahead_ = message.revision + 1 < next_;
        if (std::exchange(interrupted_, false))
            tell(store_change(store_change::kind::resumed));
        if (std::exchange(missed_, false)) {
            tell(store_change());
            wake_all();
        }
        if (next_ == 0)
            next_ = message.revision + 1;
        return;
    }
    for (const etcd_event& event : message.events)
        take(event);
    if (!message.fragment && !message.events.empty())
        next_ = std::max(next_, message.events.back().object.mod_revision + 1);
    if (message.events.empty())
        next_ = std::max(next_, message.revision + 1);
}

void etcd_watcher::take(const etcd_event& event)
{
    const std::string_view key = event.object.key;
    if (event.erased)
        wake(key);
    if (!key.starts_with(objects_))
        return;
    const std::string_view name = key.substr(objects_.size());
    if (!is_valid_key(name))
        return;
    store_change change(event.erased ? store_change::kind::erased : store_change::kind::saved);
    change.key = name;
    change.value = event.object.value;
    // Loading it says what is wrong with it.
    tell(is_valid_value(change.value) ? change : store_change());
}

void etcd_watcher::tell(const store_change& change)
{
    const bool of_an_object = change.what == store_change::kind::saved || change.what == store_change::kind::erased;
    for (const auto& weak : queues_) {
        const auto queue = weak.lock();
        if (queue && (!of_an_object || change.key.starts_with(queue->prefix())))
            queue->push(change);
    }
}

void etcd_watcher::wake(std::string_view key)
{
    const auto [first, last] = departures_.equal_range(key);
    for (auto each = first; each != last; ++each) {
        each->second->woken_ = true;
        each->second->event_.cancel();
    }
}

void etcd_watcher::wake_all()
{
    for (auto& [key, each] : departures_) {
        each->woken_ = true;
        each->event_.cancel();
    }
}

void etcd_watcher::lose_place(std::int64_t next)
{
    next_ = next;
    missed_ = true;
}

// A member that fails is nothing to speak of when the next one does not.
void etcd_watcher::take_end(const std::optional<error>& failure)
{
    ++failures_;
    if (!failure)
        return;
    gateway_->leave_watched_member();
    if (failures_ < 2 || std::exchange(interrupted_, true))
        return;
    store_change change(store_change::kind::interrupted);
    change.failure = failure;
    tell(change);
}

etcd_watcher::departure::departure(std::shared_ptr<etcd_watcher> owner, std::string key)
    : owner_(std::move(owner))
    , place_(owner_->departures_.emplace(std::move(key), this))
    , event_(owner_->gateway_->get_strand())
{
    owner_->need(owner_->gateway_->revision());
}

etcd_watcher::departure::~departure()
{
    owner_->departures_.erase(place_);
    owner_->leave();
}

asio::awaitable<void> etcd_watcher::departure::async_wait()
{
    boost::system::error_code ec;
    event_.expires_after(second_look);
    if (!woken_)
        co_await event_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    if (ec && !woken_)
        throw error(ec, "waiting for a lock");
    woken_ = false;
}

} // namespace acme
