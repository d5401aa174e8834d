// SPDX-License-Identifier: BSD-2-Clause
// Leases by many threads at once, on the flow table's own memory: no lock of the test's stands between them, so that
// the sanitizer sees what the library itself keeps apart.
#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/kernel/encode.h>
#include <xdemux/ops/leases.h>
#include <xdemux/ops/port_allocator.h>

#include "support/flow_world.h"

namespace xdemux::test::leases_test {
namespace {

const Address local = Address::ipv4({192, 0, 2, 1});
constexpr PortRange range{61000, 61499};
constexpr int rounds = 400;

SocketAddress remote(std::uint8_t last) {
    return {Address::ipv4({198, 51, 100, last}), 443};
}

/// The flow table of one family, written as FlowTable does it: by a writer for each call.
class StoreLedger : public LeaseLedger {
  public:
    Result<bool> claim(const FlowKey& key, const LeaseFacts& facts) override {
        FlowFacts flow;
        flow.state = contract::FLOW_LEASED;
        flow.owner = facts.owner;
        const auto done = writer().insert(encode(key), flow);
        if (done == FlowStore::Inserted::full) return fail(ErrorKind::full, "no room");
        if (done == FlowStore::Inserted::busy) return fail(ErrorKind::in_use, "held for too long");
        return done == FlowStore::Inserted::done;
    }
    Result<std::optional<Lease>> find(const FlowKey& key) override {
        const auto found = world_.store().find(encode(key));
        return found ? std::optional(Lease{key, facts_of(found->facts)}) : std::nullopt;
    }
    Result<bool> erase(const Lease& expected) override {
        return erase_if(expected.key, [&](const FlowFacts& facts) { return facts_of(facts) == expected.facts; });
    }
    Result<bool> erase_unused(const FlowKey& key, std::uint32_t owner) override {
        return erase_if(
            key, [&](const FlowFacts& facts) { return facts.state == contract::FLOW_LEASED && facts.owner == owner; });
    }
    Result<bool> change(const Lease& expected, LeaseState state) override {
        const auto found = world_.store().find(encode(expected.key));
        return found && world_.store().change(*found, found->facts.target, state_of(state));
    }
    Status for_each(const std::function<bool(const Lease&)>& each) override {
        for (std::uint32_t place = 0; place < world_.store().places(); ++place) {
            const auto found = world_.store().at(place);
            if (found && !each({decode(found->key), facts_of(found->facts)})) break;
        }
        return {};
    }
    /// As the data path does it when a FIN comes.
    void close(const FlowKey& key) const {
        const auto found = world_.store().find(encode(key));
        EXPECT_TRUE(found && world_.store().change(*found, found->facts.target, contract::FLOW_TIME_WAIT));
    }
    [[nodiscard]] std::uint64_t now_ns() const override { return now; }
    [[nodiscard]] std::uint64_t size() const { return world_.store().size(); }

    std::atomic<std::uint64_t> now{1'000'000'000'000};

  private:
    [[nodiscard]] FlowStore::Writer writer() const {
        return {world_.store(), 1, [](std::uint32_t) { return false; }};
    }
    Result<bool> erase_if(const FlowKey& key, const FlowStore::Condition& condition) {
        return writer().erase(encode(key), condition) == FlowStore::Erased::done;
    }
    static contract::flow_state state_of(LeaseState state) {
        return state == LeaseState::leased ? contract::FLOW_LEASED : contract::FLOW_TIME_WAIT;
    }
    static LeaseFacts facts_of(const FlowFacts& facts) {
        LeaseFacts lease;
        lease.state = facts.state == contract::FLOW_LEASED ? LeaseState::leased : LeaseState::time_wait;
        lease.owner = facts.owner;
        lease.touched_ns = facts.touched_ns;
        return lease;
    }

    test::FlowWorld world_{contract::FAMILY_IPV4, 1009};
};

/// The register, which is a file in the library's own: one change at a time.
class OneHost : public LeaseHost {
  public:
    Result<bool> is_local(const Address& address) override { return address == local; }
    Result<PortSet> taken(Proto /*proto*/, const Address& /*local*/) override { return PortSet(); }
    bool lives(const ProcessId& /*process*/) override { return true; }
    Result<ProcessId> self() override { return ProcessId{++last_pid_, 1}; }
    Result<EphemeralSettings> kernel_ports() override { return EphemeralSettings{{32768, 60999}, {}}; }
    Result<LeaseRegister> read() override {
        const std::scoped_lock lock(mutex_);
        return owners_;
    }
    Status change(const std::function<Status(LeaseRegister&)>& change) override {
        const std::scoped_lock lock(mutex_);
        LeaseRegister after = owners_;
        if (auto changed = change(after); !changed) return changed;
        owners_ = after;
        ++generation_;
        return {};
    }
    std::uint64_t generation() override { return generation_; }

  private:
    std::mutex mutex_;
    LeaseRegister owners_;
    std::atomic<std::uint64_t> generation_{1};
    std::atomic<int> last_pid_{100};
};

class LeasingThreads : public ::testing::Test {
  protected:
    PortAllocator open(const char* owner, std::uint32_t quota = 0) {
        PortAllocatorOptions options;
        options.owner = owner;
        options.range = range;
        options.quota = quota;
        return PortAllocator::open(ledger_, host_, options).value();
    }
    void start(std::function<void()> work) { threads_.emplace_back(std::move(work)); }
    void join() {
        for (auto& thread : threads_)
            thread.join();
        threads_.clear();
    }

