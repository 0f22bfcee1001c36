#pragma once

#include "store/etcd_gateway.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace acme {

/// What keeps late writes out. A request without an answer may lie at a member that hangs, and be carried out after
/// what was written next. So each write demands that one key, the fence, has not changed since the newest revision that
/// was known when the write began; and the first to succeed after a request without an answer changes it. Nothing that
/// was sent before can succeed from then on. Used on the gateway's strand only.
class etcd_fence
{
public:
    etcd_fence(std::shared_ptr<etcd_gateway> gateway, std::string key);

    /// The answer to a transaction that writes, `responses` of the transaction's own operations first. Once it has
    /// succeeded no other attempt of it does, nor what `async_write` threw for before. Throws as `async_call` does.
    static boost::asio::awaitable<etcd_answer> async_write(std::shared_ptr<etcd_fence> self,
        etcd_transaction transaction, etcd_gateway::repetition how = etcd_gateway::repetition::until_answered,
        etcd_gateway::time_point limit = etcd_gateway::time_point::max());

private:
    const std::shared_ptr<etcd_gateway> gateway_;
    const std::string key_;
    // The newest revision that the fence is known to have, and the newest that a request without an answer demanded; at
    // first that may be one of this process's predecessor.
    std::int64_t raised_ = 0;
    std::int64_t unanswered_ = 0;
};

} // namespace acme
