#include "integration/site.hpp"

#include <acme/client.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>

/// Each operation of RFC 8555 by itself against Pebble. Challenges are answered over http-01 by challtestsrv.
namespace acme::test {
namespace {

using namespace std::chrono_literals;

class http01_responder : public responder
{
public:
    explicit http01_responder(pebble& ca)
        : ca_(ca)
    {}

    std::vector<std::string> challenge_types() const override { return {"http-01"}; }

    asio::awaitable<void> async_provision(identifier, challenge c, std::string key_authorization) override
    {
        ca_.add_http01(c.token, key_authorization);
        co_return;
    }

    void withdraw(const identifier&, const challenge&) noexcept override { ++withdrawn; }

    int withdrawn = 0;

private:
    pebble& ca_;
};

class client_of
{
public:
    explicit client_of(pebble& ca, key account_key = key::generate())
        : responder_(ca)
    {
        https_options https;
        https.ca_file = ca.ca_file().native();
        requests = std::make_shared<counting_transport>(make_https_transport(io_.get_executor(), https));
        client_options options;
        options.directory_url = ca.directory_url();
        options.account_key = std::move(account_key);
        options.transport = requests;
        client_.emplace(std::move(options));
    }

    client* operator->() { return &*client_; }

    template <class T>
    T run(asio::awaitable<T> operation)
    {
        auto result = asio::co_spawn(io_, std::move(operation), asio::use_future);
        auto end = std::chrono::steady_clock::now() + 60s;
        io_.restart();
        while (result.wait_for(0s) != std::future_status::ready && std::chrono::steady_clock::now() < end)
            io_.run_one_for(1s);
        if (result.wait_for(0s) != std::future_status::ready)
            throw std::runtime_error("an operation does not end");
        return result.get();
    }

    template <class T>
    error failure_of(asio::awaitable<T> operation)
    {
        try {
            (void)run(std::move(operation));
        } catch (const error& e) {
            return e;
        }
        throw std::runtime_error("the operation succeeds");
    }

    account register_account() { return run(client_->async_new_account(account_request())); }

    certificate_ptr obtain(const std::string& host)
    {
        obtain_request request;
        request.order.identifiers.emplace_back("dns", host);
        request.certificate_key = key::generate();
        return run(client_->async_obtain(std::move(request), responder_));
    }

