// SPDX-License-Identifier: BSD-2-Clause
#include "commands/output.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace xdemux {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{64} << 10U;

/// All of it, or the errno that stopped it.
int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return 0;
}

}  // namespace

void reserve_standard_streams() {
    // Opened the wrong way round, so that using one that the caller closed still fails with EBADF. The lowest free
    // descriptor is the one that open() takes.
    for (const auto& [fd, flags] :
         {std::pair(STDIN_FILENO, O_WRONLY), std::pair(STDOUT_FILENO, O_RDONLY), std::pair(STDERR_FILENO, O_RDONLY)}) {
        if (::fcntl(fd, F_GETFD) == -1 && errno == EBADF) static_cast<void>(::open("/dev/null", flags));
    }
}

Result<Output> Output::create(const std::string& path) {
    Output output;
    output.owned_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!output.owned_.valid()) return fail_system(errno, fmt::format("cannot create \"{}\"", path));
    output.fd_ = output.owned_.get();
    output.name_ = fmt::format("\"{}\"", path);
    return output;
}

void Output::write(std::string_view text) {
    buffer_ += text;
    if (buffer_.size() >= buffer_bytes) write_out();
}

Sink Output::sink() {
    return [this](std::string_view text) { write(text); };
}

void Output::write_out() {
    if (error_number_ == 0) error_number_ = write_all(fd_, buffer_);
    buffer_.clear();
}

Status Output::flush() {
    write_out();
    if (error_number_ != 0) return fail_system(error_number_, fmt::format("cannot write to {}", name_));
    return {};
}

Status Output::fail_without_reader() {
    if (error_number_ == 0) error_number_ = EPIPE;
    return flush();
}

bool Output::is_terminal() {
    return ::isatty(STDOUT_FILENO) == 1;
}

void tell(std::string_view text) {
    // Who closed standard error does not want to hear of that either.
    static_cast<void>(write_all(STDERR_FILENO, fmt::format("{}\n", text)));
}

ProgressBar::ProgressBar(std::string label) : label_(std::move(label)), terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressBar::show(std::size_t done, std::size_t total) {
    constexpr std::size_t width = 40;
    if (!terminal_ || total == 0) return;
    const int percent = static_cast<int>(done * 100 / total);
    if (percent == percent_) return;
    percent_ = percent;
    shown_ = true;
    const std::size_t filled = done * width / total;
    const std::string bar = std::string(filled, '#') + std::string(width - filled, ' ');
    static_cast<void>(write_all(STDERR_FILENO, fmt::format("\r{} [{}] {:3}%", label_, bar, percent)));
}

ProgressBar::~ProgressBar() {
    if (shown_) static_cast<void>(write_all(STDERR_FILENO, "\n"));
}

}  // namespace xdemux
