#include "crypto/aead.hpp"
#include "crypto/base64.hpp"
#include "crypto/boringssl.hpp"
#include "crypto/jose.hpp"
#include "store/encryption.hpp"
#include "store/object.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

namespace acme {

namespace {

constexpr const char* step = "encryption of the store";
constexpr std::string_view magic = "asio-acme-encrypted 1 ";
constexpr std::size_t max_plain_text = 768'000;
constexpr std::size_t id_size = 16;

std::string id_of(std::string_view key)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text("asio-acme key id ");
    wipe_guard wipe(text);
    text += key;
    std::string id;
    const auto hash = sha256(text);
    for (std::size_t i = 0; i != id_size / 2; ++i) {
        id += digits[hash[i] >> 4];
        id += digits[hash[i] & 15];
    }
    return id;
}

// Binds the object to its name.
std::string associated_text(std::string_view id, std::string_view name)
{
    return std::string(magic).append(id).append(" ").append(name);
}

[[noreturn]] void refuse(std::string_view name, const std::string& why)
{
    throw error(make_error_code(errc::damaged_state), step, "the object " + std::string(name) + ' ' + why);
}

} // namespace

struct encryption_key::secret
{
    explicit secret(std::string o)
        : octets(std::move(o))
        , id(id_of(octets))
    {}
    secret(const secret&) = delete;
    secret& operator=(const secret&) = delete;
    ~secret() { OPENSSL_cleanse(const_cast<char*>(octets.data()), octets.size()); }

    const std::string octets;
    const std::string id;
};

encryption_key::encryption_key(std::string octets)
    : secret_(std::make_shared<const secret>(std::move(octets)))
{}

encryption_key encryption_key::generate()
{
    std::string octets(aead_key_size, '\0');
    must(RAND_bytes(reinterpret_cast<std::uint8_t*>(octets.data()), octets.size()));
    return encryption_key(std::move(octets));
}

encryption_key encryption_key::from_text(std::string_view text)
{
    auto octets = base64_decode_lenient(text);
    if (!octets || octets->size() != aead_key_size)
        throw error(make_error_code(boost::system::errc::invalid_argument), step,
            "a key is 32 octets in base64, as \"openssl rand -base64 32\" prints them");
    return encryption_key(std::move(*octets));
}

std::string encryption_key::text() const
{
    return base64_encode(secret_->octets);
}

const std::string& encryption_key::id() const noexcept
{
    return secret_->id;
}

encryption_options read_encryption_keys(const std::filesystem::path& file)
{
    constexpr std::size_t max_lines = 1000;
    const auto fail = [&](boost::system::error_code ec, const std::string& why) {
        throw error(ec, step, file.native() + why);
    };
    std::ifstream in(file);
    if (!in)
        fail(boost::system::error_code(errno, boost::system::generic_category()), " can't be read");
    std::vector<encryption_key> keys;
    std::string line;
    wipe_guard wipe(line);
    for (std::size_t number = 1; number <= max_lines && std::getline(in, line); ++number) {
        if (line.empty() || line.front() == '#')
            continue;
        try {
            keys.push_back(encryption_key::from_text(line));
        } catch (const error& e) {
            fail(e.code(), ", line " + std::to_string(number) + ": " + e.explanation());
        }
    }
    if (keys.empty())
        fail(make_error_code(boost::system::errc::invalid_argument), " holds no key");
    encryption_options options(keys.front());
    options.accepted.assign(keys.begin() + 1, keys.end());
    return options;
}

bool is_encrypted(std::string_view stored) noexcept
{
    return stored.starts_with(magic);
}

encryption::encryption(encryption_options options)
    : keys_(std::move(options.accepted))
    , accept_plain_text_(options.accept_plain_text)
{
    keys_.insert(keys_.begin(), std::move(options.key));
}

const encryption_key* encryption::find(std::string_view id) const noexcept
{
    const auto found = std::ranges::find_if(keys_, [&](const encryption_key& k) { return k.id() == id; });
    return found == keys_.end() ? nullptr : &*found;
}

std::string encryption::encrypt(std::string_view name, std::string_view value) const
{
    check_object(name, value);
    if (value.size() > max_plain_text)
        throw error(make_error_code(boost::system::errc::invalid_argument), step,
            "the value of " + std::string(name) + " exceeds 768,000 octets");
    const encryption_key& k = keys_.front();
    return std::string(magic) + k.id() + ' ' +
        base64url_encode(aead_seal(k.secret_->octets, value, associated_text(k.id(), name)));
}

bool encryption::is_current(std::string_view stored) const noexcept
{
    return is_encrypted(stored) && stored.substr(magic.size()).starts_with(keys_.front().id() + ' ');
}

std::string encryption::decrypt(std::string_view name, std::string_view stored) const
{
    if (!is_encrypted(stored)) {
        if (!accept_plain_text_)
            refuse(name, "is not encrypted");
        return std::string(stored);
    }
    stored.remove_prefix(magic.size());
    const std::string_view id = stored.substr(0, id_size);
    if (stored.size() <= id_size || stored[id_size] != ' ' ||
        id.find_first_not_of("0123456789abcdef") != std::string_view::npos)
        refuse(name, "is cut short");
    const encryption_key* k = find(id);
    if (!k)
        refuse(name,
            "is encrypted with the key " + std::string(id) + ", which is not among those given (" + keys_.front().id() +
                (keys_.size() > 1 ? " and others)" : ")"));
    const auto sealed = base64url_decode(stored.substr(id_size + 1));
    auto value = sealed ? aead_open(k->secret_->octets, *sealed, associated_text(id, name)) : std::nullopt;
    if (!value)
        refuse(name, "was changed since it was encrypted, or was another object's");
    return std::move(*value);
}

} // namespace acme
