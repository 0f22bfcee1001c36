#include "manager/members.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <ostream>

/// Managers on one store come, go and die: what each of them does of what any could do.
namespace acme::test {
namespace {

constexpr std::size_t hosts = 60;
// Refreshed after two thirds of it.
constexpr auto lifetime = hours(160);

struct shares
{
    std::array<std::size_t, 3> of{};

    std::size_t sum() const { return of[0] + of[1] + of[2]; }
    shares since(const shares& before) const
    {
        shares s;
        for (std::size_t n = 0; n != of.size(); ++n)
            s.of[n] = of[n] - before.of[n];
        return s;
    }
};

std::ostream& operator<<(std::ostream& out, const shares& s)
{
    return out << s.of[0] << ", " << s.of[1] << ", " << s.of[2];
}

bool is_fair(const shares& s)
{
    // Hosts fall to the managers at random, as it were.
    return std::all_of(s.of.begin(), s.of.end(), [&](std::size_t n) { return n >= s.sum() / 6 && n <= s.sum() / 2; });
}

struct members : weather
{
    members()
        : second(*this)
        , third(*this)
    {
        ca.state().options.lifetime = lifetime;
        use_disk();
        second.use(disk);
        third.use(disk);
        settle();
    }

    std::size_t nodes()
    {
        std::size_t found = 0;
        const auto count = [&]() -> boost::asio::awaitable<void> {
            const auto keys = co_await disk->async_list(state_keys(ca.directory_url()).prefix() + "nodes/");
            found = keys.size();
        };
        await(count());
        return found;
    }
    shares refreshes() const { return share(orders(), second.network->orders, third.network->orders); }
    shares polled() const { return share(polls(), second.network->polls, third.network->polls); }
    std::size_t expired() const
    {
        std::size_t all = 0;
        for (std::size_t n = 0; n != hosts; ++n) {
            const auto c = served(host_number(static_cast<int>(n)));
            all += !c || c->not_after() <= right_time() ? 1U : 0U;
        }
        return all;
    }
    void refresh_all()
    {
        const auto until = asked.size() + hosts;
        run_until([&] { return asked.size() == until; });
        settle();
        BOOST_TEST(expired() == 0U);
    }

    member second;
    member third;

private:
    static shares share(std::size_t all, std::size_t of_second, std::size_t of_third)
    {
        shares s;
        s.of = {all - of_second - of_third, of_second, of_third};
        return s;
    }
};

BOOST_AUTO_TEST_SUITE(group_membership)

BOOST_FIXTURE_TEST_CASE(what_is_due_is_divided_among_all, members)
{
    BOOST_TEST(nodes() == 3U);
    obtain(hosts);
    const auto obtained = refreshes();
    refresh_all();
    const auto refreshed = refreshes().since(obtained);
    BOOST_TEST(is_fair(refreshed), refreshed);
    BOOST_TEST(is_fair(polled()), polled());
    // One asks for all.
    const auto begun = polled();
    pass(day);
    const auto of_a_day = polled().since(begun).sum();
    const auto one_manager = [&] {
        weather alone;
        alone.ca.state().options.lifetime = lifetime;
        alone.use_disk();
        alone.obtain(hosts);
        const auto before = alone.polls();
        alone.pass(day);
        return alone.polls() - before;
    }();
    BOOST_TEST((of_a_day <= one_manager + one_manager / 10), of_a_day << " against " << one_manager);
    BOOST_TEST(asked.size() == 2 * hosts);
}

BOOST_FIXTURE_TEST_CASE(who_leaves_hands_its_share_over_at_once, members)
{
    obtain(hosts);
    await(second.manager->async_shutdown());
    settle();
    BOOST_TEST(nodes() == 2U);
    const auto begun = refreshes();
    refresh_all();
    const auto refreshed = refreshes().since(begun);
    BOOST_TEST(refreshed.of[1] == 0U);
    BOOST_TEST((refreshed.of[0] >= hosts / 4 && refreshed.of[2] >= hosts / 4), refreshed);
}

BOOST_FIXTURE_TEST_CASE(the_share_of_the_dead_is_done_in_time_and_later_by_those_who_live, members)
{
    obtain(hosts);
    // Shortly before the first is due.
    run_until([&] { return asked.size() == hosts + 1; });
    const auto begun = refreshes();
    second.manager.reset();
    BOOST_TEST(nodes() == 3U);
    const auto until = asked.size() + hosts - 1;
    run_until([&] { return asked.size() == until; });
    settle();
    BOOST_TEST(expired() == 0U);
    BOOST_TEST(refreshes().since(begun).of[1] == 0U);
    pass(minutes(30));
    BOOST_TEST(nodes() == 2U);
}

BOOST_FIXTURE_TEST_CASE(who_does_not_reach_the_ca_keeps_nobody_from_it, members)
{
    obtain(hosts);
    const auto begun = refreshes();
    second.network->cut = true;
    run_until([&] { return asked.size() == 2 * hosts; });
    settle();
    BOOST_TEST(expired() == 0U);
    BOOST_TEST(second.count<issuance_failed>() > 0U);
    const auto refreshed = refreshes().since(begun);
    BOOST_TEST((refreshed.of[0] >= hosts / 3 && refreshed.of[2] >= hosts / 3), refreshed);
}

BOOST_FIXTURE_TEST_CASE(who_joins_takes_its_share, members)
{
    obtain(hosts);
    refresh_all();
    member fourth(*this);
    fourth.use(disk);
    settle();
    BOOST_TEST(nodes() == 4U);
    const auto before = asked.size();
    refresh_all();
    BOOST_TEST(asked.size() == before + hosts);
    BOOST_TEST((fourth.network->orders >= hosts / 8 && fourth.network->orders <= hosts / 2), fourth.network->orders);
}

// By processes that ended before anybody noticed, say: each start has a name of its own.
struct crowded : members
{
    // Names that nobody has any more.
    void leave_names(int names)
    {
        const auto save = [](std::shared_ptr<store> s, std::string prefix, int n) -> boost::asio::awaitable<void> {
            for (int i = 0; i < n; ++i)
                co_await s->async_save(prefix + "nodes/dead" + std::to_string(i), "0");
        };
        await(save(disk->behind(), state_keys(ca.directory_url()).prefix(), names));
        settle();
    }
};

BOOST_FIXTURE_TEST_CASE(a_thousand_names_do_not_hide_those_who_live, crowded)
{
    leave_names(998);
    pass(hours(1));
    BOOST_TEST(nodes() == 3U);
    const auto done = disk->operations();
    BOOST_TEST(std::none_of(done.begin(), done.end(), [](const auto& each) {
        return each.operation == operation::erase && each.key.find("dead") == std::string::npos;
    }));
}

BOOST_FIXTURE_TEST_CASE(who_finds_too_many_names_begins_a_new_list, crowded)
{
    leave_names(150);
    member fourth(*this);
    fourth.use(disk);
    pass(minutes(6));
    BOOST_TEST(nodes() == 4U);
    obtain(hosts);
    refresh_all();
    BOOST_TEST((fourth.network->orders >= hosts / 8 && fourth.network->orders <= hosts / 2), fourth.network->orders);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
