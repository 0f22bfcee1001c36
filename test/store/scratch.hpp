#pragma once

#include <acme/error.hpp>
#include <acme/store.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <stdlib.h>
#include <string>
#include <vector>

namespace acme::test {

namespace asio = boost::asio;

/// A folder of its own under the system's, removed at the end.
class scratch_folder
{
public:
    scratch_folder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "acme-store-XXXXXX").native();
        if (!::mkdtemp(name.data()))
            throw std::runtime_error("mkdtemp");
        path_ = name;
    }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;
    ~scratch_folder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const char* name) const { return path_ / name; }

    std::vector<std::string> names() const
    {
        std::vector<std::string> all;
        for (const auto& entry : std::filesystem::directory_iterator(path_))
            all.push_back(entry.path().filename().native());
        std::sort(all.begin(), all.end());
        return all;
    }

private:
    std::filesystem::path path_;
};

inline std::string read_text(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_text(const std::filesystem::path& path, std::string_view text)
{
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

inline unsigned mode_of(const std::filesystem::path& path)
{
    return static_cast<unsigned>(std::filesystem::status(path).permissions());
}

/// Runs one operation on an io_context of its own.
template <class T>
T run(asio::awaitable<T> operation)
{
    asio::io_context io;
    std::exception_ptr failure;
    std::optional<T> result;
    asio::co_spawn(io, std::move(operation), [&](std::exception_ptr e, T value) {
        failure = e;
        result = std::move(value);
    });
    io.run();
    if (failure)
        std::rethrow_exception(failure);
    return std::move(*result);
}

inline void run(asio::awaitable<void> operation)
{
    asio::io_context io;
    std::exception_ptr failure = std::make_exception_ptr(std::logic_error("it did not complete"));
    asio::co_spawn(io, std::move(operation), [&](std::exception_ptr e) { failure = e; });
    io.run();
    if (failure)
        std::rethrow_exception(failure);
}

/// What the call throws; nothing where it does not.
template <class Call>
std::optional<error> failure_of(Call call)
{
    try {
        call();
        return std::nullopt;
    } catch (const error& e) {
        return e;
    }
}

inline std::shared_ptr<store> open(const std::filesystem::path& path)
{
    return run(async_open_file_store(path));
}

inline std::shared_ptr<store> open_directory(const std::filesystem::path& path)
{
    return run(async_open_directory_store(path));
}

} // namespace acme::test
