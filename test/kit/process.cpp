#include "kit/process.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <linux/close_range.h>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

extern char** environ;

namespace acme::test {
namespace {

[[noreturn]] void throw_errno(const std::string& what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

struct descriptor
{
    descriptor() = default;
    explicit descriptor(int d) noexcept
        : number(d)
    {}
    descriptor(descriptor&& other) noexcept
        : number(std::exchange(other.number, -1))
    {}
    descriptor& operator=(descriptor&& other) noexcept
    {
        std::swap(number, other.number);
        return *this;
    }
    ~descriptor() { close(); }

    void close() noexcept
    {
        if (number >= 0)
            ::close(std::exchange(number, -1));
    }

    int number = -1;
};

struct pipe_ends
{
    descriptor read;
    descriptor write;

    pipe_ends()
    {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0)
            throw_errno("pipe2");
        read = descriptor(ends[0]);
        write = descriptor(ends[1]);
    }
};

std::filesystem::path find_program(const std::string& name)
{
    if (name.find('/') != std::string::npos)
        return name;
    std::string_view path = std::getenv("PATH") ? std::getenv("PATH") : "/usr/bin:/bin";
    while (!path.empty()) {
        auto end = std::min(path.find(':'), path.size());
        auto candidate = std::filesystem::path(path.substr(0, end)) / name;
        if (::access(candidate.c_str(), X_OK) == 0)
            return candidate;
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return {};
}

std::vector<char*> pointers(std::vector<std::string>& texts)
{
    std::vector<char*> all;
    for (auto& each : texts)
        all.push_back(each.data());
    all.push_back(nullptr);
    return all;
}

std::vector<std::string> environment_with(const std::vector<std::string>& additions)
{
    std::vector<std::string> all = additions;
    auto name_of = [](std::string_view entry) { return entry.substr(0, entry.find('=')); };
    for (char** each = environ; *each; ++each) {
        auto same = [&](const std::string& added) { return name_of(added) == name_of(*each); };
        if (std::none_of(additions.begin(), additions.end(), same))
            all.emplace_back(*each);
    }
    return all;
}

/// All that the child needs between fork and exec, where it must not allocate.
struct launch
{
    std::string program;
    std::string folder;
    std::vector<std::string> command;
    std::vector<std::string> environment;
    std::vector<char*> argv;
    std::vector<char*> envp;
    int in = -1;
    int out = -1;
    int err = -1;
    int failure = -1;
    pid_t parent = 0;

    [[noreturn]] void fail() const noexcept
    {
        int number = errno;
        [[maybe_unused]] auto written = ::write(failure, &number, sizeof number);
        ::_exit(127);
    }

    [[noreturn]] void exec() const noexcept
    {
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(127);
        sigset_t none;
        sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        ::signal(SIGPIPE, SIG_DFL);
        // A connection of the test's that a child had as well would not end with the test's.
        ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
        if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0)
            fail();
        if (!folder.empty() && ::chdir(folder.c_str()) != 0)
            fail();
        ::execve(program.c_str(), argv.data(), envp.data());
        fail();
    }
};

int exit_code_of(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace

struct process::state
{
    pid_t pid = -1;
    std::optional<int> exit_code;
    pipe_ends input;
    pipe_ends out;
    pipe_ends err;
    pipe_ends stop;

    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    std::string out_text;
    std::string err_text;
    bool ended = false;
    std::thread reader;

    state() = default;
    state(const state&) = delete;
    state& operator=(const state&) = delete;

    ~state()
    {
        if (pid > 0 && !exit_code) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        }
        stop.write.close();
        if (reader.joinable())
            reader.join();
    }

    void start(std::vector<std::string> command, const process_options& options);
    void read_all();
    bool read_some(descriptor& from, std::string& to);
};

void process::state::start(std::vector<std::string> command, const process_options& options)
{
    launch child;
    child.program = find_program(command.at(0)).native();
    child.folder = options.folder.native();
    child.command = std::move(command);
    child.environment = environment_with(options.environment);
    child.argv = pointers(child.command);
    child.envp = pointers(child.environment);
    child.in = input.read.number;
    child.out = out.write.number;
    child.err = err.write.number;
    child.parent = ::getpid();
    pipe_ends failure;
    child.failure = failure.write.number;
    if (!options.input.empty() && ::write(input.write.number, options.input.data(), options.input.size()) < 0)
        throw_errno("writing a child's input");
    pid = ::fork();
    if (pid < 0)
        throw_errno("fork");
    if (pid == 0)
        child.exec();
    ::setpgid(pid, pid);
    for (auto* end : {&failure.write, &input.read, &out.write, &err.write})
        end->close();
    if (!options.keep_input_open)
        input.write.close();
    int number = 0;
    if (::read(failure.read.number, &number, sizeof number) > 0) {
        errno = number;
        throw_errno("starting " + child.command.front());
    }
    reader = std::thread([this] { read_all(); });
}

bool process::state::read_some(descriptor& from, std::string& to)
{
    std::array<char, 16 * 1024> buffer;
    auto size = ::read(from.number, buffer.data(), buffer.size());
    if (size <= 0) {
        from.close();
        return false;
    }
    std::lock_guard lock(mutex);
    to.append(buffer.data(), static_cast<std::size_t>(size));
    changed.notify_all();
    return true;
}

void process::state::read_all()
{
    while (out.read.number >= 0 || err.read.number >= 0) {
        std::array<pollfd, 3> waiting{
            pollfd{out.read.number, POLLIN, 0}, pollfd{err.read.number, POLLIN, 0}, pollfd{stop.read.number, 0, 0}};
        if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR)
            break;
        if (waiting[0].revents != 0)
            read_some(out.read, out_text);
        if (waiting[1].revents != 0)
            read_some(err.read, err_text);
        if (waiting[2].revents != 0 && waiting[0].revents == 0 && waiting[1].revents == 0)
            break;
    }
    std::lock_guard lock(mutex);
    ended = true;
    changed.notify_all();
}

process::process(std::vector<std::string> command, process_options options)
    : state_(std::make_unique<state>())
{
    state_->start(std::move(command), options);
}

process::~process() = default;
process::process(process&&) noexcept = default;
process& process::operator=(process&&) noexcept = default;

pid_t process::pid() const
{
    return state_->pid;
}

std::string process::out() const
{
    std::lock_guard lock(state_->mutex);
    return state_->out_text;
}

std::string process::err() const
{
    std::lock_guard lock(state_->mutex);
    return state_->err_text;
}

bool process::wait_for_text(std::string_view text, std::chrono::milliseconds limit) const
{
    std::unique_lock lock(state_->mutex);
    auto has = [&] {
        return state_->out_text.find(text) != std::string::npos || state_->err_text.find(text) != std::string::npos;
    };
    state_->changed.wait_for(lock, limit, [&] { return state_->ended || has(); });
    return has();
}

std::optional<int> process::wait(std::chrono::milliseconds limit)
{
    auto until = std::chrono::steady_clock::now() + limit;
    while (!state_->exit_code) {
        int status = 0;
        if (::waitpid(state_->pid, &status, WNOHANG) == state_->pid) {
            state_->exit_code = exit_code_of(status);
            break;
        }
        if (std::chrono::steady_clock::now() >= until)
            return std::nullopt;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    // What it wrote last may still be on its way; a grandchild may keep the pipe open for longer.
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, std::chrono::seconds(1), [&] { return state_->ended; });
    return state_->exit_code;
}

void process::signal(int number)
{
    if (!state_->exit_code)
        ::kill(state_->pid, number);
}

void process::kill()
{
    signal(SIGKILL);
    wait(std::chrono::minutes(1));
}

process_result run_process(std::vector<std::string> command, process_options options, std::chrono::milliseconds limit)
{
    process child(std::move(command), std::move(options));
    auto code = child.wait(limit);
    if (!code) {
        child.kill();
        code = child.wait();
    }
    process_result result;
    result.exit_code = code.value_or(-1);
    result.out = child.out();
    result.err = child.err();
    return result;
}

bool has_program(const std::string& name)
{
    return !find_program(name).empty();
}

reserved_port::reserved_port()
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
{
    if (socket_ < 0)
        throw_errno("socket");
    int on = 1;
    sockaddr_in address{};
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 || ::bind(socket_, any, size) != 0 ||
        ::getsockname(socket_, any, &size) != 0)
        throw_errno("reserving a port");
    number_ = ntohs(address.sin_port);
}

reserved_port::~reserved_port()
{
    ::close(socket_);
}

temporary_folder::temporary_folder()
{
    std::string name = (std::filesystem::temp_directory_path() / "acme-test-XXXXXX").native();
    if (!::mkdtemp(name.data()))
        throw_errno("mkdtemp");
    path_ = name;
}

temporary_folder::~temporary_folder()
{
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string read_whole_file(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw std::runtime_error("can't read " + path.native());
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_whole_file(const std::filesystem::path& path, std::string_view text)
{
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    if (!file.flush())
        throw std::runtime_error("can't write " + path.native());
}

} // namespace acme::test
