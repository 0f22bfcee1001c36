#pragma once

#include "store/etcd_messages.hpp"
#include "transport/http_client.hpp"
#include "transport/on_strand.hpp"
#include "transport/slots.hpp"

#include <acme/etcd_store.hpp>

#include <boost/json/object.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace acme {

/// Since the machine was started; it runs on while the machine is suspended, and is never set.
std::chrono::nanoseconds time_since_boot() noexcept;

/// etcd's members as one server: finds one that answers, authenticates, and reads what comes. Everything is called on
/// the strand, but for `revision` and `get_strand`.
class etcd_gateway
{
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// How often a request may be sent.
    enum class repetition
    {
        /// Until it is answered or the time is up.
        until_answered,
        /// The same, but it waits for no other request.
        urgently,
        /// At every member once.
        once_each,
        /// Until it may have been acted upon.
        until_sent
    };

    etcd_gateway(strand s, etcd_options options);

    /// The answer to POST `path`. Throws `acme::error`. `limit` where it is to take less time than the options say: one
    /// member gets no more than half of what is left.
    boost::asio::awaitable<etcd_answer> async_call(std::string path, boost::json::object message,
        repetition how = repetition::until_answered, time_point limit = time_point::max());

    /// Tries every member once. The stream is closed when its member turns out not to answer, or when requests go to
    /// another; one at a time.
    boost::asio::awaitable<std::unique_ptr<line_stream>> async_watch(boost::json::object message);
    const std::string& watched_member() const noexcept { return members_[watched_member_].authority; }
    /// The watch's member failed.
    void leave_watched_member();
    /// The watch was refused for that reason, perhaps because the token ran out.
    void watch_refused(const std::string& why);

    /// The newest state of etcd that an answer spoke of.
    std::int64_t revision() const noexcept { return revision_; }
    /// etcd was restored to an older state.
    void go_back(std::int64_t revision) { revision_ = revision; }
    const strand& get_strand() const noexcept { return strand_; }
    const etcd_options& options() const noexcept { return options_; }

private:
    enum class verdict
    {
        answered,
        /// Another member may do better.
        failed,
        /// All will say the same.
        refused,
        unauthenticated
    };
    struct attempt
    {
        attempt() = default;

        verdict result = verdict::failed;
        // As `http_client::outcome`; what waits in line has not begun.
        bool begun = true;
        bool sent = false;
        etcd_answer answer;
        std::unique_ptr<line_stream> stream;
        boost::system::error_code code;
        std::string cause;
    };
    class failures;

    boost::asio::awaitable<attempt> try_at(std::size_t member, json_request request, bool streaming, time_point until);
    boost::asio::awaitable<attempt> try_authenticated(
        std::size_t member, json_request request, bool streaming, time_point until);
    boost::asio::awaitable<attempt> authenticate(std::size_t member, time_point until);
    void judge(attempt& a, const https_response& response) const;
    void move_on(std::size_t member, const attempt& a);

    const strand strand_;
    const etcd_options options_;
    std::vector<target> members_;
    http_client client_;
    slots authentication_turn_{1};
    std::string token_;
    std::size_t current_ = 0;
    // While there is a watch; the stream is its reader's.
    line_stream* watched_ = nullptr;
    std::size_t watched_member_ = 0;
    std::atomic<std::int64_t> revision_ = 0;

public:
    /// Whoever reads a watch says so for as long.
    class reading
    {
    public:
        reading(etcd_gateway& g, line_stream& s)
            : gateway_(g)
        {
            g.watched_ = &s;
        }
        reading(const reading&) = delete;
        reading& operator=(const reading&) = delete;
        ~reading() { gateway_.watched_ = nullptr; }

    private:
        etcd_gateway& gateway_;
    };
};

} // namespace acme
