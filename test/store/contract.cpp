#include "store/contract_includes.hpp"

#include <acme/cached_store.hpp>
#include <acme/encrypted_store.hpp>

namespace acme::test {

namespace {

struct in_memory
{
    static constexpr std::size_t largest = 1024 * 1024;

    std::shared_ptr<store> make() { return make_memory_store(); }
};

struct in_a_file
{
    static constexpr std::size_t largest = 1024 * 1024;

    std::shared_ptr<store> make() { return open(folder / "acme.cache"); }

    scratch_folder folder;
};

struct in_a_folder
{
    static constexpr std::size_t largest = 1024 * 1024;

    std::shared_ptr<store> make() { return open_directory(folder / "acme"); }

    scratch_folder folder;
};

struct encrypted
{
    static constexpr std::size_t largest = 768'000;

    std::shared_ptr<store> make()
    {
        return make_encrypted_store(make_memory_store(), encryption_options(encryption_key::generate()));
    }
};

struct cached
{
    static constexpr std::size_t largest = 1024 * 1024;

    std::shared_ptr<store> make() { return make_cached_store(make_memory_store(), make_memory_store()); }
};

using stores = boost::mpl::list<in_memory, in_a_file, in_a_folder, encrypted, cached>;

} // namespace

BOOST_AUTO_TEST_SUITE(store_contract)

#include "store/contract_cases.hpp"

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
