#pragma once

#include "protocol/resource.hpp"

#include <acme/error.hpp>

#include <utility>

namespace acme {

/// What an answer holds; throws `errc::unexpected_answer` with what is wrong with it.
template <class T>
T expect(parsed<T> answer, const char* step)
{
    if (!answer)
        throw error(errc::unexpected_answer, step, answer.why);
    return std::move(*answer);
}

} // namespace acme
