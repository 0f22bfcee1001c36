#pragma once

#include <acme/transport.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace acme::test {

/// A transport without a network: a function answers, and a script loses, delays and changes what passes.
class scripted_transport : public transport
{
public:
    using peer = std::function<https_response(const https_request&)>;

    enum class fate
    {
        deliver,
        /// The peer never sees the request; the client gets a connection error.
        lose_request,
        /// The peer acts on the request; the client gets a connection error.
        lose_answer,
        /// The peer acts on the request; the answer comes only by cancellation, as an error.
        hang
    };

    explicit scripted_transport(peer p);

    boost::asio::awaitable<https_response> async_exchange(https_request request) override;

    /// What happens to the request of this number, counted from 0. Everything is delivered where it is empty.
    std::function<fate(std::size_t number, const https_request&)> decide;
    /// Changes an answer on its way. Optional.
    std::function<void(std::size_t number, const https_request&, https_response&)> rewrite;

    /// All that was asked, in order.
    std::vector<https_request> requests;
    /// How many requests had this method and a URL that contains `part`.
    std::size_t count(std::string_view method, std::string_view part = {}) const;

    std::size_t in_flight = 0;
    std::size_t most_in_flight = 0;

private:
    peer peer_;
};

/// An answer with a JSON body.
https_response json_answer(unsigned status, std::string body);
/// An answer with a problem document; `type` is RFC 8555's without its prefix.
https_response problem_answer(unsigned status, std::string_view type, std::string_view detail);

} // namespace acme::test
