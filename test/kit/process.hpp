#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

/// Child processes of a test, and what they need: ports and folders of their own.
namespace acme::test {

struct process_options
{
    /// "NAME=value" in addition to the environment of the test.
    std::vector<std::string> environment;
    /// Where the child starts; the test's current folder where empty.
    std::filesystem::path folder;
    /// What it reads from its standard input; up to 64 KiB.
    std::string input;
    /// Lets the standard input open after `input`; else it ends there.
    bool keep_input_open = false;

    process_options() = default;
};

/// A child in a process group of its own. It is killed when this object or the thread that made it ends.
class process
{
public:
    /// The program is looked up in PATH. Throws `std::system_error` where it can't be started.
    explicit process(std::vector<std::string> command, process_options options = {});
    ~process();
    process(process&&) noexcept;
    process& operator=(process&&) noexcept;

    pid_t pid() const;

    /// What it has written so far.
    std::string out() const;
    std::string err() const;
    std::string all() const { return out() + err(); }

    /// Waits until it has written `text`, to the one or the other. False when it ended without, or the time is up.
    bool wait_for_text(std::string_view text, std::chrono::milliseconds limit = std::chrono::seconds(20)) const;

    /// Waits until it has ended. Its exit code, 128 + n for signal n; empty when the time is up.
    std::optional<int> wait(std::chrono::milliseconds limit = std::chrono::seconds(20));

    /// Does nothing where it has ended.
    void signal(int number);

    /// SIGKILL, and waits for its end.
    void kill();

private:
    struct state;
    std::unique_ptr<state> state_;
};

struct process_result
{
    int exit_code = -1;
    std::string out;
    std::string err;
};

/// Runs a child to its end; kills it after `limit` (exit code 137).
process_result run_process(std::vector<std::string> command, process_options options = {},
    std::chrono::milliseconds limit = std::chrono::seconds(60));

/// Whether PATH has a program of that name.
bool has_program(const std::string& name);

/// A TCP port of 127.0.0.1 that the system gives to nobody else meanwhile. Whoever sets SO_REUSEADDR can listen on it.
class reserved_port
{
public:
    reserved_port();
    ~reserved_port();
    reserved_port(const reserved_port&) = delete;
    reserved_port& operator=(const reserved_port&) = delete;

    std::uint16_t number() const noexcept { return number_; }
    std::string text() const { return std::to_string(number_); }
    /// "127.0.0.1:<number>"
    std::string address() const { return "127.0.0.1:" + text(); }

private:
    int socket_ = -1;
    std::uint16_t number_ = 0;
};

/// A folder of its own, removed with all it holds.
class temporary_folder
{
public:
    temporary_folder();
    ~temporary_folder();
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;

    const std::filesystem::path& path() const noexcept { return path_; }
    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

std::string read_whole_file(const std::filesystem::path& path);
void write_whole_file(const std::filesystem::path& path, std::string_view text);

} // namespace acme::test
