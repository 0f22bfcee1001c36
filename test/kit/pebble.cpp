#include "kit/pebble.hpp"

#include <boost/test/tools/assertion_result.hpp>

#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace acme::test {
namespace {

using namespace std::chrono_literals;

std::string json_text(const std::string& text)
{
    return '"' + text + '"';
}

std::string joined(const std::vector<std::string>& items)
{
    std::string all;
    for (auto& each : items)
        all += (all.empty() ? "" : ",") + each;
    return all;
}

const char* json_bool(bool value)
{
    return value ? "true" : "false";
}

/// The flag was renamed in 2.10.
std::string dns_flag()
{
    static const std::string flag = [] {
        auto help = run_process({"pebble-challtestsrv", "-h"});
        return (help.out + help.err).find("-dnsserver") != std::string::npos ? "-dnsserver" : "-dns01";
    }();
    return flag;
}

bool answers(const std::string& url, const std::filesystem::path& ca_file)
{
    return run_process({"curl", "-s", "--max-time", "2", "--cacert", ca_file.native(), "-o", "/dev/null", url})
               .exit_code == 0;
}

} // namespace

struct pebble::setup
{
    temporary_folder folder;
    reserved_port acme;
    reserved_port management;
    reserved_port tls;
    reserved_port http;
    reserved_port dns;
    reserved_port dns_management;
    std::optional<process> challtestsrv;
    std::optional<process> ca;

    void make_listener_certificate();
    void write_config(const pebble_options& options);
    bool start_challtestsrv(bool answers_http_01);
    bool start_ca(const pebble_options& options);
    std::string logs() const;
};

void pebble::setup::make_listener_certificate()
{
    process_options there;
    there.folder = folder.path();
    auto made = run_process({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                                "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj",
                                "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"},
        there);
    if (made.exit_code != 0)
        throw std::runtime_error("openssl req: " + made.err);
}

// Pebble ignores members that its version does not know: validity is in two places.
void pebble::setup::write_config(const pebble_options& options)
{
    std::vector<std::string> mac_keys;
    for (auto& [id, mac_key] : options.external_accounts)
        mac_keys.push_back(json_text(id) + ":" + json_text(mac_key));
    std::vector<std::string> blocked;
    for (auto& each : options.blocked_domains)
        blocked.push_back(json_text(each));
    auto validity = std::to_string(options.validity.count());
    write_whole_file(folder / "pebble.json",
        R"({"pebble":{"certificate":"cert.pem","privateKey":"key.pem","ocspResponderURL":"","listenAddress":)" +
            json_text(acme.address()) + R"(,"managementListenAddress":)" + json_text(management.address()) +
            R"(,"tlsPort":)" + tls.text() + R"(,"httpPort":)" + http.text() + R"(,"externalAccountBindingRequired":)" +
            json_bool(options.external_account_required) + R"(,"externalAccountMACKeys":{)" + joined(mac_keys) +
            R"(},"domainBlocklist":[)" + joined(blocked) + R"(],"certificateValidityPeriod":)" + validity +
            R"(,"profiles":{"default":{"description":"d","validityPeriod":)" + validity + "}}}}");
}

bool pebble::setup::start_challtestsrv(bool answers_http_01)
{
    challtestsrv.emplace(std::vector<std::string>{"pebble-challtestsrv", "-http01",
        answers_http_01 ? http.address() : "", "-https01", "", "-tlsalpn01", "", dns_flag(), dns.address(),
        "-management", dns_management.address(), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""});
    for (int attempt = 0; attempt != 100 && !challtestsrv->wait(50ms); ++attempt)
        if (answers("http://" + dns_management.address() + "/", folder / "cert.pem"))
            return true;
    return false;
}

bool pebble::setup::start_ca(const pebble_options& options)
{
    process_options there;
    there.folder = folder.path();
    auto set = [&](const std::string& name, unsigned value) {
        there.environment.push_back(name + "=" + std::to_string(value));
    };
    if (!options.sleeps)
        set("PEBBLE_VA_NOSLEEP", 1);
    if (options.nonce_reject)
        set("PEBBLE_WFE_NONCEREJECT", *options.nonce_reject);
    if (options.chain_length)
        set("PEBBLE_CHAIN_LENGTH", *options.chain_length);
    set("PEBBLE_AUTHZREUSE", options.authorization_reuse);
    set("PEBBLE_ALTERNATE_ROOTS", options.alternate_roots);
    ca.emplace(std::vector<std::string>{"pebble", "-config", "pebble.json",
                   std::string("-strict=") + json_bool(options.strict), "-dnsserver", dns.address()},
        there);
    // Its RSA keys take a while.
    ca->wait_for_text("ACME directory available at", 60s);
    for (int attempt = 0; attempt != 100 && !ca->wait(10ms); ++attempt)
        if (answers("https://" + acme.address() + "/dir", folder / "cert.pem"))
            return true;
    return false;
}

