#include "client/session.hpp"

#include <acme/client.hpp>

#include <stdexcept>

namespace acme {

client::client(client_options options)
{
    if (!options.transport)
        throw std::invalid_argument("acme::client needs a transport");
    if (!options.account_key)
        options.account_key = key::generate();
    if (!options.clock)
        options.clock = system_clock();
    if (!options.random)
        options.random = system_random();
    session_ = std::make_unique<session>(std::move(options));
}

client::~client() = default;

const std::string& client::directory_url() const noexcept
{
    return session_->options.directory_url;
}

const key& client::account_key() const noexcept
{
    return session_->options.account_key;
}

const std::string& client::account_url() const noexcept
{
    return session_->options.account_url;
}

boost::asio::awaitable<directory> client::async_directory()
{
    return session_->async_directory();
}

} // namespace acme
