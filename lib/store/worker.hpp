#pragma once

#include <functional>
#include <memory>
#include <thread>

namespace acme {

/// A thread for blocking calls, which runs jobs one after the other.
class worker
{
public:
    worker();
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    /// Runs what was posted, then ends the thread and waits for it; on the thread itself it does not wait.
    ~worker();

    /// From any thread. The job must not throw.
    void post(std::function<void()> job);

private:
    struct queue;

    std::shared_ptr<queue> queue_;
    std::thread thread_;
};

} // namespace acme
