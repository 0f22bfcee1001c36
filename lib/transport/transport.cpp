#include <acme/transport.hpp>

#include <algorithm>

namespace acme {

std::optional<std::string_view> https_response::find(std::string_view name) const noexcept
{
    const auto found =
        std::find_if(fields.begin(), fields.end(), [name](const auto& field) { return field.first == name; });
    if (found == fields.end())
        return std::nullopt;
    return found->second;
}

std::vector<std::string> https_response::find_all(std::string_view name) const
{
    std::vector<std::string> values;
    for (const auto& [field, value] : fields)
        if (field == name)
            values.push_back(value);
    return values;
}

std::string https_response::media_type() const
{
    std::string_view type = find("content-type").value_or("");
    type = type.substr(0, type.find(';'));
    const auto first = type.find_first_not_of(" \t");
    if (first == type.npos)
        return {};
    std::string lower(type.substr(first, type.find_last_not_of(" \t") - first + 1));
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return lower;
}

} // namespace acme
