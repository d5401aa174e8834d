// SPDX-License-Identifier: BSD-2-Clause
#include "port_allocator_impl.h"

namespace xdemux {

PortAllocator::PortAllocator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PortAllocator::PortAllocator(PortAllocator&&) noexcept = default;
PortAllocator& PortAllocator::operator=(PortAllocator&&) noexcept = default;

PortAllocator::~PortAllocator() {
    if (!impl_) return;
    if (impl_->withdraws()) {
        impl_->withdraw();
    } else {
        (void)impl_->release_all();
    }
}

Result<PortAllocator> PortAllocator::open(std::shared_ptr<LeaseLedger> ledger, std::shared_ptr<LeaseHost> host,
                                          const PortAllocatorOptions& options) {
    auto impl = std::make_unique<Impl>(std::move(ledger), std::move(host), options);
    if (auto entered = impl->enter(); !entered) return fail(entered.error());
    return PortAllocator(std::move(impl));
}

Result<SocketAddress> PortAllocator::lease(Proto proto, const Address& local, const SocketAddress& remote) {
    return impl_->lease(proto, local, remote);
}

Status PortAllocator::release(Proto proto, const SocketAddress& local, const SocketAddress& remote) {
    return impl_->release(proto, local, remote);
}

Result<PortBlock> PortAllocator::lease_block(Proto proto, const Address& local, std::uint32_t count) {
    return impl_->lease_block(proto, local, count);
}

Status PortAllocator::release_block(const PortBlock& block) {
    return impl_->release_block(block);
}

Result<std::size_t> PortAllocator::sweep() {
    return impl_->sweep();
}

Result<std::size_t> PortAllocator::release_all() {
    return impl_->release_all();
}

std::uint32_t PortAllocator::owner() const {
    return impl_->owner();
}

PortRange PortAllocator::range() const {
    return impl_->range();
}

Result<std::uint64_t> PortAllocator::size() const {
    return impl_->size();
}

std::size_t PortAllocator::bytes() const {
    return impl_->bytes();
}

}  // namespace xdemux
