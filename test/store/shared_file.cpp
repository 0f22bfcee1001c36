#include "store/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace acme::test {

namespace {

std::string number(const char* before, int n)
{
    return before + std::to_string(n);
}

BOOST_AUTO_TEST_SUITE(shared_file)

BOOST_AUTO_TEST_CASE(two_stores_of_one_file_keep_each_others_objects)
{
    const scratch_folder folder;
    const auto a = open(folder / "f");
    const auto b = open(folder / "f");
    run(a->async_save("one", "of a"));
    run(b->async_save("two", "of b"));
    run(a->async_save("three", "of a"));
    run(b->async_erase("one"));
    const auto after = open(folder / "f");
    BOOST_TEST((run(after->async_list("")) == std::vector<std::string>{"three", "two"}));
    BOOST_TEST((run(after->async_load("two")) == "of b"));
    BOOST_TEST((run(b->async_load("three")) == "of a"));
    // The last one to save an object decides.
    run(a->async_save("two", "of a"));
    run(b->async_save("four", "of b"));
    BOOST_TEST((run(b->async_load("two")) == "of a"));
}

BOOST_AUTO_TEST_CASE(a_file_that_was_damaged_meanwhile_is_not_overwritten)
{
    const scratch_folder folder;
    const auto s = open(folder / "f");
    run(s->async_save("key", "value"));
    write_text(folder / "f", "something else");
    const auto e = failure_of([&] { run(s->async_save("key", "newer")); });
    BOOST_TEST_REQUIRE(e.has_value());
    BOOST_TEST((e->code() == errc::foreign_state));
    BOOST_TEST(std::string(e->what()).find((folder / "f").native()) != std::string::npos, e->what());
    BOOST_TEST(read_text(folder / "f") == "something else");
    BOOST_TEST((run(s->async_load("key")) == "newer"));
    std::filesystem::remove(folder / "f");
    run(s->async_save("other", "value"));
    const auto after = open(folder / "f");
    BOOST_TEST((run(after->async_load("key")) == "newer"));
    BOOST_TEST((run(after->async_load("other")) == "value"));
}

// A child process saves objects of its own, and so does this one, as fast as they can.
BOOST_AUTO_TEST_CASE(two_processes_lose_none_of_each_others_saves)
{
    constexpr int saves = 60;
    const scratch_folder folder;
    const pid_t child = ::fork();
    BOOST_TEST_REQUIRE(child >= 0);
    if (child == 0) {
        try {
            const auto s = open(folder / "f");
            for (int n = 0; n < saves; ++n)
                run(s->async_save(number("child", n), "value"));
        } catch (...) {
            ::_exit(1);
        }
        ::_exit(0);
    }
    const auto s = open(folder / "f");
    for (int n = 0; n < saves; ++n)
        run(s->async_save(number("parent", n), "value"));
    int status = 0;
    BOOST_TEST((::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0));
    const auto after = open(folder / "f");
    BOOST_TEST(run(after->async_list("")).size() == 2U * saves);
}

BOOST_AUTO_TEST_CASE(a_subscription_tells_what_a_save_finds_of_the_others)
{
    const scratch_folder folder;
    const auto one = open(folder / "acme.cache");
    run(one->async_save("a", "1"));
    const auto other = open(folder / "acme.cache");
    const auto told = one->watch("");
    run(told->async_receive());
    run(other->async_save("b", "2"));
    run(other->async_erase("a"));
    run(one->async_save("c", "3"));
    const char* const expected[] = {"c", "b", "a"};
    for (const char* key : expected)
        BOOST_TEST(run(told->async_receive()).key == key);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
