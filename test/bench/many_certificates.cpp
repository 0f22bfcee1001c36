#include "many_certificates.hpp"

#include "kit/make_chain.hpp"
#include "manager/state.hpp"

#include <acme/store.hpp>

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <future>
#include <stdexcept>
#include <thread>
#include <unistd.h>

namespace acme::bench {
namespace {

using std::chrono::hours;

/// The CA that signs them all.
struct issuer
{
    key root_key = key::generate();
    key intermediate_key = key::generate();
    std::string intermediate_pem;
};

issuer make_issuer(std::chrono::system_clock::time_point now)
{
    issuer i;
    test::chain_options o;
    o.intermediate.not_before = now - hours(24);
    o.intermediate.not_after = now + hours(24 * 365);
    i.intermediate_pem = test::make_certificate(o.intermediate, i.intermediate_key, o.root.subject, i.root_key);
    return i;
}

std::string make_line(const issuer& i, std::size_t n, std::chrono::system_clock::time_point now)
{
    const auto host = host_name(n);
    test::certificate_options leaf;
    leaf.names = {host};
    leaf.subject = host;
    leaf.serial = 0x1000'0000'0000 + n;
    leaf.not_before = now - hours(1);
    leaf.not_after = now + hours(24 * 90);
    const auto k = key::generate();
    std::string why;
    certificate_record r;
    r.certificate = certificate::from_pem(
        test::make_certificate(leaf, k, "Test Intermediate", i.intermediate_key) + i.intermediate_pem, k, why);
    if (!r.certificate)
        throw std::runtime_error(why);
    r.plan = plan_renewal(validity_of(*r.certificate), false, std::nullopt, now, n * 0x9e3779b97f4a7c15);
    return host + ' ' + encode(r) + '\n';
}

std::string make_lines(const issuer& i, std::size_t begin, std::size_t end, std::chrono::system_clock::time_point now)
{
    std::string lines;
    for (auto n = begin; n < end; ++n)
        lines += make_line(i, n, now);
    return lines;
}

void write_certificates(const std::filesystem::path& file, std::size_t count)
{
    const auto now = std::chrono::system_clock::now();
    const auto i = make_issuer(now);
    std::ofstream out(file);
    constexpr std::size_t portion = 1'000;
    const std::size_t threads = std::max(1U, std::thread::hardware_concurrency());
    for (std::size_t begin = 0; begin < count; begin += threads * portion) {
        std::vector<std::future<std::string>> portions;
        for (auto n = begin; n < std::min(count, begin + threads * portion); n += portion)
            portions.push_back(std::async(std::launch::async,
                [&i, n, count, now] { return make_lines(i, n, std::min(count, n + portion), now); }));
        for (auto& p : portions)
            out << p.get();
    }
    out.close();
    if (!out)
        throw std::runtime_error("can't write " + file.string());
}

bool is_fresh(const std::filesystem::path& file)
{
    std::error_code ec;
    const auto written = std::filesystem::last_write_time(file, ec);
    return !ec && written > std::filesystem::file_time_type::clock::now() - hours(24 * 21);
}

class read_only_store final : public store
{
public:
    read_only_store(const std::filesystem::path& file, std::size_t count);
    ~read_only_store() override { ::close(descriptor_); }

    boost::asio::awaitable<std::optional<std::string>> async_load(std::string key) override { co_return load(key); }
    boost::asio::awaitable<void> async_save(std::string, std::string) override { co_return; }
    boost::asio::awaitable<void> async_erase(std::string) override { co_return; }
    boost::asio::awaitable<std::vector<std::string>> async_list(std::string prefix) override { co_return list(prefix); }
    boost::asio::awaitable<std::unique_ptr<lock>> async_lock(std::string) override
    {
        co_return std::make_unique<lock>();
    }

private:
    // The hosts are in the order of their numbers, and so of their names.
    struct place
    {
        std::uint64_t offset;
        std::uint32_t size;
    };
    std::optional<std::string> load(const std::string& key) const;
    std::vector<std::string> list(const std::string& prefix) const;

    int descriptor_;
    std::vector<place> places_;
};

read_only_store::read_only_store(const std::filesystem::path& file, std::size_t count)
    : descriptor_(::open(file.c_str(), O_RDONLY | O_CLOEXEC))
{
    certificate_reader reader(file);
    certificate_reader::entry e;
    std::uint64_t offset = 0;
    for (; places_.size() < count && reader.read(e); offset += e.value.size() + 1) {
        offset += e.host.size() + 1;
        places_.push_back({offset, static_cast<std::uint32_t>(e.value.size())});
    }
}

std::optional<std::string> read_only_store::load(const std::string& key) const
{
    const auto prefix = object_key(host_name(0)).find(host_name(0));
    const auto n = key.size() > prefix + 11 ? std::strtoul(key.c_str() + prefix + 4, nullptr, 10) : places_.size();
    if (n >= places_.size() || object_key(host_name(n)) != key)
        return std::nullopt;
    std::string value(places_[n].size, '\0');
    if (::pread(descriptor_, value.data(), value.size(), static_cast<off_t>(places_[n].offset)) !=
        static_cast<ssize_t>(value.size()))
        throw std::runtime_error("the certificates' file can't be read");
    return value;
}

std::vector<std::string> read_only_store::list(const std::string& prefix) const
{
    std::vector<std::string> keys;
    keys.reserve(places_.size());
    for (std::size_t n = 0; n < places_.size(); ++n)
        if (auto key = object_key(host_name(n)); key.starts_with(prefix))
            keys.push_back(std::move(key));
    return keys;
}

} // namespace

std::string host_name(std::size_t n)
{
    char text[64];
    std::snprintf(text, sizeof text, "host%07zu.bench.example", n);
    return text;
}

std::string object_key(const std::string& host)
{
    return state_keys(bench_directory_url).certificate(host);
}

std::filesystem::path make_certificates(const std::filesystem::path& folder, std::size_t count)
{
    const auto file = folder / ("certificates-" + std::to_string(count));
    if (is_fresh(file))
        return file;
    std::printf("(making %zu certificates, once)\n", count);
    std::fflush(stdout);
    auto unfinished = file;
    unfinished += ".new";
    write_certificates(unfinished, count);
    std::filesystem::rename(unfinished, file);
    return file;
}

certificate_reader::certificate_reader(const std::filesystem::path& file)
    : file_(file)
{
    if (!file_)
        throw std::runtime_error("can't read " + file.string());
}

bool certificate_reader::read(entry& e)
{
    return std::getline(file_, e.host, ' ') && std::getline(file_, e.value);
}

std::vector<std::pair<std::string, certificate_ptr>> read_certificates(
    const std::filesystem::path& file, std::size_t count)
{
    state s;
    const state_keys keys(bench_directory_url);
    for_each_object(file, count,
        [&](const std::string& key, const std::string& value) { decode_object(s, keys, key, value, file.string()); });
    std::vector<std::pair<std::string, certificate_ptr>> all;
    for (auto& [host, record] : s.certificates)
        all.emplace_back(host, record.certificate);
    if (all.size() != count)
        throw std::runtime_error("too few certificates in " + file.string());
    return all;
}

std::shared_ptr<store> make_read_only_store(const std::filesystem::path& file, std::size_t count)
{
    return std::make_shared<read_only_store>(file, count);
}

} // namespace acme::bench
