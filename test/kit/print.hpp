#pragma once

#include <acme/error.hpp>

#include <ostream>

namespace acme {

// For the messages of failed tests.
inline std::ostream& operator<<(std::ostream& out, errc e)
{
    return out << "errc " << static_cast<int>(e);
}

} // namespace acme
