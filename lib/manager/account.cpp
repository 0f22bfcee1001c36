#include "manager/core.hpp"

namespace acme {

// One client an account: when the state's account is replaced, a new client follows, and operations under way end on
// the old one.
std::shared_ptr<client> manager::core::current_client()
{
    auto account = with_state([](const state& s) { return s.account; });
    if (client_ && (!account || client_->account_key() == account->private_key))
        return client_;
    if (stopped_)
        throw error(make_error_code(errc::shut_down), "request to the CA");
    client_options options;
    options.directory_url = options_.directory_url;
    options.account_key = account ? account->private_key : key::generate();
    options.account_url = account ? account->url : std::string();
    options.transport = transport_;
    options.clock = options_.clock;
    options.random = options_.random;
    client_ = std::make_shared<client>(std::move(options));
    return client_;
}

asio::awaitable<std::shared_ptr<client>> manager::core::registered_client()
{
    auto turn = co_await account_turn_.async_acquire();
    co_await load_account();
    auto c = current_client();
    if (!c->account_url().empty())
        co_return c;
    const auto lock = co_await lock_account();
    co_await load_account();
    c = current_client();
    if (c->account_url().empty() && terms_refused_)
        throw error(make_error_code(errc::terms_refused), "registration");
    if (c->account_url().empty())
        co_await register_anonymously(c);
    co_return c;
}

// Every host needs the account, so its failure is remembered: a hundred hosts must not ask a hundred times.
asio::awaitable<void> manager::core::register_anonymously(std::shared_ptr<client> c)
{
    const bool pausing =
        account_failure_ && now() < account_failure_->until && !was_set_back(account_failure_->since, now());
    if (pausing)
        throw account_failure_->error.with_retry(retry_advice::at(account_failure_->until));
    std::optional<error> failed;
    try {
        std::vector<std::string> no_contact;
        co_await create_account(c, no_contact);
    } catch (const error& e) {
        failed = e;
    }
    if (!failed) {
        account_failure_.reset();
        co_return;
    }
    unsigned count = account_failure_ ? account_failure_->count + 1 : 1;
    auto advice = disposition(failed->code(), failed->problem(), count, now(), options_.random());
    account_failure_.emplace(account_failure{*failed, earliest_attempt(advice, now()), count, now()});
    throw *failed;
}

asio::awaitable<std::string> manager::core::terms_of_service()
{
    auto c = current_client();
    auto directory = co_await c->async_directory();
    co_return directory.terms_of_service;
}

asio::awaitable<void> manager::core::register_account(std::string email)
{
    auto turn = co_await account_turn_.async_acquire();
    const auto lock = co_await lock_account();
    co_await load_account();
    auto c = current_client();
    std::vector<std::string> contact;
    if (!email.empty())
        contact.push_back("mailto:" + email);
    account_failure_.reset();
    bool known = !c->account_url().empty();
    if (!known)
        co_await create_account(c, contact);
    else if (!contact.empty())
        co_await c->async_update_account(contact);
}

// One account for all who share the store, however many of them need it first at the same time.
asio::awaitable<std::unique_ptr<store::lock>> manager::core::lock_account()
{
    std::unique_ptr<store::lock> lock;
    if (store_)
        lock = co_await store_->async_lock(keys_.account());
    co_return lock;
}

// With a store that others share, the account that one of them registered is everybody's.
asio::awaitable<void> manager::core::load_account()
{
    if (!store_ || with_state([](const state& s) { return s.account.has_value(); }))
        co_return;
    auto value = co_await store_->async_load(keys_.account());
    if (!value)
        co_return;
    state loaded;
    decode_object(loaded, keys_, keys_.account(), *value, "the store");
    with_state([&](state& s) {
        if (!s.account)
            s.account = loaded.account;
    });
}

// The key is saved before the CA hears of it: an account whose key is lost can never be used again.
asio::awaitable<void> manager::core::create_account(std::shared_ptr<client> c, std::vector<std::string> contact)
{
    with_state([&](state& s) {
        if (!s.account)
            s.account.emplace();
        if (!s.account->private_key)
            s.account->private_key = c->account_key();
        unsaved_.insert(keys_.account());
    });
    watchers_.notify();
    const std::string no_host;
    co_await save_before_asking(keys_.account(), no_host);
    account_request request;
    request.contact = std::move(contact);
    request.external = options_.external;
    auto account = co_await c->async_new_account(std::move(request));
    with_state([&](state& s) {
        if (s.account && s.account->private_key == c->account_key())
            s.account->url = account.url;
        unsaved_.insert(keys_.account());
    });
    watchers_.notify();
    co_await save(keys_.account());
    // Hosts that failed for want of an account need not wait any longer.
    std::set<std::string> keys;
    with_state([&](state& s) {
        for (auto& [host, pause] : s.failures)
            keys.insert(keys_.failure(host));
        s.failures.clear();
    });
    if (!keys.empty())
        changed(std::move(keys));
    account_registered told{account.url, account.created};
    tell(told);
}

// Only the first of those who learn it: by the time the others do, here or elsewhere, there may be a new account.
void manager::core::forget_account_url(const std::shared_ptr<client>& used)
{
    if (client_ != used)
        return;
    client_.reset();
    const bool forgotten = with_state([&](state& s) {
        const bool is_it = s.account && s.account->url == used->account_url();
        if (is_it)
            s.account->url.clear();
        return is_it;
    });
    if (forgotten)
        changed({keys_.account()});
}

} // namespace acme
