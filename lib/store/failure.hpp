#pragma once

#include <acme/error.hpp>

#include <exception>
#include <optional>
#include <string>

namespace acme {

/// What a blocking call on a worker failed with, for the coroutine that waits for it.
template <class Call>
std::optional<error> failure_of(const char* step, const std::string& path, Call call)
{
    try {
        call();
        return std::nullopt;
    } catch (const error& e) {
        return e;
    } catch (const std::exception& e) {
        return error(make_error_code(boost::system::errc::not_enough_memory), step, path + ": " + e.what());
    }
}

} // namespace acme
