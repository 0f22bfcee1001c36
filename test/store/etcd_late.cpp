#include "store/etcd.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <thread>
#include <utility>

namespace acme::test {

using namespace std::chrono_literals;
using asio::ip::tcp;

namespace {

// A member's network, which may keep the transactions that are sent to it, and deliver them long after the sender has
// given up.
class slow_network
{
public:
    explicit slow_network(const std::string& address)
        : member_(asio::ip::address_v4::loopback(),
              static_cast<unsigned short>(std::stoi(address.substr(address.rfind(':') + 1))))
        , acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0))
        , thread_([this] {
            asio::co_spawn(io_, accept(), asio::detached);
            io_.run();
        })
    {}
    ~slow_network()
    {
        io_.stop();
        thread_.join();
    }

    std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }

    enum class mode
    {
        through,
        // Who sent one knows at once that there is no answer: its connection ends.
        kept,
        // Of the first, the connection stays.
        first_in_silence
    };

    void set(mode m)
    {
        asio::post(io_, asio::use_future([this, m] { mode_ = m; })).get();
    }

    // The answers to what was kept, the last first: the worst order.
    std::vector<std::string> deliver()
    {
        std::vector<std::string> answers;
        auto requests = kept();
        std::reverse(requests.begin(), requests.end());
        for (const std::string& request : requests) {
            tcp::socket socket(io_);
            socket.connect(member_);
            asio::write(socket, asio::buffer(request));
            std::array<char, 16 * 1024> answer;
            answers.emplace_back(answer.data(), socket.read_some(asio::buffer(answer)));
        }
        return answers;
    }

    std::vector<std::string> kept()
    {
        return asio::post(io_, asio::use_future([this] { return kept_; })).get();
    }

private:
    struct link
    {
        explicit link(tcp::socket s)
            : near(std::move(s))
            , far(near.get_executor())
        {}

        tcp::socket near;
        tcp::socket far;
    };

    asio::awaitable<void> accept()
    {
        for (;;) {
            const auto l = std::make_shared<link>(co_await acceptor_.async_accept(asio::use_awaitable));
            boost::system::error_code refused;
            l->far.connect(member_, refused);
            if (refused)
                continue;
            asio::co_spawn(io_, pump(l, l->near, l->far, true), asio::detached);
            asio::co_spawn(io_, pump(l, l->far, l->near, false), asio::detached);
        }
    }

    asio::awaitable<void> pump(std::shared_ptr<link> l, tcp::socket& from, tcp::socket& to, bool requests)
    {
        std::array<char, 16 * 1024> octets;
        try {
            for (;;) {
                const std::size_t n = co_await from.async_read_some(asio::buffer(octets), asio::use_awaitable);
                const std::string_view piece(octets.data(), n);
                if (!requests || mode_ == mode::through || !piece.starts_with("POST /v3/kv/txn")) {
                    co_await asio::async_write(to, asio::buffer(octets, n), asio::use_awaitable);
                    continue;
                }
                kept_.emplace_back(piece);
                if (mode_ == mode::kept || kept_.size() > 1)
                    l->near.close();
            }
        } catch (const boost::system::system_error&) {
            l->near.close();
            l->far.close();
        }
    }

    const tcp::endpoint member_;
    asio::io_context io_{1};
    tcp::acceptor acceptor_;
    mode mode_ = mode::through;
    std::vector<std::string> kept_;
    std::thread thread_;
};

using mode = slow_network::mode;

// A node whose first member's network is slow; the second is the same member, directly.
struct bench
{
    static etcd_options through(const slow_network& network)
    {
        auto options = options_for(shared_etcd());
        options.endpoints.insert(options.endpoints.begin(), network.endpoint());
        // The network alone ends what it keeps.
        options.connect_timeout = options.request_timeout = options.operation_timeout = 60s;
        return options;
    }

    std::size_t claims() const { return lock_keys(options); }

    void deliver()
    {
        const auto answers = network.deliver();
        BOOST_TEST(!answers.empty());
        for (const std::string& each : answers)
            BOOST_TEST(each.starts_with("HTTP/1.1 200"), each);
    }

    slow_network network{shared_etcd().address(0)};
    etcd_options options = through(network);
    etcd_node node{options};
};

// Cancels it once the network has kept what it sent.
template <class T>
void cancel_under_way(slow_network& network, asio::awaitable<T> operation)
{
    asio::thread_pool pool(1);
    asio::cancellation_signal cancel;
    auto ended =
        asio::co_spawn(pool, std::move(operation), asio::bind_cancellation_slot(cancel.slot(), asio::use_future));
    BOOST_TEST_REQUIRE(soon([&] { return network.kept().size() == 1; }));
    asio::post(pool, [&] { cancel.emit(asio::cancellation_type::terminal); });
    BOOST_CHECK_THROW(ended.get(), error);
}

} // namespace

BOOST_AUTO_TEST_SUITE(late_requests_to_etcd, *needs_etcd())

BOOST_AUTO_TEST_CASE(a_cancelled_claim_that_arrives_after_its_release_is_none)
{
    bench b;
    const auto other = run(b.node->async_lock("keeps/the/lease"));
    b.network.set(mode::first_in_silence);
    cancel_under_way(b.network, b.node->async_lock("host"));
    // The turn comes once the claim before is released.
    run(b.node->async_lock("host")).reset();
    BOOST_TEST(soon([&] { return b.claims() == 1; }));
    b.deliver();
    BOOST_TEST_REQUIRE(b.claims() == 1U);
    BOOST_TEST(run(b.node->async_lock("host"))->held());
}

