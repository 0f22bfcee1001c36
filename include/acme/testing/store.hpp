#pragma once

#include <acme/store.hpp>

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace acme::testing {

/// The operations of a store.
enum class operation
{
    any,
    load,
    save,
    erase,
    list,
    lock,
    exchange
};

/// Which operations of a store fail, and how. By itself: the next of that kind, once, with no_space_on_device.
class store_fault
{
public:
    explicit store_fault(testing::operation o) noexcept
        : operation_(o)
    {}

    /// Only keys (prefixes, for `list`) which begin so.
    store_fault& prefix(std::string p);
    /// Begins with the n-th that matches, counted from 1.
    store_fault& nth(std::size_t n) noexcept;
    store_fault& times(std::size_t n) noexcept;
    store_fault& always() noexcept;
    store_fault& with(boost::system::error_code ec) noexcept;
    /// The operation is carried out, and fails nevertheless: what a store promises of a failed save.
    store_fault& after() noexcept;
    /// In place of failing it does not end, but by cancellation or with its executor, or with `faulty_store::resume`.
    store_fault& stall() noexcept;

private:
    friend class faulty_store;
    bool count(testing::operation o, const std::string& key);

    testing::operation operation_;
    std::string prefix_;
    std::size_t first_ = 1;
    std::size_t times_ = 1;
    std::size_t seen_ = 0;
    boost::system::error_code code_ = make_error_code(boost::system::errc::no_space_on_device);
    bool after_ = false;
    bool stalls_ = false;
};

/// One operation that was begun.
struct operation_record
{
    testing::operation operation = testing::operation::any;
    std::string key;
    boost::system::error_code failure;

    operation_record() = default;
};

/// A store that passes everything on to another, and fails on demand:
///
///     disk->inject(store_fault(operation::save).prefix("certificate/").always());
///
/// Each operation suspends at least once, as those of a disk do.
///
/// Thread safety, errors, cancellation and lifetime: a store's. Errors name "the test's store".
class faulty_store : public store
{
public:
    /// In memory where `behind` is null.
    explicit faulty_store(std::shared_ptr<store> behind = nullptr);
    ~faulty_store() override;

    boost::asio::awaitable<std::optional<std::string>> async_load(std::string key) override;
    boost::asio::awaitable<void> async_save(std::string key, std::string value) override;
    boost::asio::awaitable<void> async_erase(std::string key) override;
    boost::asio::awaitable<std::vector<std::string>> async_list(std::string prefix) override;
    boost::asio::awaitable<std::unique_ptr<lock>> async_lock(std::string name) override;
    /// As `save` and `erase`.
    boost::asio::awaitable<void> async_guarded_save(std::string key, std::string value, const lock& guard) override;
    boost::asio::awaitable<void> async_guarded_erase(std::string key, const lock& guard) override;
    boost::asio::awaitable<bool> async_exchange(
        std::string key, std::optional<std::string> expected, std::string desired) override;
    /// Never fails.
    std::unique_ptr<subscription> watch(std::string prefix) override;

    void inject(store_fault f);
    /// Later operations do not fail. Those that stall go on stalling.
    void clear_faults();
    /// Lets the operations that stall now go on, as if nothing had been.
    void resume();

    /// All operations so far, in order.
    std::vector<operation_record> operations() const;
    std::size_t count(operation o) const;

    /// The store behind.
    const std::shared_ptr<store>& behind() const noexcept { return behind_; }

private:
    struct script;
    struct verdict;

    boost::asio::awaitable<verdict> async_begin(operation o, std::string key);

    std::shared_ptr<store> behind_;
    std::shared_ptr<script> script_;
};

} // namespace acme::testing
