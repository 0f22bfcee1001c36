#include "store/contract_includes.hpp"
#include "store/etcd.hpp"

#include <acme/encrypted_store.hpp>

namespace acme::test {

namespace {

struct in_etcd
{
    static constexpr std::size_t largest = 1024 * 1024;

    std::shared_ptr<store> make() { return make_etcd_store(pool.get_executor(), options_for(shared_etcd())); }
    ~in_etcd() { pool.join(); }

    asio::thread_pool pool{1};
};

struct encrypted_in_etcd
{
    static constexpr std::size_t largest = 768'000;

    std::shared_ptr<store> make()
    {
        return make_encrypted_store(inner.make(), encryption_options(encryption_key::generate()));
    }

    in_etcd inner;
};

using stores = boost::mpl::list<in_etcd, encrypted_in_etcd>;

} // namespace

BOOST_AUTO_TEST_SUITE(etcd_contract, *needs_etcd())

#include "store/contract_cases.hpp"

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
