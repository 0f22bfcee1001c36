#include "check.hpp"
#include "store/encryption.hpp"
#include "store/etcd_messages.hpp"
#include "store/object.hpp"

#include <acme/error.hpp>

#include <string>

using namespace acme;

namespace {

const encryption& cipher()
{
    static const encryption c{
        encryption_options(encryption_key::from_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="))};
    return c;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    const auto answer = parse_etcd_answer(input);
    fuzz::check(answer ? answer->revision >= 0 : !answer.why.empty());
    const auto message = parse_etcd_watch(input);
    fuzz::check(message || !message.why.empty());
    fuzz::check(parse_etcd_refusal(input).text.size() <= 256);
    const std::string end = etcd_range_end(input);
    fuzz::check(end == std::string(1, '\0') || end > input);
    try {
        // Nobody guesses what opens.
        cipher().decrypt("name", input);
        fuzz::check(false);
    } catch (const error& e) {
        fuzz::check(e.code() == errc::damaged_state);
    }
    if (is_valid_value(input) && input.size() < 100'000)
        fuzz::check(cipher().decrypt("name", cipher().encrypt("name", input)) == input);
    return 0;
}
