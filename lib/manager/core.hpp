#pragma once

#include "manager/counted_client.hpp"
#include "manager/credential_index.hpp"
#include "manager/decision_cache.hpp"
#include "manager/group.hpp"
#include "manager/issuance.hpp"
#include "manager/refusal_pace.hpp"
#include "manager/schedule.hpp"
#include "manager/self_check_key.hpp"
#include "manager/state.hpp"
#include "manager/task_group.hpp"
#include "manager/watch.hpp"
#include "protocol/budget.hpp"
#include "store/key_lock.hpp"
#include "transport/on_strand.hpp"
#include "transport/slots.hpp"

#include <acme/manager.hpp>

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace acme {

/// Why there is no account.
struct account_failure
{
    acme::error error;
    std::chrono::system_clock::time_point until{};
    unsigned count = 0;
    std::chrono::system_clock::time_point since{};
};

/// Keeps an object alive while one of its coroutines runs. Cancellation becomes an `acme::error` as well.
template <class Owner, class T>
asio::awaitable<T> hold(std::shared_ptr<Owner> owner, asio::awaitable<T> operation)
{
    (void)owner;
    try {
        co_return co_await std::move(operation);
    } catch (const error&) {
        throw;
    } catch (const boost::system::system_error& e) {
        throw error(e.code(), "certificate manager");
    }
}

/// What a manager is made of. Members below "any thread" lock what they touch; all others run on the strand.
class manager::core : public std::enable_shared_from_this<manager::core>
{
public:
    core(asio::any_io_executor executor, config options);

    const acme::strand& get_strand() const noexcept { return strand_; }
    const config& options() const noexcept { return options_; }

    // Any thread.
    std::shared_ptr<const acme::credentials> credentials() const noexcept { return index_; }
    bool registered() const;
    void set_hosts(std::vector<std::string> hosts);
    std::string marshal() const;
    void unmarshal(std::string_view text);
    // own_certificates.cpp
    void add_certificate(certificate_ptr own);
    void remove_certificate(const certificate_ptr& own);
    std::shared_ptr<notification_channel> watch() { return watchers_.subscribe(); }
    void tell(const event& e) noexcept;
    void share(shared_value value);
    std::shared_ptr<const void> answering_http_challenges() const noexcept { return http_side_; }
    asio::awaitable<void> wait_to_refuse();
    /// What the manager's destructor does at once, before the strand hears of it: nobody is told anything any more.
    void fall_silent();

    // admission.cpp
    asio::awaitable<certificate_ptr> get_certificate(
        client_hello hello, std::optional<std::chrono::steady_clock::duration> wait);
    asio::awaitable<std::optional<error>> find_refusal(client_hello hello);

    // self_check.cpp
    bool was_self_check(const std::string& host, const std::string& type);

    // shared_challenges.cpp
    asio::awaitable<certificate_ptr> find_challenge(std::string server_name, std::optional<asio::ip::address> client);
    asio::awaitable<http_challenge_ptr> find_http_challenge(std::string token, std::optional<asio::ip::address> client);

    // account.cpp
    asio::awaitable<std::string> terms_of_service();
    asio::awaitable<void> register_account(std::string email);
    /// The operator's answer to the terms of service; after a no, nothing agrees to them in the operator's place.
    void answer_terms(bool agreed) noexcept { terms_refused_ = !agreed; }

    // revocation.cpp
    asio::awaitable<void> revoke(std::string host, revocation_reason reason);
    void take_revocation(const std::string& host, const certificate_ptr& c, revocation_reason reason);

    // saving.cpp
    asio::awaitable<void> use_store(std::shared_ptr<store> where);
    asio::awaitable<void> use_cache_file(std::filesystem::path path);

    // supervision.cpp
    asio::awaitable<void> shutdown();
    void stop();

    /// Runs an operation that a caller waits for; it ends with `errc::shut_down` when the manager does.
    template <class T>
    asio::awaitable<T> join(asio::awaitable<T> operation)
    {
        return tasks_.async_join(std::move(operation));
    }

private:
    template <class Function>
    auto with_state(Function f)
    {
        std::lock_guard lock(mutex_);
        return f(state_);
    }
    template <class Function>
    auto with_state(Function f) const
    {
        std::lock_guard lock(mutex_);
        return f(state_);
    }

    // Any thread: what is saved next, and who is told.
    void changed(std::set<std::string> keys);
    bool allowed(const std::string& host) const;
    bool manages(const std::string& host) const;
    void spawn(asio::awaitable<void> task);
    std::chrono::system_clock::time_point now() const { return options_.clock->now(); }

    // own_certificates.cpp
    void watch_end(const certificate_ptr& own);
    void tell_of_ends();

    // admission.cpp
    void tell_refusal(const error& why, const client_hello& hello);
    [[noreturn]] void refuse(const error& why, const client_hello& hello);
    std::optional<error> known_refusal(const std::string& host, bool vouched) const;
    bool is_stranger(const std::string& host, bool wanted) const;
    std::optional<error> client_refusal(const std::string& host, std::chrono::system_clock::duration wait) const;
    std::shared_ptr<issuance> join_or_start(const std::string& host, const client_hello& hello, bool wanted);
    std::optional<error> recent_failure(const std::string& host, bool vouched) const;
    bool is_listed() const;
    std::chrono::system_clock::duration take_client_token(const client_hello& hello, bool counts);
    void put_back_client_token(issuance& running);
    asio::awaitable<void> admit(std::shared_ptr<issuance> running);
    asio::awaitable<bool> is_vouched_for(std::shared_ptr<issuance> running);
    asio::awaitable<void> take_new_host_tokens(std::shared_ptr<issuance> running);
    asio::awaitable<void> admit_to_group(std::shared_ptr<issuance> running);
    void put_back_new_host_tokens(issuance& running);
    void fail_to_admit(issuance& running, const error& e);
    asio::awaitable<certificate_ptr> wait_for(
        std::shared_ptr<issuance> running, std::optional<std::chrono::steady_clock::duration> wait);

    // self_check.cpp
    std::shared_ptr<const void> lookup_place(const std::string& client);
    asio::awaitable<std::vector<asio::ip::address>> look_up(
        issuance& running, std::chrono::steady_clock::time_point until);
    asio::awaitable<std::vector<asio::ip::address>> addresses_of(
        std::shared_ptr<issuance> running, std::chrono::steady_clock::time_point until);
    asio::awaitable<void> self_check(std::shared_ptr<issuance> running);
    bool is_checking_for_group() const;
    void share_self_check_key();
    certificate_ptr answer_self_check(const std::string& server_name) const;
    http_challenge_ptr answer_http_self_check(const std::string& token) const;
    asio::awaitable<void> probe(
        std::string host, std::vector<asio::ip::address> where, std::chrono::steady_clock::time_point until);

    // issuance.cpp
    std::shared_ptr<issuance> start(const std::string& host, bool refresh);
    asio::awaitable<void> issue(std::shared_ptr<issuance> running);
    asio::awaitable<certificate_ptr> obtain(std::shared_ptr<issuance> running, host_lock& lock);
    asio::awaitable<certificate_ptr> obtain_in_turn(
        std::shared_ptr<issuance> running, std::optional<certificate_record> record, bool is_new, host_lock& lock);
    asio::awaitable<certificate_ptr> order_certificate(std::shared_ptr<issuance> running);
    asio::awaitable<certificate_ptr> order_once(std::shared_ptr<client> c, std::shared_ptr<issuance> running);
    asio::awaitable<std::string> replaced_by(std::shared_ptr<client> c, std::string host);
    order_record unfinished_order(const std::string& host);
    asio::awaitable<void> take_request_token(std::shared_ptr<issuance> running);
    asio::awaitable<void> use_request_token(std::shared_ptr<issuance> running);
    void refuse_if_limited(const std::string& host) const;
    void put_back_token(const issuance& running, const error& e);
    asio::awaitable<void> save_order(std::string host, key certificate_key, std::string url);
    asio::awaitable<certificate_ptr> install(
        std::shared_ptr<issuance> running, certificate_record record, bool is_saved);
    void refuse_if_given_up(const issuance& running) const;
    void succeed(issuance& running, certificate_ptr c);
    void fail(issuance& running, const error& e);
    void fail_at_the_ca(issuance& running, const error& e);
    void fail_as_others_did(issuance& running, const error& e);
    void count_resumption(const std::string& host, const error& e);
    void pause_whom_it_concerns(const std::string& host, const error& e);
    retry_advice remember_failure(const std::string& host, const error& e);
    void forget_failure(const std::string& host);
    retry_advice postpone_refresh(const std::string& host, const error& e);
    void complete(issuance& running);
    asio::awaitable<void> retire_challenge(std::string server_name, certificate_ptr answer);
    certificate_record make_record(const std::string& host, certificate_ptr c);

    // experience.cpp
    std::vector<std::string> challenge_types(const std::string& host) const;
    std::string succeeded_challenge(const issuance& running) const;
    void remember_failed_challenge(const issuance& running, const error& e);

    // group.cpp
    static std::shared_ptr<subscription> subscribe(store& where);
    void join_group(std::shared_ptr<subscription> changes);
    asio::awaitable<void> follow();
    void subscribe_again();
    asio::awaitable<void> take_changes();
    void take_change(const store_change& c);
    asio::awaitable<bool> read_anew();
    asio::awaitable<void> compare_with_store();
    asio::awaitable<std::optional<std::string>> load_usable(std::string key);
    void take_saved(const std::string& key, const std::string& value);
    void take_erased(const std::string& key);
    asio::awaitable<void> take_erased_certificate(std::string host);
    void take_news(state news);
    void take_certificate(const std::string& host, certificate_record record);
    void drop_certificate(const std::string& host);
    bool is_ordering(const std::string& host) const;
    void take_order(const std::string& host, order_record record);
    void begin_to_look_after(const std::string& host);
    void look_after_orders();
    asio::awaitable<void> look_after(std::string host);

    // order_lock.cpp
    asio::awaitable<void> lock_orders(std::shared_ptr<issuance> running, host_lock& lock);
    asio::awaitable<void> obtained_by_others(std::shared_ptr<issuance> running);
    void set_yielding(issuance& running, bool yields);
    asio::awaitable<void> give_way(std::shared_ptr<issuance> running);
    asio::awaitable<std::unique_ptr<store::lock>> try_lock_orders(std::string host, std::optional<error>& failure);
    asio::awaitable<std::optional<std::string>> load_certificate(std::string host);
    asio::awaitable<std::optional<certificate_record>> stored_certificate(std::string host, bool tell_of_damage);
    bool has_lost_lock(const std::string& host) const;
    void refuse_if_lock_lost(const std::string& host) const;
    asio::awaitable<void> reload_order(std::string host);
    asio::awaitable<void> heed_others(std::shared_ptr<issuance> running);
    asio::awaitable<void> leave_to_others(std::shared_ptr<issuance> running, host_lock& lock);
    asio::awaitable<void> give_up(std::string host);
    asio::awaitable<void> save_certificate(std::shared_ptr<store> where, std::string host, std::string value);
    std::optional<certificate_record> read_certificate(const std::string& host, const std::string& value) const;
    bool yields_to(const std::string& host, const std::string& value, bool is_new);

    // membership.cpp
    asio::awaitable<void> give_signs_of_life();
    asio::awaitable<void> count_nodes();
    asio::awaitable<void> erase_node(std::string key);
    asio::awaitable<void> give_sign_of_life();
    asio::awaitable<void> forget_silent_nodes();
    asio::awaitable<void> leave_group();
    bool hear_of_node(const std::string& key);
    void hear_that_node_left(const std::string& key);
    bool is_ours(const std::string& host) const;
    bool cede(const std::string& host, time_point at);

    // shared_challenges.cpp
    asio::awaitable<void> publish_challenge(std::string host, challenge c, std::string key_authorization);
    asio::awaitable<void> erase_challenge(std::string host, std::shared_ptr<const store::lock> lock);
    bool is_answered(const std::string& host, const std::string& value) const;
    void take_challenge(const std::string& host, const std::string& value);
    void drop_challenge(const std::string& host);
    asio::awaitable<void> wait_for_challenge(
        std::function<bool()> is_there, std::string key, std::optional<asio::ip::address> client);
    asio::awaitable<void> look_for_challenge(std::function<bool()> is_there);
    bool is_heard() const;
    asio::awaitable<bool> challenges_read();
    asio::awaitable<void> read_challenges(std::shared_ptr<store> where);
    asio::awaitable<bool> read_challenge(std::shared_ptr<store> where, std::string key);
    void note_challenge(const std::string& key);
    asio::awaitable<void> hear_of_challenge(std::function<bool()> is_there);

    // shared_values.cpp
    asio::awaitable<void> keep_shared(std::string name);
    asio::awaitable<void> synchronize_or_tell(std::string name);
    asio::awaitable<void> synchronize(std::string name);
    void take_shared_value(const std::string& name, const std::string& value);

    // shared_limits.cpp
    limit_record shared_limits(const std::optional<std::string>& value);
    void take_limits(limit_record limits);
    void note_clocks(const limit_record& limits, bool is_heard);
    void refill(limit_record& limits) const;
    std::chrono::system_clock::time_point group_now() const;
    asio::awaitable<void> wait_for_token(std::shared_ptr<issuance> running, std::chrono::system_clock::duration wait);
    asio::awaitable<void> hear_of_limits();
    asio::awaitable<void> change_shared_limits(std::function<bool(limit_record&)> change);
    asio::awaitable<std::chrono::system_clock::duration> take_shared_token(
        token_bucket::saved limit_record::* which, rate pace);
    asio::awaitable<std::chrono::system_clock::duration> take_shared_token_or_tell(
        token_bucket::saved limit_record::* which, rate pace);
    asio::awaitable<void> put_back_shared_token(token_bucket::saved limit_record::* which, rate pace);
    asio::awaitable<void> save_shared_pauses();
    asio::awaitable<std::chrono::system_clock::duration> take_limit_token(
        token_bucket::saved limit_record::* which, rate pace);
    void put_back_limit_token(token_bucket::saved limit_record::* which, rate pace);

    // account.cpp
    std::shared_ptr<client> current_client();
    asio::awaitable<std::shared_ptr<client>> registered_client();
    asio::awaitable<void> register_anonymously(std::shared_ptr<client> c);
    asio::awaitable<void> create_account(std::shared_ptr<client> c, std::vector<std::string> contact);
    asio::awaitable<void> load_account();
    asio::awaitable<std::unique_ptr<store::lock>> lock_account();
    void forget_account_url(const std::shared_ptr<client>& used);

    // residence.cpp
    void leave_in_store(std::vector<std::string> hosts);
    std::optional<std::string> stored_name(const std::string& host) const;
    bool may_load() const;
    void start_loads();
    asio::awaitable<void> load_in_line();
    asio::awaitable<void> fetch_within(std::string host, std::optional<std::chrono::steady_clock::duration> wait);
    asio::awaitable<void> fetch(std::string host);
    void take_in(const std::string& host, certificate_record record, std::optional<time_point> planned);
    void make_room();
    bool may_leave(const std::string& host) const;
    bool put_away(const std::string& host);
    std::optional<time_point> ceded_until(const std::string& host) const;

    // saving.cpp
    void refuse_second_store() const;
    asio::awaitable<void> load_from(std::shared_ptr<store> where, std::string place);
    asio::awaitable<objects> load_objects(std::shared_ptr<store> where, std::vector<std::string>& left);
    asio::awaitable<std::optional<std::string>> load_undamaged(std::shared_ptr<store> where, std::string name);
    asio::awaitable<std::optional<std::string>> load_or_tell(std::shared_ptr<store> where, std::string name);
    std::set<std::string> merge(state loaded);
    void save_all_again();
    asio::awaitable<std::optional<error>> save(std::string key);
    asio::awaitable<void> save_value(std::shared_ptr<store> where, std::string key, std::optional<std::string> value);
    asio::awaitable<void> erase_certificate(std::shared_ptr<store> where, std::string host);
    bool is_unwanted(const std::string& key, const certificate& c) const;
    asio::awaitable<void> save_before_asking(std::string key, std::string host);
    bool can_not_wait(const std::string& host) const;
    std::optional<std::string> take_unsaved(const std::string& key);
    void saved(const std::string& key, bool is_erased);
    void keep_unsaved(const std::string& key);
    void saving_failed(const std::string& key, const error& e);
    void yield_order(const std::string& key);
    asio::awaitable<void> resume_saving();
    asio::awaitable<void> save_one(std::string key);
    void save_what_changed();

    // supervision.cpp
    void ensure_supervised();
    void wake();
    void reload();
    bool waits_after_failure(const state& s, const std::string& host) const;
    asio::awaitable<bool> save_what_is_left();
    asio::awaitable<void> supervise();
    asio::awaitable<void> wait_for_work();
    void notice_clock_set_back();

    // renewal.cpp
    void take_what_is_due();
    void leave_poll_to_others(const std::string& host);
    void start_due_refreshes();
    std::optional<std::chrono::system_clock::time_point> paused_until(const std::string& host);
    void start_polls();
    asio::awaitable<void> poll(std::string host);
    void take_poll(const std::string& host, const certificate_ptr& c, const std::optional<renewal_info>& info,
        const std::optional<error>& failure);
    void reschedule(const std::string& host);

    const acme::strand strand_;
    const config options_;
    const state_keys keys_;
    const std::shared_ptr<credential_index> index_;
    watch_list watchers_;
    // Held also by whoever answers http-01 challenges.
    const std::shared_ptr<const int> http_side_ = std::make_shared<const int>();

    mutable std::mutex mutex_;
    state state_;
    // The keys whose newest value no save has begun to write.
    std::set<std::string> unsaved_;
    // Those of them whose certificates no store has had.
    std::set<std::string> unstored_;
    // Those whose certificates are to be erased: this one, or where it is null, whichever is there.
    std::map<std::string, certificate_ptr> unwanted_;
    bool hosts_set_ = false;
    std::atomic<bool> silent_ = false;
    std::atomic<bool> terms_refused_ = false;

    std::map<std::string, std::shared_ptr<issuance>> issuances_;
    std::size_t waiters_ = 0;
    std::size_t fetching_ = 0;
    client_counts client_waiters_;
    std::size_t challenge_waiters_ = 0;
    client_counts client_challenge_waiters_;
    decision_cache decisions_;
    budget domains_;
    budget clients_;
    refusal_pace refusal_pace_;
    slots self_check_places_;
    // Both by client: the checks, in line or under way, and the lookups that the system has not ended yet.
    std::map<std::string, slots> client_checks_;
    std::map<std::string, std::shared_ptr<const int>> lookups_;
    self_check_key self_check_key_;
    // Held by each issuance that nobody vouches for, until it is admitted.
    const std::shared_ptr<const int> strangers_ = std::make_shared<const int>();
    std::optional<account_failure> account_failure_;
    // When each host's next step is; then, of those whose refresh is due, the most urgent first, and those that are
    // polled next.
    schedule schedule_;
    schedule due_;
    std::deque<std::string> polls_;
    // Those in the line of polls, and those under way.
    std::set<std::string> polled_;
    // When there is something to tell of the application's own certificates.
    std::multimap<time_point, std::weak_ptr<const certificate>> own_ends_;
    std::size_t polling_ = 0;
    std::size_t refreshing_ = 0;
    std::size_t yielding_ = 0;
    // New hosts that wait for a token have precedence over refreshes, but for those that have no time.
    std::size_t token_waiters_ = 0;
    std::optional<std::chrono::system_clock::time_point> next_token_;
    std::chrono::system_clock::time_point last_seen_{};
    std::shared_ptr<store> store_;
    bool opening_store_ = false;
    group group_;
    // Wake those who wait for word of a challenge, of tokens, and of a store.
    asio::steady_timer challenge_news_{strand_, asio::steady_timer::time_point::max()};
    asio::steady_timer limit_news_{strand_, asio::steady_timer::time_point::max()};
    asio::steady_timer group_news_{strand_, asio::steady_timer::time_point::max()};
    // The hosts whose certificates are in the store only, with their next step as far as it is known; and those of them
    // that are to be loaded now.
    std::unordered_map<std::string, std::optional<time_point>> stored_;
    std::deque<std::string> loads_;
    std::size_t loading_ = 0;
    // The keys whose saving is about to begin, and those that are being written.
    std::set<std::string> queued_;
    std::set<std::string> saving_;
    bool saving_paused_ = false;
    std::shared_ptr<transport> transport_;
    std::shared_ptr<client> client_;
    const std::shared_ptr<key_lock_table> save_locks_ = std::make_shared<key_lock_table>();
    slots issuance_places_;
    slots refresh_turn_{1};
    slots request_turn_{1};
    slots limits_turn_{1};
    slots account_turn_{1};
    challenge_readings challenge_readings_;
    task_group tasks_;
    const std::shared_ptr<notification_channel> wakes_ = std::make_shared<notification_channel>();
    bool supervised_ = false;
    bool stopped_ = false;
};

} // namespace acme
