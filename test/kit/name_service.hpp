#pragma once

#include <string>

namespace acme::test {

/// While it exists, this process's getaddrinfo does not return for names that end in ".slow", and finds 127.0.0.1 for
/// those that end in ".quick". All others go to the system.
class name_service
{
public:
    name_service();
    /// The slow ones are not found now. Returns when no lookup of them is under way.
    ~name_service();
    name_service(const name_service&) = delete;
    name_service& operator=(const name_service&) = delete;

    /// How many lookups don't return, and how many have begun.
    static unsigned stuck();
    static unsigned begun();
};

} // namespace acme::test
