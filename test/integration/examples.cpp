#include "integration/clients.hpp"
#include "integration/cluster.hpp"

#include <acme/certificate.hpp>
#include <acme/encrypted_store.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iterator>
#include <set>
#include <sstream>
#include <thread>

/// The examples, run as their users would.
namespace acme::test {
namespace {

using namespace std::chrono_literals;

const std::filesystem::path& build_folder()
{
    static const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
    return folder;
}

std::string example(const std::string& name)
{
    const char* elsewhere = std::getenv("ACME_EXAMPLES");
    return ((elsewhere ? std::filesystem::path(elsewhere) : build_folder() / "examples") / name).native();
}

/// A CA for all of these tests.
pebble& shared_ca()
{
    static pebble ca;
    return ca;
}

std::vector<std::string> server_command(const std::string& name, const pebble& ca, std::vector<std::string> more = {})
{
    std::vector<std::string> command{example(name), "--https", "127.0.0.1:" + std::to_string(ca.tls_port()),
        "--directory", ca.directory_url(), "--ca-bundle", ca.ca_file().native()};
    command.insert(command.end(), more.begin(), more.end());
    return command;
}

process start_server(const std::string& name, const pebble& ca, std::vector<std::string> more = {})
{
    process server(server_command(name, ca, std::move(more)));
    if (!server.wait_for_text("listening on https://"))
        BOOST_FAIL(name + " does not listen: " + server.all() + "; its exit code is " +
            std::to_string(server.wait(0ms).value_or(-1)));
    return server;
}

/// How it ends when asked politely.
std::optional<int> end_of(process& server, int signal = SIGTERM)
{
    server.signal(signal);
    return server.wait(15s);
}

std::string certificate_of(const std::string& host, const pebble& ca)
{
    auto peer = s_client(host, ca.tls_port(), ca.root_file());
    BOOST_TEST(peer.verified, peer.text);
    return peer.certificate;
}

std::size_t lines_with(const std::string& text, const std::string& part)
{
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++count;
    return count;
}

BOOST_AUTO_TEST_SUITE(examples, *needs_pebble())

BOOST_AUTO_TEST_CASE(https_server_serves_redirects_and_tells)
{
    auto& ca = shared_ca();
    reserved_port http;
    auto server = start_server("https_server", ca, {"--http", http.address(), "--limits", "off", "--threads", "4"});
    BOOST_TEST(lines_with(server.out(), "\n") == 1U);
    auto got = curl("server.example", ca.tls_port(), ca.root_file());
    BOOST_TEST(got.body == "Hello, TLS!\n", got.err);
    BOOST_TEST(server.wait_for_text("certificate obtained for server.example"));
    auto missing = curl("server.example", ca.tls_port(), ca.root_file(), {"--request-target", "/nothing"});
    BOOST_TEST(missing.status == 404);
    auto plain = run_process({"curl", "-sS", "--resolve", "server.example:" + http.text() + ":127.0.0.1", "-o",
        "/dev/null", "-w", "%{http_code} %{redirect_url}", "http://server.example:" + http.text() + "/x"});
    BOOST_TEST(plain.out == "301 https://server.example:" + std::to_string(ca.tls_port()) + "/x");
    BOOST_TEST((end_of(server) == 0), server.all());
    BOOST_TEST(server.err() == "");
}

BOOST_AUTO_TEST_CASE(https_server_ends_cleanly_on_sigint_in_the_middle_of_an_issuance)
{
    pebble_options options;
    options.sleeps = true;
    pebble ca(options);
    auto server = start_server("https_server", ca, {"--limits", "off"});
    process visitor({"curl", "-sS", "--max-time", "20", "--resolve",
        "middle.example:" + std::to_string(ca.tls_port()) + ":127.0.0.1", "--cacert", ca.root_file().native(),
        "https://middle.example:" + std::to_string(ca.tls_port()) + "/"});
    for (int i = 0; i != 200 && ca.orders() == 0; ++i)
        std::this_thread::sleep_for(20ms);
    BOOST_TEST((end_of(server, SIGINT) == 0), server.all());
    BOOST_TEST((visitor.wait(5s) != 0));
}

BOOST_AUTO_TEST_CASE(https_server_issues_only_for_its_hosts)
{
    auto& ca = shared_ca();
    auto server = start_server(
        "https_server", ca, {"--host", "mine.example", "--host", "also-mine.example", "--email", "me@example.org"});
    BOOST_TEST(curl("mine.example", ca.tls_port(), ca.root_file()).status == 200);
    BOOST_TEST(curl("also-mine.example", ca.tls_port(), ca.root_file()).status == 200);
    auto peer = s_client("not-mine.example", ca.tls_port(), ca.root_file());
    BOOST_TEST((peer.alert == 112), peer.text);
    BOOST_TEST((end_of(server) == 0), server.all());
}

BOOST_AUTO_TEST_CASE(https_server_serves_a_certificate_of_ones_own_and_shows_it_by_default)
{
    auto& ca = shared_ca();
    temporary_folder scratch;
    const auto own = acme::make_self_signed_certificate({"own.example"}, std::chrono::system_clock::now());
    write_whole_file(scratch / "chain.pem", own->chain_pem());
    write_whole_file(scratch / "key.pem", own->private_key().to_pem());
    auto server = start_server("https_server", ca,
        {"--host", "mine.example", "--own-chain", scratch / "chain.pem", "--own-key", scratch / "key.pem",
            "--default-host", "own.example"});
    for (const char* name : {"own.example", ""}) {
        auto peer = s_client(name, ca.tls_port(), scratch / "chain.pem");
        BOOST_TEST(peer.certificate + "-----END CERTIFICATE-----\n" == own->chain_pem(), peer.text);
    }
    BOOST_TEST(curl("own.example", ca.tls_port(), scratch / "chain.pem").body == "Hello, TLS!\n");
    BOOST_TEST(curl("mine.example", ca.tls_port(), ca.root_file()).status == 200);
    BOOST_TEST((end_of(server) == 0), server.all());
}

BOOST_AUTO_TEST_CASE(https_server_refuses_bad_options_and_ports_that_are_taken)
{
    for (const std::vector<std::string>& bad : std::vector<std::vector<std::string>>{{"--nonsense", "1"}, {"--https"},
             {"--https", "nowhere"}, {"--https", "127.0.0.1:70000"}, {"--threads", "0"}, {"--limits", "some"},
             {"--own-chain", "/dev/null"}, {"--cache", ""}, {"--cache", "a", "--cache", "b"},
             {"--cache-key", "/dev/null"}, {"--cache", "a", "--cache-copy", "b"}, {"--cache", "a", "--lease", "5"},
             {"--redirect-port", "0"}, {"word"}}) {
        std::vector<std::string> command{example("https_server")};
        command.insert(command.end(), bad.begin(), bad.end());
        auto done = run_process(command, {}, 5s);
        BOOST_TEST(done.exit_code == 2, bad[0]);
        BOOST_TEST(done.err.find("usage:") != std::string::npos);
        BOOST_TEST(done.err.find(bad[0]) != std::string::npos, done.err);
    }
    for (const char* name : {"https_server", "obtain", "watch", "beast_server"}) {
        auto help = run_process({example(name), "--help"}, {}, 5s);
        BOOST_TEST(help.exit_code == 0);
        BOOST_TEST(help.out.starts_with("usage: " + std::string(name)), help.out);
    }
    auto no_key =
        run_process({example("https_server"), "--own-chain", "/dev/null", "--own-key", "/nonexistent"}, {}, 5s);
    BOOST_TEST(no_key.exit_code == 1);
    BOOST_TEST(no_key.err.find("/nonexistent: No such file") != std::string::npos, no_key.err);
    auto& ca = shared_ca();
    auto server = start_server("https_server", ca);
    auto second = run_process(server_command("https_server", ca), {}, 5s);
    BOOST_TEST(second.exit_code == 1);
    BOOST_TEST(second.err.find("127.0.0.1:" + std::to_string(ca.tls_port())) != std::string::npos, second.err);
    auto no_bundle =
        run_process({example("https_server"), "--https", "127.0.0.1:0", "--ca-bundle", "/nonexistent"}, {}, 5s);
    BOOST_TEST(no_bundle.exit_code == 1);
    BOOST_TEST(no_bundle.err.find("/nonexistent") != std::string::npos, no_bundle.err);
}

BOOST_AUTO_TEST_CASE(https_server_restarts_without_its_ca)
{
    temporary_folder folder;
    auto cache = (folder / "cache").native();
    pebble ca;
    ca.root_file();
    std::string certificate;
    {
        auto server = start_server("https_server", ca, {"--cache", cache});
        certificate = certificate_of("restart.example", ca);
        BOOST_TEST(!certificate.empty());
        BOOST_TEST((end_of(server) == 0), server.all());
    }
    auto root = ca.root_file();
    ca.stop();
    auto server = start_server("https_server", ca, {"--cache", cache, "--email", "me@example.org"});
    auto peer = s_client("restart.example", ca.tls_port(), root);
    BOOST_TEST(peer.verified, peer.text);
    BOOST_TEST(peer.certificate == certificate);
}

BOOST_AUTO_TEST_CASE(https_server_encrypts_again_what_is_under_an_old_key)
{
    temporary_folder folder;
    auto& ca = shared_ca();
    const auto cache = (folder / "cache").native() + "/", keys = (folder / "keys").native();
    const auto old_key = encryption_key::generate(), new_key = encryption_key::generate();
    const std::vector<std::string> options{"--cache", cache, "--cache-key", keys};
    write_whole_file(keys, old_key.text() + "\n");
    std::string certificate;
    {
        auto server = start_server("https_server", ca, options);
        certificate = certificate_of("rotated.example", ca);
        BOOST_TEST((end_of(server) == 0), server.all());
    }
    auto without = run_process(server_command("https_server", ca, {"--cache", cache}), {}, 10s);
    BOOST_TEST(without.exit_code == 1);
    BOOST_TEST(without.err.find("is encrypted, and no key was given") != std::string::npos, without.err);
    write_whole_file(keys, new_key.text() + "\n" + old_key.text() + "\n");
    {
        auto server = start_server("https_server", ca, options);
        BOOST_TEST(server.wait_for_text("objects encrypted again: "), server.all());
        BOOST_TEST((end_of(server) == 0), server.all());
    }
    write_whole_file(keys, new_key.text() + "\n");
    auto server = start_server("https_server", ca, options);
    BOOST_TEST(certificate_of("rotated.example", ca) == certificate);
    BOOST_TEST((end_of(server) == 0), server.all());
}

BOOST_AUTO_TEST_CASE(https_server_redirects_to_the_port_that_it_is_told)
{
    auto& ca = shared_ca();
    auto server = start_server("https_server", ca, {"--http", "127.0.0.1:0", "--redirect-port", "443"});
    const auto line = server.all();
    const auto begin = line.find("http://");
    BOOST_TEST_REQUIRE(begin != std::string::npos);
    const auto where = line.substr(begin, line.find_first_of(" \n", begin) - begin);
    auto got = run_process(
        {"curl", "-s", "-o", "/dev/null", "-w", "%{redirect_url}", "-H", "Host: a.example", where + "/page"});
    BOOST_TEST(got.out == "https://a.example/page");
    BOOST_TEST((end_of(server) == 0), server.all());
}

BOOST_AUTO_TEST_CASE(https_server_survives_kill_9_at_any_moment)
{
    temporary_folder folder;
    auto cache = (folder / "cache").native();
    auto& ca = shared_ca();
    std::vector<std::pair<std::string, std::string>> obtained;
    for (int round = 0; round != 8; ++round) {
        auto server = start_server("https_server", ca, {"--cache", cache, "--limits", "off"});
        for (auto& [host, certificate] : obtained)
            BOOST_TEST(certificate_of(host, ca) == certificate);
        auto name = "kill-" + std::to_string(round);
        obtained.emplace_back(name + ".example", certificate_of(name + ".example", ca));
        std::vector<std::future<page>> visits;
        for (std::string more : {"-a", "-b", "-c"})
            visits.push_back(std::async(std::launch::async,
                [&ca, host = name + more + ".example"] { return curl(host, ca.tls_port(), ca.root_file()); }));
        std::this_thread::sleep_for(15ms * round);
        server.kill();
    }
    auto server = start_server("https_server", ca, {"--cache", cache, "--limits", "off"});
    for (auto& [host, certificate] : obtained)
        BOOST_TEST(certificate_of(host, ca) == certificate);
    for (int round = 0; round != 8; ++round)
        BOOST_TEST(!certificate_of("kill-" + std::to_string(round) + "-a.example", ca).empty());
    BOOST_TEST((end_of(server) == 0), server.all());
    for (auto& entry : std::filesystem::directory_iterator(folder.path()))
        BOOST_TEST(entry.path().native() == cache);
}

BOOST_AUTO_TEST_CASE(https_server_refuses_a_damaged_cache_file_and_leaves_it)
{
    temporary_folder folder;
    auto cache = folder / "cache";
    auto& ca = shared_ca();
    {
        auto server = start_server("https_server", ca, {"--cache", cache.native()});
        certificate_of("damage.example", ca);
        BOOST_TEST((end_of(server) == 0), server.all());
    }
    auto text = read_whole_file(cache);
    text[text.size() / 3] = static_cast<char>(text[text.size() / 3] ^ 0x20);
    write_whole_file(cache, text);
    auto done = run_process(server_command("https_server", ca, {"--cache", cache.native()}), {}, 10s);
    BOOST_TEST(done.exit_code == 1);
    BOOST_TEST(done.err.find(cache.native()) != std::string::npos, done.err);
    BOOST_TEST(done.out.find("listening") == std::string::npos);
    BOOST_TEST((read_whole_file(cache) == text));
}

BOOST_AUTO_TEST_CASE(https_server_keeps_certificates_in_a_folder_and_one_damaged_file_costs_one_host)
{
    temporary_folder folder;
    auto cache = (folder / "cache").native();
    auto& ca = shared_ca();
    std::string kept, damaged;
    {
        auto server = start_server("https_server", ca, {"--cache", cache + "/"});
        kept = certificate_of("folder-kept.example", ca);
        damaged = certificate_of("folder-damaged.example", ca);
        server.kill();
    }
    std::filesystem::path file;
    for (auto& entry : std::filesystem::recursive_directory_iterator(cache))
        if (entry.path().filename() == "folder-damaged.example=" &&
            entry.path().parent_path().filename() == "certificates")
            file = entry.path();
    auto text = read_whole_file(file);
    BOOST_TEST_REQUIRE(text.size() > 100U);
    text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 0x20);
    write_whole_file(file, text);
    auto server = start_server("https_server", ca, {"--cache", cache});
    BOOST_TEST(server.wait_for_text(file.native()));
    BOOST_TEST((read_whole_file(file) == text));
    BOOST_TEST(certificate_of("folder-kept.example", ca) == kept);
    auto again = certificate_of("folder-damaged.example", ca);
    BOOST_TEST(!again.empty());
    BOOST_TEST(again != damaged);
    BOOST_TEST((end_of(server) == 0), server.all());
}

BOOST_AUTO_TEST_CASE(beast_server_embeds_the_hook)
{
    auto& ca = shared_ca();
    auto server = start_server("beast_server", ca);
    auto got = curl("beast.example", ca.tls_port(), ca.root_file());
    BOOST_TEST(got.body == "Hello, /\n", got.err);
    BOOST_TEST(server.wait_for_text("a CA's validation, which was answered"));
    BOOST_TEST(server.wait_for_text("certificate obtained for beast.example"));
    auto peer = s_client("beast.example", ca.tls_port(), ca.root_file(), {"-tls1_2"});
    BOOST_TEST(peer.verified, peer.text);
}

BOOST_AUTO_TEST_CASE(obtain_writes_pem_files)
{
    temporary_folder folder;
    auto& ca = shared_ca();
    auto done =
        run_process(server_command("obtain", ca, {"--out", folder.path().native(), "pem-1.example", "Pem-2.Example"}));
    BOOST_TEST(done.exit_code == 0, done.err);
    for (std::string host : {"pem-1.example", "pem-2.example"}) {
        auto chain = (folder / (host + ".pem")).native();
        auto key = (folder / (host + ".key")).native();
        auto verified = run_process({"openssl", "verify", "-CAfile", ca.root_file().native(), "-untrusted", chain,
            "-verify_hostname", host, chain});
        BOOST_TEST(verified.exit_code == 0, verified.err);
        BOOST_TEST((std::filesystem::status(key).permissions() == std::filesystem::perms(0600)));
        auto of_key = run_process({"openssl", "pkey", "-in", key, "-pubout"});
        auto of_certificate = run_process({"openssl", "x509", "-in", chain, "-noout", "-pubkey"});
        BOOST_TEST(of_key.out == of_certificate.out);
        BOOST_TEST(done.out.find("certificate obtained for " + host) != std::string::npos);
    }
    auto refused = run_process(server_command("obtain", ca, {"--out", folder.path().native(), "no_host"}), {}, 10s);
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(lines_with(refused.err, "\n") == 1U, refused.err);
    BOOST_TEST(refused.err.find("no_host") != std::string::npos, refused.err);
}

BOOST_AUTO_TEST_CASE(watch_stores_and_restores)
{
    temporary_folder folder;
    auto state = folder / "state";
    auto& ca = shared_ca();
    std::string certificate;
    {
        auto server = start_server("watch", ca, {"--state", state.native()});
        certificate = certificate_of("watch.example", ca);
        BOOST_TEST(comes_true([&] {
            return std::filesystem::exists(state) && read_whole_file(state).find("watch.example") != std::string::npos;
        }));
        server.kill();
    }
    auto orders = ca.orders();
    auto server = start_server("watch", ca, {"--state", state.native()});
    BOOST_TEST(server.wait_for_text("restored "));
    BOOST_TEST(certificate_of("watch.example", ca) == certificate);
    BOOST_TEST(ca.orders() == orders);
    BOOST_TEST((end_of(server) == 0), server.all());
}

BOOST_AUTO_TEST_CASE(watch_says_why_it_can_not_store)
{
    auto& ca = shared_ca();
    auto server = start_server("watch", ca, {"--state", "/nonexistent/state"});
    // The account is what it can't store first.
    s_client("nowhere.example", ca.tls_port(), ca.root_file());
    BOOST_TEST((server.wait(15s) == 1));
    BOOST_TEST(server.err().find("/nonexistent/state") != std::string::npos, server.err());
}

// How many TCP sockets that process listens at.
std::size_t listening_sockets(pid_t process)
{
    std::set<std::string> own;
    std::error_code ec;
    for (const auto& each : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/fd", ec))
        own.insert(std::filesystem::read_symlink(each, ec).native());
    std::size_t found = 0;
    for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        std::ifstream rows(table);
        for (std::string row; std::getline(rows, row);) {
            std::istringstream columns(row);
            const std::vector<std::string> all{std::istream_iterator<std::string>(columns), {}};
            const std::string listen = "0A";
            found += all.size() > 9 && all[3] == listen && own.contains("socket:[" + all[9] + "]") ? 1 : 0;
        }
    }
    return found;
}

BOOST_AUTO_TEST_CASE(hello_https_listens_at_443_and_80_or_says_why_not)
{
    temporary_folder folder;
    process_options there;
    there.folder = folder.path();
    process server({example("hello_https")}, there);
    for (int i = 0; i != 200; ++i) {
        if (server.wait(100ms)) {
            BOOST_TEST((server.wait() == 1));
            BOOST_TEST(lines_with(server.err(), "\n") == 1U);
            bool says = server.err().find("443") != std::string::npos || server.err().find("80") != std::string::npos;
            BOOST_TEST(says, server.err());
            return;
        }
        // Another process may have these ports.
        if (listening_sockets(server.pid()) < 2)
            continue;
        auto plain =
            run_process({"curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", "http://127.0.0.1/x"});
        BOOST_TEST(plain.out == "301 https://127.0.0.1/x");
        // No name, no certificate, and no word to the real CA.
        auto answer = send_client_hello(443, "localhost");
        BOOST_TEST(answer.content_type == 21);
        BOOST_TEST(answer.alert == 112);
        return;
    }
    BOOST_ERROR("it neither listens nor ends: " + server.all());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
