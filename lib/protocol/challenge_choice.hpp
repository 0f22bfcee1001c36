#pragma once

#include <acme/error.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Which kind of challenge is answered.
namespace acme {

inline constexpr std::string_view tls_alpn_01 = "tls-alpn-01";
inline constexpr std::string_view http_01 = "http-01";

/// The kinds that can work, the preferred first: what the operator says, or else tls-alpn-01, and http-01 where HTTP is
/// served.
std::vector<std::string> usable_challenges(const std::vector<std::string>& configured, bool http_served);

/// The same with the kind that succeeded last in front of, and the one that failed last behind, the others. Either may
/// be empty, or none of `usable`.
std::vector<std::string> in_order_of_experience(
    std::vector<std::string> usable, std::string_view succeeded, std::string_view failed);

/// Whether an order failed, or may have failed where the CA does not say why, since the CA did not get the answer to a
/// challenge that it wanted, so that another kind may do better.
bool is_validation_failure(const boost::system::error_code& ec, const std::optional<problem>& p) noexcept;

} // namespace acme
