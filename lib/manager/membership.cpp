#include "manager/core.hpp"

#include <algorithm>
#include <cstdio>

// Which of the managers on a store does what each of them could do: asking the CA about a certificate, and refreshing
// it.
namespace acme {
namespace {

constexpr std::chrono::minutes between_signs{5};

// Signs of life that may be missed. Counted, not timed: clocks may differ, and jump.
constexpr unsigned most_missed = 3;

constexpr std::string_view nodes = "nodes/";

constexpr std::size_t most_nodes = 1'000;

// More than that are mostly of those that ended before anybody noticed.
constexpr std::size_t usual_nodes = 100;

// FNV-1a, which is the same everywhere, and then mixed, since its last octets hardly reach the upper bits.
std::uint64_t score(std::string_view node, std::string_view host) noexcept
{
    std::uint64_t h = 0xcbf29ce484222325;
    for (const auto part : {node, host})
        for (const char c : part)
            h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
    return h ^ (h >> 31);
}

} // namespace

asio::awaitable<void> manager::core::give_signs_of_life()
{
    char name[17];
    std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(options_.random()));
    group_.self = name;
    co_await count_nodes();
    while (!stopped_) {
        co_await give_sign_of_life();
        co_await options_.clock->async_wait(between_signs);
        ++group_.signs;
        co_await forget_silent_nodes();
    }
}

asio::awaitable<void> manager::core::count_nodes()
{
    std::vector<std::string> found;
    try {
        found = co_await store_->async_list(keys_.prefix() + std::string(nodes));
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
    }
    // Whoever lives is back on the list with its next sign.
    const bool is_crowded = found.size() > usual_nodes;
    for (const auto& key : found) {
        if (is_crowded)
            co_await erase_node(key);
        else
            hear_of_node(key);
    }
}

asio::awaitable<void> manager::core::erase_node(std::string key)
{
    try {
        co_await store_->async_erase(key);
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
    }
}

asio::awaitable<void> manager::core::give_sign_of_life()
{
    const auto key = keys_.prefix() + std::string(nodes) + group_.self;
    const auto value = std::to_string(group_.signs);
    try {
        co_await store_->async_save(key, value);
    } catch (const error& e) {
        if (e.code() == asio::error::operation_aborted)
            throw;
    }
}

// Whoever is not heard of for long is taken off the list, by whoever notices first.
asio::awaitable<void> manager::core::forget_silent_nodes()
{
    std::vector<std::string> silent;
    for (const auto& [node, heard] : group_.nodes)
        if (group_.signs - heard > most_missed)
            silent.push_back(node);
    for (const auto& node : silent) {
        group_.nodes.erase(node);
        co_await erase_node(keys_.prefix() + std::string(nodes) + node);
    }
}

// Its work falls to the others at once.
asio::awaitable<void> manager::core::leave_group()
{
    if (group_.self.empty() || group_.cut_off)
        co_return;
    const auto key = keys_.prefix() + std::string(nodes) + group_.self;
    try {
        co_await store_->async_erase(key);
    } catch (const error&) {
        // Then they notice later.
    }
}

bool manager::core::hear_of_node(const std::string& key)
{
    const auto prefix = keys_.prefix() + std::string(nodes);
    if (!key.starts_with(prefix))
        return false;
    const auto node = key.substr(prefix.size());
    if (node != group_.self && (group_.nodes.contains(node) || group_.nodes.size() < most_nodes))
        group_.nodes[node] = group_.signs;
    return true;
}

void manager::core::hear_that_node_left(const std::string& key)
{
    const auto prefix = keys_.prefix() + std::string(nodes);
    if (key.starts_with(prefix))
        group_.nodes.erase(key.substr(prefix.size()));
}

// Whether a host's certificate is this manager's to look after, among those that are there.
bool manager::core::is_ours(const std::string& host) const
{
    const auto mine = score(group_.self, host);
    return std::all_of(group_.nodes.begin(), group_.nodes.end(), [&](const auto& other) {
        const auto theirs = score(other.first, host);
        return theirs < mine || (theirs == mine && other.first > group_.self);
    });
}

// Another manager has the precedence for a while; one that does nothing does not have it for long.
bool manager::core::cede(const std::string& host, time_point at)
{
    if (!group_.changes || is_ours(host) || can_not_wait(host)) {
        group_.ceded.erase(host);
        return false;
    }
    const auto [place, is_first] = group_.ceded.try_emplace(host, at);
    const bool is_over = !is_first && (at >= place->second + precedence || at < place->second);
    if (is_over)
        group_.ceded.erase(place);
    else
        schedule_.set(host, place->second + precedence);
    return !is_over;
}

} // namespace acme
