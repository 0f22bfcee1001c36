// What acme/store.hpp promises of every store: test cases for the type list `stores`, whose types have `make()`. To be
// included within a test suite, once in a source, after this:
//
//     #include "store/contract_includes.hpp"

BOOST_AUTO_TEST_CASE_TEMPLATE(what_was_saved_is_loaded, kind, stores)
{
    kind k;
    const auto s = k.make();
    BOOST_TEST(!run(s->async_load("a")).has_value());
    run(s->async_save("a", "1"));
    run(s->async_save("b", ""));
    BOOST_TEST((run(s->async_load("a")) == "1"));
    BOOST_TEST((run(s->async_load("b")) == ""));
    run(s->async_save("a", "2"));
    BOOST_TEST((run(s->async_load("a")) == "2"));
    run(s->async_save("a", std::string(kind::largest, 'x')));
    BOOST_TEST(run(s->async_load("a"))->size() == kind::largest);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_was_erased_is_gone, kind, stores)
{
    kind k;
    const auto s = k.make();
    run(s->async_erase("a"));
    run(s->async_save("a", "1"));
    run(s->async_save("ab", "2"));
    run(s->async_erase("a"));
    BOOST_TEST(!run(s->async_load("a")).has_value());
    run(s->async_erase("a"));
    BOOST_TEST((run(s->async_load("ab")) == "2"));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(keys_are_listed_by_prefix_and_sorted, kind, stores)
{
    const std::vector<std::string> none;
    kind k;
    const auto s = k.make();
    BOOST_TEST(run(s->async_list("")) == none, boost::test_tools::per_element());
    for (const char* key : {"host/b", "host/a", "hosts", "a", "host/a.b"})
        run(s->async_save(key, ""));
    const std::vector<std::string> all = {"a", "host/a", "host/a.b", "host/b", "hosts"};
    const std::vector<std::string> hosts = {"host/a", "host/a.b", "host/b"};
    BOOST_TEST(run(s->async_list("")) == all, boost::test_tools::per_element());
    BOOST_TEST(run(s->async_list("host/")) == hosts, boost::test_tools::per_element());
    BOOST_TEST(run(s->async_list("No Key!")) == none, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(wrong_keys_and_values_are_refused_and_change_nothing, kind, stores)
{
    kind k;
    const auto s = k.make();
    run(s->async_save("a", "1"));
    const auto refused = [](auto call) {
        const auto e = failure_of([&] { run(call()); });
        return e && e->code() == boost::system::errc::invalid_argument;
    };
    for (const std::string key : {"", "../a", "A", "a/", "a\n"}) {
        BOOST_TEST(refused([&] { return s->async_load(key); }), key);
        BOOST_TEST(refused([&] { return s->async_save(key, ""); }), key);
        BOOST_TEST(refused([&] { return s->async_erase(key); }), key);
        BOOST_TEST(refused([&] { return s->async_lock(key); }), key);
    }
    BOOST_TEST(refused([&] { return s->async_save("a", "\xFF"); }));
    BOOST_TEST(refused([&] { return s->async_save("a", std::string(kind::largest + 1, 'x')); }));
    BOOST_TEST((run(s->async_load("a")) == "1"));
    BOOST_TEST(run(s->async_list("")).size() == 1U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_lock_excludes_and_outlives_the_store, kind, stores)
{
    kind k;
    auto s = k.make();
    auto held = run(s->async_lock("a"));
    BOOST_TEST(run(s->async_lock("b")).get() != nullptr);
    asio::io_context io;
    bool taken = false;
    asio::co_spawn(io, s->async_lock("a"), [&](std::exception_ptr e, std::unique_ptr<store::lock>) { taken = !e; });
    io.poll();
    BOOST_TEST(!taken);
    s.reset();
    held.reset();
    io.restart();
    io.run();
    BOOST_TEST(taken);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(operations_complete_on_the_executor_of_the_caller, kind, stores)
{
    kind k;
    const auto s = k.make();
    const auto work = [&]() -> asio::awaitable<void> {
        const auto self = std::this_thread::get_id();
        co_await s->async_save("a", "1");
        BOOST_TEST((std::this_thread::get_id() == self));
        co_await s->async_load("a");
        BOOST_TEST((std::this_thread::get_id() == self));
        co_await s->async_erase("a");
        BOOST_TEST((std::this_thread::get_id() == self));
        const auto held = co_await s->async_lock("a");
        BOOST_TEST((std::this_thread::get_id() == self));
    };
    run(work());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(many_threads_use_one_store, kind, stores)
{
    constexpr int coroutines = 8;
    constexpr int rounds = 40;
    kind k;
    const auto s = k.make();
    asio::thread_pool pool(4);
    std::atomic<int> failures = 0;
    const auto work = [&](int who) -> asio::awaitable<void> {
        const std::string own = "own/" + std::to_string(who);
        for (int i = 0; i < rounds; ++i) {
            const std::string value = std::to_string(i);
            co_await s->async_save(own, value);
            const auto own_value = co_await s->async_load(own);
            failures += own_value == value ? 0 : 1;
            // Only a lock makes reading, adding and saving one step.
            const auto held = co_await s->async_lock("sum");
            const auto sum = co_await s->async_load("sum");
            const std::string next = std::to_string(sum ? std::stoi(*sum) + 1 : 1);
            co_await s->async_save("sum", next);
            const auto listed = co_await s->async_list("own/");
            failures += listed.empty() ? 1 : 0;
        }
    };
    for (int who = 0; who < coroutines; ++who)
        asio::co_spawn(asio::make_strand(pool), work(who), [&](std::exception_ptr e) { failures += e ? 1 : 0; });
    pool.join();
    BOOST_TEST(failures == 0);
    BOOST_TEST((run(s->async_load("sum")) == std::to_string(coroutines * rounds)));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_awaitable_may_start_after_the_stores_end, kind, stores)
{
    kind k;
    auto s = k.make();
    run(s->async_save("a", "1"));
    auto load = s->async_load("a");
    auto save = s->async_save("a", "2");
    auto list = s->async_list("");
    auto lock = s->async_lock("a");
    s.reset();
    BOOST_TEST((run(std::move(load)) == "1"));
    BOOST_TEST(run(std::move(list)).size() == 1U);
    BOOST_TEST(run(std::move(lock)).get() != nullptr);
    const auto e = failure_of([&] { run(std::move(save)); });
    BOOST_TEST((!e || e->code() == errc::shut_down));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_exchange_is_for_who_knows_the_value, kind, stores)
{
    kind k;
    const auto s = k.make();
    BOOST_TEST(!run(s->async_exchange("a", "0", "1")));
    BOOST_TEST(!run(s->async_load("a")).has_value());
    BOOST_TEST(run(s->async_exchange("a", std::nullopt, "1")));
    BOOST_TEST(!run(s->async_exchange("a", std::nullopt, "2")));
    BOOST_TEST(!run(s->async_exchange("a", "", "2")));
    BOOST_TEST((run(s->async_load("a")) == "1"));
    BOOST_TEST(run(s->async_exchange("a", "1", "2")));
    BOOST_TEST((run(s->async_load("a")) == "2"));
    const std::string large(kind::largest, 'x');
    const std::string other(kind::largest, 'y');
    BOOST_TEST(run(s->async_exchange("large", std::nullopt, large)));
    BOOST_TEST(!run(s->async_exchange("large", other, large)));
    BOOST_TEST(run(s->async_exchange("large", large, other)));
    BOOST_TEST((run(s->async_load("large")) == other));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(exchanges_of_many_threads_are_one_after_the_other, kind, stores)
{
    constexpr int coroutines = 4;
    constexpr int rounds = 25;
    kind k;
    const auto s = k.make();
    asio::thread_pool pool(coroutines);
    std::atomic<int> failures = 0;
    const auto work = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < rounds;) {
            const auto sum = co_await s->async_load("sum");
            const std::string next = std::to_string(sum ? std::stoi(*sum) + 1 : 1);
            i += co_await s->async_exchange("sum", sum, next) ? 1 : 0;
        }
    };
    for (int who = 0; who < coroutines; ++who)
        asio::co_spawn(asio::make_strand(pool), work(), [&](std::exception_ptr e) { failures += e ? 1 : 0; });
    pool.join();
    BOOST_TEST(failures == 0);
    BOOST_TEST((run(s->async_load("sum")) == std::to_string(coroutines * rounds)));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_holds_a_lock_writes_under_it, kind, stores)
{
    kind k;
    const auto s = k.make();
    const auto held = run(s->async_lock("lock"));
    BOOST_TEST(held->held());
    run(s->async_guarded_save("a", "1", *held));
    BOOST_TEST((run(s->async_load("a")) == "1"));
    run(s->async_guarded_erase("a", *held));
    run(s->async_guarded_erase("a", *held));
    BOOST_TEST(!run(s->async_load("a")).has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_subscription_tells_all_that_changes_after_its_beginning, kind, stores)
{
    using change = store_change::kind;
    kind k;
    auto s = k.make();
    run(s->async_save("host/a", "0"));
    const auto hosts = s->watch("host/");
    BOOST_REQUIRE(hosts);
    BOOST_TEST((run(hosts->async_receive()).what == change::anything));
    run(s->async_save("hosts", "1"));
    run(s->async_save("host/a", "1"));
    run(s->async_save("host/b", "2"));
    run(s->async_erase("host/a"));
    run(s->async_exchange("host/c", std::nullopt, "3"));
    const auto expect = [&](change what, const char* key, const char* value) {
        const auto c = run(hosts->async_receive());
        BOOST_TEST((c.what == what));
        BOOST_TEST(c.key == key);
        BOOST_TEST(c.value == value);
    };
    expect(change::saved, "host/a", "1");
    expect(change::saved, "host/b", "2");
    expect(change::erased, "host/a", "");
    expect(change::saved, "host/c", "3");
    s.reset();
    const auto end = failure_of([&] { run(hosts->async_receive()); });
    BOOST_TEST((end && end->code() == errc::shut_down));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_receiver_is_woken_and_a_cancelled_one_loses_nothing, kind, stores)
{
    kind k;
    const auto s = k.make();
    const auto all = s->watch("");
    run(all->async_receive());
    asio::io_context io;
    asio::cancellation_signal cancel;
    boost::system::error_code ec;
    const auto cancelled = [&](std::exception_ptr e, store_change) {
        const auto thrown = failure_of([&] { std::rethrow_exception(e); });
        ec = thrown ? thrown->code() : boost::system::error_code();
    };
    asio::co_spawn(io, all->async_receive(), asio::bind_cancellation_slot(cancel.slot(), cancelled));
    io.poll();
    cancel.emit(asio::cancellation_type::terminal);
    io.restart();
    io.run();
    BOOST_TEST((ec == asio::error::operation_aborted));

    std::optional<store_change> told;
    asio::co_spawn(io, all->async_receive(), [&](std::exception_ptr, store_change c) { told = std::move(c); });
    io.restart();
    io.poll();
    BOOST_TEST(!told.has_value());
    run(s->async_save("a", "1"));
    io.run();
    BOOST_REQUIRE(told.has_value());
    BOOST_TEST(told->key == "a");
}