std::string pebble::setup::logs() const
{
    return (challtestsrv ? challtestsrv->all() : "") + (ca ? ca->all() : "");
}

pebble::pebble(pebble_options options)
    : options_(std::move(options))
{
    std::string logs;
    for (int attempt = 0; attempt != 3; ++attempt) {
        setup_ = std::make_unique<setup>();
        setup_->make_listener_certificate();
        setup_->write_config(options_);
        if (setup_->start_challtestsrv(options_.answers_http_01) && setup_->start_ca(options_)) {
            root_file();
            return;
        }
        logs += setup_->logs();
    }
    throw std::runtime_error("Pebble does not start:\n" + logs);
}

pebble::~pebble() = default;

std::string pebble::directory_url() const
{
    return "https://localhost:" + setup_->acme.text() + "/dir";
}

std::filesystem::path pebble::ca_file() const
{
    return setup_->folder / "cert.pem";
}

std::filesystem::path pebble::root_file(unsigned n) const
{
    auto path = setup_->folder / ("root-" + std::to_string(n) + "-" + std::to_string(setup_->ca->pid()) + ".pem");
    if (std::filesystem::exists(path))
        return path;
    auto url = "https://" + setup_->management.address() + "/roots/" + std::to_string(n);
    auto got = run_process({"curl", "-sf", "--cacert", ca_file().native(), "-o", path.native(), url});
    if (got.exit_code != 0)
        throw std::runtime_error("no root certificate at " + url);
    return path;
}

std::uint16_t pebble::tls_port() const
{
    return setup_->tls.number();
}

std::uint16_t pebble::http_port() const
{
    return setup_->http.number();
}

void pebble::stop()
{
    setup_->ca->kill();
}

void pebble::start()
{
    if (!setup_->start_ca(options_))
        throw std::runtime_error("Pebble does not start again:\n" + setup_->logs());
    root_file();
}

std::string pebble::log() const
{
    return setup_->ca->all();
}

std::size_t pebble::count_in_log(std::string_view text) const
{
    auto all = log();
    std::size_t count = 0;
    for (auto at = all.find(text); at != std::string::npos; at = all.find(text, at + text.size()))
        ++count;
    return count;
}

std::size_t pebble::orders() const
{
    return count_in_log("Added order ");
}

std::string pebble::certificate_status(const std::string& serial) const
{
    auto url = "https://" + setup_->management.address() + "/cert-status-by-serial/" + serial;
    auto got = run_process({"curl", "-sf", "--cacert", ca_file().native(), url});
    for (std::string status : {"Valid", "Revoked"})
        if (got.out.find("\"Status\":" + json_text(status)) != std::string::npos ||
            got.out.find("\"Status\": " + json_text(status)) != std::string::npos)
            return status;
    return {};
}

void pebble::tell(const std::string& path, const std::string& text)
{
    auto url = "http://" + setup_->dns_management.address() + path;
    auto done = run_process({"curl", "-sf", "--max-time", "10", "-d", text, url});
    if (done.exit_code != 0)
        throw std::runtime_error("challtestsrv refuses " + path + " " + text + ": " + done.err);
}

void pebble::set_servfail(const std::string& host)
{
    tell("/set-servfail", R"({"host":)" + json_text(host) + "}");
}

void pebble::clear_servfail(const std::string& host)
{
    tell("/clear-servfail", R"({"host":)" + json_text(host) + "}");
}

void pebble::add_http01(const std::string& token, const std::string& key_authorization)
{
    tell("/add-http01", R"({"token":)" + json_text(token) + R"(,"content":)" + json_text(key_authorization) + "}");
}

boost::unit_test::decorator::precondition needs_pebble()
{
    return boost::unit_test::decorator::precondition([](boost::unit_test::test_unit_id) {
        boost::test_tools::assertion_result result(true);
        for (const char* program : {"pebble", "pebble-challtestsrv", "openssl", "curl"})
            if (!has_program(program) && !std::getenv("CI")) {
                result = boost::test_tools::assertion_result(false);
                result.message() << program << " is not installed";
            }
        return result;
    });
}

} // namespace acme::test
