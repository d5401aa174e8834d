// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>
#include <fstream>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/ephemeral_sysctl.h>
#include <xdemux/kernel/net_sysctl.h>

namespace xdemux {
namespace {

// /proc/sys/net shows the namespace of whoever opens it, unlike /sys.
std::string path_of(std::string_view name) {
    return fmt::format("/proc/sys/net/ipv4/{}", name);
}

int read_number(std::string_view name, int otherwise) {
    std::ifstream file(path_of(name));
    int number = 0;
    return file >> number ? number : otherwise;
}

// A list longer than a page is taken piece by piece: the kernel adds what comes later to what came first.
Status write_text(std::string_view name, const std::string& text) {
    const std::string what = fmt::format("cannot set net.ipv4.{} to \"{}\"", name, text);
    const Fd file(::open(path_of(name).c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.valid()) {
        Error error = Error::system(errno, what);
        return fail(error.kind() == ErrorKind::not_permitted ? error.with_remedy("run as root or with sudo") : error);
    }
    const std::string line = text + '\n';
    for (std::size_t done = 0; done < line.size();) {
        const ssize_t written = ::write(file.get(), line.data() + done, line.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return fail_system(written < 0 ? errno : EIO, what);
        done += static_cast<std::size_t>(written);
    }
    return {};
}

Status write_range(const PortRange& range) {
    return write_text("ip_local_port_range", fmt::format("{} {}", range.first, range.last));
}

Status write_reserved(const PortSet& reserved) {
    return write_text("ip_local_reserved_ports", reserved.to_string());
}

}  // namespace

Result<EphemeralSettings> read_ephemeral_settings() {
    const auto range = ephemeral_range();
    if (!range)
        return fail(ErrorKind::failed,
                    "cannot read net.ipv4.ip_local_port_range: /proc/sys/net is not there or hidden");
    const auto reserved = reserved_ports();
    if (!reserved) return fail(reserved.error());
    return EphemeralSettings{*range, PortSet::of(*reserved)};
}

// What is reserved comes first and what is no longer goes last, so that no port that must not be is handed out between.
Status write_ephemeral_settings(const EphemeralSettings& settings) {
    const auto before = read_ephemeral_settings();
    if (!before) return fail(before.error());
    PortSet both = before->reserved;
    both.add(settings.reserved);
    if (auto written = write_reserved(both); !written) return written;
    if (auto written = write_range(settings.range); !written) {
        // As it was; should that fail too, the first failure is the one to tell.
        (void)write_reserved(before->reserved);
        return written;
    }
    if (both == settings.reserved) return {};
    auto written = write_reserved(settings.reserved);
    if (!written) (void)write_range(before->range);
    return written;
}

Status change_reserved_ports(const PortSet& add, const PortSet& remove) {
    const auto before = reserved_ports();
    if (!before) return fail(before.error());
    PortSet reserved = PortSet::of(*before);
    reserved.remove(remove);
    reserved.add(add);
    return write_reserved(reserved);
}

TimeWaitReuse time_wait_reuse() {
    switch (read_number("tcp_tw_reuse", 2)) {
        case 0:
            return TimeWaitReuse::off;
        case 1:
            return TimeWaitReuse::on;
        default:
            return TimeWaitReuse::loopback;
    }
}

std::string_view time_wait_reuse_name(TimeWaitReuse reuse) {
    switch (reuse) {
        case TimeWaitReuse::off:
            return "off";
        case TimeWaitReuse::on:
            return "on";
        case TimeWaitReuse::loopback:
            break;
    }
    return "loopback";
}

bool tcp_timestamps() {
    return read_number("tcp_timestamps", 1) != 0;
}

}  // namespace xdemux
