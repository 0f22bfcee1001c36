#include "manager/core.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

namespace acme {
namespace {

// Held on both sides: the operation needs its core, and its caller an `acme::error`, even one cancelled beforehand.
template <class Core, class T>
asio::awaitable<T> call(const std::shared_ptr<Core>& core, asio::awaitable<T> operation)
{
    return hold(core, on_strand(core->get_strand(), hold(core, std::move(operation))));
}

template <class Core>
asio::awaitable<void> register_after(std::shared_ptr<Core> core, std::string email, terms_prompt prompt)
{
    auto terms = co_await call(core, core->join(core->terms_of_service()));
    bool agreed = terms.empty() || prompt(terms);
    core->answer_terms(agreed);
    if (!agreed)
        throw error(make_error_code(errc::terms_refused), "registration", terms);
    co_await call(core, core->join(core->register_account(std::move(email))));
}

} // namespace

manager::manager(asio::any_io_executor executor, config options)
    : core_(std::make_shared<core>(std::move(executor), std::move(options)))
{}

manager::~manager()
{
    core_->fall_silent();
    asio::dispatch(core_->get_strand(), [held = core_] { held->stop(); });
}

// No member function is a coroutine: what it returns may be awaited when the manager is gone.

asio::awaitable<certificate_ptr> manager::async_get_certificate(std::string host)
{
    client_hello hello(std::move(host));
    return call(core_, core_->get_certificate(std::move(hello), std::nullopt));
}

asio::awaitable<certificate_ptr> manager::async_get_certificate(client_hello hello)
{
    auto wait = core_->options().handshake_wait;
    return call(core_, core_->get_certificate(std::move(hello), wait));
}

asio::awaitable<std::optional<error>> manager::async_find_refusal(client_hello hello)
{
    return call(core_, core_->find_refusal(std::move(hello)));
}

asio::awaitable<void> manager::async_wait_to_refuse()
{
    return hold(core_, core_->wait_to_refuse());
}

asio::awaitable<void> manager::async_register(std::string email, terms_prompt prompt)
{
    if (prompt)
        return hold(core_, register_after(core_, std::move(email), std::move(prompt)));
    core_->answer_terms(true);
    return call(core_, core_->join(core_->register_account(std::move(email))));
}

asio::awaitable<void> manager::async_revoke(std::string host, revocation_reason reason)
{
    return call(core_, core_->join(core_->revoke(std::move(host), reason)));
}

void manager::add_certificate(certificate_ptr own)
{
    core_->add_certificate(std::move(own));
}

void manager::remove_certificate(const certificate_ptr& own)
{
    core_->remove_certificate(own);
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
    return call(core_, core_->join(core_->use_cache_file(std::move(path))));
}

asio::awaitable<void> manager::async_use_store(std::shared_ptr<store> where)
{
    return call(core_, core_->join(core_->use_store(std::move(where))));
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

std::shared_ptr<const void> manager::answering_http_challenges() const noexcept
{
    return core_->answering_http_challenges();
}

asio::awaitable<certificate_ptr> manager::async_find_challenge(
    std::string server_name, std::optional<asio::ip::address> client_address)
{
    return call(core_, core_->join(core_->find_challenge(std::move(server_name), client_address)));
}

asio::awaitable<http_challenge_ptr> manager::async_find_http_challenge(
    std::string token, std::optional<asio::ip::address> client_address)
{
    return call(core_, core_->join(core_->find_http_challenge(std::move(token), client_address)));
}

void manager::share(shared_value value)
{
    core_->share(std::move(value));
}

void manager::validation_answered(std::string host, std::string challenge)
{
    auto told = [weak = std::weak_ptr(core_), host = std::move(host), challenge = std::move(challenge)] {
        auto self = weak.lock();
        if (!self || self->was_self_check(host, challenge))
            return;
        acme::validation_answered answered{host, challenge};
        self->tell(answered);
    };
    asio::post(core_->get_strand(), std::move(told));
}

asio::awaitable<void> manager::async_shutdown()
{
    return call(core_, core_->shutdown());
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
