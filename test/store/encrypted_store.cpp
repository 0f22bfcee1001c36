#include "store/scratch.hpp"

#include <acme/encrypted_store.hpp>

#include <boost/test/unit_test.hpp>

namespace acme::test {

namespace {

struct bench
{
    std::shared_ptr<store> behind = make_memory_store();
    encryption_key key = encryption_key::generate();

    std::shared_ptr<store> with(const encryption_key& k, std::vector<encryption_key> accepted = {}, bool plain = false)
    {
        encryption_options options(k);
        options.accepted = std::move(accepted);
        options.accept_plain_text = plain;
        return make_encrypted_store(behind, options);
    }

    std::string stored(const std::string& name) { return run(behind->async_load(name)).value(); }

    // What loading says; empty where it loads.
    std::string refusal(const std::shared_ptr<store>& s, const std::string& name)
    {
        const auto e = failure_of([&] { run(s->async_load(name)); });
        if (e)
            BOOST_TEST((e->code() == errc::damaged_state));
        return e ? e->what() : "";
    }
};

bool has(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(encrypted_stores)

BOOST_AUTO_TEST_CASE(what_is_stored_gives_nothing_away_but_the_keys_id)
{
    bench b;
    const auto s = b.with(b.key);
    run(s->async_save("a", "the private key"));
    const std::string first = b.stored("a");
    BOOST_TEST(first.starts_with("asio-acme-encrypted 1 " + b.key.id() + " "));
    BOOST_TEST(!has(first, "private"));
    run(s->async_save("a", "the private key"));
    BOOST_TEST(b.stored("a") != first);
    BOOST_TEST((run(s->async_load("a")) == "the private key"));
}

BOOST_AUTO_TEST_CASE(a_changed_object_is_refused_wherever_it_was_changed)
{
    bench b;
    const auto s = b.with(b.key);
    run(s->async_save("a", "value"));
    const std::string good = b.stored("a");
    for (std::size_t i = 0; i != good.size(); ++i) {
        std::string changed = good;
        changed[i] = changed[i] == '0' ? '1' : '0';
        run(b.behind->async_save("a", changed));
        BOOST_TEST(has(b.refusal(s, "a"), "the object a"), i);
        run(b.behind->async_save("a", good.substr(0, i)));
        BOOST_TEST(has(b.refusal(s, "a"), "the object a"), i);
    }
    run(b.behind->async_save("a", good + "A"));
    BOOST_TEST(b.refusal(s, "a") != "");
    run(b.behind->async_save("a", good));
    BOOST_TEST(b.refusal(s, "a") == "");
}

BOOST_AUTO_TEST_CASE(objects_cannot_be_swapped)
{
    bench b;
    const auto s = b.with(b.key);
    run(s->async_save("host/a", "a"));
    run(b.behind->async_save("host/b", b.stored("host/a")));
    BOOST_TEST(has(b.refusal(s, "host/b"), "another object's"));
}

BOOST_AUTO_TEST_CASE(keys_are_rotated)
{
    bench b;
    const auto next = encryption_key::generate();
    run(b.with(b.key)->async_save("a", "1"));
    run(b.with(b.key)->async_save("b", "2"));

    const auto both = b.with(next, {b.key});
    BOOST_TEST((run(both->async_load("a")) == "1"));
    run(both->async_save("a", "3"));
    BOOST_TEST(has(b.stored("a"), next.id()));
    const auto only = b.with(next);
    BOOST_TEST((run(only->async_load("a")) == "3"));
    const std::string refusal = b.refusal(only, "b");
    BOOST_TEST(has(refusal, "the object b is encrypted with the key " + b.key.id()), refusal);
    BOOST_TEST(has(refusal, next.id()));
}

BOOST_AUTO_TEST_CASE(everything_is_encrypted_again_before_a_key_is_given_up)
{
    bench b;
    const auto next = encryption_key::generate(), lost = encryption_key::generate();
    const auto old = b.with(b.key);
    for (int n = 0; n != 20; ++n)
        run(old->async_save("old/" + std::to_string(n), std::to_string(n)));
    run(b.with(next)->async_save("new", "1"));
    run(b.behind->async_save("plain", "2"));
    const std::string untouched = b.stored("new");
    encryption_options options(next);
    options.accepted.push_back(b.key);
    const auto e = failure_of([&] { run(async_encrypt_again(b.behind, options)); });
    BOOST_TEST_REQUIRE(e.has_value());
    BOOST_TEST(has(e->what(), "the object plain is not encrypted"), e->what());
    const auto only = b.with(next);
    for (int n = 0; n != 20; ++n)
        BOOST_TEST((run(only->async_load("old/" + std::to_string(n))) == std::to_string(n)));
    BOOST_TEST(b.stored("new") == untouched);

    options.accept_plain_text = true;
    BOOST_TEST(run(async_encrypt_again(b.behind, options)) == 1U);
    BOOST_TEST((run(only->async_load("plain")) == "2"));
    BOOST_TEST(run(async_encrypt_again(b.behind, options)) == 0U);
    run(b.with(lost)->async_save("old/7", "7"));
    run(old->async_save("old/8", "8"));
    BOOST_TEST(failure_of([&] { run(async_encrypt_again(b.behind, options)); }).has_value());
    BOOST_TEST((run(only->async_load("old/8")) == "8"));
}

BOOST_AUTO_TEST_CASE(plain_text_is_refused_or_taken_over)
{
    bench b;
    run(b.behind->async_save("a", "1"));
    BOOST_TEST(has(b.refusal(b.with(b.key), "a"), "is not encrypted"));
    const auto s = b.with(b.key, {}, true);
    BOOST_TEST((run(s->async_load("a")) == "1"));
    BOOST_TEST(run(s->async_exchange("a", "1", "2")));
    BOOST_TEST((run(b.with(b.key)->async_load("a")) == "2"));
}

BOOST_AUTO_TEST_CASE(a_subscription_is_decrypted)
{
    using kind = store_change::kind;
    bench b;
    const auto s = b.with(b.key);
    const auto all = s->watch("");
    run(all->async_receive());
    run(s->async_save("a", "1"));
    run(b.behind->async_save("b", "plain"));
    run(s->async_erase("a"));
    BOOST_TEST(run(all->async_receive()).value == "1");
    BOOST_TEST((run(all->async_receive()).what == kind::anything));
    BOOST_TEST((run(all->async_receive()).what == kind::erased));
}

BOOST_AUTO_TEST_CASE(keys_are_text)
{
    const auto key = encryption_key::generate();
    BOOST_TEST(encryption_key::from_text(key.text()).id() == key.id());
    BOOST_TEST(encryption_key::from_text(key.text() + "\n").text() == key.text());
    BOOST_TEST(encryption_key::generate().id() != key.id());
    BOOST_TEST(key.id().size() == 16U);
    for (const char* text :
        {"", "c2VjcmV0", "not base64!", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}) {
        const auto refused = failure_of([&] { encryption_key::from_text(text); });
        BOOST_TEST((refused && refused->code() == boost::system::errc::invalid_argument), text);
        BOOST_TEST(!has(refused->what(), "c2Vj"));
    }
}

BOOST_AUTO_TEST_CASE(keys_are_read_from_a_file)
{
    const scratch_folder folder;
    const auto key = encryption_key::generate();
    const auto old = encryption_key::generate();
    write_text(folder / "keys", "# of this year\n" + key.text() + "\n\n# before\n" + old.text());
    const auto options = read_encryption_keys(folder / "keys");
    BOOST_TEST(options.key.id() == key.id());
    BOOST_TEST_REQUIRE(options.accepted.size() == 1U);
    BOOST_TEST(options.accepted[0].id() == old.id());

    write_text(folder / "bad", key.text() + "\nsecret\n");
    const auto bad = failure_of([&] { read_encryption_keys(folder / "bad"); });
    BOOST_TEST_REQUIRE(bad.has_value());
    BOOST_TEST(has(bad->what(), "bad, line 2"));
    BOOST_TEST(!has(bad->what(), "secret"));
    write_text(folder / "empty", "# nothing\n");
    BOOST_TEST(has(failure_of([&] { read_encryption_keys(folder / "empty"); })->what(), "no key"));
    const auto absent = failure_of([&] { read_encryption_keys(folder / "absent"); });
    BOOST_TEST((absent && absent->code() == boost::system::errc::no_such_file_or_directory));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace acme::test
