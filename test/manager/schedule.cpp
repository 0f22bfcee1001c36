#include "manager/schedule.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace acme::test {
namespace {

schedule::time_point at(int seconds)
{
    return schedule::time_point(std::chrono::seconds(seconds));
}

std::string host(int n)
{
    return "h" + std::to_string(n) + ".example.com";
}

using names = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(schedule_of_hosts)

BOOST_AUTO_TEST_CASE(an_empty_schedule_has_nothing_due)
{
    schedule s;
    BOOST_TEST(!s.next());
    BOOST_TEST(s.take_due(schedule::time_point::max()).empty());
    BOOST_TEST(s.size() == 0U);
    s.erase(host(1));
    s.clear();
    BOOST_TEST(!s.next());
}

BOOST_AUTO_TEST_CASE(the_longest_overdue_host_comes_first_and_each_once)
{
    schedule s;
    s.set(host(1), at(30));
    s.set(host(2), at(10));
    s.set(host(3), at(20));
    BOOST_TEST((s.next() == at(10)));
    const names first = s.take_due(at(20));
    BOOST_TEST((first == names{host(2), host(3)}));
    BOOST_TEST((s.next() == at(30)));
    BOOST_TEST(s.take_due(at(29)).empty());
    BOOST_TEST((s.take_due(at(30)) == names{host(1)}));
    BOOST_TEST(s.take_due(at(1000)).empty());
}

BOOST_AUTO_TEST_CASE(a_host_that_is_set_again_moves)
{
    schedule s;
    s.set(host(1), at(10));
    s.set(host(2), at(20));
    s.set(host(1), at(30));
    BOOST_TEST(s.size() == 2U);
    BOOST_TEST((s.next() == at(20)));
    s.set(host(1), at(5));
    BOOST_TEST((s.next() == at(5)));
    BOOST_TEST((s.take_due(at(100)) == names{host(1), host(2)}));
    BOOST_TEST(s.size() == 0U);
}

BOOST_AUTO_TEST_CASE(hosts_of_one_moment_do_not_hide_each_other)
{
    schedule s;
    for (int n = 0; n < 10; ++n)
        s.set(host(n), at(7));
    s.erase(host(3));
    auto due = s.take_due(at(7));
    std::sort(due.begin(), due.end());
    BOOST_TEST(due.size() == 9U);
    BOOST_TEST(!std::binary_search(due.begin(), due.end(), host(3)));
}

BOOST_AUTO_TEST_CASE(a_cleared_schedule_takes_hosts_again)
{
    schedule s;
    s.set(host(1), at(1));
    s.clear();
    BOOST_TEST(!s.next());
    s.set(host(1), at(2));
    BOOST_TEST((s.next() == at(2)));
    BOOST_TEST(s.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_ends_of_time_are_moments_like_others)
{
    schedule s;
    s.set(host(1), schedule::time_point::max());
    s.set(host(2), schedule::time_point::min());
    s.set(host(3), at(-1));
    BOOST_TEST((s.next() == schedule::time_point::min()));
    BOOST_TEST((s.take_due(at(0)) == names{host(2), host(3)}));
    BOOST_TEST((s.next() == schedule::time_point::max()));
    BOOST_TEST((s.take_due(schedule::time_point::max()) == names{host(1)}));
}

// Against a plain map: whatever is done to it, the schedule says the same, within an hour as over a year, with few
// hosts as with so many that an hour's are not put aside.
void compare_with_plain_map(int hosts, int span)
{
    std::mt19937 random(20260601);
    schedule s;
    std::map<std::string, int> model;
    for (int n = 50; n < hosts; ++n)
        s.set(host(n), at(n % span)), model[host(n)] = n % span;
    for (int step = 0; step < 5'000; ++step) {
        const std::string name = host(static_cast<int>(random() % static_cast<unsigned>(hosts)));
        const int when = static_cast<int>(random() % static_cast<unsigned>(span));
        switch (random() % 8) {
        case 0: s.erase(name), model.erase(name); break;
        case 1: {
            const int now = when / (hosts / 5);
            std::vector<int> expected;
            for (auto& [h, t] : model)
                if (t <= now)
                    expected.push_back(t);
            std::sort(expected.begin(), expected.end());
            std::vector<int> taken;
            for (auto& h : s.take_due(at(now))) {
                taken.push_back(model.at(h));
                model.erase(h);
            }
            BOOST_REQUIRE(taken == expected);
            break;
        }
        default: s.set(name, at(when)), model[name] = when; break;
        }
        BOOST_REQUIRE(s.size() == model.size());
        BOOST_REQUIRE(s.next().has_value() == !model.empty());
        if (!model.empty()) {
            const auto by_time = [](const auto& a, const auto& b) { return a.second < b.second; };
            BOOST_REQUIRE((s.next() == at(std::min_element(model.begin(), model.end(), by_time)->second)));
            BOOST_REQUIRE(model.at(*s.first()) == std::min_element(model.begin(), model.end(), by_time)->second);
        }
    }
}

BOOST_AUTO_TEST_CASE(random_changes_agree_with_a_plain_map)
{
    for (const int hosts : {50, 3'000})
        for (const int span : {1'000, 20'000, 400'000, 40'000'000})
            compare_with_plain_map(hosts, span);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