    http01_responder& answering() { return responder_; }

private:
    asio::io_context io_;

public:
    std::shared_ptr<counting_transport> requests;

private:
    http01_responder responder_;
    std::optional<client> client_;
};

/// Whether openssl verifies the chain up to the root.
bool verifies(const std::string& chain_pem, const std::filesystem::path& root, const std::string& host)
{
    temporary_folder folder;
    write_whole_file(folder / "chain.pem", chain_pem);
    auto chain = (folder / "chain.pem").native();
    return run_process(
               {"openssl", "verify", "-CAfile", root.native(), "-untrusted", chain, "-verify_hostname", host, chain})
               .exit_code == 0;
}

/// A DER certificate request by OpenSSL's command line.
std::string make_csr(const std::string& host)
{
    auto made = run_process({"openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", "/dev/null", "-outform", "DER", "-subj", "/", "-addext", "subjectAltName=DNS:" + host});
    BOOST_TEST_REQUIRE(made.exit_code == 0, made.err);
    return made.out;
}

BOOST_AUTO_TEST_SUITE(client_operations, *needs_pebble())

BOOST_AUTO_TEST_CASE(directory)
{
    client_of c(usual_ca());
    auto d = c.run(c->async_directory());
    for (auto& url : {d.new_nonce, d.new_account, d.new_order, d.revoke_cert, d.key_change})
        BOOST_TEST(url.starts_with("https://localhost:"));
    BOOST_TEST(!d.terms_of_service.empty());
    BOOST_TEST(!d.external_account_required);
}

BOOST_AUTO_TEST_CASE(account_from_new_to_deactivated)
{
    client_of c(usual_ca());
    BOOST_TEST(!c.run(c->async_find_account()).has_value());
    account_request request;
    request.contact = {"mailto:one@example.org"};
    auto made = c.run(c->async_new_account(request));
    BOOST_TEST(made.created);
    BOOST_TEST((made.status == account_status::valid));
    BOOST_TEST(made.url == c->account_url());

    client_of again(usual_ca(), c->account_key());
    auto same = again.run(again->async_new_account(account_request()));
    BOOST_TEST(!same.created);
    BOOST_TEST(same.url == made.url);
    auto found = again.run(again->async_find_account());
    BOOST_TEST_REQUIRE(found.has_value());
    BOOST_TEST(found->url == made.url);

    auto updated = c.run(c->async_update_account({"mailto:two@example.org"}));
    BOOST_TEST((updated.contact == std::vector<std::string>{"mailto:two@example.org"}));
    auto deactivated = c.run(c->async_deactivate_account());
    BOOST_TEST((deactivated.status == account_status::deactivated));
    order_request order;
    order.identifiers.emplace_back("dns", "deactivated.example");
    auto refused = c.failure_of(c->async_new_order(order));
    BOOST_TEST((refused.code() == errc::unauthorized), refused.what());
    BOOST_TEST(refused.problem().has_value());
}

BOOST_AUTO_TEST_CASE(bad_contacts_are_typed_errors)
{
    client_of c(usual_ca());
    account_request request;
    request.contact = {"tel:+12025551212"};
    BOOST_TEST((c.failure_of(c->async_new_account(request)).code() == errc::unsupported_contact));
    request.contact = {"mailto:nobody"};
    BOOST_TEST((c.failure_of(c->async_new_account(request)).code() == errc::invalid_contact));
    BOOST_TEST(c->account_url().empty());
}

BOOST_AUTO_TEST_CASE(order_step_by_step)
{
    auto& ca = usual_ca();
    client_of c(ca);
    c.register_account();
    order_request request;
    request.identifiers.emplace_back("dns", "steps.example");
    auto o = c.run(c->async_new_order(request));
    BOOST_TEST((o.status == order_status::pending));
    BOOST_TEST_REQUIRE(o.authorizations.size() == 1U);
    auto a = c.run(c->async_authorization(o.authorizations[0]));
    BOOST_TEST((a.identifier == identifier("dns", "steps.example")));
    auto http =
        std::find_if(a.challenges.begin(), a.challenges.end(), [](auto& each) { return each.type == "http-01"; });
    BOOST_TEST_REQUIRE((http != a.challenges.end()));
    ca.add_http01(http->token, c->key_authorization(*http));
    c.run(c->async_respond(*http));
    for (int i = 0; i != 200 && a.status == authorization_status::pending; ++i) {
        std::this_thread::sleep_for(20ms);
        a = c.run(c->async_authorization(a.url));
    }
    BOOST_TEST((a.status == authorization_status::valid));
    o = c.run(c->async_order(o.url));
    BOOST_TEST((o.status == order_status::ready));
    o = c.run(c->async_finalize(o, make_csr("steps.example")));
    for (int i = 0; i != 200 && o.status == order_status::processing; ++i) {
        std::this_thread::sleep_for(20ms);
        o = c.run(c->async_order(o.url));
    }
    BOOST_TEST((o.status == order_status::valid));
    auto chain = c.run(c->async_certificate(o.certificate));
    BOOST_TEST(verifies(chain.pem, ca.root_file(), "steps.example"));
}

BOOST_AUTO_TEST_CASE(finalize_too_early_and_with_a_bad_request_are_typed_errors)
{
    client_of c(usual_ca());
    c.register_account();
    order_request request;
    request.identifiers.emplace_back("dns", "early.example");
    auto o = c.run(c->async_new_order(request));
    BOOST_TEST((c.failure_of(c->async_finalize(o, make_csr("early.example"))).code() == errc::order_not_ready));
    auto a = c.run(c->async_authorization(o.authorizations.at(0)));
    auto gone = c.run(c->async_deactivate_authorization(a.url));
    BOOST_TEST((gone.status == authorization_status::deactivated));
}

BOOST_AUTO_TEST_CASE(obtain_answers_and_withdraws)
{
    client_of c(usual_ca());
    c.register_account();
    auto got = c.obtain("obtained.example");
    BOOST_TEST(verifies(got->chain_pem(), usual_ca().root_file(), "obtained.example"));
    BOOST_TEST(c.answering().withdrawn == 1);
}

BOOST_AUTO_TEST_CASE(obtain_covers_several_names)
{
    client_of c(usual_ca());
    c.register_account();
    obtain_request request;
    for (const char* name : {"one.example", "two.example", "three.example"})
        request.order.identifiers.emplace_back("dns", name);
    request.certificate_key = key::generate();
    auto got = c.run(c->async_obtain(std::move(request), c.answering()));
    for (const char* name : {"one.example", "two.example", "three.example"})
        BOOST_TEST(verifies(got->chain_pem(), usual_ca().root_file(), name));
    BOOST_TEST(c.answering().withdrawn == 3);
}

BOOST_AUTO_TEST_CASE(alternate_chains)
{
    pebble_options options;
    options.alternate_roots = 2;
    pebble ca(options);
    client_of c(ca);
    c.register_account();
    std::string url;
    obtain_request request;
    request.order.identifiers.emplace_back("dns", "alternates.example");
    request.certificate_key = key::generate();
    request.order_placed = [&](const order& o) -> asio::awaitable<void> {
        url = o.url;
        co_return;
    };
    c.run(c->async_obtain(std::move(request), c.answering()));
    auto o = c.run(c->async_order(url));
    auto first = c.run(c->async_certificate(o.certificate));
    BOOST_TEST(first.alternates.size() == 2U);
    std::vector<std::string> chains{first.pem};
    for (auto& each : first.alternates)
        chains.push_back(c.run(c->async_certificate(each)).pem);
    for (unsigned root = 0; root != chains.size(); ++root) {
        auto under_it = [&](const std::string& pem) { return verifies(pem, ca.root_file(root), "alternates.example"); };
        BOOST_TEST(std::count_if(chains.begin(), chains.end(), under_it) == 1);
    }
}

BOOST_AUTO_TEST_CASE(revocation_by_the_account_and_by_the_certificates_key)
{
    auto& ca = usual_ca();
    client_of c(ca);
    c.register_account();
    auto by_account = c.obtain("revoked-1.example");
    BOOST_TEST(ca.certificate_status(by_account->serial()) == "Valid");
    c.run(c->async_revoke(std::string(by_account->leaf_der()), revocation_reason::superseded));
    BOOST_TEST(ca.certificate_status(by_account->serial()) == "Revoked");
    c.run(c->async_revoke(std::string(by_account->leaf_der()), revocation_reason::superseded));

    auto by_key = c.obtain("revoked-2.example");
    client_of stranger(ca);
    stranger.run(stranger->async_revoke(
        std::string(by_key->leaf_der()), revocation_reason::key_compromise, by_key->private_key()));
    BOOST_TEST(ca.certificate_status(by_key->serial()) == "Revoked");

    auto of_others = c.obtain("revoked-3.example");
    stranger.register_account();
    auto refused =
        stranger.failure_of(stranger->async_revoke(std::string(of_others->leaf_der()), revocation_reason::unspecified));
    BOOST_TEST((refused.code() == errc::unauthorized), refused.what());
    BOOST_TEST(ca.certificate_status(of_others->serial()) == "Valid");
}

BOOST_AUTO_TEST_CASE(key_change)
{
    auto& ca = usual_ca();
    client_of c(ca);
    auto made = c.register_account();
    auto old_key = c->account_key();
    auto new_key = key::generate();
    c.run(c->async_key_change(new_key));
    BOOST_TEST((c->account_key() == new_key));
    BOOST_TEST(c->account_url() == made.url);
    c.obtain("key-change.example");
    client_of old(ca, old_key);
    BOOST_TEST(!old.run(old->async_find_account()).has_value());
    // A key that another account has.
    client_of other(ca);
    other.register_account();
    auto refused = c.failure_of(c->async_key_change(other->account_key()));
    // RFC 8555 section 7.3.5 asks for 409; Pebble 2.4 answers with 500.
    BOOST_TEST((refused.code() == errc::conflict || refused.code() == errc::server_internal), refused.what());
    BOOST_TEST((c->account_key() == new_key));
}

BOOST_AUTO_TEST_CASE(external_account_binding)
{
    // 32 octets each.
    constexpr const char* right = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wE";
    constexpr const char* wrong = "AWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wA";
    pebble_options options;
    options.external_account_required = true;
    options.external_accounts = {{"kid-1", right}};
    pebble ca(options);
    client_of c(ca);
    BOOST_TEST(c.run(c->async_directory()).external_account_required);
    account_request request;
    auto missing = c.failure_of(c->async_new_account(request));
    BOOST_TEST((missing.code() == errc::external_account_required), missing.what());
    struct binding
    {
        const char* key_id;
        const char* mac_key;
    };
    for (auto [key_id, mac_key] : {binding{"kid-1", wrong}, binding{"kid-2", right}}) {
        request.external = external_account(key_id, mac_key);
        auto refused = c.failure_of(c->async_new_account(request));
        BOOST_TEST((refused.code() == errc::unauthorized || refused.code() == errc::malformed), refused.what());
        BOOST_TEST(refused.problem().has_value());
    }
    request.external = external_account("kid-1", right);
    BOOST_TEST(c.run(c->async_new_account(request)).created);

    site_options through_manager;
    through_manager.config.external = external_account("kid-1", right);
    site s(ca, through_manager);
    s.serve();
    BOOST_TEST(s.obtain("bound.example") != nullptr);
    site unbound(ca);
    BOOST_TEST((unbound.failure_to_obtain("unbound.example").code() == errc::external_account_required));
}

BOOST_AUTO_TEST_CASE(a_validation_that_fails_says_why)
{
    auto& ca = usual_ca();
    ca.set_servfail("servfail.example");
    client_of c(ca);
    c.register_account();
    try {
        c.obtain("servfail.example");
        BOOST_ERROR("obtained");
    } catch (const error& e) {
        BOOST_TEST((e.code() == errc::authorization_invalid), e.what());
        BOOST_TEST_REQUIRE(e.problem().has_value());
        BOOST_TEST(!e.problem()->detail.empty());
    }
    BOOST_TEST(c.answering().withdrawn == 1);
    ca.clear_servfail("servfail.example");
}

BOOST_AUTO_TEST_CASE(unknown_resources_are_typed_errors)
{
    client_of c(usual_ca());
    auto url = c.register_account().url;
    auto base = url.substr(0, url.rfind("/my-account"));
    BOOST_TEST(c.failure_of(c->async_order(base + "/my-order/nothing")).problem()->status == 404U);
    BOOST_TEST(c.failure_of(c->async_authorization(base + "/authZ/nothing")).problem()->status == 404U);
    BOOST_TEST(c.failure_of(c->async_certificate(base + "/certZ/nothing")).problem()->status == 404U);
}

BOOST_AUTO_TEST_CASE(one_connection_is_kept_alive_and_nonces_are_kept)
{
    pebble_options options;
    options.nonce_reject = 0;
    pebble ca(options);
    client_of c(ca);
    c.register_account();
    for (const char* host : {"kept-1.example", "kept-2.example", "kept-3.example"})
        c.obtain(host);
    auto sent = c.requests->requests();
    auto heads = std::count_if(
        sent.begin(), sent.end(), [](const std::string& each) { return each.find("/nonce-plz") != std::string::npos; });
    BOOST_TEST(heads == 1);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
