#include "store/object_path.hpp"

#include "store/object.hpp"

#include <boost/test/unit_test.hpp>

namespace acme::test {

namespace {

std::string path_of(std::string_view key)
{
    return object_path(key).under("").native();
}

// The key that a walk through the folders finds.
std::optional<std::string> key_found_at(const object_path& path)
{
    std::optional<object_place> place(std::in_place);
    for (const auto& each : path.folders) {
        place = place->enter(each);
        if (!place)
            return std::nullopt;
    }
    return place->key_of(path.file);
}

std::optional<object_place> enter(std::initializer_list<std::string> folders)
{
    std::optional<object_place> place(std::in_place);
    for (const auto& each : folders)
        place = place ? place->enter(each) : place;
    return place;
}

} // namespace

BOOST_AUTO_TEST_SUITE(object_paths)

BOOST_AUTO_TEST_CASE(a_key_is_a_path_that_ends_in_an_equals_sign)
{
    const std::string whole(250, 'x');
    const std::pair<std::string, std::string> table[] = {{"a", "a="}, {"a/b", "a/b="}, {"a/b/c", "a/b/c="},
        {"..a/...", "..a/...="}, {whole, whole + "="}, {whole + "/b", whole + "/b="}, {whole + "y", whole + "/=y="},
        {whole + "y/b", whole + "/=y/b="}, {whole + "../b", whole + "/=../b="},
        {whole + "/" + whole + ".", whole + "/" + whole + "/=.="}};
    for (const auto& [key, path] : table)
        BOOST_TEST(path_of(key) == path);
}

BOOST_AUTO_TEST_CASE(every_key_is_found_again_and_its_path_stays_below_the_root)
{
    std::vector<std::string> keys = {std::string(max_key_size, '.'), std::string(max_key_size, 'k')};
    std::string many = "a";
    while (many.size() + 2 <= max_key_size)
        many += "/a";
    keys.push_back(many);
    for (std::size_t length = 1; length <= max_key_size; ++length) {
        for (const std::string end : {"", "/b", "/..b", "..", "../b"})
            keys.push_back(std::string(length, 'k') + end);
    }
    for (const auto& key : keys) {
        if (!is_valid_key(key))
            continue;
        const object_path path(key);
        BOOST_TEST((key_found_at(path) == key), key);
        for (const auto& name : path.folders)
            BOOST_TEST((!name.empty() && name != "." && name != ".." && name.size() <= 255 && !name.ends_with('=')));
        BOOST_TEST((path.file.ends_with('=') && path.file.size() <= 255));
    }
}

BOOST_AUTO_TEST_CASE(names_that_no_key_has_are_not_mistaken_for_one)
{
    const object_place root;
    for (const char* name : {"", "a", "=", "==", "=a=", "a==", ".=", "..=", "A=", "a b=", "a~",
             "a\n=", "=asio-acme-store-1", "=temporary", "lost+found", "\xC3\xA4="})
        BOOST_TEST(!root.key_of(name), name);
    for (const char* name : {"", ".", "..", "=a", "A", "a=", "lost+found"})
        BOOST_TEST(!root.enter(name), name);
    BOOST_TEST(!root.key_of(std::string(251, 'a') + "="));
    BOOST_TEST(!root.enter(std::string(251, 'a')));
    // Only after a whole piece does a part go on.
    BOOST_TEST(!enter({"a"})->key_of("=b="));
    BOOST_TEST(!enter({std::string(249, 'a')})->key_of("=b="));
    BOOST_TEST(enter({std::string(250, 'a')})->key_of("=b=").has_value());
    BOOST_TEST(!enter({std::string(250, 'a'), std::string("=b")})->key_of("=c="));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
