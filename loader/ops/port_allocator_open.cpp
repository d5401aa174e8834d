// SPDX-License-Identifier: BSD-2-Clause
// An allocator of an instance: the only part of it that knows instances.
#include <xdemux/ops/instance.h>
#include <xdemux/ops/port_allocator.h>
#include <xdemux/ops/targets.h>

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

}  // namespace xdemux
