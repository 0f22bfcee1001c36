#include "manager/credential_index.hpp"

#include "manager/certificates.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace acme::test {
namespace {

BOOST_AUTO_TEST_SUITE(index_of_credentials)

BOOST_AUTO_TEST_CASE(names_are_found_as_clients_write_them)
{
    credential_index index;
    const auto exact = make_served({"www.example.com"});
    const auto wildcard = make_served({"*.example.com"});
    index.certificates.insert("www.example.com", exact);
    index.certificates.insert("*.example.com", wildcard);

    const std::string longest_label(63, 'a');
    const struct
    {
        std::string name;
        certificate_ptr found;
    } table[] = {
        {"www.example.com", exact},
        {"WWW.Example.COM", exact},
        {"www.example.com.", exact},
        {"www.example.com..", nullptr},
        {"other.example.com", wildcard},
        {"OTHER.example.com.", wildcard},
        {longest_label + ".example.com", wildcard},
        // A wildcard covers one label (RFC 6125 section 6.4.3), and not its own domain.
        {"a.b.example.com", nullptr},
        {"example.com", nullptr},
        {".example.com", nullptr},
        // Never by its own name: no host is called so.
        {"*.example.com", nullptr},
        {"*.Example.com.", nullptr},
        {"*", nullptr},
        {"", nullptr},
        {".", nullptr},
        {"..", nullptr},
        {std::string("www.example.com\0", 16), nullptr},
        {std::string(250, 'a') + ".example.com", nullptr},
        {std::string(70'000, 'a'), nullptr},
        {std::string(255, '.'), nullptr},
        {"\xff\xfe.example.org", nullptr},
    };
    for (const auto& row : table)
        BOOST_TEST((index.find(row.name) == row.found), "name " << row.name.substr(0, 80));
}

BOOST_AUTO_TEST_CASE(the_exact_name_wins_over_its_wildcard_and_leaves_it_when_erased)
{
    credential_index index;
    const auto exact = make_served({"www.example.com"});
    const auto wildcard = make_served({"*.example.com"});
    index.certificates.insert("*.example.com", wildcard);
    BOOST_TEST((index.find("www.example.com") == wildcard));
    index.certificates.insert("www.example.com", exact);
    BOOST_TEST((index.find("www.example.com") == exact));
    index.certificates.erase("www.example.com", exact);
    BOOST_TEST((index.find("www.example.com") == wildcard));
    index.certificates.clear();
    BOOST_TEST(index.find("www.example.com") == nullptr);
}

BOOST_AUTO_TEST_CASE(erasing_spares_a_certificate_that_came_in_between)
{
    credential_index index;
    const auto old = make_served({"www.example.com"});
    const auto newer = make_served({"www.example.com"});
    index.challenges.insert("www.example.com", old);
    index.challenges.insert("www.example.com", newer);
    index.challenges.erase("www.example.com", old);
    BOOST_TEST((index.find_challenge("www.example.com") == newer));
    index.challenges.erase("www.example.com", newer);
    index.challenges.erase("www.example.com", newer);
    BOOST_TEST(index.find_challenge("www.example.com") == nullptr);
}

BOOST_AUTO_TEST_CASE(challenges_and_certificates_are_never_confused)
{
    credential_index index;
    const auto served = make_served({"www.example.com"});
    const auto challenge = make_served({"other.example.com"});
    index.certificates.insert("www.example.com", served);
    index.challenges.insert("other.example.com", challenge);
    index.challenges.insert("4.3.2.1.in-addr.arpa", challenge);
    BOOST_TEST(index.find("other.example.com") == nullptr);
    BOOST_TEST(index.find_challenge("www.example.com") == nullptr);
    BOOST_TEST((index.find_challenge("Other.Example.Com.") == challenge));
    BOOST_TEST((index.find_challenge("4.3.2.1.IN-ADDR.ARPA") == challenge));
    // A challenge is for one name exactly.
    index.challenges.insert("*.example.com", challenge);
    BOOST_TEST(index.find_challenge("www.example.com") == nullptr);
    BOOST_TEST(index.find_challenge(std::string(300, 'a')) == nullptr);
    BOOST_TEST(index.find_challenge("") == nullptr);
}

BOOST_AUTO_TEST_CASE(readers_see_one_of_the_certificates_while_writers_swap_them)
{
    credential_index index;
    const std::vector<certificate_ptr> versions{
        make_served({"h0.example.com"}), make_served({"h0.example.com"}), make_served({"h0.example.com"})};
    index.certificates.insert("h0.example.com", versions[0]);
    std::atomic<bool> stop = false;
    std::atomic<unsigned> wrong = 0;
    std::atomic<unsigned> seen = 0;
    std::vector<std::thread> threads;
    for (int reader = 0; reader < 3; ++reader) {
        threads.emplace_back([&] {
            while (!stop) {
                const auto c = index.find("H0.example.com");
                const bool known = std::find(versions.begin(), versions.end(), c) != versions.end();
                wrong += known ? 0U : 1U;
                (void)index.find("h1.example.com");
                ++seen;
            }
        });
    }
    std::thread writer([&] {
        for (unsigned n = 0; n < 20'000; ++n) {
            index.certificates.insert("h0.example.com", versions[n % versions.size()]);
            index.certificates.insert("h1.example.com", versions[0]);
            index.certificates.erase("h1.example.com", versions[0]);
        }
        while (seen < 100)
            std::this_thread::yield();
        stop = true;
    });
    writer.join();
    for (auto& t : threads)
        t.join();
    BOOST_TEST(wrong == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace acme::test
