#pragma once

#include <optional>
#include <string>
#include <utility>

namespace acme {

/// What was read from the outside, or a sentence that says what was wrong with it (fit for a log).
template <class T>
class [[nodiscard]] parsed
{
public:
    parsed(T v)
        : value(std::move(v))
    {}

    static parsed refused(std::string why_)
    {
        parsed p;
        p.why = std::move(why_);
        return p;
    }

    explicit operator bool() const noexcept { return value.has_value(); }
    T& operator*() & noexcept { return *value; }
    const T& operator*() const& noexcept { return *value; }
    T&& operator*() && noexcept { return *std::move(value); }
    T* operator->() noexcept { return &*value; }
    const T* operator->() const noexcept { return &*value; }

    std::optional<T> value;
    std::string why;

private:
    parsed() = default;
};

} // namespace acme
