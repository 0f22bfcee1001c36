#include "protocol/printable.hpp"
#include "protocol/timestamp.hpp"

#include <acme/event.hpp>

namespace acme {
namespace {

struct describer
{
    std::string operator()(const account_registered& e) const
    {
        return (e.created ? "account created: " : "account found: ") + e.url;
    }

    std::string operator()(const certificate_obtained& e) const
    {
        return (e.refresh ? "certificate refreshed for " : "certificate obtained for ") + e.host + " in " +
            std::to_string(e.took.count()) + " ms, valid until " + format_timestamp(e.certificate->not_after()) +
            ", issued by " + e.certificate->issuer() + ", next refresh " + format_timestamp(e.next_refresh);
    }

    std::string operator()(const issuance_failed& e) const
    {
        return std::string(e.refresh ? "certificate refresh" : "certificate") + " failed for " + e.host + ": " +
            e.error.what();
    }

    std::string operator()(const host_refused& e) const
    {
        auto client = e.client_address ? " asked for by " + e.client_address->to_string() : std::string();
        return "refused " + e.host + client + ": " + e.error.what();
    }

    std::string operator()(const renewal_suggested& e) const
    {
        return "the CA suggests to refresh the certificate of " + e.host + " between " + format_timestamp(e.start) +
            " and " + format_timestamp(e.end) + (e.explanation_url.empty() ? "" : " (see " + e.explanation_url + ")") +
            ", next refresh " + format_timestamp(e.refresh_at);
    }

    std::string operator()(const renewal_info_failed& e) const
    {
        return "asking when to refresh the certificate of " + e.host + " failed: " + e.error.what();
    }

    std::string operator()(const certificate_revoked& e) const
    {
        return "certificate " + e.certificate->serial() + " of " + e.host + " revoked";
    }

    std::string operator()(const validation_answered& e) const
    {
        return e.challenge + " validation answered for " + e.host;
    }

    std::string operator()(const save_failed& e) const
    {
        return "saving " + e.key + " failed, serving goes on: " + e.error.what();
    }

    std::string operator()(const state_refused& e) const
    {
        return "saved " + e.key + " is unusable and left as it is: " + e.error.what();
    }

    std::string operator()(const certificate_expiring& e) const
    {
        return "the application's own certificate " + e.certificate->serial() + " of " +
            e.certificate->names().front() + " is valid until " + format_timestamp(e.certificate->not_after()) +
            " only";
    }

    std::string operator()(const store_interrupted& e) const
    {
        return std::string("the store can't be reached, serving goes on: ") + e.error.what();
    }

    std::string operator()(const store_resumed&) const { return "the store can be reached again"; }

    std::string operator()(const certificate_shared& e) const
    {
        return "certificate of another server for " + e.host + ", valid until " +
            format_timestamp(e.certificate->not_after());
    }
};

} // namespace

std::string describe(const event& e)
{
    return printable(std::visit(describer(), e), 4096);
}

} // namespace acme
