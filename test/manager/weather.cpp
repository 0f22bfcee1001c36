#include "manager/weather.hpp"

#include "crypto/base64.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>

namespace acme::test {

namespace json = boost::json;

namespace {

/// The manager's clock may be set; this one only passes.
class right_clock : public acme::clock
{
public:
    explicit right_clock(std::shared_ptr<manual_clock> c)
        : clock_(std::move(c))
    {}

    std::chrono::system_clock::time_point now() const noexcept override
    {
        return manual_clock::default_start +
            std::chrono::duration_cast<std::chrono::system_clock::duration>(clock_->elapsed());
    }
    boost::asio::awaitable<void> async_wait(std::chrono::steady_clock::duration d) override
    {
        return clock_->async_wait(d);
    }

private:
    std::shared_ptr<manual_clock> clock_;
};

wanted_order read_order(const https_request& r)
{
    const auto body = json::parse(r.body).as_object();
    const std::string text = base64url_decode(std::string(body.at("payload").as_string())).value();
    const auto payload = json::parse(text).as_object();
    wanted_order o;
    o.host = std::string(payload.at("identifiers").as_array().at(0).as_object().at("value").as_string());
    if (const auto* replaces = payload.if_contains("replaces"))
        o.replaces = std::string(replaces->as_string());
    return o;
}

} // namespace

climate::climate()
{
    auto& options = ca.state().options;
    options.clock = std::make_shared<right_clock>(clock);
    options.renewal_info = true;
    options.validation_polls = 0;
    options.issuance_polls = 0;
    network = std::make_shared<scripted_transport>([this](const https_request& r) { return answer(r); });
}

https_response climate::answer(const https_request& r)
{
    if (r.method != "POST" || !r.url.ends_with("/new-order"))
        return ca.answer(r);
    wanted_order o = read_order(r);
    o.when = right_time();
    asked.push_back(o);
    auto refused = refuse ? refuse(o) : std::nullopt;
    return refused ? *refused : ca.answer(r);
}

std::chrono::system_clock::time_point climate::right_time() const
{
    return ca.state().options.clock->now();
}

std::size_t climate::asked_for(std::string_view host) const
{
    return static_cast<std::size_t>(
        std::count_if(asked.begin(), asked.end(), [&](const wanted_order& o) { return o.host == host; }));
}

std::size_t climate::issued(std::string_view host) const
{
    const auto& all = ca.state().certificates;
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const auto& each) {
        const auto& names = each.second.names;
        return std::find(names.begin(), names.end(), host) != names.end();
    }));
}

void climate::set_window(std::chrono::system_clock::time_point start, std::chrono::system_clock::time_point end)
{
    ca.state().options.window = [start, end](
                                    const testing::certificate_record&) { return testing::renewal_window(start, end); };
}

https_response rate_limited(std::string_view detail, seconds retry_after)
{
    auto answer = problem_answer(429, "rateLimited", detail);
    answer.fields.emplace_back("retry-after", std::to_string(retry_after.count()));
    return answer;
}

void weather::obtain(int hosts)
{
    std::vector<outcome_ptr> callers;
    for (int n = 0; n < hosts; ++n)
        callers.push_back(ask(host_number(n)));
    for (auto& caller : callers)
        wait(caller);
}

void weather::pass_until(std::chrono::system_clock::time_point t)
{
    pass(std::max(t - right_time(), std::chrono::system_clock::duration::zero()));
}

} // namespace acme::test
