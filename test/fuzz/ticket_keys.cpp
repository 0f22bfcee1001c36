#include "check.hpp"
#include "crypto/jose.hpp"

#include <acme/error.hpp>
#include <acme/ticket_keys.hpp>

#include <string>

using namespace acme;

namespace {

class stopped_clock : public acme::clock
{
public:
    std::chrono::system_clock::time_point now() const noexcept override
    {
        return std::chrono::system_clock::time_point(std::chrono::hours(1'000));
    }
    boost::asio::awaitable<void> async_wait(std::chrono::steady_clock::duration) override { co_return; }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    ticket_key_options options;
    options.clock = std::make_shared<stopped_clock>();
    ticket_keys keys(options);
    std::string text = "acme-ticket-keys-1\n" + std::string(fuzz::text(data, size));
    const auto digest = sha256(text);
    text.append(digest.begin(), digest.end());
    for (const auto& each : {std::string(fuzz::text(data, size)), text}) {
        const auto before = keys.marshal();
        try {
            keys.merge(each);
        } catch (const error& e) {
            fuzz::check(e.code() == errc::foreign_state || e.code() == errc::damaged_state);
            fuzz::check(keys.marshal() == before);
        }
        // The three before, this one, and two ahead.
        const auto after = keys.marshal();
        fuzz::check(after.size() <= 19 + 6 * 64 + 32);
        keys.merge(before);
        fuzz::check(keys.marshal() == after);
    }
    return 0;
}
