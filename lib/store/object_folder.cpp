#include "store/object_folder.hpp"

#include "crypto/jose.hpp"
#include "store/archive.hpp"
#include "store/file_access.hpp"
#include "store/object_path.hpp"
#include "store/temporary_file.hpp"

#include <acme/error.hpp>

#include <algorithm>
#include <sys/stat.h>

namespace acme {

namespace {

namespace fs = std::filesystem;

// Nothing of an object has such a name: in the root, no name of theirs begins with "=".
constexpr std::string_view marker_of_any_version = "=asio-acme-store-";
constexpr const char* marker = "=asio-acme-store-1";
constexpr const char* temporary_folder = "=temporary";
constexpr const char* temporary_name = "object";

// A value may grow sixfold as JSON.
constexpr std::size_t max_file_size = 6 * max_value_size + 4096;

void make_folder(const descriptor& parent, const std::string& name, const file_failure& fail)
{
    if (::mkdirat(parent.get(), name.c_str(), 0700) != 0) {
        if (errno != EEXIST)
            fail.raise(last_error(), "its folder cannot be made");
    } else if (::fchmodat(parent.get(), name.c_str(), 0700, 0) != 0) {
        fail.raise(last_error(), "the mode of its folder cannot be set");
    }
    sync_folder(parent, fail);
}

// Empty where one of the folders is not there and none is to be made.
descriptor enter(descriptor folder, const std::vector<std::string>& names, bool make, const file_failure& fail)
{
    for (const auto& name : names) {
        descriptor next = open_folder(folder, name);
        if (!next && errno == ENOENT && !make)
            return next;
        if (!next && errno == ENOENT) {
            make_folder(folder, name, fail);
            next = open_folder(folder, name);
        }
        if (!next)
            fail.raise(last_error(), "its folder cannot be opened");
        folder = std::move(next);
    }
    return folder;
}

void begin_store(const descriptor& root, const file_failure& fail)
{
    const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
    const descriptor file(uninterrupted([&] { return ::openat(root.get(), marker, flags, 0600); }));
    if (!file)
        fail.raise(last_error(), "no file can be made in it");
    if (::fchmod(file.get(), 0600) != 0)
        fail.raise(last_error(), "the mode of a file in it cannot be set");
    sync_folder(root, fail);
}

[[noreturn]] void refuse_foreign(const std::vector<std::string>& names, const file_failure& fail)
{
    const auto newer =
        std::ranges::find_if(names, [](const auto& each) { return each.starts_with(marker_of_any_version); });
    if (newer != names.end())
        fail.raise(errc::foreign_state, "a newer version of this library wrote it: it has " + *newer);
    if (names.empty())
        fail.raise(errc::foreign_state, "it is empty: what was there when it was opened is gone");
    fail.raise(errc::foreign_state, "it is something else's: it has " + names.front() + " but no " + marker);
}

// Two names that share it would only wait for each other.
off_t lock_position(std::string_view name)
{
    std::uint64_t position = 0;
    const auto hash = sha256(name);
    for (std::size_t i = 0; i < sizeof position; ++i)
        position = position << 8 | hash[i];
    return static_cast<off_t>(position >> 2);
}

} // namespace

object_folder::object_folder(const fs::path& path)
    : path_(absolute_path(path, file_failure("opening the store", path)))
{
    if (!path_.has_filename())
        path_ = path_.parent_path();
}

void object_folder::open() const
{
    const file_failure fail("opening the store", path_);
    const bool made = ::mkdir(path_.c_str(), 0700) == 0;
    const auto ec = made ? boost::system::error_code() : last_error();
    if (!made && !open_folder(path_))
        fail.raise(ec == boost::system::errc::file_exists ? last_error() : ec, "cannot be made or opened");
    if (made) {
        ::chmod(path_.c_str(), 0700);
        const descriptor parent = open_folder(path_.parent_path());
        if (parent)
            sync_folder(parent, fail);
    }
    const descriptor temporaries = enter(open_root(fail, true), {temporary_folder}, false, fail);
    if (temporaries)
        temporary_file::remove_leftovers(temporaries, temporary_name);
}

std::optional<std::string> object_folder::load(std::string_view key) const
{
    const object_path where(key);
    const auto path = where.under(path_);
    const file_failure fail("loading a saved object", path);
    const descriptor folder = enter(open_root(fail, false), where.folders, false, fail);
    if (!folder)
        return std::nullopt;
    // O_NONBLOCK: a FIFO must not hold the thread.
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC;
    const descriptor file(uninterrupted([&] { return ::openat(folder.get(), where.file.c_str(), flags); }));
    if (!file && errno == ENOENT)
        return std::nullopt;
    if (!file)
        fail.raise(last_error(), "cannot be opened");
    auto found = decode_archive(read_all(file, max_file_size, fail), path.native());
    const auto object = found.find(key);
    if (object == found.end() || found.size() != 1)
        fail.raise(errc::damaged_state, "it does not hold the object of its name");
    return std::move(object->second);
}

void object_folder::save(std::string_view key, std::string_view value) const
{
    const object_path where(key);
    const file_failure fail("saving an object", where.under(path_));
    const descriptor temporaries = enter(open_root(fail, true), {temporary_folder}, true, fail);
    const descriptor folder = enter(open_root(fail, true), where.folders, true, fail);
    objects one;
    one.emplace(key, value);
    auto file = temporary_file::create(temporaries, temporary_name);
    if (!file)
        fail.raise(file.error(), "a temporary file for it cannot be created");
    if (const auto ec = file->write(encode_archive(one)))
        fail.raise(ec, "a temporary file for it cannot be written");
    if (const auto ec = file->rename(folder, where.file))
        fail.raise(ec, "cannot be replaced");
    sync_folder(folder, fail);
}

bool object_folder::erase(std::string_view key) const
{
    const object_path where(key);
    const file_failure fail("erasing a saved object", where.under(path_));
    const descriptor folder = enter(open_root(fail, false), where.folders, false, fail);
    if (!folder)
        return false;
    const bool there = ::unlinkat(folder.get(), where.file.c_str(), 0) == 0;
    if (!there && errno != ENOENT)
        fail.raise(last_error(), "cannot be removed");
    // An earlier attempt may have come this far.
    sync_folder(folder, fail);
    return there;
}

std::vector<std::string> object_folder::list(std::string_view prefix) const
{
    const file_failure fail("listing the saved objects", path_);
    std::vector<std::string> keys;
    gather(open_root(fail, false), object_place(), path_, prefix, keys);
    std::ranges::sort(keys);
    return keys;
}

void object_folder::gather(const descriptor& folder, const object_place& place, const fs::path& path,
    std::string_view prefix, std::vector<std::string>& keys) const
{
    const file_failure fail("listing the saved objects", path);
    std::vector<std::string> folders;
    const auto take = [&](const dirent& entry) {
        if (auto key = place.key_of(entry.d_name); key && key->starts_with(prefix))
            keys.push_back(std::move(*key));
        else if (!key && (entry.d_type == DT_DIR || entry.d_type == DT_UNKNOWN))
            folders.emplace_back(entry.d_name);
    };
    if (const auto ec = for_each_entry(folder, take))
        fail.raise(ec, "cannot be read");
    for (const auto& name : folders) {
        const auto inside = place.enter(name);
        if (!inside || !(prefix.starts_with(inside->text()) || inside->text().starts_with(prefix)))
            continue;
        const descriptor next = open_folder(folder, name);
        // Gone meanwhile, or no folder after all.
        if (!next && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
            continue;
        if (!next)
            fail.raise(last_error(), name + " in it cannot be opened");
        gather(next, *inside, path / name, prefix, keys);
    }
}

descriptor object_folder::try_lock(std::string_view name) const
{
    const file_failure fail("locking in the store", path_);
    const descriptor root = open_root(fail, true);
    descriptor file(uninterrupted([&] { return ::openat(root.get(), marker, O_RDWR | O_NOFOLLOW | O_CLOEXEC); }));
    if (!file)
        fail.raise(last_error(), std::string(marker) + " in it cannot be opened");
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = lock_position(name);
    lock.l_len = 1;
    if (uninterrupted([&] { return ::fcntl(file.get(), F_OFD_SETLK, &lock); }) == 0)
        return file;
    if (errno != EAGAIN && errno != EACCES)
        fail.raise(last_error(), "its file system gives no lock");
    return descriptor(-1);
}

descriptor object_folder::open_root(const file_failure& fail, bool may_begin) const
{
    descriptor root = open_folder(path_);
    if (!root)
        fail.raise(last_error(), "the store's folder cannot be opened");
    struct stat status = {};
    if (::fstatat(root.get(), marker, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return root;
    if (errno != ENOENT)
        fail.raise(last_error(), "the store's folder cannot be used");
    std::vector<std::string> names;
    if (const auto ec = for_each_entry(root, [&](const dirent& entry) { names.emplace_back(entry.d_name); }))
        fail.raise(ec, "the store's folder cannot be read");
    // Another process may have begun it just now.
    const bool begun = std::ranges::find(names, marker) != names.end();
    if (!begun && (!names.empty() || !may_begin))
        refuse_foreign(names, fail);
    if (!begun)
        begin_store(root, fail);
    return root;
}

} // namespace acme
