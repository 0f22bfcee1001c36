#include "store/etcd_fence.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace acme {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

// In less time nothing is tried again.
constexpr auto shortest = std::chrono::milliseconds(150);

} // namespace

etcd_fence::etcd_fence(std::shared_ptr<etcd_gateway> gateway, std::string key)
    : gateway_(std::move(gateway))
    , key_(std::move(key))
{}

asio::awaitable<etcd_answer> etcd_fence::async_write(std::shared_ptr<etcd_fence> self, etcd_transaction transaction,
    etcd_gateway::repetition how, etcd_gateway::time_point limit)
{
    const auto end = std::min(limit, steady_clock::now() + self->gateway_->options().operation_timeout);
    transaction.otherwise("request_range", etcd_get(self->key_));
    std::string causes;
    for (;;) {
        const std::int64_t known = self->gateway_->revision();
        // Where etcd was restored to an older state.
        if (known < std::max(self->raised_, self->unanswered_))
            self->raised_ = self->unanswered_ = 0;
        const bool raises = self->unanswered_ >= self->raised_;
        etcd_transaction fenced = transaction;
        fenced.when(etcd_unchanged_since(self->key_, known));
        if (raises)
            fenced.then("request_put", etcd_put(self->key_, ""));
        // Only what raises the fence may be repeated as it is.
        const auto repetition = raises ? how : etcd_gateway::repetition::until_sent;
        bool answered = false;
        const std::shared_ptr<void> note(nullptr, [&](void*) {
            if (!answered)
                self->unanswered_ = std::max(self->unanswered_, known);
        });
        etcd_answer answer;
        try {
            answer = co_await self->gateway_->async_call("/v3/kv/txn", std::move(fenced.message), repetition, end);
        } catch (const error& e) {
            if (e.code() != errc::store_unavailable)
                throw;
            causes += (causes.empty() ? "" : "; ") + e.explanation();
            if (repetition == how || steady_clock::now() + shortest >= end)
                throw error(e.code(), e.step(), causes);
            continue;
        }
        answered = true;
        if (answer.revision < known)
            self->gateway_->go_back(answer.revision);
        std::int64_t fence = answer.succeeded && raises ? answer.revision : 0;
        if (!answer.succeeded && !answer.responses.empty() && !answer.responses.back().all.empty())
            fence = answer.responses.back().all.front().mod_revision;
        self->raised_ = std::max(self->raised_, fence);
        if (answer.succeeded || fence <= known)
            co_return answer;
    }
}

} // namespace acme
