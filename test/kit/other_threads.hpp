#pragma once

namespace acme::test {

/// Whether every other thread of this process sleeps, so that none has anything under way. A thread that waits for a
/// disk does not sleep.
bool other_threads_sleep();

} // namespace acme::test
