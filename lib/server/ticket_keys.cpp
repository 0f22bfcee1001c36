#include "crypto/jose.hpp"
#include "server/context_attachment.hpp"

#include <acme/error.hpp>
#include <acme/ticket_keys.hpp>

#include <boost/asio/ssl/context.hpp>

#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <tuple>

namespace acme {
namespace {

constexpr std::string_view format = "acme-ticket-keys-1\n";
constexpr const char* merging = "merging session ticket keys";
constexpr std::size_t digest_size = 32;
constexpr std::size_t cipher_key_size = 16;
constexpr std::size_t mac_key_size = 32;

struct ticket_key
{
    ticket_key() = default;
    ticket_key(const ticket_key&) = default;
    ticket_key& operator=(const ticket_key&) = default;
    ~ticket_key() { OPENSSL_cleanse(secret.data(), secret.size()); }

    // Which of two stays.
    bool precedes(const ticket_key& other) const { return std::tie(made, secret) < std::tie(other.made, other.secret); }
    void derive_name()
    {
        const auto digest = sha256({reinterpret_cast<const char*>(secret.data()), secret.size()});
        std::copy_n(digest.begin(), name.size(), name.begin());
    }

    // Seconds since 1970.
    std::uint64_t made = 0;
    std::array<std::uint8_t, SSL_TICKET_KEY_NAME_LEN> name;
    std::array<std::uint8_t, cipher_key_size + mac_key_size> secret;
};

// By the beginning of its interval, in seconds since 1970.
using key_map = std::map<std::uint64_t, ticket_key>;

constexpr std::size_t record_size = 2 * sizeof(std::uint64_t) + cipher_key_size + mac_key_size;

bool set_up(EVP_CIPHER_CTX* cipher, HMAC_CTX* mac, const ticket_key& k, const std::uint8_t* iv, bool encrypt)
{
    return EVP_CipherInit_ex(cipher, EVP_aes_128_cbc(), nullptr, k.secret.data(), iv, encrypt ? 1 : 0) == 1 &&
        HMAC_Init_ex(mac, k.secret.data() + cipher_key_size, mac_key_size, EVP_sha256(), nullptr) == 1;
}

std::string write(const key_map& keys)
{
    bssl::ScopedCBB cbb;
    must(CBB_init(cbb.get(), 1024));
    must(CBB_add_bytes(cbb.get(), octets(format), format.size()));
    for (const auto& [start, k] : keys) {
        must(CBB_add_u64(cbb.get(), start));
        must(CBB_add_u64(cbb.get(), k.made));
        must(CBB_add_bytes(cbb.get(), k.secret.data(), k.secret.size()));
    }
    std::string text(reinterpret_cast<const char*>(CBB_data(cbb.get())), CBB_len(cbb.get()));
    const auto digest = sha256(text);
    text.append(digest.begin(), digest.end());
    return text;
}

constexpr auto to_octet = [](char c) { return static_cast<unsigned char>(c); };

key_map read(std::string_view text)
{
    if (!text.starts_with(format))
        throw error(make_error_code(errc::foreign_state), merging);
    const auto checked = text.substr(0, std::max(text.size(), format.size() + digest_size) - digest_size);
    const auto digest = sha256(checked);
    auto records = to_cbs(checked.substr(format.size()));
    const bool is_whole = std::ranges::equal(text.substr(checked.size()), digest, {}, to_octet);
    if (!is_whole || CBS_len(&records) % record_size != 0)
        throw error(make_error_code(errc::damaged_state), merging);
    key_map keys;
    while (CBS_len(&records) > 0) {
        std::uint64_t start = 0;
        ticket_key k;
        CBS_get_u64(&records, &start);
        CBS_get_u64(&records, &k.made);
        CBS_copy_bytes(&records, k.secret.data(), k.secret.size());
        k.derive_name();
        keys.insert_or_assign(start, k);
    }
    return keys;
}

ticket_key_options checked(ticket_key_options o)
{
    if (o.interval < std::chrono::seconds(1) || o.interval > std::chrono::hours(365 * 24) || o.kept > 100)
        throw std::invalid_argument("ticket_key_options are out of their range");
    if (!o.clock)
        o.clock = system_clock();
    return o;
}

} // namespace

class ticket_keys::keyring
{
public:
    explicit keyring(ticket_key_options o)
        : options(checked(std::move(o)))
        , interval_(static_cast<std::uint64_t>(options.interval.count()))
    {}

    void rotate()
    {
        std::lock_guard lock(mutex_);
        rotate_to(current());
    }
    std::string marshal()
    {
        std::lock_guard lock(mutex_);
        rotate_to(current());
        return write(keys_);
    }
    void merge(const key_map& others);

