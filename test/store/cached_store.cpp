#include "store/scratch.hpp"

#include <acme/cached_store.hpp>
#include <acme/testing/store.hpp>

#include <boost/test/unit_test.hpp>

namespace acme::test {

namespace {

using testing::operation;
using testing::store_fault;

struct bench
{
    std::shared_ptr<testing::faulty_store> shared = std::make_shared<testing::faulty_store>();
    std::shared_ptr<testing::faulty_store> copy = std::make_shared<testing::faulty_store>();
    std::shared_ptr<store> cached = make_cached_store(shared, copy);

    void cut() { shared->inject(store_fault(operation::any).always().with(errc::store_unavailable)); }
    std::optional<std::string> copied(const std::string& key) { return run(copy->behind()->async_load(key)); }
};

bool unavailable(const std::optional<error>& e)
{
    return e && e->code() == errc::store_unavailable;
}

} // namespace

BOOST_AUTO_TEST_SUITE(cached_stores)

BOOST_AUTO_TEST_CASE(the_copy_has_what_was_read_and_written)
{
    bench b;
    run(b.shared->async_save("read", "1"));
    run(b.cached->async_load("read"));
    run(b.cached->async_save("saved", "2"));
    run(b.cached->async_exchange("exchanged", std::nullopt, "3"));
    run(b.cached->async_exchange("exchanged", "4", "5"));
    b.cut();
    BOOST_TEST((run(b.cached->async_load("read")) == "1"));
    BOOST_TEST((run(b.cached->async_load("saved")) == "2"));
    BOOST_TEST((run(b.cached->async_load("exchanged")) == "3"));
    BOOST_TEST(run(b.cached->async_list("")).size() == 3U);
}

BOOST_AUTO_TEST_CASE(without_the_shared_store_nothing_is_written_and_it_is_not_asked_each_time)
{
    bench b;
    run(b.cached->async_save("a", "1"));
    b.cut();
    BOOST_TEST(unavailable(failure_of([&] { run(b.cached->async_save("a", "2")); })));
    BOOST_TEST(unavailable(failure_of([&] { run(b.cached->async_erase("a")); })));
    BOOST_TEST(unavailable(failure_of([&] { run(b.cached->async_exchange("a", "1", "2")); })));
    BOOST_TEST(unavailable(failure_of([&] { run(b.cached->async_lock("a")); })));
    BOOST_TEST((b.copied("a") == "1"));
    const auto asked = b.shared->operations().size();
    for (int i = 0; i != 10; ++i)
        BOOST_TEST((run(b.cached->async_load("a")) == "1"));
    BOOST_TEST(b.shared->operations().size() == asked + 1);
}

BOOST_AUTO_TEST_CASE(once_anything_of_the_shared_store_succeeds_it_is_read_again)
{
    bench b;
    const auto all = b.cached->watch("");
    run(all->async_receive());
    const std::vector<std::function<void()>> signs{[&] { run(b.cached->async_lock("a")); },
        [&] { run(b.cached->async_save("b", "1")); }, [&] { run(b.cached->async_erase("b")); },
        [&] { BOOST_TEST(!run(b.cached->async_exchange("a", "nothing", "2"))); }, [&] { run(all->async_receive()); }};
    for (std::size_t n = 0; n != signs.size(); ++n) {
        const auto value = std::to_string(n);
        run(b.cached->async_save("a", "old " + value));
        b.shared->inject(store_fault(operation::load).with(errc::store_unavailable));
        run(b.cached->async_load("a"));
        run(b.shared->async_save("a", value));
        BOOST_TEST((run(b.cached->async_load("a")) == "old " + value));
        signs[n]();
        BOOST_TEST((run(b.cached->async_load("a")) == value));
    }
}

BOOST_AUTO_TEST_CASE(what_fails_after_something_succeeded_says_nothing_of_the_shared_store)
{
    const std::function<void(store&)> signs[] = {
        [](store& s) { run(s.async_lock("host")); }, [](store& s) { run(s.async_load("other")); }};
    for (const auto& sign : signs) {
        const auto shared = std::make_shared<testing::faulty_store>();
        const auto slow = std::make_shared<testing::faulty_store>(shared);
        const auto cached = make_cached_store(slow, make_memory_store());
        slow->inject(store_fault(operation::load).prefix("late").stall());
        shared->inject(store_fault(operation::load).prefix("late").with(errc::store_unavailable));
        asio::io_context io;
        bool loaded = false;
        asio::co_spawn(
            io, cached->async_load("late"), [&](std::exception_ptr e, std::optional<std::string>) { loaded = !e; });
        io.poll();
        BOOST_TEST_REQUIRE(!loaded);
        sign(*cached);
        run(shared->async_save("host", "by another node"));
        slow->resume();
        io.restart();
        io.run();
        BOOST_TEST_REQUIRE(loaded);
        BOOST_TEST((run(cached->async_load("host")) == "by another node"));
    }
}

BOOST_AUTO_TEST_CASE(the_shared_store_is_right)
{
    bench b;
    run(b.copy->async_save("a", "old"));
    run(b.copy->async_save("gone", "old"));
    run(b.shared->async_save("a", "new"));
    BOOST_TEST((run(b.cached->async_load("a")) == "new"));
    BOOST_TEST(!run(b.cached->async_load("gone")).has_value());
    BOOST_TEST((b.copied("a") == "new"));
    BOOST_TEST(!b.copied("gone").has_value());
    b.shared->inject(store_fault(operation::load).with(errc::damaged_state));
    const auto damaged = failure_of([&] { run(b.cached->async_load("a")); });
    BOOST_TEST((damaged && damaged->code() == errc::damaged_state));
}

BOOST_AUTO_TEST_CASE(a_copy_that_fails_is_no_hindrance)
{
    bench b;
    b.copy->inject(store_fault(operation::any).always());
    run(b.cached->async_save("a", "1"));
    BOOST_TEST((run(b.cached->async_load("a")) == "1"));
    run(b.cached->async_erase("a"));
}

BOOST_AUTO_TEST_CASE(the_copy_follows_a_subscription)
{
    bench b;
    const auto all = b.cached->watch("");
    run(all->async_receive());
    run(b.shared->async_save("a", "1"));
    run(b.shared->async_save("b", "2"));
    run(b.shared->async_erase("a"));
    for (int i = 0; i != 3; ++i)
        run(all->async_receive());
    BOOST_TEST((b.copied("b") == "2"));
    BOOST_TEST(!b.copied("a").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
