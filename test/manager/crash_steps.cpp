#include "store/scratch.hpp"

#include <acme/manager.hpp>
#include <acme/testing/ca.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

/// Processes that are killed at each request of an issuance, and the next ones, which go on with their cache file.
namespace acme::test {
namespace {

using testing::at;
using testing::fault;
using testing::step;

const std::string host = "a.example.com";

/// The system's clock, whose waits are shorter.
class hasty_clock : public acme::clock
{
public:
    std::chrono::system_clock::time_point now() const noexcept override { return std::chrono::system_clock::now(); }
    asio::awaitable<void> async_wait(std::chrono::steady_clock::duration d) override
    {
        return behind_->async_wait(d / 20);
    }

private:
    std::shared_ptr<acme::clock> behind_ = system_clock();
};

/// A CA on the network, in this process, and a folder with a cache file.
struct crash_site
{
    crash_site()
    {
        ca.listen(io.get_executor());
        directory_url = ca.directory_url();
        root = ca.root_pem();
    }
    ~crash_site() { ca.close(); }
    crash_site(const crash_site&) = delete;
    crash_site& operator=(const crash_site&) = delete;

    config options() const
    {
        config c;
        c.directory_url = directory_url;
        c.https.trust_anchors = root;
        c.clock = std::make_shared<hasty_clock>();
        c.limits.requests = rate(tokens, std::chrono::hours(1000));
        return c;
    }

    // In the child: 0 when it has its certificate.
    [[noreturn]] void run_child() const
    {
        try {
            asio::io_context own;
            manager m(own.get_executor(), options());
            auto work = [&]() -> asio::awaitable<void> {
                co_await m.async_cache_file(folder / "cache");
                const auto c = co_await m.async_get_certificate(host);
                co_await m.async_shutdown();
                ::_exit(c ? 0 : 1);
            };
            asio::co_spawn(own, work(), [](std::exception_ptr) { ::_exit(2); });
            own.run();
        } catch (...) {
        }
        ::_exit(3);
    }

    // Runs a child to its end, while the CA answers; its exit status as waitpid tells it.
    int run()
    {
        child = ::fork();
        if (child == 0)
            run_child();
        int status = 0;
        pid_t ended = 0;
        io.restart();
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while ((ended = ::waitpid(child, &status, WNOHANG)) == 0) {
            io.run_one_for(std::chrono::milliseconds(5));
            if (std::chrono::steady_clock::now() > limit)
                ::kill(child, SIGKILL);
        }
        BOOST_TEST(ended == child);
        // What the child sent before its end is still answered.
        io.run_for(std::chrono::milliseconds(5));
        return status;
    }

    // The next child dies when its n-th request has come, before the CA acts on it, or after.
    void kill_at(std::size_t n, bool before)
    {
        reached = false;
        const auto seen = std::make_shared<std::size_t>(0);
        auto when = at(step::any);
        when.where([this, seen, n](const testing::request_record&) {
            if (++*seen != n)
                return false;
            reached = true;
            ::kill(child, SIGKILL);
            return true;
        });
        ca.inject(when, before ? fault::reset_before() : fault::reset_after());
    }

    std::size_t issued() const { return ca.state().certificates.size(); }
    std::size_t finalized() const { return ca.count(step::finalize, 200); }

    // What the cache file says of the bucket.
    double tokens_left() const
    {
        const auto s = open(folder / "cache");
        for (const auto& key : run_on_own(s->async_list("")))
            if (key.ends_with("/limits")) {
                const auto text = run_on_own(s->async_load(key)).value();
                const auto place = text.find("\"requests_millitokens\":");
                return std::stod(text.substr(text.find(':', place) + 1)) / 1000;
            }
        return tokens;
    }
    template <class T>
    static T run_on_own(asio::awaitable<T> operation)
    {
        return test::run(std::move(operation));
    }

    void check(const std::string& where) const
    {
        BOOST_TEST(issued() <= 1U, where);
        BOOST_TEST(finalized() <= 1U, where);
        BOOST_TEST(ca.state().accounts.size() <= 1U, where);
        // An order that came, whether or not its answer arrived, had its token.
        const auto orders = ca.state().orders.size();
        BOOST_TEST(double(orders) <= tokens - tokens_left() + 0.01, where);
    }

    static constexpr unsigned tokens = 50;
    asio::io_context io;
    testing::ca ca;
    std::string directory_url;
    std::string root;
    scratch_folder folder;
    pid_t child = 0;
    bool reached = false;
};

BOOST_AUTO_TEST_SUITE(crash_steps)

BOOST_AUTO_TEST_CASE(a_process_killed_at_any_request_leaves_what_the_next_one_goes_on_with)
{
    std::size_t steps = 0;
    for (const bool before : {true, false}) {
        bool reached = true;
        for (std::size_t n = 1; reached; ++n) {
            crash_site w;
            w.kill_at(n, before);
            const int first = w.run();
            reached = w.reached;
            const std::string where = "request " + std::to_string(n) + (before ? ", before" : ", after");
            // One that has its certificate may end before its last poll, of renewalInfo, is seen to kill it.
            if (WIFSIGNALED(first))
                BOOST_TEST(reached, where);
            else
                BOOST_TEST(WEXITSTATUS(first) == 0, where);
            const int second = w.run();
            BOOST_TEST((WIFEXITED(second) && WEXITSTATUS(second) == 0), where << ": " << second);
            BOOST_TEST(w.issued() == 1U, where);
            BOOST_TEST(w.ca.state().accounts.size() == 1U);
            w.check(where);
            steps += reached ? 1 : 0;
        }
    }
    BOOST_TEST_MESSAGE(steps << " requests");
    BOOST_TEST(steps >= 16U);
}

BOOST_AUTO_TEST_CASE(a_process_killed_again_and_again_gets_its_certificate_at_last)
{
    for (const bool before : {true, false}) {
        crash_site w;
        int status = -1;
        // Each process comes one request further than the last.
        for (std::size_t n = 1; n < 20; ++n) {
            w.ca.clear_faults();
            w.kill_at(n, before);
            status = w.run();
            w.check("process " + std::to_string(n));
            if (WIFEXITED(status))
                break;
        }
        BOOST_TEST((WIFEXITED(status) && WEXITSTATUS(status) == 0));
        BOOST_TEST(w.issued() == 1U);
        BOOST_TEST(w.ca.state().accounts.size() == 1U);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
