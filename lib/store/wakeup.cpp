#include "store/wakeup.hpp"

#include <acme/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <mutex>
#include <set>

namespace acme {

namespace asio = boost::asio;

namespace {

using channel = asio::experimental::concurrent_channel<asio::any_io_executor, void(boost::system::error_code)>;

// Asio's services may not be used once their context has begun to shut down. Other threads do not know when that is,
// but this service does: services shut down in the reverse order of their creation, and this one is created after
// channel's.
class wakeup_service : public asio::execution_context::service
{
public:
    static inline asio::execution_context::id id;

    explicit wakeup_service(asio::execution_context& context)
        : service(context)
    {}

    void add(wakeup::core& c);
    void remove(wakeup::core& c);
    void shutdown() override;

private:
    std::mutex mutex_;
    std::set<wakeup::core*> cores_;
};

} // namespace

class wakeup::core
{
public:
    explicit core(const asio::any_io_executor& executor)
        : channel_(std::in_place, executor, 1)
        , service_(asio::use_service<wakeup_service>(asio::query(executor, asio::execution::context)))
    {
        service_.add(*this);
    }

    void notify()
    {
        const std::lock_guard guard(mutex_);
        if (open_)
            channel_->try_send(boost::system::error_code());
    }

    void close()
    {
        const std::lock_guard guard(mutex_);
        open_ = false;
    }

    // The channel goes with the waiting coroutine: notifiers may outlive the context that it belongs to.
    void end()
    {
        service_.remove(*this);
        const std::lock_guard guard(mutex_);
        open_ = false;
        channel_.reset();
    }

    channel& get_channel() { return *channel_; }

private:
    std::mutex mutex_;
    bool open_ = true;
    std::optional<channel> channel_;
    wakeup_service& service_;
};

namespace {

void wakeup_service::add(wakeup::core& c)
{
    const std::lock_guard guard(mutex_);
    cores_.insert(&c);
}

void wakeup_service::remove(wakeup::core& c)
{
    const std::lock_guard guard(mutex_);
    cores_.erase(&c);
}

void wakeup_service::shutdown()
{
    const std::lock_guard guard(mutex_);
    for (wakeup::core* c : cores_)
        c->close();
}

} // namespace

void wakeup::notifier::operator()() const
{
    if (core_)
        core_->notify();
}

wakeup::wakeup(const asio::any_io_executor& executor)
    : core_(std::make_shared<core>(executor))
{}

wakeup::~wakeup()
{
    core_->end();
}

asio::awaitable<void> wakeup::async_wait(std::string step)
{
    boost::system::error_code ec;
    co_await core_->get_channel().async_receive(asio::redirect_error(asio::use_awaitable, ec));
    if (ec) {
        const boost::system::error_code aborted = asio::error::operation_aborted;
        throw error(aborted, step);
    }
}

} // namespace acme
