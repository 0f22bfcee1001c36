#include "store/contract_includes.hpp"

namespace acme::test {

namespace {

struct in_memory
{
    std::shared_ptr<store> make() { return make_memory_store(); }
};

struct in_a_file
{
    std::shared_ptr<store> make() { return open(folder / "acme.cache"); }

    scratch_folder folder;
};

using stores = boost::mpl::list<in_memory, in_a_file>;

} // namespace

BOOST_AUTO_TEST_SUITE(store_contract)

#include "store/contract_cases.hpp"

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
