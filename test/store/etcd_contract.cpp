#include "store/contract_includes.hpp"
#include "store/etcd.hpp"

namespace acme::test {

namespace {

struct in_etcd
{
    std::shared_ptr<store> make() { return make_etcd_store(pool.get_executor(), options_for(shared_etcd())); }
    ~in_etcd() { pool.join(); }

    asio::thread_pool pool{1};
};

using stores = boost::mpl::list<in_etcd>;

} // namespace

BOOST_AUTO_TEST_SUITE(etcd_contract, *needs_etcd())

#include "store/contract_cases.hpp"

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
