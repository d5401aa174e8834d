// SPDX-License-Identifier: BSD-2-Clause
#include "support/tool.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xdemux/base/fd.h>

namespace xdemux::test {
namespace {

struct Pipe {
    Fd read;
    Fd write;

    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error(std::strerror(errno));
        read.reset(ends[0]);
        write.reset(ends[1]);
    }
};

[[noreturn]] void become(const std::vector<std::string>& words, const RunOptions& options, int in, int out, int err) {
    ::dup2(in, STDIN_FILENO);
    ::dup2(err, STDERR_FILENO);
    if (options.standard_output == Stdout::closed) {
        ::close(STDOUT_FILENO);
    } else {
        ::dup2(out, STDOUT_FILENO);
    }
    if (options.in_child) options.in_child();
    std::vector<char*> argv;
    for (const std::string& word : words)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
}

/// Appends what there is; false at the end.
bool read_some(const Fd& fd, std::string& into) {
    std::array<char, 65536> chunk;
    const ssize_t size = ::read(fd.get(), chunk.data(), chunk.size());
    if (size > 0) into.append(chunk.data(), static_cast<std::size_t>(size));
    return size > 0;
}

/// Reads both until both have ended, so that neither can fill up and stop the tool.
void collect(Outcome& outcome, const Fd& out, const Fd& err, const RunOptions& options, pid_t child) {
    std::array<pollfd, 2> polled = {pollfd{out.get(), POLLIN, 0}, pollfd{err.get(), POLLIN, 0}};
    bool interrupted = false;
    while (polled[0].fd >= 0 || polled[1].fd >= 0) {
        ::poll(polled.data(), polled.size(), -1);
        if (polled[0].revents != 0 && !read_some(out, outcome.out)) polled[0].fd = -1;
        if (polled[1].revents != 0 && !read_some(err, outcome.err)) polled[1].fd = -1;
        if (!interrupted && options.enough && options.enough(outcome.out)) {
            interrupted = true;
            ::kill(child, SIGINT);
        }
    }
}

void feed(const Fd& fd, const std::string& input) {
    std::size_t done = 0;
    while (done < input.size()) {
        const ssize_t written = ::write(fd.get(), input.data() + done, input.size() - done);
        if (written <= 0) return;  // the tool did not want it all
        done += static_cast<std::size_t>(written);
    }
}

int code_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Outcome run_program(const std::vector<std::string>& words, const RunOptions& options) {
    std::signal(SIGPIPE, SIG_IGN);
    Pipe in;
    Pipe out;
    Pipe err;
    if (options.standard_output == Stdout::broken) out.read.reset();
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error(std::strerror(errno));
    if (child == 0) {
        std::signal(SIGPIPE, SIG_DFL);
        become(words, options, in.read.get(), out.write.get(), err.write.get());
    }
    in.read.reset();
    out.write.reset();
    err.write.reset();
    std::thread feeder([&] {
        feed(in.write, options.input);
        in.write.reset();
    });
    Outcome outcome;
    collect(outcome, out.read, err.read, options, child);
    feeder.join();
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    outcome.code = code_of(status);
    if (outcome.code == 127) throw std::runtime_error(fmt::format("cannot run \"{}\"", words.front()));
    return outcome;
}

const std::string& instance() {
    static const std::string name = fmt::format("cli-test-{}", ::getpid());
    return name;
}

Outcome xdemux(const std::vector<std::string>& arguments, const RunOptions& options) {
    std::vector<std::string> words = {XDEMUX_TOOL, "--instance", instance()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run_program(words, options);
}

Outcome xdemux(const std::string& arguments, const RunOptions& options) {
    std::istringstream stream(arguments);
    std::vector<std::string> words;
    for (std::string word; stream >> word;)
        words.push_back(word);
    return xdemux(words, options);
}

}  // namespace xdemux::test
