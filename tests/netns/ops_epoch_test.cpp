// SPDX-License-Identifier: BSD-2-Clause
// What programs remember of listeners and local routes ends with each change of them. Packets are run by the program
// itself, not traced: a trace asks the tables.
#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <linux/bpf.h>
#include <sched.h>

#include <xdemux/kernel/test_run.h>
#include <xdemux/ops/locals.h>
#include <xdemux/ops/packet.h>

#include "support/instance_fixture.h"

namespace xdemux::test::ops_epoch_test {
namespace {

/// Each CPU remembers for itself.
class OneCpu {
  public:
    OneCpu() {
        ::sched_getaffinity(0, sizeof before_, &before_);
        cpu_set_t here;
        CPU_ZERO(&here);
        CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &here);
        ::sched_setaffinity(0, sizeof here, &here);
    }
    ~OneCpu() { ::sched_setaffinity(0, sizeof before_, &before_); }
    OneCpu(const OneCpu&) = delete;
    OneCpu& operator=(const OneCpu&) = delete;

  private:
    cpu_set_t before_{};
};

class OpsEpoch : public InstanceTest {
  protected:
    /// What is closed is dropped, and nothing on this host counts but the tables.
    void SetUp() override {
        AttachRequest request = on(near_device);
        request.settings.mode = Mode::enforce;
        request.settings.closed = ClosedPolicy::drop;
        request.settings.host = false;
        ASSERT_TRUE(attach(name_, request));
        device_ = interface_by_name(near_device).value();
    }
    void change(const ListenerChange& one) const {
        auto instance = Instance::open_for_change(name_).value();
        const std::vector<ListenerChange> changes{one};
        const auto changed = change_listeners(instance, changes, {});
        ASSERT_TRUE(changed) << changed.error().message();
    }
    void refresh() const {
        auto instance = Instance::open_for_change(name_).value();
        ASSERT_TRUE(refresh_locals(instance));
    }
    /// Of a SYN to that endpoint; twice the same, though the second one may be answered by memory.
    [[nodiscard]] std::uint32_t action(const std::string& destination) const {
        const std::uint32_t first = run_packet(destination);
        EXPECT_EQ(run_packet(destination), first);
        return first;
    }
    [[nodiscard]] __u32 epoch() const {
        return Instance::open(name_).value().tables().local_hot.find(0).value().value().epoch;
    }
    void set_epoch(__u32 epoch) const {
        const auto instance = Instance::open_for_change(name_).value();
        auto hot = instance.tables().local_hot.find(0).value().value();
        hot.epoch = epoch;
        ASSERT_TRUE(instance.tables().local_hot.put(0, hot));
    }

  private:
    [[nodiscard]] std::uint32_t run_packet(const std::string& destination) const {
        PacketSpec packet;
        packet.destination = SocketAddress::parse(destination, Proto::tcp).value();
        packet.source = SocketAddress::parse("192.0.2.2:40000", Proto::tcp).value();
        auto frame = build_packet(packet).value();
        std::ranges::copy(device_.mac, frame.begin());
        const Fd program = pins_.open("prog").value();
        return test_run(program.get(), {{}, frame, device_.ifindex}).value().action;
    }

