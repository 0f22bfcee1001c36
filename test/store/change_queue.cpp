#include "store/change_queue.hpp"

#include "store/scratch.hpp"

#include <boost/test/unit_test.hpp>

namespace acme::test {

namespace {

using kind = store_change::kind;

store_change saved(std::string key, std::string value = {})
{
    store_change c(kind::saved);
    c.key = std::move(key);
    c.value = std::move(value);
    return c;
}

std::vector<kind> drain(const std::shared_ptr<change_queue>& queue)
{
    queue->close();
    std::vector<kind> all;
    const auto end = failure_of([&] {
        for (;;)
            all.push_back(run(change_queue::async_receive(queue)).what);
    });
    BOOST_TEST((end->code() == errc::shut_down));
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(change_queues)

BOOST_AUTO_TEST_CASE(what_has_no_room_becomes_one_message)
{
    const auto queue = std::make_shared<change_queue>("");
    for (std::size_t i = 1; i < change_queue::max_messages; ++i)
        queue->push(saved("a"));
    queue->push(saved("one more"));
    queue->push(saved("after"));
    BOOST_TEST((drain(queue) == std::vector{kind::anything, kind::saved}));
}

BOOST_AUTO_TEST_CASE(a_message_that_just_fits_is_kept)
{
    const auto queue = std::make_shared<change_queue>("");
    for (std::size_t i = 1; i < change_queue::max_messages; ++i)
        queue->push(saved("a"));
    BOOST_TEST(drain(queue).size() == change_queue::max_messages);
}

BOOST_AUTO_TEST_CASE(octets_are_bounded)
{
    const auto queue = std::make_shared<change_queue>("");
    const std::string value(1024 * 1024, 'x');
    for (int i = 0; i < 15; ++i)
        queue->push(saved("a", value));
    BOOST_TEST(run(change_queue::async_receive(queue)).key == "");
    BOOST_TEST(run(change_queue::async_receive(queue)).key == "a");
    for (int i = 0; i < 3; ++i)
        queue->push(saved("a", value));
    BOOST_TEST((drain(queue) == std::vector{kind::anything, kind::saved}));
}

BOOST_AUTO_TEST_CASE(an_interruption_is_told_even_where_there_is_no_room)
{
    const auto queue = std::make_shared<change_queue>("");
    for (std::size_t i = 1; i < change_queue::max_messages; ++i)
        queue->push(saved("a"));
    queue->push(store_change(kind::interrupted));
    BOOST_TEST((drain(queue) == std::vector{kind::anything, kind::interrupted}));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
