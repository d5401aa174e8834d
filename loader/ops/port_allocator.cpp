// SPDX-License-Identifier: BSD-2-Clause
#include <xdemux/ops/instance.h>
#include <xdemux/ops/targets.h>

#include "port_allocator_impl.h"

namespace xdemux {
namespace {

/// As the instance has it, made there where it is new.
Result<Target> steering_target(std::string_view instance, const Target& target) {
    if (is_simple(target.kind)) return target;
    auto opened = Instance::open_for_change(instance);
    if (!opened) return fail(opened.error());
    const auto number = claim_target(*opened, target);
    if (!number) return fail(number.error());
    const auto targets = read_targets(opened->tables());
    if (!targets) return fail(targets.error());
    return targets->find(*number);
}

}  // namespace

PortAllocator::PortAllocator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PortAllocator::PortAllocator(PortAllocator&&) noexcept = default;
PortAllocator& PortAllocator::operator=(PortAllocator&&) noexcept = default;

PortAllocator::~PortAllocator() {
    if (impl_ && impl_->options().bound_to_process && !impl_->options().process) (void)impl_->release_all();
}

Result<PortAllocator> PortAllocator::open(std::string_view instance, const PortAllocatorOptions& options) {
    PortAllocatorOptions resolved = options;
    auto target = steering_target(instance, options.target);
    if (!target) return fail(target.error());
    resolved.target = std::move(*target);
    auto opened = Instance::open(instance);
    if (!opened) return fail(opened.error());
    const auto shared = std::make_shared<const Instance>(std::move(*opened));
    auto host = host_of(shared);
    if (!host) return fail(host.error());
    return open(ledger_of(shared), std::move(*host), resolved);
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

std::uint64_t PortAllocator::size() const {
    return impl_->size();
}

std::size_t PortAllocator::bytes() const {
    return impl_->bytes();
}

}  // namespace xdemux
