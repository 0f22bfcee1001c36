// What a managed certificate takes of memory, beside a bare table of chains and keys.
//   memory --folder FOLDER

#include "counting_transport.hpp"
#include "figure.hpp"
#include "many_certificates.hpp"

#include <acme/manager.hpp>
#include <acme/store.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>

#include <openssl/bytestring.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pool.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_map>

namespace acme::bench {
namespace {

namespace asio = boost::asio;

constexpr std::size_t count = 100'000;

std::size_t hosts_at_hand(const credentials& c)
{
    std::size_t n = 0;
    while (n < count && c.find(host_name(n)))
        ++n;
    return n;
}

asio::awaitable<void> load(manager& m, std::shared_ptr<store> where)
{
    co_await m.async_use_store(std::move(where));
    asio::steady_timer pause(m.get_executor());
    while (hosts_at_hand(*m.credentials()) < count) {
        pause.expires_after(std::chrono::milliseconds(100));
        co_await pause.async_wait(asio::use_awaitable);
    }
}

double managed(const std::filesystem::path& file)
{
    const auto where = make_read_only_store(file, count);
    asio::io_context io(1);
    config o;
    o.directory_url = bench_directory_url;
    o.transport = std::make_shared<counting_transport>();
    manager m(io.get_executor(), o);
    const double before = resident_bytes();
    bool done = false;
    asio::co_spawn(io, load(m, where), [&](std::exception_ptr e) {
        if (e)
            std::rethrow_exception(e);
        done = true;
    });
    while (!done)
        io.run_one();
    return (resident_bytes() - before) / count;
}

struct bare_entry
{
    bssl::UniquePtr<CRYPTO_BUFFER> leaf;
    bssl::UniquePtr<CRYPTO_BUFFER> issuer;
    bssl::UniquePtr<EVP_PKEY> key;
};

bssl::UniquePtr<CRYPTO_BUFFER> read_certificate(BIO& pem, CRYPTO_BUFFER_POOL* pool)
{
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (!PEM_read_bio(&pem, &name, &header, &data, &size))
        std::abort();
    bssl::UniquePtr<CRYPTO_BUFFER> buffer(CRYPTO_BUFFER_new(data, static_cast<std::size_t>(size), pool));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    return buffer;
}

bare_entry read_entry(const std::string& value, CRYPTO_BUFFER_POOL* pool)
{
    const auto object = boost::json::parse(value).as_object();
    const auto& chain = object.at("chain").as_string();
    const auto& key = object.at("key").as_string();
    bssl::UniquePtr<BIO> chain_pem(BIO_new_mem_buf(chain.data(), static_cast<int>(chain.size())));
    bssl::UniquePtr<BIO> key_pem(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
    bare_entry e;
    e.leaf = read_certificate(*chain_pem, nullptr);
    e.issuer = read_certificate(*chain_pem, pool);
    e.key.reset(PEM_read_bio_PrivateKey(key_pem.get(), nullptr, nullptr, nullptr));
    return e;
}

struct bare_result
{
    double bytes = 0;
    double leaf_size = 0;
};

bare_result bare(const std::filesystem::path& file)
{
    bssl::UniquePtr<CRYPTO_BUFFER_POOL> pool(CRYPTO_BUFFER_POOL_new());
    const double before = resident_bytes();
    bare_result r;
    std::unordered_map<std::string, bare_entry> table;
    certificate_reader reader(file);
    certificate_reader::entry e;
    while (table.size() < count && reader.read(e)) {
        auto entry = read_entry(e.value, pool.get());
        r.leaf_size += static_cast<double>(CRYPTO_BUFFER_len(entry.leaf.get()));
        table.emplace(e.host, std::move(entry));
    }
    r.bytes = (resident_bytes() - before) / count;
    r.leaf_size /= count;
    return r;
}

int benchmark(int argc, char** argv)
{
    const auto file = make_certificates(argument(argc, argv, "folder"), count);
    print_heading("Resident octets a certificate, with 100,000 of them: own key (P-256) and leaf, one intermediate.");
    // The manager first: what the other one gives back does not help it.
    const double managed_bytes = managed(file);
    const auto table = bare(file);
    std::printf("%36s %8.0f\n%36s %8.0f\n%36s %8.0f\n", "manager", managed_bytes, "hash table of chains and keys",
        table.bytes, "of which the leaf's DER", table.leaf_size);
    print_figure("bytes_per_certificate", managed_bytes);
    return 0;
}

} // namespace
} // namespace acme::bench

int main(int argc, char** argv)
{
    return acme::bench::benchmark(argc, argv);
}
