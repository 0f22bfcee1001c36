#define BOOST_TEST_MODULE asio_acme
#include <boost/test/framework.hpp>
#include <boost/test/tree/observer.hpp>
#include <boost/test/unit_test.hpp>

#include <unistd.h>

namespace acme::test {

namespace {

// Far more than any case takes, whatever the machine and the sanitizer.
constexpr unsigned longest_case_in_seconds = 600;

// SIGALRM ends the process where a case does not end; what is left is run in another one (run_tests.py).
struct case_limit : boost::unit_test::test_observer
{
    case_limit() { boost::unit_test::framework::register_observer(*this); }
    ~case_limit() override { boost::unit_test::framework::deregister_observer(*this); }

    void test_unit_start(const boost::unit_test::test_unit& unit) override
    {
        if (unit.p_type == boost::unit_test::TUT_CASE)
            ::alarm(longest_case_in_seconds);
    }
    void test_unit_finish(const boost::unit_test::test_unit&, unsigned long) override { ::alarm(0); }
};

BOOST_TEST_GLOBAL_FIXTURE(case_limit);

} // namespace

} // namespace acme::test
