#define BOOST_TEST_MODULE asio_acme
#include <boost/test/unit_test.hpp>
