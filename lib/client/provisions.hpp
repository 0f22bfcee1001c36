#pragma once

#include <acme/client.hpp>

#include <boost/asio/awaitable.hpp>

#include <string>
#include <utility>
#include <vector>

namespace acme {

/// The challenges that a responder is answering; withdraws them all when it ends, however it ends.
class provisions
{
public:
    explicit provisions(responder& r)
        : responder_(r)
    {}
    ~provisions()
    {
        for (auto& [id, c] : begun_)
            responder_.withdraw(id, c);
    }
    provisions(const provisions&) = delete;
    provisions& operator=(const provisions&) = delete;

    boost::asio::awaitable<void> async_add(identifier id, challenge c, std::string key_authorization)
    {
        begun_.emplace_back(id, c);
        co_await responder_.async_provision(std::move(id), std::move(c), std::move(key_authorization));
    }

private:
    responder& responder_;
    std::vector<std::pair<identifier, challenge>> begun_;
};

} // namespace acme
