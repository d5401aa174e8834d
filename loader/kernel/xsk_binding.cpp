// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/ethtool.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/xsk_binding.h>

namespace xdemux {
namespace {

/// An AF_XDP socket with a receive ring, which a bind asks for, and with neither memory nor the other rings.
Result<Fd> make_guest() {
    Fd guest(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!guest.valid()) return fail_system(errno, "cannot make an AF_XDP socket");
    const int entries = 1;
    if (::setsockopt(guest.get(), SOL_XDP, XDP_RX_RING, &entries, sizeof entries) != 0)
        return fail_system(errno, "cannot give an AF_XDP socket a ring");
    return guest;
}

}  // namespace

Result<bool> is_xsk(int fd) {
    int domain = 0;
    socklen_t size = sizeof domain;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0) return domain == AF_XDP;
    const int error_number = errno;
    if (error_number == ENOTSOCK) return false;
    if (error_number == EBADF) return fail(ErrorKind::not_found, fmt::format("descriptor {} is not open", fd));
    return fail_system(error_number, fmt::format("cannot look at descriptor {}", fd));
}

// No call tells what an AF_XDP socket is bound to but sock_diag, which many kernels lack. So a guest asks to share its
// memory: without a fill ring of its own it may on that very queue alone, and gets EINVAL for any other, EBADF where
// the host is not bound at all (xsk_bind() and xp_assign_dev_shared() of Linux). Nothing is steered to the guest.
Result<bool> is_xsk_bound(int fd, const ReceiveQueue& queue) {
    const auto guest = make_guest();
    if (!guest) return fail(guest.error());
    sockaddr_xdp address{};
    address.sxdp_family = AF_XDP;
    address.sxdp_flags = XDP_SHARED_UMEM;
    address.sxdp_ifindex = queue.ifindex;
    address.sxdp_queue_id = queue.queue;
    address.sxdp_shared_umem_fd = static_cast<__u32>(fd);
    if (::bind(guest->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
    const int error_number = errno;
    if (error_number == EINVAL || error_number == EBADF) return false;
    return fail_system(error_number,
                       fmt::format("cannot ask whether descriptor {} is bound to queue {}", fd, queue.queue));
}

Result<std::optional<ReceiveQueue>> find_xsk_queue(int fd) {
    const auto devices = interfaces();
    if (!devices) return fail(devices.error());
    for (const Interface& device : *devices) {
        // A driver that does not tell has one.
        const std::uint32_t queues = channels(device.name).value_or(Channels{}).receive_queues();
        for (std::uint32_t queue = 0; queue < std::max(queues, 1U); ++queue) {
            const ReceiveQueue place{device.ifindex, queue};
            const auto bound = is_xsk_bound(fd, place);
            if (!bound) return fail(bound.error());
            if (*bound) return place;
        }
    }
    return std::nullopt;
}

}  // namespace xdemux
