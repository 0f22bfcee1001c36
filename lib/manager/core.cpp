#include "manager/core.hpp"

#include "protocol/challenge_choice.hpp"
#include "protocol/host_name.hpp"
#include "protocol/printable.hpp"
#include "protocol/url.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <stdexcept>

namespace acme {
namespace {

config with_defaults(config options)
{
    if (!acceptable_url(options.directory_url))
        throw std::invalid_argument("the CA's directory is no https URL: " + printable(options.directory_url, 200));
    for (const auto& type : options.challenge_types)
        if (type != tls_alpn_01 && type != http_01)
            throw std::invalid_argument("no kind of challenge that can be answered: " + printable(type, 100));
    if (!options.default_host.empty())
        options.pinned_hosts.insert(options.default_host);
    if (!options.clock)
        options.clock = system_clock();
    if (!options.random)
        options.random = system_random();
    return options;
}

} // namespace

manager::core::core(asio::any_io_executor executor, config options)
    : strand_(asio::make_strand(std::move(executor)))
    , options_(with_defaults(std::move(options)))
    , keys_(options_.directory_url)
    , index_(std::make_shared<credential_index>(options_.clock, options_.default_host))
    , decisions_(options_.max_decisions)
    , domains_(options_.limits.new_hosts_per_domain, options_.max_budgets)
    , clients_(options_.limits.new_hosts_per_client, options_.max_budgets)
    , refusal_pace_(options_.max_refusals_per_second)
    , self_check_places_(std::max<std::size_t>(options_.self_check.max_concurrent, 1))
    , transport_(options_.transport ? options_.transport : make_https_transport(strand_, options_.https))
    , issuance_places_(options_.max_issuances)
    , tasks_(strand_)
{}

bool manager::core::registered() const
{
    return with_state([](const state& s) { return s.account && !s.account->url.empty(); });
}

void manager::core::set_hosts(std::vector<std::string> hosts)
{
    std::set<std::string> names;
    for (auto& each : hosts) {
        auto name = normalize_host_name(each);
        if (!name)
            throw error(make_error_code(errc::invalid_host_name), "set_hosts", name.why).with_host(each);
        names.insert(*name);
    }
    with_state([&](state& s) {
        s.hosts = std::move(names);
        hosts_set_ = true;
    });
    auto reload_there = [weak = weak_from_this()] {
        if (auto self = weak.lock())
            self->reload();
    };
    asio::post(strand_, std::move(reload_there));
    changed({state_keys::hosts()});
}

bool manager::core::allowed(const std::string& host) const
{
    return with_state([&](const state& s) { return !s.hosts || s.hosts->contains(host); });
}

std::string manager::core::marshal() const
{
    auto copy = with_state([](const state& s) { return s; });
    return encode_archive(encode(copy, keys_));
}

void manager::core::unmarshal(std::string_view text)
{
    constexpr std::string_view place = "the marshalled state";
    auto all = decode_archive(text, place);
    auto loaded = decode(all, keys_, place);
    auto is_ours = [&](const auto& each) { return each.first.starts_with(keys_.prefix()); };
    auto is_a_cas = [](const auto& each) { return each.first.find('/') != std::string::npos; };
    if (std::any_of(all.begin(), all.end(), is_a_cas) && std::none_of(all.begin(), all.end(), is_ours))
        throw error(make_error_code(errc::foreign_state), "loading the saved state",
            std::string(place) + " is of another CA than " + printable(options_.directory_url, 200));
    std::set<std::string> keys;
    auto replace = [&](state& s) {
        keys = keys_of(s, keys_);
        keys.merge(keys_of(loaded, keys_));
        for (auto& [host, record] : loaded.certificates)
            unstored_.insert(keys_.certificate(host));
        std::swap(s, loaded);
        hosts_set_ = s.hosts.has_value();
        // In this order, so that a host which both states have is at hand all the time.
        for (auto& [host, record] : s.certificates)
            index_->certificates.insert(host, record.certificate);
        for (auto& [host, record] : loaded.certificates) {
            index_->certificates.erase(host, record.certificate);
            if (!s.certificates.contains(host))
                unwanted_[keys_.certificate(host)] = record.certificate;
        }
    };
    with_state(replace);
    auto reload_there = [weak = weak_from_this()] {
        auto self = weak.lock();
        if (!self)
            return;
        self->client_.reset();
        self->reload();
    };
    asio::post(strand_, std::move(reload_there));
    changed(std::move(keys));
}

void manager::core::changed(std::set<std::string> keys)
{
    with_state([&](state&) { unsaved_.merge(keys); });
    watchers_.notify();
    auto wake_there = [weak = weak_from_this()] {
        if (auto self = weak.lock()) {
            self->ensure_supervised();
            self->wake();
        }
    };
    asio::post(strand_, std::move(wake_there));
}

void manager::core::spawn(asio::awaitable<void> task)
{
    tasks_.spawn(hold(shared_from_this(), std::move(task)));
}

void manager::core::tell(const event& e) noexcept
{
    if (!options_.on_event || silent_)
        return;
    try {
        options_.on_event(e);
    } catch (...) {
        // A sink's trouble is not the manager's.
    }
}

void manager::core::fall_silent()
{
    silent_ = true;
    watchers_.close();
}

} // namespace acme
