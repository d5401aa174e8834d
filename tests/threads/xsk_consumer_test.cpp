// SPDX-License-Identifier: BSD-2-Clause
// A consumer that many threads use at once. In the place of the instance, whose lock keeps its callers apart, stands
// one that keeps nothing apart: the sanitizer sees what the consumer itself does.
#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/kernel/netlink.h>
#include <xdemux/ops/tables.h>
#include <xdemux/ops/xsk_consumer.h>
#include <xdemux/ops/xsks.h>

namespace xdemux {
namespace {

constexpr std::uint32_t threads = 4, queues = 100;
/// How many queues are registered, and how often one was.
std::atomic<std::uint32_t> registered{0}, registrations{0};

}  // namespace

class XskSocket::Impl {};

Result<Interface> interface_by_name(std::string_view name) {
    Interface device;
    device.ifindex = 7;
    device.name = name;
    return device;
}

Instance::Instance(Instance&& other) noexcept : pins_(std::move(other.pins_)) {}
Instance::~Instance() = default;
Result<Instance> Instance::open(std::string_view name) {
    return Instance(PinDirectory(std::string(name)), std::nullopt);
}
Result<Instance> Instance::open_for_change(std::string_view name, VerifierLog /*verifier_log*/,
                                           std::chrono::milliseconds /*wait*/) {
    return open(name);
}

InstanceLock::~InstanceLock() = default;

XskSocket::XskSocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
XskSocket::XskSocket(XskSocket&&) noexcept = default;
XskSocket::~XskSocket() = default;
int XskSocket::fd() const {
    return 3;
}
Result<XskSocket> XskSocket::open(const ReceiveQueue& /*queue*/, const XskSocketOptions& /*options*/) {
    return XskSocket(nullptr);
}

Status check_xsk_name(std::string_view /*name*/) {
    return {};
}
Status register_xsk(Instance& /*instance*/, const XskRegistration& /*registration*/) {
    registered.fetch_add(1, std::memory_order_relaxed);
    registrations.fetch_add(1, std::memory_order_relaxed);
    return {};
}
Result<std::size_t> unregister_xsk(Instance& /*instance*/, const XskSelection& /*selection*/) {
    registered.fetch_sub(1, std::memory_order_relaxed);
    return 1;
}

namespace {

TEST(SharedXskConsumer, takes_out_all_that_many_threads_handed_over) {
    auto consumer = XskConsumer::open("app").value();
    std::vector<std::thread> at_work;
    for (std::uint32_t number = 0; number < threads; ++number) {
        at_work.emplace_back([&, number] {
            for (std::uint32_t queue = 0; queue < queues; ++queue) {
                EXPECT_TRUE(consumer.open_queue("eth0", number * queues + queue));
                if (queue % 10 != 0) continue;
                EXPECT_TRUE(consumer.withdraw());
            }
        });
    }
    for (auto& thread : at_work)
        thread.join();
    EXPECT_TRUE(consumer.withdraw());
    EXPECT_EQ(registrations, threads * queues);
    EXPECT_EQ(registered, 0U);
}

}  // namespace
}  // namespace xdemux
