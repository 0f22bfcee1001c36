#include "kit/etcd.hpp"

#include <boost/test/tools/assertion_result.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <thread>

namespace acme::test {

using namespace std::chrono_literals;

namespace {

// The text after `"name":"` in an answer.
std::string member_of(const std::string& json, const std::string& name)
{
    const std::string begin = "\"" + name + "\":\"";
    const auto at = json.find(begin);
    if (at == std::string::npos)
        return {};
    const auto from = at + begin.size();
    return json.substr(from, json.find('"', from) - from);
}

} // namespace

struct etcd_cluster::member
{
    temporary_folder data;
    reserved_port client;
    reserved_port peer;
    std::vector<std::string> command;
    std::optional<process> running;
};

etcd_cluster::etcd_cluster(etcd_setup setup)
    : setup_(std::move(setup))
{
    std::string all;
    for (std::size_t n = 0; n != setup_.members; ++n) {
        members_.push_back(std::make_unique<member>());
        all += (n ? ",m" : "m") + std::to_string(n) + "=http://" + members_[n]->peer.address();
    }
    for (std::size_t n = 0; n != setup_.members; ++n) {
        member& m = *members_[n];
        const std::string peer = "http://" + m.peer.address();
        m.command = {"etcd", "--name", "m" + std::to_string(n), "--data-dir", m.data / "data", "--listen-client-urls",
            endpoint(n), "--advertise-client-urls", endpoint(n), "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer, "--initial-cluster", all, "--heartbeat-interval", "50",
            "--election-timeout", "500", "--logger", "zap"};
        if (!setup_.certificate_file.empty())
            m.command.insert(m.command.end(),
                {"--cert-file", setup_.certificate_file, "--key-file", setup_.key_file, "--trusted-ca-file",
                    setup_.client_ca_file, "--client-cert-auth"});
        m.command.insert(m.command.end(), setup_.arguments.begin(), setup_.arguments.end());
        m.running.emplace(m.command);
    }
    for (std::size_t n = 0; n != setup_.members; ++n)
        wait_until_it_answers(n);
}

etcd_cluster::~etcd_cluster() = default;

std::size_t etcd_cluster::size() const
{
    return members_.size();
}

std::string etcd_cluster::address(std::size_t n) const
{
    return members_[n]->client.address();
}

std::string etcd_cluster::endpoint(std::size_t n) const
{
    return (setup_.certificate_file.empty() ? "http://" : "https://") + address(n);
}

std::vector<std::string> etcd_cluster::endpoints() const
{
    std::vector<std::string> all;
    for (std::size_t n = 0; n != size(); ++n)
        all.push_back(endpoint(n));
    return all;
}

void etcd_cluster::wait_until_it_answers(std::size_t n)
{
    member& m = *members_[n];
    // With TLS, it would not answer without a client's certificate.
    if (!setup_.certificate_file.empty() && m.running->wait_for_text("serving client"))
        return;
    for (int attempt = 0; attempt != 400 && !m.running->wait(25ms); ++attempt) {
        const std::string answer = call("/v3/kv/range", R"({"key":"YQ==","count_only":true})", n);
        if (answer.find("\"header\"") != std::string::npos || answer.find("user name is empty") != std::string::npos)
            return;
    }
    throw std::runtime_error("etcd does not start:\n" + m.running->all());
}

void etcd_cluster::kill(std::size_t n)
{
    members_[n]->running->kill();
}

void etcd_cluster::erase_disk(std::size_t n)
{
    std::filesystem::remove_all(members_[n]->data / "data");
}

void etcd_cluster::start(std::size_t n)
{
    start(std::vector{n});
}

void etcd_cluster::start(const std::vector<std::size_t>& members)
{
    for (const std::size_t n : members)
        members_[n]->running.emplace(members_[n]->command);
    for (const std::size_t n : members)
        wait_until_it_answers(n);
}

void etcd_cluster::freeze(std::size_t n)
{
    members_[n]->running->signal(SIGSTOP);
}

void etcd_cluster::thaw(std::size_t n)
{
    members_[n]->running->signal(SIGCONT);
}

std::size_t etcd_cluster::leader() const
{
    for (int attempt = 0; attempt != 100; ++attempt) {
        for (std::size_t n = 0; n != size(); ++n) {
            const std::string status = call("/v3/maintenance/status", "{}", n);
            const std::string own = member_of(status, "member_id");
            if (!own.empty() && own == member_of(status, "leader"))
                return n;
        }
        std::this_thread::sleep_for(50ms);
    }
    throw std::runtime_error("etcd elects no leader");
}

std::string etcd_cluster::call(const std::string& path, const std::string& json, std::size_t n) const
{
    return run_process({"curl", "-s", "--max-time", "5", "-d", json, endpoint(n) + path}).out;
}

std::string etcd_cluster::call_as(const std::string& token, const std::string& path, const std::string& json) const
{
    return run_process(
        {"curl", "-s", "--max-time", "5", "-H", "Authorization: " + token, "-d", json, endpoint(0) + path})
        .out;
}

void etcd_cluster::enable_authentication(const std::string& password)
{
    call("/v3/auth/user/add", R"({"name":"root","password":")" + password + "\"}");
    call("/v3/auth/role/add", R"({"name":"root"})");
    call("/v3/auth/user/grant", R"({"user":"root","role":"root"})");
    if (call("/v3/auth/enable", "{}").find("error") != std::string::npos)
        throw std::runtime_error("etcd does not enable authentication");
}

void etcd_cluster::compact()
{
    const std::string now = member_of(call("/v3/kv/range", R"({"key":"YQ=="})"), "revision");
    const std::string done = call("/v3/kv/compaction", R"({"revision":")" + now + R"(","physical":true})");
    if (done.find("error") != std::string::npos)
        throw std::runtime_error("etcd does not compact: " + done);
}

boost::unit_test::decorator::precondition needs_etcd()
{
    return boost::unit_test::decorator::precondition([](boost::unit_test::test_unit_id) {
        boost::test_tools::assertion_result result(true);
        for (const char* program : {"etcd", "openssl", "curl"})
            if (!has_program(program) && !std::getenv("CI")) {
                result = boost::test_tools::assertion_result(false);
                result.message() << program << " is not installed";
            }
        return result;
    });
}

} // namespace acme::test
