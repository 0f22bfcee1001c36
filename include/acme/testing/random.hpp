#pragma once

#include <acme/clock.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <random>

namespace acme::testing {

/// A source of randomness for `config::random` that says the same for the same seed, on every machine. Copies share
/// their state. Thread safety: may be called from any thread.
inline random_source seeded_random(std::uint64_t seed)
{
    struct generator
    {
        explicit generator(std::uint64_t s)
            : engine(s)
        {}

        std::mutex mutex;
        std::mt19937_64 engine;
    };
    return [g = std::make_shared<generator>(seed)]() -> std::uint64_t {
        const std::lock_guard lock(g->mutex);
        return g->engine();
    };
}

/// One that always says the same number: with 0, jitter is where it ends.
inline random_source constant_random(std::uint64_t value)
{
    return [value] { return value; };
}

} // namespace acme::testing
