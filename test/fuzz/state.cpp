#include "manager/state.hpp"

#include "check.hpp"

#include <acme/error.hpp>

#include <string>

using namespace acme;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    static const state_keys keys("https://ca.test/directory");
    const std::string host = "a.example";
    for (const auto& name : {keys.account(), keys.limits(), keys.certificate(host), keys.order(host),
             keys.failure(host), state_keys::hosts()}) {
        state s;
        try {
            decode_object(s, keys, name, input, "the fuzzer");
        } catch (const error& e) {
            fuzz::check(e.code() == errc::damaged_state);
            continue;
        }
        // What was read once is written so that it is read as the same again.
        const auto written = encode_object(s, keys, name);
        if (!written)
            continue;
        state again;
        decode_object(again, keys, name, *written, "the fuzzer");
        fuzz::check(encode_object(again, keys, name) == written);
    }
    return 0;
}
