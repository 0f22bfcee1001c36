#pragma once

#include <acme/certificate.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace acme {
class store;
}

/// Certificates by the hundred thousand, each with a key of its own, made once and kept in a file.
namespace acme::bench {

inline constexpr const char* bench_directory_url = "https://ca.example/directory";

std::string host_name(std::size_t n);

/// A file with `count` certificates, those of `host_name(0)` and on, issued by one intermediate and valid for 90 days:
/// made in `folder` where it is not there or more than three weeks old.
std::filesystem::path make_certificates(const std::filesystem::path& folder, std::size_t count);

/// Reads such a file, certificate by certificate: a line each, the host and what a store has for it.
class certificate_reader
{
public:
    explicit certificate_reader(const std::filesystem::path& file);

    struct entry
    {
        std::string host;
        std::string value;
    };
    /// False at the end.
    bool read(entry& e);

private:
    std::ifstream file_;
};

/// The first `count` of them.
std::vector<std::pair<std::string, certificate_ptr>> read_certificates(
    const std::filesystem::path& file, std::size_t count);

/// A store that has the first `count` of them, and reads each from the file when it is asked for: nothing of it but an
/// index is in memory. What is saved to it is forgotten.
std::shared_ptr<store> make_read_only_store(const std::filesystem::path& file, std::size_t count);

/// The key of a host's certificate in a store.
std::string object_key(const std::string& host);

/// Calls `save` with the key and the value of each of the first `count`.
template <class Save>
void for_each_object(const std::filesystem::path& file, std::size_t count, Save save)
{
    certificate_reader reader(file);
    certificate_reader::entry e;
    for (std::size_t n = 0; n < count && reader.read(e); ++n)
        save(object_key(e.host), e.value);
}

} // namespace acme::bench
