// SPDX-License-Identifier: BSD-2-Clause
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/text_file.h>

namespace xdemux {

Result<std::optional<std::string>> read_text_file(const std::string& path) {
    const auto failed = [&](int error_number) -> Result<std::optional<std::string>> {
        if (error_number == ENOENT || error_number == ESRCH) return std::optional<std::string>();
        return fail_system(error_number, fmt::format("cannot read \"{}\"", path));
    };
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return failed(errno);
    std::string text;
    std::array<char, 4096> piece{};
    for (;;) {
        const ssize_t size = ::read(file.get(), piece.data(), piece.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return failed(errno);
        if (size == 0) return text;
        text.append(piece.data(), static_cast<std::size_t>(size));
    }
}

}  // namespace xdemux