    // What `SSL_CTX_set_tlsext_ticket_key_cb` wants.
    int encrypt(std::uint8_t* name, std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* mac);
    int decrypt(const std::uint8_t* name, const std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* mac);

    const ticket_key_options options;

private:
    std::uint64_t now() const
    {
        const auto since_1970 = options.clock->now().time_since_epoch();
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_1970).count();
        return static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 0));
    }
    // The beginning of this interval.
    std::uint64_t current() const
    {
        const auto seconds = now();
        return seconds - seconds % interval_;
    }
    bool is_in_time(std::uint64_t start) const
    {
        // Two intervals ahead is what a machine with a fast clock may have made.
        return start <= rotated_ + 2 * interval_ && start + options.kept * interval_ >= rotated_;
    }
    void rotate_to(std::uint64_t start);
    void make(std::uint64_t start);

    template <class Function>
    int with_keys(Function f)
    {
        const auto start = current();
        {
            std::shared_lock lock(mutex_);
            if (rotated_ == start)
                return f();
        }
        std::lock_guard lock(mutex_);
        rotate_to(start);
        return f();
    }

    const std::uint64_t interval_;
    std::shared_mutex mutex_;
    // The interval for which `keys_` is right; there is a key for it and for the next.
    std::uint64_t rotated_ = std::numeric_limits<std::uint64_t>::max();
    key_map keys_;
};

void ticket_keys::keyring::rotate_to(std::uint64_t start)
{
    if (rotated_ == start)
        return;
    make(start);
    make(start + interval_);
    rotated_ = start;
    std::erase_if(keys_, [this](const auto& each) { return !is_in_time(each.first); });
}

void ticket_keys::keyring::make(std::uint64_t start)
{
    auto [place, is_new] = keys_.try_emplace(start);
    if (!is_new)
        return;
    place->second.made = now();
    RAND_bytes(place->second.secret.data(), place->second.secret.size());
    place->second.derive_name();
}

void ticket_keys::keyring::merge(const key_map& others)
{
    std::lock_guard lock(mutex_);
    rotate_to(current());
    for (const auto& [start, k] : others) {
        if (start % interval_ != 0 || !is_in_time(start))
            continue;
        auto [place, is_new] = keys_.try_emplace(start, k);
        if (!is_new && k.precedes(place->second))
            place->second = k;
    }
}

int ticket_keys::keyring::encrypt(std::uint8_t* name, std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* mac)
{
    return with_keys([&] {
        const auto& k = keys_.at(rotated_);
        std::copy(k.name.begin(), k.name.end(), name);
        RAND_bytes(iv, EVP_CIPHER_iv_length(EVP_aes_128_cbc()));
        return set_up(cipher, mac, k, iv, true) ? 1 : -1;
    });
}

int ticket_keys::keyring::decrypt(
    const std::uint8_t* name, const std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* mac)
{
    return with_keys([&] {
        for (const auto& [start, k] : keys_) {
            if (!std::equal(k.name.begin(), k.name.end(), name))
                continue;
            if (!set_up(cipher, mac, k, iv, false))
                return -1;
            return start < rotated_ ? 2 : 1;
        }
        return 0;
    });
}

ticket_keys::ticket_keys(ticket_key_options options)
    : keyring_(std::make_shared<keyring>(std::move(options)))
{
    rotate();
}

ticket_keys::~ticket_keys() = default;

void ticket_keys::rotate()
{
    keyring_->rotate();
}

std::string ticket_keys::marshal()
{
    return keyring_->marshal();
}

void ticket_keys::merge(std::string_view marshalled)
{
    keyring_->merge(read(marshalled));
}

const ticket_key_options& ticket_keys::options() const noexcept
{
    return keyring_->options;
}

void install(boost::asio::ssl::context& tls, std::shared_ptr<ticket_keys> keys)
{
    using keyring_ptr = std::shared_ptr<ticket_keys::keyring>;
    auto protect = [](SSL* ssl, std::uint8_t* name, std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* mac,
                       int encrypt) {
        const auto* all = context_attachment<keyring_ptr>::get(SSL_get_SSL_CTX(ssl));
        // The application has switched the connection to a context without keys.
        if (!all)
            return encrypt ? -1 : 0;
        try {
            return encrypt ? (*all)->encrypt(name, iv, cipher, mac) : (*all)->decrypt(name, iv, cipher, mac);
        } catch (...) {
            return -1;
        }
    };
    context_attachment<keyring_ptr>::set(tls.native_handle(), std::make_unique<keyring_ptr>(keys->keyring_));
    SSL_CTX_set_tlsext_ticket_key_cb(tls.native_handle(), protect);
}

} // namespace acme
