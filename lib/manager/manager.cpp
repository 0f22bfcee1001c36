#include "manager/core.hpp"

#include <boost/asio/dispatch.hpp>

namespace acme {

manager::manager(asio::any_io_executor executor, config options)
    : core_(std::make_shared<core>(std::move(executor), std::move(options)))
{}

manager::~manager()
{
    core_->close_watchers();
    asio::dispatch(core_->get_strand(), [held = core_] { held->stop(); });
}

asio::awaitable<certificate_ptr> manager::async_get_certificate(std::string host)
{
    auto self = core_;
    co_return co_await on_strand(self->get_strand(), hold(self, self->get_certificate(std::move(host), std::nullopt)));
}

asio::awaitable<certificate_ptr> manager::async_get_certificate(client_hello hello)
{
    auto self = core_;
    if (hello.server_name.empty())
        throw error(make_error_code(errc::no_server_name), "handshake");
    std::optional<std::chrono::steady_clock::duration> wait = self->options().handshake_wait;
    co_return co_await on_strand(
        self->get_strand(), hold(self, self->get_certificate(std::move(hello.server_name), wait)));
}

asio::awaitable<void> manager::async_register(std::string email, terms_prompt prompt)
{
    auto self = core_;
    if (prompt) {
        auto terms = co_await on_strand(self->get_strand(), hold(self, self->terms_of_service()));
        if (!terms.empty() && !prompt(terms))
            throw error(make_error_code(errc::terms_refused), "registration", terms);
    }
    co_await on_strand(self->get_strand(), hold(self, self->register_account(std::move(email))));
}

bool manager::registered() const
{
    return core_->registered();
}

void manager::set_hosts(std::vector<std::string> hosts)
{
    core_->set_hosts(std::move(hosts));
}

asio::awaitable<void> manager::async_cache_file(std::filesystem::path path)
{
    auto self = core_;
    co_await on_strand(self->get_strand(), hold(self, self->open_cache_file(std::move(path))));
}

asio::awaitable<void> manager::async_use_store(std::shared_ptr<store> where)
{
    auto self = core_;
    std::string place = "the store";
    co_await on_strand(self->get_strand(), hold(self, self->use_store(std::move(where), std::move(place))));
}

std::string manager::marshal() const
{
    return core_->marshal();
}

void manager::unmarshal(std::string_view state)
{
    core_->unmarshal(state);
}

watcher manager::watch()
{
    return watcher(core_->watch());
}

std::shared_ptr<const credentials> manager::credentials() const noexcept
{
    return core_->credentials();
}

void manager::validation_answered(std::string host)
{
    auto told = [weak = std::weak_ptr(core_), host = std::move(host)] {
        if (auto self = weak.lock())
            self->tell(acme::validation_answered{host});
    };
    asio::post(core_->get_strand(), std::move(told));
}

asio::awaitable<void> manager::async_shutdown()
{
    auto self = core_;
    co_await on_strand(self->get_strand(), hold(self, self->shutdown()));
}

asio::strand<asio::any_io_executor> manager::get_executor() const noexcept
{
    return core_->get_strand();
}

const config& manager::options() const noexcept
{
    return core_->options();
}

} // namespace acme
