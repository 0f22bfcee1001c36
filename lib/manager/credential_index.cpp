#include "manager/credential_index.hpp"

#include <array>

namespace acme {
namespace {

// A name in lower case without its trailing dot; empty where it is too long to be one.
struct folded_name
{
    explicit folded_name(std::string_view name) noexcept
    {
        if (name.ends_with('.'))
            name.remove_suffix(1);
        if (name.size() > buffer.size())
            return;
        for (char c : name)
            buffer[size++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }

    std::string_view view() const noexcept { return {buffer.data(), size}; }

    std::array<char, 255> buffer;
    std::size_t size = 0;
};

} // namespace

certificate_ptr credential_index::find(std::string_view server_name) const noexcept
{
    folded_name name(server_name);
    if (name.view().starts_with('*'))
        return nullptr;
    if (!own.empty())
        if (auto c = own.find_or_wildcard(name.view()))
            return c;
    return certificates.find_or_wildcard(name.view());
}

certificate_ptr credential_index::find_default() const noexcept
{
    return default_host_.empty() ? nullptr : find(default_host_);
}

certificate_ptr credential_index::find_challenge(std::string_view server_name) const noexcept
{
    const folded_name name(server_name);
    auto pending = challenges.find(name.view());
    return pending ? pending : provisional.find(name.view());
}

bool credential_index::is_pending(std::string_view server_name) const noexcept
{
    return challenges.find(folded_name(server_name).view()) != nullptr;
}

http_challenge_ptr credential_index::find_http_challenge(std::string_view token) const noexcept
{
    return http_challenges.find(token);
}

} // namespace acme
