#include "client/order_loop.hpp"

#include "client/patience.hpp"
#include "client/provisions.hpp"
#include "crypto/csr.hpp"

#include <algorithm>
#include <utility>

namespace acme {

namespace {

namespace asio = boost::asio;

std::vector<std::string> names_of(const std::vector<identifier>& identifiers)
{
    std::vector<std::string> names;
    for (const identifier& id : identifiers)
        names.push_back(id.value);
    return names;
}

// Whether an order that can't be fetched is one that the CA does not know (any more), rather than a CA in trouble.
bool unknown_order(const error& e)
{
    return e.problem() && e.problem()->status >= 400 && e.problem()->status < 500 && e.problem()->status != 429 &&
        e.code() != errc::account_does_not_exist && e.code() != errc::user_action_required &&
        e.code() != errc::bad_nonce && e.code() != errc::rate_limited;
}

// RFC 9773 section 5 has an error type for a certificate that another order replaces already (perhaps one of ours whose
// answer was lost). For one that the CA does not know, or that another account has, CAs answer with whatever comes to
// their mind, so only refusals that are certainly about something else count as such.
bool may_be_about_replaces(const error& e)
{
    if (!e.problem() || e.problem()->status == 429 || e.problem()->status > 500)
        return false;
    constexpr errc others[] = {errc::account_does_not_exist, errc::bad_nonce, errc::bad_public_key,
        errc::bad_signature_algorithm, errc::external_account_required, errc::invalid_profile, errc::rate_limited,
        errc::rejected_identifier, errc::unsupported_identifier, errc::user_action_required};
    return std::none_of(std::begin(others), std::end(others), [&](errc other) { return e.code() == other; });
}

} // namespace

order_loop::order_loop(client& c, clock& time, obtain_request& request, responder& r)
    : client_(c)
    , clock_(time)
    , request_(request)
    , responder_(r)
    , types_(r.challenge_types())
{}

asio::awaitable<order> order_loop::async_order(std::string url)
{
    const auto ask = [&] { return client_.async_order(url); };
    co_return co_await async_patiently(clock_, ask);
}

asio::awaitable<authorization> order_loop::async_authorization(std::string url)
{
    const auto ask = [&] { return client_.async_authorization(url); };
    co_return co_await async_patiently(clock_, ask);
}

asio::awaitable<bool> order_loop::async_resume()
{
    try {
        order_ = co_await async_order(request_.order_url);
    } catch (const error& e) {
        if (!unknown_order(e))
            throw;
        co_return false;
    }
    const bool open = order_.status == order_status::pending || order_.status == order_status::ready;
    const bool expired = open && order_.expires && *order_.expires <= clock_.now();
    co_return order_.status != order_status::invalid && !expired &&
        same_identifiers(order_.identifiers, request_.order.identifiers);
}

asio::awaitable<void> order_loop::async_place()
{
    order_request wanted = request_.order;
    authorizations_.clear();
    finalized_ = finalize_outcome::not_sent;
    polls_ = 0;
    bool again = false;
    try {
        order_ = co_await client_.async_new_order(wanted);
    } catch (const error& e) {
        if (wanted.replaces.empty() || !may_be_about_replaces(e))
            throw;
        again = true;
    }
    if (again) {
        wanted.replaces.clear();
        order_ = co_await client_.async_new_order(wanted);
    }
    if (!same_identifiers(order_.identifiers, wanted.identifiers))
        throw error(errc::unexpected_answer, "newOrder", "the order is for other names than were asked for");
    if (request_.order_placed)
        co_await request_.order_placed(order_);
}

asio::awaitable<certificate_ptr> order_loop::async_finish()
{
    if (order_.status == order_status::pending)
        co_await async_fetch_authorizations();
    for (;;) {
        order_step step = next(order_, authorizations_, finalized_);
        switch (step.what) {
        case order_step::kind::authorize: co_await async_authorize(std::move(step.to_authorize)); break;
        case order_step::kind::finalize: co_await async_finalize(); break;
        case order_step::kind::poll: co_await async_poll(); break;
        case order_step::kind::download: co_return co_await async_download();
        case order_step::kind::failed:
            if (step.problem)
                throw error(step.code, "order", std::move(*step.problem), std::move(step.why));
            throw error(step.code, "order", std::move(step.why));
        }
    }
}

asio::awaitable<void> order_loop::async_fetch_authorizations()
{
    authorizations_.clear();
    for (const std::string& url : order_.authorizations)
        authorizations_.push_back(co_await async_authorization(url));
}

challenge order_loop::choose(const authorization& a) const
{
    const std::vector<std::string_view> types(types_.begin(), types_.end());
    if (const challenge* c = choose_challenge(a, types))
        return *c;
    std::string offered;
    for (const challenge& c : a.challenges)
        offered += (offered.empty() ? "" : ", ") + c.type;
    throw error(errc::no_usable_challenge, "authorization",
        a.identifier.value + ": the CA offers " + (offered.empty() ? "none" : offered));
}

// Everything is provisioned before the first response: a CA may validate the names of an order together.
asio::awaitable<void> order_loop::async_authorize(std::vector<std::size_t> pending)
{
    std::vector<challenge> chosen;
    for (const std::size_t i : pending)
        chosen.push_back(choose(authorizations_[i]));

    provisions held(responder_);
    for (std::size_t n = 0; n < pending.size(); ++n) {
        std::string proof = client_.key_authorization(chosen[n]);
        co_await held.async_add(authorizations_[pending[n]].identifier, chosen[n], std::move(proof));
    }
    responded_ = true;
    for (std::size_t n = 0; n < pending.size(); ++n)
        co_await async_respond(authorizations_[pending[n]], chosen[n]);
    for (const std::size_t i : pending) {
        co_await async_await_final(authorizations_[i]);
        // One that fails takes the order with it; the rest is not worth waiting for.
        if (authorizations_[i].status != authorization_status::valid)
            break;
    }
}

asio::awaitable<void> order_loop::async_respond(authorization& a, challenge c)
{
    for (unsigned failures = 1; c.status == challenge_status::pending; ++failures) {
        std::exception_ptr failure;
        std::optional<std::chrono::milliseconds> delay;
        bool refused_as_known = false;
        try {
            co_await client_.async_respond(c);
            co_return;
        } catch (const error& e) {
            failure = std::current_exception();
            delay = repeat_delay(e, failures, clock_.now());
            refused_as_known = e.code() == errc::conflict || e.code() == errc::malformed;
        }
        if (!delay && !refused_as_known)
            std::rethrow_exception(failure);
        // A response may have arrived though its answer did not, and CAs refuse a second one.
        if (delay)
            co_await clock_.async_wait(*delay);
        a = co_await async_authorization(a.url);
        const auto now = std::find_if(
            a.challenges.begin(), a.challenges.end(), [&](const challenge& other) { return other.url == c.url; });
        if (a.status != authorization_status::pending || now == a.challenges.end() ||
            now->status != challenge_status::pending)
            co_return;
        if (refused_as_known)
            std::rethrow_exception(failure);
    }
}

asio::awaitable<void> order_loop::async_await_final(authorization& a)
{
    for (unsigned polls = 0; a.status == authorization_status::pending; ++polls) {
        co_await clock_.async_wait(poll_delay(polls, a.retry_after));
        a = co_await async_authorization(a.url);
    }
}

asio::awaitable<void> order_loop::async_finalize()
{
    const std::string csr = make_csr(names_of(request_.order.identifiers), request_.certificate_key);
    try {
        order_ = co_await client_.async_finalize(order_, csr);
        finalized_ = finalize_outcome::accepted;
        co_return;
    } catch (const error& e) {
        if (e.code() == errc::order_not_ready)
            finalized_ = finalize_outcome::not_ready;
        else if (!repeat_delay(e, ++lost_finalizes_, clock_.now()))
            throw;
    }
    // Whether it was carried out, the order itself says best.
    co_await async_poll();
}

asio::awaitable<void> order_loop::async_poll()
{
    co_await clock_.async_wait(poll_delay(polls_++, order_.retry_after));
    order_ = co_await async_order(order_.url);
}

asio::awaitable<certificate_ptr> order_loop::async_download()
{
    const auto ask = [&] { return client_.async_certificate(order_.certificate); };
    const certificate_chain chain = co_await async_patiently(clock_, ask);
    std::string why;
    certificate_ptr c = certificate::from_pem(chain.pem, request_.certificate_key, why);
    if (!c)
        throw error(errc::certificate_rejected, "certificate", std::move(why));
    if (auto reason = accept(*c, names_of(request_.order.identifiers), clock_.now()))
        throw error(errc::certificate_rejected, "certificate", std::move(*reason));
    co_return c;
}

} // namespace acme
