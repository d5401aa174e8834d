// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>
#include <utility>

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <xdemux/kernel/ring.h>

namespace xdemux {
namespace {

int hand_over(void* context, void* data, std::size_t size) {
    (*static_cast<const RingReader::Each*>(context))({static_cast<const std::byte*>(data), size});
    return 0;
}

}  // namespace

void RingReader::Free::operator()(ring_buffer* ring) const {
    ::ring_buffer__free(ring);
}

Result<RingReader> RingReader::open(const MapHandle& handle, Each each) {
    auto kept = std::make_unique<Each>(std::move(each));
    std::unique_ptr<ring_buffer, Free> ring(::ring_buffer__new(handle.fd(), hand_over, kept.get(), nullptr));
    if (ring == nullptr) {
        const int error_number = errno;
        return fail_system(error_number, fmt::format("cannot map table \"{}\"", handle.name()));
    }
    return RingReader(std::move(kept), std::move(ring));
}

int RingReader::fd() const {
    return ::ring_buffer__epoll_fd(ring_.get());
}

Status RingReader::read() const {
    const int taken = ::ring_buffer__consume(ring_.get());
    if (taken < 0) return fail_system(-taken, "cannot read the ring of events");
    return {};
}

}  // namespace xdemux
