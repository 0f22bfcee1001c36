#include "check.hpp"
#include "protocol/resource.hpp"

using namespace acme;

template <class T>
void explained(const parsed<T>& p)
{
    fuzz::check(bool(p) == p.why.empty());
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = fuzz::text(data, size);
    explained(parse_directory(input));
    explained(parse_account(input));
    explained(parse_challenge(input));
    const auto o = parse_order(input);
    explained(o);
    fuzz::check(!o || (o->identifiers.size() <= 200 && o->authorizations.size() <= 200));
    const auto a = parse_authorization(input);
    explained(a);
    fuzz::check(!a || a->challenges.size() <= 64);
    const auto r = parse_renewal_info(input);
    explained(r);
    fuzz::check(!r || r->start <= r->end);
    return 0;
}
