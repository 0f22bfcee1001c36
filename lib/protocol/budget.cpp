#include "protocol/budget.hpp"

#include <algorithm>

namespace acme {

budget::entry& budget::touch(const std::string& name)
{
    auto [it, is_new] = by_name_.try_emplace(name);
    auto& found = it->second;
    if (is_new)
        found.age = unused_longest_first_.insert(unused_longest_first_.end(), name);
    else
        unused_longest_first_.splice(unused_longest_first_.end(), unused_longest_first_, found.age);
    if (by_name_.size() > most_names_) {
        by_name_.erase(unused_longest_first_.front());
        unused_longest_first_.pop_front();
    }
    return found;
}

token_bucket::duration budget::take(const std::string& name, time_point now)
{
    if (rate_.is_unlimited() || most_names_ == 0)
        return token_bucket::duration::zero();
    auto& found = touch(name);
    token_bucket bucket(rate_, found.bucket);
    auto wait = token_bucket::duration::zero();
    if (!bucket.try_take(now))
        wait = std::max(bucket.wait(now), token_bucket::duration(1));
    found.bucket = bucket.save();
    return wait;
}

token_bucket::duration budget::wait(const std::string& name, time_point now) const
{
    const auto it = by_name_.find(name);
    if (it == by_name_.end())
        return token_bucket::duration::zero();
    token_bucket bucket(rate_, it->second.bucket);
    return bucket.try_take(now) ? token_bucket::duration::zero()
                                : std::max(bucket.wait(now), token_bucket::duration(1));
}

void budget::put_back(const std::string& name)
{
    auto it = by_name_.find(name);
    if (it == by_name_.end())
        return;
    token_bucket bucket(rate_, it->second.bucket);
    bucket.put_back();
    it->second.bucket = bucket.save();
}

} // namespace acme
