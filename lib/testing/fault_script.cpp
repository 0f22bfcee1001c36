#include "testing/fault_script.hpp"

#include "testing/answers.hpp"

#include <boost/json/serialize.hpp>

#include <utility>

namespace acme::testing {

void fault_script::add(at when, fault what)
{
    entries_.emplace_back(std::move(when), std::move(what));
}

std::optional<fault> fault_script::meet(const request_record& r)
{
    std::optional<fault> due;
    for (entry& e : entries_)
        if (fault_reader(e.what).befalls(r) && e.when.count(r) && !due)
            due = e.what;
    return due;
}

void fault_reader::add_retry_after(https_response& answer, std::chrono::system_clock::time_point now) const
{
    if (!f_.retry_after_)
        return;
    std::string value = f_.as_date_ ? http_date(now + *f_.retry_after_) : std::to_string(f_.retry_after_->count());
    answer.fields.emplace_back("retry-after", std::move(value));
}

std::optional<https_response> fault_reader::answer_instead(std::chrono::system_clock::time_point now) const
{
    https_response answer;
    if (f_.what_ == fault::kind::problem) {
        auto document = problem_document(f_.status_, f_.type_, f_.text_);
        if (!f_.instance_.empty())
            document["instance"] = f_.instance_;
        answer = problem_answer(f_.status_, f_.type_, f_.text_);
        answer.body = boost::json::serialize(document);
        if (!f_.instance_.empty())
            answer.fields.emplace_back("link", "<" + f_.instance_ + ">;rel=\"terms-of-service\"");
    } else if (f_.what_ == fault::kind::http_error) {
        answer = empty_answer(f_.status_);
        answer.fields.emplace_back("content-type", "text/html");
        answer.body = f_.text_;
    } else {
        return std::nullopt;
    }
    add_retry_after(answer, now);
    return answer;
}

} // namespace acme::testing
