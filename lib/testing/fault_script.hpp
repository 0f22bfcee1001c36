#pragma once

#include <acme/testing/fault.hpp>
#include <acme/transport.hpp>

#include <optional>
#include <vector>

namespace acme::testing {

/// What was injected and when it is due.
class fault_script
{
public:
    void add(at when, fault what);
    void clear() { entries_.clear(); }

    /// Counts a request; the first fault that is due at it.
    std::optional<fault> meet(const request_record& r);

private:
    struct entry
    {
        entry(at when_, fault what_)
            : when(std::move(when_))
            , what(std::move(what_))
        {}

        at when;
        fault what;
    };
    std::vector<entry> entries_;
};

/// What a fault was made with.
class fault_reader
{
public:
    explicit fault_reader(const fault& f)
        : f_(f)
    {}

    bool befalls(const request_record& r) const { return !f_.signed_only_ || r.method == "POST"; }
    /// That of the first group, or nothing.
    std::optional<https_response> answer_instead(std::chrono::system_clock::time_point now) const;
    const std::string& type() const { return f_.type_; }
    const std::string& text() const { return f_.text_; }
    std::size_t octets() const { return f_.octets_; }
    fault::flaw flaw() const { return f_.flaw_; }
    const std::vector<std::string>& names() const { return f_.names_; }

private:
    void add_retry_after(https_response& answer, std::chrono::system_clock::time_point now) const;

    const fault& f_;
};

} // namespace acme::testing
