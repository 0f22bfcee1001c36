#include "integration/clients.hpp"

#include <arpa/inet.h>
#include <array>
#include <cstdlib>
#include <netinet/in.h>
#include <regex>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace acme::test {
namespace {

using namespace std::chrono_literals;

void append(std::vector<std::string>& command, const std::vector<std::string>& more)
{
    command.insert(command.end(), more.begin(), more.end());
}

std::string match(const std::string& text, const char* expression)
{
    std::smatch found;
    return std::regex_search(text, found, std::regex(expression)) ? found[1].str() : std::string();
}

/// A length of `octets` octets before the content.
std::string prefixed(const std::string& content, int octets)
{
    std::string length;
    for (int i = octets - 1; i >= 0; --i)
        length += static_cast<char>(content.size() >> (8 * i));
    return length + content;
}

std::string extension(unsigned char type, const std::string& content)
{
    return std::string("\0", 1) + static_cast<char>(type) + prefixed(content, 2);
}

std::string client_hello(std::string_view server_name)
{
    using namespace std::string_literals;
    auto names = prefixed("\0"s + prefixed(std::string(server_name), 2), 2);
    auto extensions = extension(0, names) + extension(10, prefixed("\x00\x1d\x00\x17"s, 2)) +
        extension(11, prefixed("\0"s, 1)) + extension(13, prefixed("\x04\x03\x08\x04\x04\x01"s, 2));
    auto body = "\x03\x03"s + std::string(32, 'r') + prefixed("", 1) + prefixed("\xc0\x2b\xc0\x2f"s, 2) +
        prefixed("\0"s, 1) + prefixed(extensions, 2);
    return "\x16\x03\x01"s + prefixed("\x01"s + prefixed(body, 3), 2);
}

struct connection
{
    explicit connection(std::uint16_t port)
        : number(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        timeval limit{20, 0};
        ::setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(port);
        if (::connect(number, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
            throw std::runtime_error("nobody listens at port " + std::to_string(port));
    }
    ~connection() { ::close(number); }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    int number;
};

} // namespace

page curl(
    const std::string& host, std::uint16_t port, const std::filesystem::path& root, std::vector<std::string> arguments)
{
    auto at = host + ":" + std::to_string(port);
    std::vector<std::string> command{"curl", "-sS", "--max-time", "50", "--cacert", root.native(), "--resolve",
        at + ":127.0.0.1", "-w", "\n%{http_code} %{redirect_url}", "https://" + at + "/"};
    append(command, arguments);
    auto done = run_process(command);
    page result;
    result.exit_code = done.exit_code;
    result.err = done.err;
    auto last = done.out.rfind('\n');
    if (last == std::string::npos)
        return result;
    result.body = done.out.substr(0, last);
    result.status = std::atoi(done.out.c_str() + last + 1);
    result.location = match(done.out.substr(last + 1), "[0-9]+ (.*)");
    return result;
}

tls_peer s_client(
    const std::string& host, std::uint16_t port, const std::filesystem::path& root, std::vector<std::string> arguments)
{
    std::vector<std::string> command{"openssl", "s_client", "-connect", "127.0.0.1:" + std::to_string(port), "-CAfile",
        root.native(), "-verify_return_error"};
    append(command,
        host.empty() ? std::vector<std::string>{"-noservername"}
                     : std::vector<std::string>{"-servername", host, "-verify_hostname", host});
    append(command, arguments);
    auto done = run_process(command);
    tls_peer result;
    result.exit_code = done.exit_code;
    result.text = done.out + done.err;
    // It prints the leaf as PEM; its octets tell certificates apart.
    auto begin = result.text.find("-----BEGIN CERTIFICATE-----");
    auto end = result.text.find("-----END CERTIFICATE-----");
    if (end != std::string::npos)
        result.certificate = result.text.substr(begin, end - begin);
    result.verified = done.exit_code == 0 && result.text.find("Verify return code: 0 (ok)") != std::string::npos;
    auto alert = match(result.text, "SSL alert number ([0-9]+)");
    if (!alert.empty())
        result.alert = std::atoi(alert.c_str());
    return result;
}

hello_answer send_client_hello(std::uint16_t port, std::string_view server_name)
{
    connection c(port);
    auto hello = client_hello(server_name);
    if (::send(c.number, hello.data(), hello.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(hello.size()))
        throw std::runtime_error("the ClientHello can't be sent");
    std::array<unsigned char, 7> record{};
    auto size = ::recv(c.number, record.data(), record.size(), MSG_WAITALL);
    if (size < 0)
        throw std::runtime_error("no answer to a ClientHello");
    hello_answer answer;
    answer.content_type = size > 0 ? record[0] : 0;
    answer.alert = size == 7 && record[0] == 21 ? record[6] : 0;
    return answer;
}

} // namespace acme::test
