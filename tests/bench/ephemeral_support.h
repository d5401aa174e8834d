// SPDX-License-Identifier: BSD-2-Clause
// An instance and an allocator for the benches of leases.
#pragma once

#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include <xdemux/kernel/ephemeral_sysctl.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/port_allocator.h>

namespace xdemux::bench {

template <typename T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message());
    return std::move(*result);
}
inline void must(const Status& status) {
    if (!status) throw std::runtime_error(status.error().message());
}

/// Gone with this object.
class BenchInstance {
  public:
    explicit BenchInstance(std::uint32_t flows) : name_(fmt::format("bench-ports-{}", ::getpid())) {
        InstanceOptions options;
        options.flows = flows;
        auto instance = must(Instance::open_or_create(name_, options));
        must(instance.keep());
    }
    ~BenchInstance() { (void)unload_instance(name_); }
    BenchInstance(const BenchInstance&) = delete;
    BenchInstance& operator=(const BenchInstance&) = delete;

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] PortAllocator allocator(const PortRange& range,
                                          PortAlgorithm algorithm = PortAlgorithm::permutation) const {
        PortAllocatorOptions options;
        options.owner = "bench";
        options.range = range;
        options.algorithm = algorithm;
        return must(PortAllocator::open(name_, options));
    }

  private:
    std::string name_;
};

}  // namespace xdemux::bench