BOOST_AUTO_TEST_CASE(a_repeated_claim_that_arrives_after_its_release_is_none)
{
    bench b;
    const auto other = run(b.node->async_lock("keeps/the/lease"));
    b.network.set(mode::kept);
    run(b.node->async_lock("host")).reset();
    BOOST_TEST(soon([&] { return b.claims() == 1; }));
    b.deliver();
    BOOST_TEST_REQUIRE(b.claims() == 1U);
}

BOOST_AUTO_TEST_CASE(what_was_written_later_stays)
{
    using change = std::function<void(const etcd_node&, const store::lock&)>;
    const change save_old = [](const etcd_node& n, const store::lock&) { run(n->async_save("a", "old")); };
    const change save_new = [](const etcd_node& n, const store::lock&) { run(n->async_save("a", "new")); };
    const change erase = [](const etcd_node& n, const store::lock&) { run(n->async_erase("a")); };
    const change save_old_guarded = [](const etcd_node& n, const store::lock& guard) {
        run(n->async_guarded_save("a", "old", guard));
    };
    const change save_new_guarded = [](const etcd_node& n, const store::lock& guard) {
        run(n->async_guarded_save("a", "new", guard));
    };
    const change erase_guarded = [](const etcd_node& n, const store::lock& guard) {
        run(n->async_guarded_erase("a", guard));
    };
    const change exchange_old = [](const etcd_node& n, const store::lock&) {
        BOOST_CHECK_THROW(run(n->async_exchange("a", std::nullopt, "old")), error);
    };
    struct row
    {
        change first, second;
        std::optional<std::string> at_last;
    };
    const row table[] = {
        {save_old, save_new, "new"},
        {save_old, erase, std::nullopt},
        {erase, save_new, "new"},
        {save_old_guarded, save_new_guarded, "new"},
        {save_old_guarded, erase_guarded, std::nullopt},
        {erase_guarded, save_new_guarded, "new"},
        {exchange_old, erase, std::nullopt},
    };
    for (const row& r : table) {
        bench b;
        const auto lock = run(b.node->async_lock("host"));
        b.network.set(mode::kept);
        r.first(b.node, *lock);
        r.second(b.node, *lock);
        BOOST_TEST((run(b.node->async_load("a")) == r.at_last));
        b.deliver();
        BOOST_TEST((run(b.node->async_load("a")) == r.at_last), "row " << &r - table);
        BOOST_TEST(lock->held());
    }
}

BOOST_AUTO_TEST_CASE(an_exchange_without_an_answer_is_not_repeated)
{
    bench b;
    run(b.node->async_save("a", "1"));
    b.network.set(mode::kept);
    const auto unknown = failure_of([&] { run(b.node->async_exchange("a", "1", "2")); });
    BOOST_TEST((unknown && unknown->code() == errc::store_unavailable));
    BOOST_TEST((run(b.node->async_load("a")) == "1"));
    b.deliver();
    BOOST_TEST((run(b.node->async_load("a")) == "2"));
}

BOOST_AUTO_TEST_CASE(a_save_that_failed_is_not_carried_out_after_the_next)
{
    slow_network network(shared_etcd().address(0));
    auto options = options_for(shared_etcd());
    options.endpoints = {network.endpoint()};
    options.operation_timeout = 5s;
    const etcd_node node(options);
    run(node->async_save("b", "1"));
    network.set(mode::kept);
    const auto failed = failure_of([&] { run(node->async_save("a", "old")); });
    BOOST_TEST((failed && failed->code() == errc::store_unavailable));
    network.set(mode::through);
    run(node->async_save("b", "2"));
    BOOST_TEST(!network.deliver().empty());
    BOOST_TEST(!run(node->async_load("a")).has_value());
}

// A process that was ended while its request was under way, and is started again.
BOOST_AUTO_TEST_CASE(a_save_of_the_process_before_is_not_carried_out_after_the_first)
{
    slow_network network(shared_etcd().address(0));
    auto options = options_for(shared_etcd());
    options.endpoints = {network.endpoint()};
    {
        const etcd_node before(options);
        run(before->async_load("a"));
        network.set(mode::first_in_silence);
        cancel_under_way(network, before->async_save("a", "old"));
        network.set(mode::through);
    }
    const etcd_node node(options);
    run(node->async_save("a", "new"));
    BOOST_TEST(!network.deliver().empty());
    BOOST_TEST((run(node->async_load("a")) == "new"));
}

BOOST_AUTO_TEST_CASE(what_is_late_is_told_by_the_revisions_of_an_etcd_that_was_restored)
{
    etcd_cluster cluster;
    slow_network network(cluster.address(0));
    auto options = options_for(cluster);
    options.endpoints = {network.endpoint()};
    const etcd_node node(options);
    for (int n = 0; n != 10; ++n)
        run(node->async_save("a", std::to_string(n)));
    cluster.kill(0);
    cluster.erase_disk(0);
    cluster.start(0);
    run(node->async_save("a", "new"));
    network.set(mode::first_in_silence);
    cancel_under_way(network, node->async_save("a", "old"));
    network.set(mode::through);
    run(node->async_save("b", "1"));
    BOOST_TEST(!network.deliver().empty());
    BOOST_TEST((run(node->async_load("a")) == "new"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
