#include "testing/listener.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace acme::testing {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// As `make_https_transport` names it, so that a test sees the same errors at both doors.
constexpr const char* connection = "connection to the CA";

void throw_loss(const outcome& out)
{
    if (out.how == delivery::reset)
        throw error(asio::error::connection_reset, connection, "reset by the test");
    if (out.how == delivery::truncated)
        throw error(asio::error::eof, connection, "cut short by the test");
}

void check_size(const https_response& answer, std::size_t limit)
{
    if (answer.body.size() > limit)
        throw error(
            errc::answer_too_large, connection, "the body has " + std::to_string(answer.body.size()) + " octets");
}

leaf_contents own_contents(const tcp::endpoint& where)
{
    const auto now = std::chrono::system_clock::now();
    leaf_contents own;
    own.names = {"localhost", where.address().to_string()};
    own.not_before = now - std::chrono::hours(24);
    own.not_after = now + std::chrono::hours(24 * 365);
    own.serial = random_serial();
    return own;
}

std::string origin_of(const tcp::endpoint& where)
{
    const std::string address = where.address().to_string();
    return "https://" + (where.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(where.port());
}

} // namespace

class ca::door : public acme::transport
{
public:
    explicit door(std::weak_ptr<model> m)
        : model_(std::move(m))
    {}

    asio::awaitable<https_response> async_exchange(https_request request) override
    {
        asio::steady_timer never(co_await asio::this_coro::executor, std::chrono::steady_clock::time_point::max());
        co_await asio::post(asio::use_awaitable);
        const outcome out = answer(model_, request, never.get_executor());
        throw_loss(out);
        if (out.how == delivery::stall)
            co_await never.async_wait(asio::use_awaitable);
        co_await asio::post(asio::use_awaitable);
        check_size(out.answer, request.body_limit);
        co_return out.answer;
    }

    static outcome answer(
        const std::weak_ptr<model>& m, const https_request& request, const asio::any_io_executor& executor)
    {
        const auto ca = m.lock();
        if (!ca)
            throw error(asio::error::connection_refused, connection, "the test's CA is gone");
        auto tell = [m](const validation_task& task, const std::optional<validation_failure>& failure) {
            if (const auto still_there = m.lock())
                still_there->validated(task, failure);
        };
        return ca->handle(request, validations_on(executor, std::move(tell)));
    }

private:
    std::weak_ptr<model> model_;
};

ca::ca(ca_options options)
    : model_(std::make_shared<model>(std::move(options)))
    , transport_(std::make_shared<door>(model_))
{}

ca::~ca()
{
    close();
}

std::string ca::directory_url() const
{
    const std::lock_guard lock(model_->mutex);
    return model_->url("/directory");
}

const std::string& ca::root_pem(std::size_t n) const
{
    return model_->issuer.root_pem(n);
}

std::shared_ptr<acme::transport> ca::transport()
{
    return transport_;
}

https_response ca::answer(const https_request& request)
{
    outcome out = model_->handle(request, {});
    throw_loss(out);
    if (out.how == delivery::stall)
        throw error(errc::timed_out, connection, "stalled by the test");
    return std::move(out.answer);
}

void ca::listen(asio::any_io_executor executor, tcp::endpoint where)
{
    const auto opened = std::make_shared<listener>(std::move(executor), where);
    const std::lock_guard lock(model_->mutex);
    model_->state.options.origin = origin_of(opened->endpoint());
    const key own_key = key::generate();
    const std::string leaf =
        model_->issuer.issue(own_contents(opened->endpoint()), public_key_of(*own_key.native_handle()));
    std::weak_ptr<model> m = model_;
    auto answer = [m, executor = opened->executor()](const https_request& r) { return door::answer(m, r, executor); };
    opened->start(leaf + model_->issuer.intermediate_pem(0), own_key.to_pem(), model_->state.options.origin, answer);
    model_->close = [l = std::weak_ptr<listener>(opened)] {
        if (const auto still_there = l.lock())
            still_there->close();
    };
}

void ca::close()
{
    const std::lock_guard lock(model_->mutex);
    if (model_->close)
        model_->close();
    model_->close = {};
}

void ca::inject(at when, fault what)
{
    const std::lock_guard lock(model_->mutex);
    model_->faults.add(std::move(when), std::move(what));
}

void ca::clear_faults()
{
    const std::lock_guard lock(model_->mutex);
    model_->faults.clear();
}

std::vector<request_record> ca::requests() const
{
    const std::lock_guard lock(model_->mutex);
    return model_->requests;
}

void ca::clear_requests()
{
    const std::lock_guard lock(model_->mutex);
    model_->requests.clear();
}

std::size_t ca::count(step s) const
{
    const std::lock_guard lock(model_->mutex);
    return static_cast<std::size_t>(std::count_if(model_->requests.begin(), model_->requests.end(),
        [&](const request_record& r) { return s == step::any || r.step == s; }));
}

std::size_t ca::count(step s, unsigned status) const
{
    const std::lock_guard lock(model_->mutex);
    return static_cast<std::size_t>(std::count_if(model_->requests.begin(), model_->requests.end(),
        [&](const request_record& r) { return (s == step::any || r.step == s) && r.status == status; }));
}

void ca::set_renewal_window(std::string_view name, renewal_window window)
{
    const std::lock_guard lock(model_->mutex);
    for (auto& [url, c] : model_->state.certificates)
        if (std::find(c.names.begin(), c.names.end(), name) != c.names.end())
            c.window = window;
}

ca_state& ca::state() noexcept
{
    return model_->state;
}

const ca_state& ca::state() const noexcept
{
    return model_->state;
}

void ca::change(const std::function<void(ca_state&)>& f)
{
    const std::lock_guard lock(model_->mutex);
    f(model_->state);
}

} // namespace acme::testing
