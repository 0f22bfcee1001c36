// Needs the test kit's code, its headers, and the library's by its word.
#include <acme/testing/ca.hpp>

#include <cstdio>

int main()
{
    acme::testing::ca ca;
    const auto answer = ca.answer(acme::https_request("GET", ca.directory_url()));
    const bool works = answer.status == 200 && ca.count(acme::testing::step::directory) == 1;
    std::puts(works ? "works" : "does not work");
    return works ? 0 : 1;
}
