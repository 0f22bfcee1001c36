#include "store/file_contents.hpp"

#include "store/archive.hpp"
#include "store/failure.hpp"

#include <boost/asio/this_coro.hpp>

namespace acme {

namespace asio = boost::asio;

file_contents::file_contents(const std::filesystem::path& path, worker& w)
    : file_(path)
    , worker_(&w)
{}

asio::awaitable<void> file_contents::async_open()
{
    return open(shared_from_this());
}

asio::awaitable<bool> file_contents::async_change(std::string key, std::optional<std::string> value, condition expected)
{
    return change(shared_from_this(), std::move(key), std::move(value), std::move(expected));
}

asio::awaitable<void> file_contents::open(std::shared_ptr<file_contents> self)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    wakeup done(executor);
    const auto w = std::make_shared<waiter>();
    w->notify = done.get_notifier();
    self->worker_->post([self, w] {
        w->failure = failure_of("reading the state file", self->file_.path().native(), [&] { self->read(); });
        w->notify();
    });
    co_await done.async_wait("reading the state file");
    if (w->failure)
        throw error(*w->failure);
}

asio::awaitable<bool> file_contents::change(
    std::shared_ptr<file_contents> self, std::string key, std::optional<std::string> value, condition expected)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    wakeup done(executor);
    const auto w = std::make_shared<waiter>();
    w->notify = done.get_notifier();
    if (!self->apply(std::move(key), std::move(value), expected, w))
        co_return !w->refused;
    co_await done.async_wait("writing the state file");
    if (w->failure)
        throw error(*w->failure);
    co_return true;
}

bool file_contents::apply(
    std::string key, std::optional<std::string> value, const condition& expected, const std::shared_ptr<waiter>& w)
{
    const std::lock_guard guard(mutex_);
    if (!worker_)
        throw error(errc::shut_down, "writing the state file", file_.path().native() + ": the store is closed");
    w->refused = expected && find_value(objects_, key) != *expected;
    if (w->refused)
        return false;
    // An erasure that failed, or is under way, is not yet on the disk though the object is gone here.
    if (!value && !objects_.contains(key) && durable_ == changes_)
        return false;
    waiters_.push_back(w);
    if (!write_posted_)
        worker_->post([self = shared_from_this()] { self->write(); });
    write_posted_ = true;
    w->change = ++changes_;
    pending_[key] = changes_;
    subscribers_.publish(key, value);
    if (value)
        objects_.insert_or_assign(std::move(key), std::move(*value));
    else
        objects_.erase(key);
    return true;
}

std::optional<std::string> file_contents::find(std::string_view key) const
{
    const std::lock_guard guard(mutex_);
    return find_value(objects_, key);
}

std::vector<std::string> file_contents::list(std::string_view prefix) const
{
    const std::lock_guard guard(mutex_);
    return keys_with_prefix(objects_, prefix);
}

void file_contents::close()
{
    const std::lock_guard guard(mutex_);
    worker_ = nullptr;
    subscribers_.close();
}

void file_contents::read()
{
    auto version = file_.version();
    const auto text = file_.read(max_archive_size);
    auto contents = text ? decode_archive(*text, file_.path().native()) : objects();
    seen_ = version;
    file_.remove_leftovers();
    const std::lock_guard guard(mutex_);
    objects_ = std::move(contents);
}

void file_contents::write()
{
    std::uint64_t change = 0;
    const auto failure = failure_of("writing the state file", file_.path().native(), [&] {
        {
            const std::lock_guard guard(mutex_);
            write_posted_ = false;
            change = changes_;
        }
        const auto turn = file_.take_turn();
        const auto snapshot = merged();
        file_.write(encode_archive(snapshot));
        seen_ = file_.version();
    });
    finish(change, failure);
}

// What another process has written since is taken over, but for the objects that were changed here meanwhile. A file
// that somebody removed is written anew; one that somebody damaged is not.
objects file_contents::merged()
{
    const auto version = file_.version();
    const bool changed = version && version != seen_;
    const auto text = changed ? file_.read(max_archive_size) : std::nullopt;
    auto theirs = text ? decode_archive(*text, file_.path().native()) : objects();
    const std::lock_guard guard(mutex_);
    if (!text)
        return objects_;
    for (const auto& [key, number] : pending_) {
        if (const auto own = objects_.find(key); own != objects_.end())
            theirs.insert_or_assign(key, own->second);
        else
            theirs.erase(key);
    }
    take_over(std::move(theirs));
    return objects_;
}

void file_contents::take_over(objects theirs)
{
    objects_.swap(theirs);
    const objects& before = theirs;
    for (const auto& [key, value] : objects_)
        if (const auto old = before.find(key); old == before.end() || old->second != value)
            subscribers_.publish(key, value);
    for (const auto& [key, value] : before)
        if (!objects_.contains(key))
            subscribers_.publish(key, std::nullopt);
}

void file_contents::finish(std::uint64_t change, const std::optional<error>& failure)
{
    std::vector<std::shared_ptr<waiter>> finished;
    {
        const std::lock_guard guard(mutex_);
        if (!failure) {
            durable_ = change;
            std::erase_if(pending_, [&](const auto& each) { return each.second <= change; });
        }
        // Waiters are in the order of their changes.
        auto end = waiters_.begin();
        while (end != waiters_.end() && (*end)->change <= change)
            ++end;
        finished.assign(std::make_move_iterator(waiters_.begin()), std::make_move_iterator(end));
        waiters_.erase(waiters_.begin(), end);
    }
    for (const auto& w : finished) {
        w->failure = failure;
        w->notify();
    }
}

} // namespace acme
