#pragma once

#include "testing/model.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/strand.hpp>

#include <memory>
#include <set>
#include <string>

namespace acme::testing {

/// Starts the validations that an exchange brings on this executor. They end without effect when the CA is gone.
std::function<void(validation_task)> validations_on(boost::asio::any_io_executor executor,
    std::function<void(const validation_task&, const std::optional<validation_failure>&)> tell);

/// The CA's door on the network: an acceptor and its connections, on one strand. It lives as long as they do.
class listener : public std::enable_shared_from_this<listener>
{
public:
    using answering = std::function<outcome(const https_request&)>;

    listener(boost::asio::any_io_executor executor, const boost::asio::ip::tcp::endpoint& where);

    boost::asio::ip::tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }
    boost::asio::any_io_executor executor() const { return strand_; }
    /// Begins to accept. PEM.
    void start(const std::string& chain, const std::string& private_key, std::string origin, answering answer);
    /// From any thread.
    void close();

private:
    using tls_stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;
    struct open_socket;

    // Each holds the listener from its start on, which comes later than the call.
    boost::asio::awaitable<void> accept(std::shared_ptr<listener> self);
    boost::asio::awaitable<void> serve(std::shared_ptr<listener> self, boost::asio::ip::tcp::socket socket);
    boost::asio::awaitable<void> serve_requests(tls_stream& stream);
    boost::asio::awaitable<bool> deliver(tls_stream& stream, outcome out, bool keep_alive, bool head);

    boost::asio::strand<boost::asio::any_io_executor> strand_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::ssl::context context_{boost::asio::ssl::context::tls_server};
    std::string origin_;
    answering answer_;
    std::set<boost::asio::ip::tcp::socket*> sockets_;
};

} // namespace acme::testing
