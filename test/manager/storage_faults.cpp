#include "manager/weather.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

/// What becomes of a manager whose disk fails.
namespace acme::test {
namespace {

const std::string host = "a.example.com";
const std::string prefix = "ca.test_directory/";

const boost::system::errc::errc_t causes[] = {boost::system::errc::no_space_on_device,
    boost::system::errc::permission_denied, boost::system::errc::read_only_file_system,
    boost::system::errc::no_such_file_or_directory};

struct diseased : weather
{
    diseased()
        : weather([](config& c) { c.limits.requests = rate(1'000, hours(1)); })
    {
        use_disk();
    }

    void break_saves(const std::string& key, boost::system::errc::errc_t cause)
    {
        disk->inject(store_fault(operation::save).prefix(prefix + key).always().with(make_error_code(cause)));
    }
    bool told_of(const std::string& key, boost::system::errc::errc_t cause) const
    {
        const auto all = told<save_failed>();
        return std::any_of(all.begin(), all.end(), [&](const save_failed& e) {
            return e.key.starts_with(prefix + key) && e.error.code() == cause &&
                describe(e).find(e.key) != std::string::npos;
        });
    }
    // Until the next step of the refresh, or whatever comes then.
    void pass_to(const certificate_ptr& c, double part)
    {
        const auto life = c->not_after() - c->not_before();
        pass_until(c->not_before() + std::chrono::duration_cast<std::chrono::system_clock::duration>(life * part));
    }
};

BOOST_AUTO_TEST_SUITE(storage_faults)

BOOST_AUTO_TEST_CASE(no_account_is_asked_for_whose_key_is_not_saved)
{
    for (const auto cause : causes) {
        diseased w;
        w.break_saves("account", cause);
        const auto e = w.refusal(host);
        BOOST_TEST((e.code() == cause));
        BOOST_TEST(w.registrations() == 0U);
        BOOST_TEST(w.asked.empty());
        BOOST_TEST(w.told_of("account", cause));
        w.disk->clear_faults();
        w.pass(hours(2));
        BOOST_TEST(w.get(host));
        BOOST_TEST(w.ca.state().accounts.size() == 1U);
    }
}

BOOST_AUTO_TEST_CASE(no_order_is_placed_whose_token_is_not_saved)
{
    for (const auto cause : causes) {
        diseased w;
        w.break_saves("limits", cause);
        BOOST_TEST((w.refusal(host).code() == cause));
        BOOST_TEST(w.asked.empty());
        BOOST_TEST(w.told_of("limits", cause));
        w.disk->clear_faults();
        w.pass(hours(2));
        BOOST_TEST(w.get(host));
    }
}

BOOST_AUTO_TEST_CASE(no_order_is_finalized_whose_key_is_not_saved)
{
    for (const auto cause : causes) {
        diseased w;
        w.break_saves("orders/", cause);
        BOOST_TEST((w.refusal(host).code() == cause));
        BOOST_TEST(w.asked.size() == 1U);
        BOOST_TEST(w.finalizes() == 0U);
        BOOST_TEST(w.told_of("orders/", cause));
        w.disk->clear_faults();
        w.pass(hours(2));
        BOOST_TEST(w.get(host));
        // The order that was placed is taken up.
        BOOST_TEST(w.asked.size() == 1U);
    }
}

BOOST_AUTO_TEST_CASE(a_certificate_that_can_not_be_saved_is_served_and_saved_later)
{
    for (const auto cause : causes) {
        diseased w;
        w.break_saves("certificates/", cause);
        const auto c = w.get(host);
        BOOST_TEST((w.served(host) == c));
        BOOST_TEST(w.told_of("certificates/", cause));
        w.pass(hours(1));
        BOOST_TEST((w.served(host) == c));
        const auto failures = w.told<save_failed>().size();
        BOOST_TEST(failures > 10U);
        BOOST_TEST(failures < 1000U);
        w.disk->clear_faults();
        w.pass(minutes(2));
        w.manager.reset();
        const auto requests = w.network->requests.size();
        restarted again(w);
        BOOST_TEST(again.get(host)->serial() == c->serial());
        BOOST_TEST(w.network->requests.size() == requests);
    }
}

BOOST_AUTO_TEST_CASE(a_refresh_waits_for_the_disk_until_it_can_wait_no_longer)
{
    for (const auto* key : {"limits", "orders/"}) {
        diseased w;
        w.ca.state().options.lifetime = 6 * day;
        const auto first = w.get(host);
        w.pass_to(first, 0.45);
        w.break_saves(key, boost::system::errc::no_space_on_device);
        w.pass_to(first, 0.82);
        BOOST_TEST((w.served(host) == first));
        BOOST_TEST(w.finalizes() == 1U);
        BOOST_TEST(w.asked.size() <= (std::string_view(key) == "limits" ? 1U : 2U), key);
        w.run_until([&] { return w.replaced(first, host); });
        BOOST_TEST((w.right_time() < first->not_after()), key);
        // Serving, refreshing and saving go on.
        w.disk->clear_faults();
        w.pass(hours(1));
        const auto last = w.served(host);
        w.manager.reset();
        restarted again(w);
        BOOST_TEST(again.get(host)->serial() == last->serial());
    }
}

// Neither the lock of a broken disk nor what it fails to load keeps a certificate from its refresh.
BOOST_AUTO_TEST_CASE(a_disk_that_does_nothing_any_more_does_not_let_a_certificate_expire)
{
    for (const auto what : {operation::load, operation::lock, operation::save, operation::erase, operation::any}) {
        diseased w;
        w.ca.state().options.lifetime = 6 * day;
        const auto first = w.get(host);
        w.pass_to(first, 0.45);
        w.disk->inject(store_fault(what).always().with(make_error_code(boost::system::errc::io_error)));
        w.pass_to(first, 0.99);
        BOOST_REQUIRE(w.served(host));
        BOOST_TEST(w.replaced(first, host), static_cast<int>(what));
        w.disk->clear_faults();
        w.pass(hours(1));
        const auto last = w.served(host);
        w.manager.reset();
        restarted again(w);
        BOOST_TEST(again.get(host)->serial() == last->serial());
    }
}

BOOST_AUTO_TEST_CASE(a_disk_that_stalls_holds_up_its_host_only_until_it_goes_on)
{
    struct stage
    {
        operation what;
        std::string key;
    };
    const stage all[] = {{operation::save, "account"}, {operation::save, "limits"}, {operation::save, "orders/"},
        {operation::save, "certificates/"}, {operation::load, "certificates/"}, {operation::lock, "issue/"}};
    for (const auto& each : all) {
        diseased w;
        w.disk->inject(store_fault(each.what).prefix(prefix + each.key).stall());
        const auto caller = w.ask(host);
        // Less than the order's time limit.
        w.pass(minutes(4));
        BOOST_TEST(!caller->done, each.key);
        w.disk->resume();
        BOOST_TEST(w.wait(caller), each.key);
        BOOST_TEST(w.asked.size() == 1U);
        BOOST_TEST(w.finalizes() == 1U);
    }
}

BOOST_AUTO_TEST_CASE(what_stalls_for_one_host_stalls_for_no_other)
{
    for (const auto* key : {"orders/", "certificates/"}) {
        diseased w;
        const auto served = w.get("b.example.com");
        w.disk->inject(store_fault(operation::save).prefix(prefix + key + host).stall());
        const auto caller = w.ask(host);
        w.settle();
        BOOST_TEST(w.get("c.example.com"), key);
        w.run_until([&] { return w.replaced(served, "b.example.com"); });
        w.disk->resume();
        w.pass(minutes(10));
        BOOST_TEST(caller->done);
    }
}

BOOST_AUTO_TEST_CASE(a_save_that_fails_though_it_was_carried_out_does_no_harm)
{
    diseased w;
    for (int n = 1; n < 8; ++n) {
        w.disk->inject(store_fault(operation::save).after().nth(static_cast<std::size_t>(n)));
        const auto caller = w.ask(host_number(n));
        w.run_until([&] { return caller->done; });
        w.disk->clear_faults();
        w.pass(hours(3));
        BOOST_TEST(w.get(host_number(n)));
    }
    BOOST_TEST(w.finalizes() == 7U);
    BOOST_TEST(w.ca.state().accounts.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_store_that_can_not_be_read_is_refused_and_can_be_tried_again)
{
    for (const auto what : {operation::list, operation::load}) {
        weather w;
        w.disk->inject(store_fault(what).with(make_error_code(boost::system::errc::permission_denied)));
        const auto opening = w.start(w.manager->async_use_store(w.disk));
        BOOST_TEST((w.wait_refused(opening).code() == boost::system::errc::permission_denied));
        w.use_disk();
        BOOST_TEST(w.get(host));
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
