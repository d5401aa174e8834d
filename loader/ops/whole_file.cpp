// SPDX-License-Identifier: BSD-2-Clause
#include "whole_file.h"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <xdemux/base/fd.h>

namespace xdemux {

Status write_whole_file(const std::string& path, std::string_view text) {
    const std::string beside = path + ".new";
    const std::string what = fmt::format("cannot write \"{}\"", path);
    const Fd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return fail_system(errno, what);
    while (!text.empty()) {
        const ssize_t written = ::write(file.get(), text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return fail_system(written < 0 ? errno : ENOSPC, what);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::rename(beside.c_str(), path.c_str()) != 0) return fail_system(errno, what);
    return {};
}

}  // namespace xdemux