    const OneCpu one_cpu_;
    Interface device_;
};

TEST_F(OpsEpoch, ends_with_each_change_of_a_listener) {
    const std::string web = "192.0.2.1:80";
    change(listener(web));
    EXPECT_EQ(action(web), XDP_PASS);
    change(listener(web, TargetKind::drop, ListenerVerb::replace));
    EXPECT_EQ(action(web), XDP_DROP);
    change(listener(web, TargetKind::pass, ListenerVerb::replace));
    EXPECT_EQ(action(web), XDP_PASS);
    // The port's slot keeps its hint, so that memory would still be asked.
    change(listener("192.0.2.99:80"));
    change(listener(web, TargetKind::pass, ListenerVerb::remove));
    EXPECT_EQ(action(web), XDP_DROP);
    change(listener("192.0.2.0/24:80"));
    EXPECT_EQ(action(web), XDP_PASS);
    change(listener(web, TargetKind::drop));
    EXPECT_EQ(action(web), XDP_DROP);
}

TEST_F(OpsEpoch, ends_with_each_change_of_a_local_address) {
    // More than stand in the first line.
    for (const char* address : {"198.18.9.1", "198.18.9.2", "198.18.9.3", "198.18.9.4", "198.18.9.5"})
        run(fmt::format("ip addr add {}/32 dev xd0", address));
    refresh();
    EXPECT_EQ(action("198.18.9.5:80"), XDP_DROP);
    run("ip addr del 198.18.9.5/32 dev xd0");
    refresh();
    EXPECT_EQ(action("198.18.9.5:80"), XDP_PASS) << "it is nobody's here";
    run("ip addr add 198.18.9.5/32 dev xd0");
    refresh();
    EXPECT_EQ(action("198.18.9.5:80"), XDP_DROP);
    run("ip addr flush to 198.18.9.0/24 dev xd0");
}

/// Looks at the tables and at the epoch before and after, over and over, while `change` is made. In an even epoch they
/// are always the same.
template <typename Look>
void expect_one_state_an_epoch(const Instance& instance, const Look& look, const std::function<void()>& change) {
    const auto epoch_now = [&] { return instance.tables().local_hot.find(0).value().value().epoch; };
    std::map<__u32, decltype(look())> states;
    std::atomic<bool> begun = false, over = false;
    std::size_t differing = 0;
    std::thread reader([&] {
        for (bool last = false; !last;) {
            last = over;
            const __u32 before = epoch_now();
            const auto state = look();
            if (before % 2 == 0 && before == epoch_now())
                differing += states.try_emplace(before, state).first->second == state ? 0 : 1;
            begun = true;
        }
    });
    EXPECT_TRUE(wait_until([&] { return begun.load(); }));
    change();
    over = true;
    reader.join();
    EXPECT_EQ(differing, 0U);
    EXPECT_GT(states.size(), 1U) << "nothing was changed while one looked";
}

TEST_F(OpsEpoch, is_odd_from_the_first_write_of_a_listener_to_the_last) {
    const auto instance = Instance::open(name_).value();
    const auto entries = [&] {
        std::size_t count = 0;
        EXPECT_TRUE(instance.tables().listen_addrs.for_each([&](const auto&, const auto&) { return ++count > 0; }));
        return count;
    };
    expect_one_state_an_epoch(instance, entries, [&] {
        for (int i = 0; i < 5; ++i) {
            change(listener("192.0.2.1:1000-9999"));
            change(listener("192.0.2.1:1000-9999", TargetKind::pass, ListenerVerb::remove));
        }
    });
}

TEST_F(OpsEpoch, is_odd_from_the_first_write_of_a_local_address_to_the_last) {
    const auto instance = Instance::open(name_).value();
    const auto locals = [&] {
        std::size_t count = 0;
        EXPECT_TRUE(instance.tables().local_routes.for_each([&](const auto&, const auto&) { return ++count > 0; }));
        const auto hot = instance.tables().local_hot.find(0).value().value();
        return std::pair(count, std::string(reinterpret_cast<const char*>(&hot.ipv4), sizeof hot.ipv4));
    };
    expect_one_state_an_epoch(instance, locals, [&] {
        for (int i = 0; i < 3; ++i) {
            run("ip addr add 198.18.9.1/32 dev xd0");
            refresh();
            run("ip addr del 198.18.9.1/32 dev xd0");
            refresh();
        }
    });
}

TEST_F(OpsEpoch, stays_where_nothing_changes) {
    const __u32 before = epoch();
    EXPECT_EQ(before % 2, 0U);
    refresh();
    EXPECT_EQ(epoch(), before);
    change(listener("192.0.2.1:80"));
    EXPECT_GT(epoch(), before);
    EXPECT_EQ(epoch() % 2, 0U);
}

TEST_F(OpsEpoch, that_a_killed_writer_left_is_ended_by_the_next_command) {
    const __u32 before = epoch();
    set_epoch(before + 1);
    refresh();
    EXPECT_EQ(epoch(), before + 2);
    set_epoch(before + 3);
    change(listener("192.0.2.1:80"));
    EXPECT_EQ(epoch() % 2, 0U);
    EXPECT_GT(epoch(), before + 3);
}

}  // namespace
}  // namespace xdemux::test::ops_epoch_test
