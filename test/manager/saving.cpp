#include "manager/spy_store.hpp"
#include "manager/world.hpp"
#include "store/archive.hpp"
#include "store/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace acme::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const std::string prefix = "ca.test_directory/";

std::string contents_of(const std::filesystem::path& path)
{
    std::ifstream in(path, std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
}

void write(const std::filesystem::path& path, std::string_view text)
{
    std::ofstream(path, std::ios::binary) << text;
}

std::optional<std::string> value_in(server_process& p, store& s, std::string key)
{
    std::optional<std::string> value;
    auto load = [&]() -> boost::asio::awaitable<void> { value = co_await s.async_load(key); };
    p.await(load());
    return value;
}

// What `marshal` would return of a manager that holds just what the store does.
std::string archive_of(server_process& p, store& s)
{
    objects all;
    auto load = [&]() -> boost::asio::awaitable<void> {
        const auto names = co_await s.async_list("");
        for (const auto& name : names)
            all[name] = (co_await s.async_load(name)).value();
    };
    p.await(load());
    return encode_archive(all);
}

struct file_world : world
{
    file_world() { patience = std::chrono::milliseconds(20); }

    scratch_folder directory;
    std::filesystem::path path = directory.path() / "acme.cache";
};

BOOST_FIXTURE_TEST_SUITE(cache_file, file_world)

BOOST_AUTO_TEST_CASE(a_restarted_process_serves_without_a_word_to_the_ca)
{
    await(manager->async_cache_file(path));
    const auto c = get("a.example.com");
    await(manager->async_shutdown());
    manager.reset();

    network->decide = [](std::size_t, const https_request&) { return scripted_transport::fate::lose_request; };
    const auto asked = network->requests.size();
    server_process next(around);
    next.patience = patience;
    next.await(next.manager->async_cache_file(path));
    const auto again = next.manager->credentials()->find("a.example.com");
    BOOST_REQUIRE(again);
    BOOST_TEST(again->serial() == c->serial());
    BOOST_TEST((again->private_key() == c->private_key()));
    BOOST_TEST((next.get("a.example.com") == again));
    BOOST_TEST(next.manager->registered());
    BOOST_TEST(network->requests.size() == asked);
}

BOOST_AUTO_TEST_CASE(every_change_is_in_the_file_soon)
{
    await(manager->async_cache_file(path));
    get("a.example.com");
    manager->set_hosts({"a.example.com", "b.example.com"});
    settle();
    // As after a crash: the manager did not end.
    server_process next(around);
    next.patience = patience;
    const auto copy = directory.path() / "copy.cache";
    std::filesystem::copy_file(path, copy);
    next.await(next.manager->async_cache_file(copy));
    BOOST_TEST(next.manager->marshal() == manager->marshal());
}

BOOST_AUTO_TEST_CASE(what_the_manager_holds_already_is_kept_and_saved)
{
    const auto c = get("a.example.com");
    manager->set_hosts({"a.example.com"});
    await(manager->async_cache_file(path));
    BOOST_TEST((manager->credentials()->find("a.example.com") == c));
    settle();
    server_process next(around);
    next.patience = patience;
    const auto copy = directory.path() / "copy.cache";
    std::filesystem::copy_file(path, copy);
    next.await(next.manager->async_cache_file(copy));
    BOOST_TEST(next.manager->marshal() == manager->marshal());
    BOOST_TEST(next.manager->registered());
}

BOOST_AUTO_TEST_CASE(the_newer_of_two_certificates_wins)
{
    const auto older = get("a.example.com");
    pass(hours(24));
    {
        server_process other(around);
        other.patience = patience;
        other.await(other.manager->async_cache_file(path));
        other.get("a.example.com");
        other.get("b.example.com");
        other.await(other.manager->async_shutdown());
    }
    hook = manager->credentials();
    await(manager->async_cache_file(path));
    const auto newer = manager->credentials()->find("a.example.com");
    BOOST_REQUIRE(newer);
    BOOST_TEST(newer->serial() != older->serial());
    BOOST_TEST((newer->not_after() > older->not_after()));
    BOOST_TEST(manager->credentials()->find("b.example.com"));
}

BOOST_AUTO_TEST_CASE(a_damaged_or_foreign_file_is_refused_and_nothing_changes)
{
    const auto c = get("a.example.com");
    const auto before = manager->marshal();
    const auto good = before;
    const struct
    {
        std::string text;
        errc code;
    } table[] = {
        {"", errc::damaged_state},
        {good.substr(0, good.size() / 2), errc::damaged_state},
        {good.substr(0, good.size() - 20) + std::string(20, 'x'), errc::damaged_state},
        {"#!/bin/sh\necho hello\n", errc::foreign_state},
        {std::string(1'000, '\0'), errc::foreign_state},
    };
    for (const auto& row : table) {
        write(path, row.text);
        const auto e = wait_refused(start(manager->async_cache_file(path)));
        BOOST_TEST((e.code() == row.code), e.what());
        BOOST_TEST(std::string(e.what()).find(path.string()) != std::string::npos, e.what());
        BOOST_TEST(contents_of(path) == row.text);
        BOOST_TEST(manager->marshal() == before);
        BOOST_TEST((manager->credentials()->find("a.example.com") == c));
    }
    // A failed attempt is not the end: the right file can still be used.
    std::filesystem::remove(path);
    await(manager->async_cache_file(path));
    settle();
    BOOST_TEST(std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(a_second_store_is_refused_and_the_first_stays)
{
    await(manager->async_cache_file(path));
    const auto second = directory.path() / "second.cache";
    BOOST_TEST((wait_refused(start(manager->async_cache_file(second))).code() == errc::second_store));
    BOOST_TEST((wait_refused(start(manager->async_cache_file(path))).code() == errc::second_store));
    BOOST_TEST((wait_refused(start(manager->async_use_store(make_memory_store()))).code() == errc::second_store));
    BOOST_TEST(!std::filesystem::exists(second));
    get("a.example.com");
    settle();
    BOOST_TEST(contents_of(path).find("a.example.com") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(of_two_that_are_opened_at_once_one_is_refused)
{
    const auto first = start(manager->async_cache_file(path));
    const auto second = start(manager->async_cache_file(directory.path() / "second.cache"));
    run_until([&] { return first->done && second->done; });
    BOOST_TEST(!first->failure);
    BOOST_TEST((second->code() == errc::second_store));
}

BOOST_AUTO_TEST_CASE(a_place_that_can_not_be_opened_is_named)
{
    const auto nowhere = directory.path() / "absent" / "acme.cache";
    const auto e = wait_refused(start(manager->async_cache_file(nowhere)));
    BOOST_TEST(std::string(e.what()).find(nowhere.string()) != std::string::npos, e.what());
    BOOST_TEST(get("a.example.com"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(saving)

struct spied_world : world
{
    spied_world() { await(manager->async_use_store(spy)); }

    std::size_t place_of(const std::string& key) const
    {
        return static_cast<std::size_t>(std::find(spy->log.begin(), spy->log.end(), key) - spy->log.begin());
    }

    std::shared_ptr<spy_store> spy = std::make_shared<spy_store>();
};

BOOST_FIXTURE_TEST_CASE(each_thing_is_saved_before_it_is_used, spied_world)
{
    bool account_was_first = false;
    bool order_was_first = false;
    network->decide = [&](std::size_t, const https_request& r) {
        const auto saved = [&](const std::string& key) { return place_of(key) < spy->log.size(); };
        if (r.url.ends_with("/new-account"))
            account_was_first = saved(prefix + "account");
        if (r.url.ends_with("/finalize"))
            order_was_first = saved(prefix + "orders/a.example.com");
        return scripted_transport::fate::deliver;
    };
    bool certificate_was_first = false;
    spy->fails = [&](const std::string& key) {
        if (key == prefix + "certificates/a.example.com")
            certificate_was_first = manager->credentials()->find("a.example.com") == nullptr;
        return false;
    };
    const auto c = get("a.example.com");
    BOOST_TEST(account_was_first);
    BOOST_TEST(order_was_first);
    BOOST_TEST(certificate_was_first);
    settle();
    BOOST_TEST(place_of("-" + prefix + "orders/a.example.com") < spy->log.size());
    BOOST_TEST(place_of(prefix + "certificates/a.example.com") < place_of("-" + prefix + "orders/a.example.com"));
    BOOST_TEST(!value_in(*this, *spy, prefix + "orders/a.example.com"));
    BOOST_TEST(value_in(*this, *spy, prefix + "certificates/a.example.com").has_value());
}

BOOST_FIXTURE_TEST_CASE(a_full_disk_is_told_and_serving_goes_on_until_there_is_room_again, spied_world)
{
    const auto c = get("a.example.com");
    settle();
    spy->log.clear();
    spy->fails = [](const std::string&) { return true; };
    manager->set_hosts({"a.example.com", "b.example.com"});
    settle();
    BOOST_TEST((manager->credentials()->find("a.example.com") == c));
    const auto told_first = told<save_failed>();
    BOOST_TEST(!told_first.empty());
    for (const auto& e : told_first)
        BOOST_TEST((e.error.code() == make_error_code(boost::system::errc::no_space_on_device)));
    BOOST_TEST(spy->log.empty());
    // Not in a loop: once and again each half minute.
    const auto before = told<save_failed>().size();
    pass(seconds(95));
    const auto after = told<save_failed>().size();
    BOOST_TEST(after > before);
    BOOST_TEST(after - before <= 3U * 5U);
    // The CA is not asked for what could not be kept.
    const auto e = refusal("b.example.com");
    BOOST_TEST((e.code() == make_error_code(boost::system::errc::no_space_on_device)));
    BOOST_TEST(orders() == 1U);
    spy->fails = {};
    pass(seconds(91));
    BOOST_TEST(place_of("hosts") < spy->log.size());
    BOOST_TEST(get("b.example.com"));
    settle();
    BOOST_TEST(archive_of(*this, *spy->behind) == manager->marshal());
}

BOOST_FIXTURE_TEST_CASE(a_change_that_comes_during_its_saving_is_saved_as_well, spied_world)
{
    for (int n = 0; n < 30; ++n) {
        manager->set_hosts({host_number(n)});
        for (int turns = 0; turns < n % 7; ++turns)
            io.poll_one();
    }
    settle();
    const auto value = value_in(*this, *spy, "hosts");
    BOOST_REQUIRE(value);
    BOOST_TEST(value->find(host_number(29)) != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_shutdown_at_any_moment_saves_the_last_state, world)
{
    for (int turns = 0; turns < 60; ++turns) {
        const auto spy = std::make_shared<spy_store>();
        server_process p(around);
        p.await(p.manager->async_use_store(spy));
        p.manager->set_hosts({"a.example.com"});
        p.settle();
        const auto caller = p.ask("a.example.com");
        p.io.restart();
        for (int n = 0; n < turns; ++n)
            p.io.poll_one();
        p.manager->set_hosts({"a.example.com", host_number(turns)});
        for (int n = 0; n < turns % 5; ++n)
            p.io.poll_one();
        p.await(p.manager->async_shutdown());
        BOOST_TEST(archive_of(p, *spy->behind) == p.manager->marshal(), "after " << turns << " turns");
        BOOST_TEST(p.told<save_failed>().empty());
        BOOST_TEST(caller->done);
    }
}

BOOST_FIXTURE_TEST_CASE(a_damaged_object_in_a_shared_store_is_told_and_replaced_by_a_new_certificate, spied_world)
{
    await(spy->behind->async_save(prefix + "certificates/a.example.com", "{}"));
    BOOST_TEST(get("a.example.com"));
    BOOST_REQUIRE(told<state_refused>().size() == 1U);
    BOOST_TEST(told<state_refused>()[0].key == prefix + "certificates/a.example.com");
}

BOOST_FIXTURE_TEST_CASE(two_managers_on_one_store_place_one_order, world)
{
    const auto shared = make_memory_store();
    await(manager->async_use_store(shared));
    // The other one's validations are answered by this one's hook as well, if it should order.
    const auto our_hook = hook;
    server_process other(around);
    hook = our_hook;
    other.await(other.manager->async_use_store(shared));
    const auto here = ask("a.example.com");
    settle();
    const auto there = other.ask("a.example.com");
    other.settle();
    const auto c = wait(here);
    other.run_until([&] { return there->done; });
    BOOST_REQUIRE(!there->failure);
    BOOST_TEST(there->certificate->serial() == c->serial());
    BOOST_TEST(orders() == 1U);
    BOOST_TEST(registrations() == 1U);
    // Later as well.
    get("b.example.com");
    BOOST_TEST(other.get("b.example.com"));
    BOOST_TEST(orders() == 2U);
    // And with one account.
    hook = other.manager->credentials();
    BOOST_TEST(other.get("c.example.com"));
    BOOST_TEST(registrations() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(marshalling)

BOOST_AUTO_TEST_CASE(everything_moves_to_another_manager)
{
    world w;
    const auto c = w.get("a.example.com");
    w.manager->set_hosts({"a.example.com", "b.example.com"});
    server_process other(w.around);
    other.manager->unmarshal(w.manager->marshal());
    const auto moved = other.manager->credentials()->find("a.example.com");
    BOOST_REQUIRE(moved);
    BOOST_TEST(moved->serial() == c->serial());
    BOOST_TEST(other.manager->registered());
    BOOST_TEST(other.manager->marshal() == w.manager->marshal());
    BOOST_TEST((other.refusal("c.example.com").code() == errc::host_not_allowed));
    BOOST_TEST(other.get("b.example.com"));
    BOOST_TEST(w.registrations() == 1U);
    // It is refreshed there.
    other.run_until([&] { return other.manager->credentials()->find("a.example.com") != moved; });
}

BOOST_AUTO_TEST_CASE(the_state_is_replaced_not_merged)
{
    world w;
    const auto empty = w.manager->marshal();
    w.get("a.example.com");
    w.manager->set_hosts({"a.example.com"});
    const auto full = w.manager->marshal();
    w.manager->unmarshal(empty);
    BOOST_TEST(w.manager->marshal() == empty);
    BOOST_TEST(!w.manager->registered());
    BOOST_TEST(!w.manager->credentials()->find("a.example.com"));
    BOOST_TEST(w.get("b.example.com"));
    BOOST_TEST(w.registrations() == 2U);
    w.manager->unmarshal(full);
    BOOST_TEST(w.manager->credentials()->find("a.example.com"));
    BOOST_TEST(!w.manager->credentials()->find("b.example.com"));
    BOOST_TEST(w.manager->marshal() == full);
}

BOOST_AUTO_TEST_CASE(what_is_no_state_is_refused_and_nothing_changes)
{
    world w;
    w.get("a.example.com");
    const auto good = w.manager->marshal();
    std::vector<std::string> bad{"", "hello", good + "x", good.substr(1), std::string(100'000, '{')};
    for (std::size_t n = 0; n < good.size(); n += 97) {
        bad.push_back(good.substr(0, n));
        bad.push_back(good);
        bad.back()[n] = static_cast<char>(bad.back()[n] ^ 1);
    }
    for (const auto& text : bad) {
        BOOST_CHECK_EXCEPTION(w.manager->unmarshal(text), error,
            [](const error& e) { return e.code() == errc::damaged_state || e.code() == errc::foreign_state; });
        BOOST_REQUIRE(w.manager->marshal() == good);
    }
    BOOST_TEST(w.manager->credentials()->find("a.example.com"));
}

BOOST_AUTO_TEST_CASE(a_replaced_state_is_saved_and_what_it_lacks_is_erased)
{
    world w;
    const auto empty = w.manager->marshal();
    const auto s = make_memory_store();
    w.await(w.manager->async_use_store(s));
    w.get("a.example.com");
    const auto full = w.manager->marshal();
    w.manager->unmarshal(empty);
    w.settle();
    BOOST_TEST(!value_in(w, *s, prefix + "certificates/a.example.com"));
    BOOST_TEST(!value_in(w, *s, prefix + "account"));
    w.manager->unmarshal(full);
    w.settle();
    server_process next(w.around);
    next.await(next.manager->async_use_store(s));
    BOOST_TEST(next.manager->marshal() == full);
}

BOOST_AUTO_TEST_CASE(a_state_that_comes_in_the_middle_of_an_issuance_leaves_a_working_manager)
{
    for (std::size_t at = 0; at < 14; ++at) {
        world w;
        w.get("z.example.com");
        const auto other_state = w.manager->marshal();
        const auto first_requests = w.network->requests.size();
        server_process p(w.around);
        const auto caller = p.ask("a.example.com");
        p.run_until([&] { return caller->done || w.network->requests.size() == first_requests + at; });
        p.manager->unmarshal(other_state);
        p.run_until([&] { return caller->done; });
        BOOST_TEST(p.get("a.example.com"), "at request " << at);
        BOOST_TEST(p.manager->credentials()->find("z.example.com"));
        p.get("b.example.com");
        p.settle();
        const auto z = p.manager->credentials()->find("z.example.com");
        p.run_until([&] { return p.manager->credentials()->find("z.example.com") != z; });
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
