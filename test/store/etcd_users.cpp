#include "store/etcd.hpp"
#include "store/receiver.hpp"
#include "store/scripted_server.hpp"

#include <boost/test/unit_test.hpp>

#include <future>

namespace acme::test {

using namespace std::chrono_literals;

namespace {

bool contains(const error& e, const std::string& text)
{
    return std::string(e.what()).find(text) != std::string::npos;
}

// A key and certificates of openssl's: a CA, a server and a client.
struct pki
{
    pki()
    {
        certify("ca", "-x509 -days 2 -subj /CN=ca -addext basicConstraints=critical,CA:TRUE");
        certify("other", "-x509 -days 2 -subj /CN=other -addext basicConstraints=critical,CA:TRUE");
        sign("server", "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n");
        sign("client", "extendedKeyUsage=clientAuth\n");
        sign("nameless", "extendedKeyUsage=clientAuth\n", "/O=client");
    }

    void shell(const std::string& command) const
    {
        process_options there;
        there.folder = folder.path();
        const auto made = run_process({"sh", "-ec", command}, there);
        if (made.exit_code != 0)
            throw std::runtime_error(command + ": " + made.err);
    }

    void certify(const std::string& name, const std::string& how) const
    {
        shell("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + name + ".key -out " + name +
            ".pem " + how);
    }

    void sign(const std::string& name, const std::string& extensions, std::string subject = {}) const
    {
        certify(name, "-subj " + (subject.empty() ? "/CN=" + name : subject));
        write_whole_file(folder / (name + ".ext"), extensions);
        shell("openssl x509 -req -in " + name + ".pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile " +
            name + ".ext -out " + name + ".crt");
    }

    etcd_setup setup() const
    {
        etcd_setup s;
        s.certificate_file = folder / "server.crt";
        s.key_file = folder / "server.key";
        s.client_ca_file = folder / "ca.pem";
        return s;
    }

