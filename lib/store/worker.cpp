#include "store/worker.hpp"

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>

namespace acme {

// Shared with the thread, which outlives the worker where that is destroyed by a job.
struct worker::queue
{
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> jobs;
    bool stopped = false;

    void run()
    {
        std::unique_lock guard(mutex);
        for (;;) {
            changed.wait(guard, [this] { return stopped || !jobs.empty(); });
            if (jobs.empty())
                return;
            auto job = std::move(jobs.front());
            jobs.pop_front();
            guard.unlock();
            job();
            job = nullptr;
            guard.lock();
        }
    }
};

namespace {

// The application's signals are for its own threads.
class all_signals_blocked
{
public:
    all_signals_blocked()
    {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    all_signals_blocked(const all_signals_blocked&) = delete;
    all_signals_blocked& operator=(const all_signals_blocked&) = delete;
    ~all_signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_;
};

} // namespace

worker::worker()
    : queue_(std::make_shared<queue>())
{
    const all_signals_blocked guard;
    thread_ = std::thread([q = queue_] { q->run(); });
}

worker::~worker()
{
    {
        const std::lock_guard guard(queue_->mutex);
        queue_->stopped = true;
    }
    queue_->changed.notify_one();
    if (thread_.get_id() == std::this_thread::get_id())
        thread_.detach();
    else
        thread_.join();
}

void worker::post(std::function<void()> job)
{
    // The job may destroy this worker before this call returns.
    const auto q = queue_;
    {
        const std::lock_guard guard(q->mutex);
        q->jobs.push_back(std::move(job));
    }
    q->changed.notify_one();
}

} // namespace acme
