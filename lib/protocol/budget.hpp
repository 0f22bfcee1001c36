#pragma once

#include "protocol/limit.hpp"

#include <chrono>
#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace acme {

/// A token bucket for each of many names that strangers choose: bounded, the one unused for longest is forgotten first.
class budget
{
public:
    using time_point = token_bucket::time_point;

    budget(rate r, std::size_t most_names) noexcept
        : rate_(r)
        , most_names_(most_names)
    {}

    /// Takes a token: zero where there was one, else how long it is until there is.
    token_bucket::duration take(const std::string& name, time_point now);
    /// The same without taking it.
    token_bucket::duration wait(const std::string& name, time_point now) const;
    /// Gives it back.
    void put_back(const std::string& name);
    std::size_t size() const noexcept { return by_name_.size(); }

private:
    struct entry
    {
        token_bucket::saved bucket;
        std::list<std::string>::iterator age;
    };

    entry& touch(const std::string& name);

    rate rate_;
    std::size_t most_names_;
    std::list<std::string> unused_longest_first_;
    std::unordered_map<std::string, entry> by_name_;
};

} // namespace acme
