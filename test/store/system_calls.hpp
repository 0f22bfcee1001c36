#pragma once

#include <functional>
#include <string>

namespace acme::test {

/// While it lives, every write, fsync, fchmod and renameat of this process goes past `hook`, which gets the call's name
/// and returns an errno value to fail with, or 0 to let it happen. The hook is called from any thread. One at a time.
class system_call_hook
{
public:
    using function = std::function<int(const std::string& call, int descriptor)>;

    explicit system_call_hook(function hook);
    system_call_hook(const system_call_hook&) = delete;
    system_call_hook& operator=(const system_call_hook&) = delete;
    ~system_call_hook();

    /// Each write transfers at most this many octets.
    static void limit_writes(std::size_t octets);
};

} // namespace acme::test
