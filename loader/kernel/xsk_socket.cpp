// SPDX-License-Identifier: BSD-2-Clause
#include <bit>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/xsk_socket.h>

#include "xsk_ring.h"

namespace xdemux {
namespace {

constexpr std::uint32_t fewest_frames = 64;
constexpr std::uint32_t most_frames = 1U << 20;

/// Of a frame whose bytes begin anywhere in it, where its own memory begins.
constexpr std::uint64_t begin_of(std::uint64_t place) {
    return place & ~std::uint64_t{XskSocket::frame_size - 1};
}

/// The frames, those that nobody has, and the two rings that go with them: to the kernel to be filled, and back from it
/// once sent. They are of a socket of their own, to which nothing is steered, so that each of those that share them may
/// come and go: a ring that is mapped keeps its socket open.
struct Memory {
    Fd host;
    ReceiveQueue queue;
    std::uint32_t frames;
    Mapping bytes;
    std::vector<std::uint64_t> free;
    Ring<__u64> fill;
    Ring<__u64> sent;

    [[nodiscard]] std::uint32_t ring_size() const { return frames / 2; }
    /// As many as the kernel has room for.
    void refill() {
        while (!free.empty() && fill.put(free.back()))
            free.pop_back();
        fill.publish();
    }
    void collect_sent() {
        __u64 place = 0;
        while (sent.take(place))
            free.push_back(begin_of(place));
        sent.give_back();
    }
};

Status set_option(int fd, int option, const void* value, socklen_t size) {
    if (::setsockopt(fd, SOL_XDP, option, value, size) == 0) return {};
    return fail_system(errno, "cannot set up an AF_XDP socket");
}

Status make_rings(int fd, std::initializer_list<int> rings, std::uint32_t entries) {
    for (const int ring : rings) {
        if (auto made = set_option(fd, ring, &entries, sizeof entries); !made) return made;
    }
    return {};
}

Result<xdp_mmap_offsets> ring_parts(int fd) {
    xdp_mmap_offsets parts{};
    socklen_t size = sizeof parts;
    if (::getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &parts, &size) != 0)
        return fail_system(errno, "cannot ask where the rings of an AF_XDP socket are");
    return parts;
}

Result<Fd> make_socket() {
    Fd fd(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (fd.valid()) return fd;
    const Error error = Error::system(errno, "cannot make an AF_XDP socket");
    return fail(error.kind() == ErrorKind::not_permitted ? error.with_remedy("it needs CAP_NET_RAW") : error);
}

Status bind_socket(int fd, const ReceiveQueue& queue, __u16 flags, int host = 0) {
    sockaddr_xdp address{};
    address.sxdp_family = AF_XDP;
    address.sxdp_flags = flags;
    address.sxdp_ifindex = queue.ifindex;
    address.sxdp_queue_id = queue.queue;
    address.sxdp_shared_umem_fd = static_cast<__u32>(host);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
    const int error_number = errno;
    const std::string what =
        fmt::format("cannot bind an AF_XDP socket to queue {} of interface {}", queue.queue, queue.ifindex);
    if (error_number == EBUSY)
        return fail(Error::system(error_number, what)
                        .with_remedy("another AF_XDP socket has this queue: Linux gives a "
                                     "queue to one application"));
    if (error_number == EINVAL) return fail(ErrorKind::not_found, what + ": there is no such queue");
    return fail_system(error_number, what);
}

Result<std::shared_ptr<Memory>> make_memory(const ReceiveQueue& queue, const XskSocketOptions& options) {
    const std::uint32_t frames = options.frames;
    if (frames < fewest_frames || frames > most_frames || !std::has_single_bit(frames))
        return fail(ErrorKind::usage,
                    fmt::format("an AF_XDP socket cannot have {} frames: a power of two from {} to {}", frames,
                                fewest_frames, most_frames));
    auto host = make_socket();
    if (!host) return fail(host.error());
    const int fd = host->get();
    auto bytes = Mapping::map(frames * XskSocket::frame_size);
    if (!bytes) return fail(bytes.error());
    xdp_umem_reg shape{};
    shape.addr = reinterpret_cast<std::uintptr_t>(bytes->data());
    shape.len = frames * XskSocket::frame_size;
    shape.chunk_size = XskSocket::frame_size;
    if (auto registered = set_option(fd, XDP_UMEM_REG, &shape, sizeof shape); !registered)
        return fail(registered.error());
    const std::uint32_t entries = frames / 2;
    if (auto made = make_rings(fd, {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING}, entries); !made)
        return fail(made.error());
    if (auto made = make_rings(fd, {XDP_RX_RING}, 1); !made) return fail(made.error());  // a bind asks for one
    const auto parts = ring_parts(fd);
    if (!parts) return fail(parts.error());
    auto fill = Ring<__u64>::map(fd, XDP_UMEM_PGOFF_FILL_RING, parts->fr, entries);
    if (!fill) return fail(fill.error());
    auto sent = Ring<__u64>::map(fd, XDP_UMEM_PGOFF_COMPLETION_RING, parts->cr, entries);
    if (!sent) return fail(sent.error());
    const int flags = XDP_USE_NEED_WAKEUP | (options.copy ? XDP_COPY : 0);
    if (auto bound = bind_socket(fd, queue, static_cast<__u16>(flags)); !bound) return fail(bound.error());
    std::vector<std::uint64_t> free(frames);
    for (std::size_t i = 0; i < frames; ++i)
        free[i] = i * XskSocket::frame_size;
    return std::make_shared<Memory>(Memory{std::move(*host), queue, frames, std::move(*bytes), std::move(free),
                                           std::move(*fill), std::move(*sent)});
}

}  // namespace

class XskSocket::Impl {
  public:
    static Result<XskSocket> open(std::shared_ptr<Memory> memory) {
        auto fd = make_socket();
        if (!fd) return fail(fd.error());
        const std::uint32_t entries = memory->ring_size();
        if (auto made = make_rings(fd->get(), {XDP_RX_RING, XDP_TX_RING}, entries); !made) return fail(made.error());
        const auto parts = ring_parts(fd->get());
        if (!parts) return fail(parts.error());
        auto received = Ring<xdp_desc>::map(fd->get(), XDP_PGOFF_RX_RING, parts->rx, entries);
        if (!received) return fail(received.error());
        auto line = Ring<xdp_desc>::map(fd->get(), XDP_PGOFF_TX_RING, parts->tx, entries);
        if (!line) return fail(line.error());
        memory->refill();
        if (auto bound = bind_socket(fd->get(), memory->queue, XDP_SHARED_UMEM, memory->host.get()); !bound)
            return fail(bound.error());
        return XskSocket(
            std::unique_ptr<Impl>(new Impl(std::move(*fd), std::move(memory), std::move(*received), std::move(*line))));
    }