    temporary_folder folder;
};

} // namespace

BOOST_AUTO_TEST_SUITE(etcd_users, *needs_etcd())

BOOST_AUTO_TEST_CASE(users_have_passwords_and_messages_do_not)
{
    etcd_cluster cluster;
    const std::string password = "correct horse";
    cluster.enable_authentication(password);
    auto options = options_for(cluster);
    asio::thread_pool pool(1);
    const auto opening = [&] { return failure_of([&] { run(async_open_etcd_store(pool.get_executor(), options)); }); };
    const auto nobody = opening();
    BOOST_TEST((nobody && nobody->code() == boost::system::errc::permission_denied));
    options.user = "root";
    options.password = "battery staple";
    const auto wrong = opening();
    BOOST_TEST_REQUIRE(wrong.has_value());
    BOOST_TEST((wrong->code() == boost::system::errc::permission_denied), wrong->what());
    BOOST_TEST(contains(*wrong, "root"), wrong->what());
    BOOST_TEST(!contains(*wrong, "staple"));
    options.password = password;
    BOOST_TEST(!opening());

    const etcd_node node(options);
    run(node->async_save("a", "1"));
    receiver all(node->watch(""));
    all.expect(kind::anything);
    const auto lock = run(node->async_lock("host"));
    // A member that is started anew knows no tokens.
    cluster.kill(0);
    cluster.start(0);
    BOOST_TEST((run(node->async_load("a")) == "1"));
    run(node->async_guarded_save("a", "2", *lock));
    all.expect_in_the_end(kind::saved, "a", "2");
}

// As after its rights were taken away.
BOOST_AUTO_TEST_CASE(whose_writes_are_refused_does_not_hold_locks_for_ever)
{
    etcd_cluster cluster;
    auto options = options_for(cluster);
    options.lease_duration = 3s;
    etcd_node node(options);
    auto lock = run(node->async_lock("host"));
    cluster.enable_authentication("correct horse");
    auto ended = std::async(std::launch::async, [&] {
        lock.reset();
        node.stop();
    });
    BOOST_TEST((ended.wait_for(60s) == std::future_status::ready));
    cluster.kill(0);
}

BOOST_AUTO_TEST_CASE(members_and_clients_have_certificates)
{
    const pki made;
    const etcd_cluster cluster(made.setup());
    auto options = options_for(cluster);
    options.ca_file = made.folder / "ca.pem";
    options.certificate_file = made.folder / "client.crt";
    options.key_file = made.folder / "client.key";
    {
        const etcd_node node(options);
        run(node->async_save("a", "1"));
        receiver all(node->watch(""));
        run(node->async_save("a", "2"));
        all.expect(kind::anything);
        all.expect_in_the_end(kind::saved, "a", "2");
    }
    asio::thread_pool pool(1);
    const auto opening = [&] { return failure_of([&] { run(async_open_etcd_store(pool.get_executor(), options)); }); };
    BOOST_TEST(!opening());
    options.certificate_file.clear();
    options.key_file.clear();
    BOOST_TEST((opening() && opening()->code() == errc::store_unavailable));
    options.ca_file = made.folder / "other.pem";
    const auto untrusted = opening();
    BOOST_TEST_REQUIRE(untrusted.has_value());
    BOOST_TEST(contains(*untrusted, "the certificate is refused"), untrusted->what());
}

// etcd's gateway refuses certificates with a common name once there are users.
BOOST_AUTO_TEST_CASE(users_have_certificates_without_a_common_name)
{
    const pki made;
    const etcd_cluster cluster(made.setup());
    const auto curl = [&](const std::string& path, const std::string& json) {
        made.shell("curl -sf --cacert ca.pem --cert client.crt --key client.key -d '" + json + "' " +
            cluster.endpoint(0) + path);
    };
    curl("/v3/auth/user/add", R"({"name":"root","password":"correct horse"})");
    curl("/v3/auth/role/add", R"({"name":"root"})");
    curl("/v3/auth/user/grant", R"({"user":"root","role":"root"})");
    curl("/v3/auth/enable", "{}");
    auto options = options_for(cluster);
    options.ca_file = made.folder / "ca.pem";
    options.user = "root";
    options.password = "correct horse";
    asio::thread_pool pool(1);
    const auto opening = [&](const std::string& name) {
        options.certificate_file = made.folder / (name + ".crt");
        options.key_file = made.folder / (name + ".key");
        return failure_of([&] { run(async_open_etcd_store(pool.get_executor(), options)); });
    };
    BOOST_TEST(!opening("nameless"));
    const auto named = opening("client");
    BOOST_TEST_REQUIRE(named.has_value());
    BOOST_TEST(contains(*named, "HTTP status 400: CommonName of client"), named->what());
}

// The key of JWT tokens, which have the revision of the users and roles in them.
BOOST_AUTO_TEST_CASE(a_token_is_replaced_when_users_change)
{
    const scratch_folder folder;
    const std::string key = folder / "jwt.key";
    const std::string pub = folder / "jwt.pub";
    for (const auto& command : std::vector<std::vector<std::string>>{
             {"openssl", "genrsa", "-out", key, "2048"}, {"openssl", "rsa", "-in", key, "-pubout", "-out", pub}})
        BOOST_TEST_REQUIRE((run_process(command).exit_code == 0));
    etcd_setup setup;
    setup.arguments = {"--auth-token", "jwt,pub-key=" + pub + ",priv-key=" + key + ",sign-method=RS256,ttl=10m"};
    etcd_cluster cluster(setup);
    cluster.enable_authentication("correct horse");
    auto options = options_for(cluster);
    options.user = "root";
    options.password = "correct horse";
    const etcd_node node(options);
    run(node->async_save("a", "1"));
    const auto lock = run(node->async_lock("host"));
    const std::string token = cluster.call("/v3/auth/authenticate", R"({"name":"root","password":"correct horse"})");
    const auto at = token.find("\"token\":\"") + 9;
    cluster.call_as(token.substr(at, token.find('"', at) - at), "/v3/auth/user/add", R"({"name":"x","password":"y"})");
    BOOST_TEST((run(node->async_load("a")) == "1"));
    run(node->async_guarded_save("a", "2", *lock));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(etcd_tokens)

BOOST_AUTO_TEST_CASE(a_token_that_is_refused_is_replaced_once)
{
    for (const std::string refusal : {R"({"error":"etcdserver: revision of auth store is old","code":3})",
             R"({"error":"auth: revision in header is old","code":2})",
             R"({"error":"etcdserver: invalid auth token","code":16})"}) {
        std::atomic<int> tokens = 0;
        std::atomic<int> good = 2;
        const scripted_server server([&](const std::string& head) {
            if (head.find("/authenticate") != std::string::npos)
                return scripted_server::answer(http("{\"token\":\"t" + std::to_string(++tokens) + "\"}"));
            if (head.find("Authorization: t" + std::to_string(good)) == std::string::npos)
                return scripted_server::answer(http(refusal, "400 Bad Request"));
            return scripted_server::answer(http(R"({"header":{"revision":"1"}})"));
        });
        etcd_options options;
        options.endpoints = {"http://" + server.address()};
        options.user = "root";
        const etcd_node node(options);
        BOOST_TEST(!run(node->async_load("a")));
        good = 9;
        const auto failed = failure_of([&] { run(node->async_load("a")); });
        BOOST_TEST((failed && failed->code() == boost::system::errc::permission_denied), refusal);
        BOOST_TEST(tokens == 3);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
