#pragma once

#include "store/descriptor.hpp"

#include <boost/system/result.hpp>

#include <string>
#include <string_view>

namespace acme {

/// A new file in a folder, mode 0600, in use (flock) by this object and removed with it, unless it took its target's
/// place.
class temporary_file
{
public:
    /// `folder` must outlive the file. Its name begins with that of `target`.
    static boost::system::result<temporary_file> create(const descriptor& folder, const std::string& target);

    temporary_file(temporary_file&&) noexcept;
    temporary_file& operator=(temporary_file&&) = delete;
    ~temporary_file();

    /// Writes everything, and waits until it is on the disk.
    boost::system::error_code write(std::string_view content);
    /// Takes the target's place, in any folder of the same file system.
    boost::system::error_code rename(const descriptor& folder, const std::string& target);

    /// Removes the temporary files for this target that nobody uses: those that a crash left.
    static void remove_leftovers(const descriptor& folder, const std::string& target);

private:
    temporary_file(const descriptor& folder, std::string name, descriptor file) noexcept;

    const descriptor* folder_;
    // Empty where there is nothing to remove.
    std::string name_;
    descriptor file_;
};

} // namespace acme