    [[nodiscard]] Result<XskSocket> open_beside() const { return open(memory_); }

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] const ReceiveQueue& queue() const { return memory_->queue; }

    std::size_t receive(std::span<XskFrame> frames) {
        std::size_t count = 0;
        xdp_desc entry{};
        while (count < frames.size() && received_.take(entry))
            frames[count++] = {entry.addr, {memory_->bytes.data() + entry.addr, entry.len}};
        received_.give_back();
        return count;
    }

    void release(const XskFrame& frame) { memory_->free.push_back(begin_of(frame.place)); }

    bool send(const XskFrame& frame) { return line_.put({frame.place, static_cast<__u32>(frame.bytes.size()), 0}); }

    Status flush() {
        line_.publish();
        memory_->collect_sent();
        memory_->refill();
        if (memory_->fill.sleeps()) ::recvfrom(fd_.get(), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
        return wake_sender();
    }

  private:
    Impl(Fd fd, std::shared_ptr<Memory> memory, Ring<xdp_desc> received, Ring<xdp_desc> line)
        : fd_(std::move(fd)), memory_(std::move(memory)), received_(std::move(received)), line_(std::move(line)) {}

    // In copy mode a call sends some 32 frames (TX_BATCH_SIZE of Linux) and says EAGAIN where there are more.
    Status wake_sender() {
        for (std::uint32_t before = 0, left = line_.waiting(); left != 0 && left != before && line_.sleeps();
             before = left, left = line_.waiting()) {
            if (::sendto(fd_.get(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0) continue;
            const int error_number = errno;
            if (error_number != EAGAIN && error_number != EBUSY && error_number != ENOBUFS)
                return fail_system(error_number, fmt::format("cannot send from queue {} of interface {}", queue().queue,
                                                             queue().ifindex));
        }
        return {};
    }

    Fd fd_;
    std::shared_ptr<Memory> memory_;
    Ring<xdp_desc> received_;
    Ring<xdp_desc> line_;
};

XskSocket::XskSocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
XskSocket::XskSocket(XskSocket&&) noexcept = default;
XskSocket& XskSocket::operator=(XskSocket&&) noexcept = default;
XskSocket::~XskSocket() = default;

Result<XskSocket> XskSocket::open(const ReceiveQueue& queue, const XskSocketOptions& options) {
    auto memory = make_memory(queue, options);
    if (!memory) return fail(memory.error());
    return Impl::open(std::move(*memory));
}

Result<XskSocket> XskSocket::open_beside() const {
    return impl_->open_beside();
}

int XskSocket::fd() const {
    return impl_->fd();
}

const ReceiveQueue& XskSocket::queue() const {
    return impl_->queue();
}

std::size_t XskSocket::receive(std::span<XskFrame> frames) {
    return impl_->receive(frames);
}

void XskSocket::release(const XskFrame& frame) {
    impl_->release(frame);
}

bool XskSocket::send(const XskFrame& frame) {
    return impl_->send(frame);
}

Status XskSocket::flush() {
    return impl_->flush();
}

}  // namespace xdemux
