#pragma once

#include "kit/etcd.hpp"
#include "kit/server_group.hpp"
#include "kit/visitor.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

namespace acme::test {

inline std::string example_server()
{
    const char* elsewhere = std::getenv("ACME_EXAMPLES");
    const auto build = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
    return ((elsewhere ? std::filesystem::path(elsewhere) : build / "examples") / "https_server").native();
}

/// Tries what may take a while to come true.
template <class Condition>
bool comes_true(Condition condition, std::chrono::seconds limit = std::chrono::seconds(20))
{
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
}

} // namespace acme::test
