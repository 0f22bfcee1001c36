#pragma once

#include <acme/error.hpp>
#include <acme/transport.hpp>

#include <boost/asio/error.hpp>

#include <cstddef>
#include <memory>

namespace acme::bench {

/// Counts the requests to the CA. Without a transport behind it there is no CA.
class counting_transport final : public transport
{
public:
    explicit counting_transport(std::shared_ptr<transport> behind = nullptr)
        : behind_(std::move(behind))
    {}

    boost::asio::awaitable<https_response> async_exchange(https_request request) override
    {
        ++requests;
        if (!behind_)
            throw error(boost::asio::error::connection_refused, "connection to the CA");
        co_return co_await behind_->async_exchange(std::move(request));
    }

    std::size_t requests = 0;

private:
    std::shared_ptr<transport> behind_;
};

} // namespace acme::bench