    std::shared_ptr<StoreLedger> ledger_ = std::make_shared<StoreLedger>();
    std::shared_ptr<OneHost> host_ = std::make_shared<OneHost>();
    std::vector<std::thread> threads_;
};

/// Leases and gives most back; those that it keeps.
std::vector<std::pair<SocketAddress, SocketAddress>> lease_some(PortAllocator& ports, std::uint8_t offset) {
    std::vector<std::pair<SocketAddress, SocketAddress>> kept;
    for (int round = 0; round < rounds; ++round) {
        const SocketAddress to = remote(static_cast<std::uint8_t>((round + offset) % 3));
        const auto leased = ports.lease(Proto::tcp, local, to);
        EXPECT_TRUE(leased) << leased.error().message();
        if (!leased) continue;
        if (round % 4 == 0) {
            kept.emplace_back(*leased, to);
        } else {
            EXPECT_TRUE(ports.release(Proto::tcp, *leased, to));
        }
    }
    return kept;
}

TEST_F(LeasingThreads, no_port_is_given_twice_while_others_sweep_list_and_take_blocks) {
    auto ports = open("crawler");
    auto others = open("proxy");
    std::array<std::vector<std::pair<SocketAddress, SocketAddress>>, 4> kept;
    std::atomic<bool> over = false;
    for (std::uint8_t number = 0; number < kept.size(); ++number)
        start([&, number] { kept[number] = lease_some(number % 2 == 0 ? ports : others, number); });
    std::vector<std::thread> beside;
    beside.emplace_back([&] {
        while (!over)
            EXPECT_TRUE(ports.sweep());
    });
    beside.emplace_back([&] {
        while (!over) {
            EXPECT_TRUE(read_leases(*ledger_, *host_));
            EXPECT_LE(ports.size().value(), 4U * rounds);
            EXPECT_GT(ports.bytes(), 0U);
        }
    });
    beside.emplace_back([&] {
        while (!over) {
            const auto block = ports.lease_block(Proto::udp, local, 8);
            if (!block) continue;
            EXPECT_TRUE(ports.release_block(*block));
        }
    });
    join();
    over = true;
    for (auto& thread : beside)
        thread.join();

    std::set<std::pair<std::uint16_t, std::string>> all;
    for (const auto& some : kept)
        for (const auto& [from, to] : some)
            EXPECT_TRUE(all.emplace(from.port, to.address.to_string()).second) << from.port;
    EXPECT_EQ(all.size(), kept.size() * rounds / 4);
    EXPECT_EQ(ledger_->size(), all.size());
    EXPECT_EQ(ports.size().value() + others.size().value(), all.size());
}

TEST_F(LeasingThreads, what_one_gives_back_another_gets_until_all_is_taken) {
    auto ports = open("crawler");
    std::atomic<std::uint32_t> taken = 0;
    std::array<std::vector<std::uint16_t>, 4> mine;
    for (auto& given : mine) {
        start([&] {
            while (const auto leased = ports.lease(Proto::tcp, local, remote(9))) {
                given.push_back(leased->port);
                ++taken;
            }
        });
    }
    join();
    EXPECT_EQ(taken, static_cast<std::uint32_t>(range.last - range.first) + 1);
    for (const auto& given : mine) {
        start([&] {
            for (const auto port : given)
                EXPECT_TRUE(ports.release(Proto::tcp, {local, port}, remote(9)));
        });
    }
    join();
    EXPECT_EQ(ledger_->size(), 0U);
    EXPECT_EQ(ports.size(), 0U);
}

TEST_F(LeasingThreads, a_quota_is_used_up_and_never_more_while_packets_end_leases) {
    constexpr std::uint32_t quota = 50;
    auto ports = open("crawler", quota);
    std::atomic<bool> over = false;
    for (std::uint8_t number = 0; number < 4; ++number) {
        start([&, number] {
            for (int round = 0; round < rounds; ++round) {
                ledger_->now += 1'000'000'000;  // it may count anew
                const auto leased = ports.lease(Proto::tcp, local, remote(number));
                if (!leased) continue;
                if (round % 2 == 0) ledger_->close({Proto::tcp, *leased, remote(number)});
                EXPECT_TRUE(ports.release(Proto::tcp, *leased, remote(number)));
            }
        });
    }
    std::thread beside([&] {
        while (!over)
            EXPECT_LE(ports.size().value(), quota);
    });
    join();
    over = true;
    beside.join();
    std::atomic<std::uint32_t> given = 0;
    ledger_->now += 1'000'000'000;
    for (std::uint8_t number = 0; number < 4; ++number) {
        start([&, number] {
            while (ports.lease(Proto::tcp, local, remote(static_cast<std::uint8_t>(100 + number))))
                ++given;
        });
    }
    join();
    EXPECT_EQ(given, quota);
    EXPECT_EQ(ports.size(), quota);
}

TEST_F(LeasingThreads, what_is_given_back_by_several_at_once_counts_once) {
    constexpr std::uint32_t quota = 100;
    auto ports = open("crawler", quota);
    for (int round = 0; round < 20; ++round) {
        std::vector<SocketAddress> mine;
        while (const auto leased = ports.lease(Proto::tcp, local, remote(1)))
            mine.push_back(*leased);
        ASSERT_EQ(mine.size(), quota);
        start([&] { EXPECT_TRUE(ports.release_all()); });
        for (int thread = 0; thread < 2; ++thread) {
            start([&] {
                for (const SocketAddress& each : mine)
                    (void)ports.release(Proto::tcp, each, remote(1));  // another may have been there first
            });
        }
        join();
        ASSERT_EQ(ports.size(), 0U);
    }
}

}  // namespace
}  // namespace xdemux::test::leases_test
