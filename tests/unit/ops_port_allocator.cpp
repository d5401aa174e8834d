// SPDX-License-Identifier: BSD-2-Clause
// The allocator over a ledger in memory: what is leased, to whom, and when it is free again; across allocators, threads
// and owners that die.
#include <array>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <xdemux/ops/leases.h>
#include <xdemux/ops/port_allocator.h>

namespace xdemux::test::ops_port_allocator {
namespace {

using ::testing::HasSubstr;

const Address local = Address::ipv4({192, 0, 2, 1});
constexpr std::uint64_t second = 1'000'000'000;

SocketAddress remote(std::uint8_t last = 7) {
    return {Address::ipv4({198, 51, 100, last}), 443};
}

class MemoryLedger : public LeaseLedger {
  public:
    Result<bool> claim(const FlowKey& key, const LeaseFacts& facts) override {
        const std::scoped_lock lock(mutex_);
        if (leases_.size() >= room) return fail(ErrorKind::full, "no room");
        LeaseFacts claimed = facts;
        claimed.touched_ns = now;
        const bool done = leases_.emplace(key, claimed).second;
        if (on_claim) on_claim(key);
        return done;
    }
    Result<std::optional<Lease>> find(const FlowKey& key) override {
        const std::scoped_lock lock(mutex_);
        const auto found = leases_.find(key);
        if (found == leases_.end()) return std::optional<Lease>();
        return Lease{key, found->second};
    }
    Result<bool> erase(const Lease& expected) override {
        const std::scoped_lock lock(mutex_);
        const auto found = leases_.find(expected.key);
        if (found == leases_.end() || found->second != expected.facts) return false;
        leases_.erase(found);
        return true;
    }
    Result<bool> erase_unused(const FlowKey& key, std::uint32_t owner) override {
        {
            const std::scoped_lock lock(mutex_);
            const auto found = leases_.find(key);
            if (found == leases_.end() || found->second.owner != owner || found->second.state != LeaseState::leased)
                return false;
            leases_.erase(found);
        }
        if (on_erase) std::exchange(on_erase, {})();
        return true;
    }
    Result<bool> change(const Lease& expected, LeaseState state) override {
        const std::scoped_lock lock(mutex_);
        const auto found = leases_.find(expected.key);
        if (found == leases_.end() || found->second.state != expected.facts.state) return false;
        found->second.state = state;
        return true;
    }
    Status for_each(const std::function<bool(const Lease&)>& each) override {
        if (broken) return fail(ErrorKind::failed, "cannot be read");
        std::map<FlowKey, LeaseFacts> copy;
        {
            const std::scoped_lock lock(mutex_);
            copy = leases_;
        }
        for (const auto& [key, facts] : copy)
            if (!each({key, facts})) break;
        return {};
    }
    std::uint64_t now_ns() const override { return now; }

    /// A packet of the lease, as the data path notes it.
    void packet(const FlowKey& key, LeaseState state) {
        leases_.at(key).state = state;
        leases_.at(key).touched_ns = now;
    }
    [[nodiscard]] std::size_t size() const { return leases_.size(); }

    std::uint64_t now = 1000 * second;
    std::size_t room = 1'000'000;
    bool broken = false;                           ///< it cannot be walked
    std::function<void(const FlowKey&)> on_claim;  ///< what happens just after one
    std::function<void()> on_erase;                ///< just after the next one of an unused lease

  private:
    std::mutex mutex_;
    std::map<FlowKey, LeaseFacts> leases_;
};

class MemoryHost : public LeaseHost {
  public:
    Result<bool> is_local(const Address& address) override { return address == local; }
    Result<PortSet> taken(Proto /*proto*/, const Address& /*local*/) override { return held; }
    bool lives(const ProcessId& process) override { return !dead.contains(process.pid); }
    Result<ProcessId> self() override { return ProcessId{++last_pid, 1}; }
    Result<EphemeralSettings> kernel_ports() override { return kernel; }
    Result<LeaseRegister> read() override {
        const std::scoped_lock lock(mutex_);
        return owners;
    }
    Status change(const std::function<Status(LeaseRegister&)>& change) override {
        const std::scoped_lock lock(mutex_);
        LeaseRegister after = owners;
        if (auto changed = change(after); !changed) return changed;
        kernel.reserved.remove(owners.reserved);
        kernel.reserved.add(after.reserved);
        owners = after;
        ++generation_;
        return {};
    }
    std::uint64_t generation() override { return generation_; }
    /// A listener is added, as the tools do it.
    void listen(std::uint16_t port) {
        held.add(PortRange::one(port));
        ++generation_;
    }

    PortSet held;
    EphemeralSettings kernel{{32768, 60999}, {}};
    std::set<int> dead;
    LeaseRegister owners;
    int last_pid = 100;

  private:
    std::mutex mutex_;
    std::atomic<std::uint64_t> generation_{1};
};

class Allocator : public ::testing::Test {
  protected:
    PortAllocator open(PortAllocatorOptions options) {
        auto opened = PortAllocator::open(ledger_, host_, options);
        if (!opened) throw std::runtime_error(opened.error().message());
        return std::move(*opened);
    }
    PortAllocator open(const std::string& name = "crawler", PortRange range = {62000, 62009}) {
        PortAllocatorOptions options;
        options.owner = name;
        options.range = range;
        return open(options);
    }
    PortAllocator open_limited(std::uint32_t quota) {
        PortAllocatorOptions options;
        options.owner = "limited";
        options.range = PortRange{62000, 62009};
        options.quota = quota;
        return open(options);
    }
    static FlowKey key(const SocketAddress& mine, const SocketAddress& theirs = remote()) {
        return {Proto::tcp, mine, theirs};
    }
    static std::string failure(const Result<SocketAddress>& result) {
        return result ? result->to_string() : result.error().message();
    }

    std::shared_ptr<MemoryLedger> ledger_ = std::make_shared<MemoryLedger>();
    std::shared_ptr<MemoryHost> host_ = std::make_shared<MemoryHost>();
};

TEST_F(Allocator, LeasesEveryPortOnceThenTellsTheArithmetic) {
    auto ports = open();
    std::set<std::uint16_t> given;
    for (int i = 0; i < 10; ++i) {
        const auto leased = ports.lease(Proto::tcp, local, remote());
        ASSERT_TRUE(leased) << leased.error().message();
        EXPECT_TRUE(given.insert(leased->port).second);
    }
    EXPECT_EQ(*given.begin(), 62000);
    EXPECT_EQ(*given.rbegin(), 62009);
    const auto none = ports.lease(Proto::tcp, local, remote());
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind(), ErrorKind::full);
    EXPECT_EQ(none.error().message(),
              "no port of 62000-62009 is left for tcp from 192.0.2.1 to 198.51.100.7:443: all 10 are taken; 10 ports / "
              "60 s of TIME_WAIT = 0.2 connections per second to one destination; lease from more addresses or a wider "
              "range, or allow to reuse TIME_WAIT");
    EXPECT_TRUE(ports.lease(Proto::tcp, local, remote(8)));
    EXPECT_TRUE(ports.lease(Proto::udp, local, remote()));
    EXPECT_EQ(ports.size(), 12U);
}

TEST_F(Allocator, TwoAllocatorsNeverShareATuple) {
    auto one = open("one");
    auto other = open("other");
    std::set<std::uint16_t> given;
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(given.insert(one.lease(Proto::tcp, local, remote())->port).second);
        EXPECT_TRUE(given.insert(other.lease(Proto::tcp, local, remote())->port).second);
    }
    EXPECT_FALSE(one.lease(Proto::tcp, local, remote()));
    // What the other gives back is found, once the search is allowed to begin anew.
    ASSERT_TRUE(other.release_all());
    ledger_->now += second;
    EXPECT_TRUE(one.lease(Proto::tcp, local, remote()));
}

TEST_F(Allocator, GivesBackWhatWasNeverUsedAtOnceAndTheRestAfterTimeWait) {
    auto ports = open("crawler", {62000, 62001});
    const auto unused = ports.lease(Proto::tcp, local, remote());
    const auto used = ports.lease(Proto::tcp, local, remote());
    ASSERT_TRUE(unused && used);
    ASSERT_TRUE(ports.release(Proto::tcp, *unused, remote()));
    EXPECT_EQ(ports.lease(Proto::tcp, local, remote())->port, unused->port);
    ledger_->packet(key(*used), LeaseState::in_use);
    ASSERT_TRUE(ports.release(Proto::tcp, *used, remote()));
    EXPECT_EQ(ledger_->find(key(*used)).value()->facts.state, LeaseState::time_wait);
    EXPECT_TRUE(ports.release(Proto::tcp, *used, remote()));
    ledger_->now += 59 * second;
    EXPECT_FALSE(ports.lease(Proto::tcp, local, remote()));
    ledger_->now += second;
    EXPECT_EQ(failure(ports.lease(Proto::tcp, local, remote())), used->to_string());
    EXPECT_EQ(ports.size(), 2U);
}

TEST_F(Allocator, ReusesTimeWaitOnlyWhenAskedAndAfterASecond) {
    PortAllocatorOptions options;
    options.range = PortRange{62000, 62001};
    options.reuse_time_wait = true;
    auto ports = open(options);
    const auto first = ports.lease(Proto::tcp, local, remote());
    ASSERT_TRUE(first && ports.lease(Proto::tcp, local, remote()));
    ledger_->packet(key(*first), LeaseState::time_wait);
    EXPECT_FALSE(ports.lease(Proto::tcp, local, remote()));
    ledger_->now += second;
    EXPECT_EQ(failure(ports.lease(Proto::tcp, local, remote())), first->to_string());
}

TEST_F(Allocator, RefusesToReleaseWhatBelongsToAnother) {
    auto one = open("one");
    auto other = open("other");
    const auto leased = one.lease(Proto::tcp, local, remote());
    ASSERT_TRUE(leased);
    const auto refused = other.release(Proto::tcp, *leased, remote());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::in_use);
    EXPECT_EQ(refused.error().message(), fmt::format("cannot release tcp {} 198.51.100.7:443: it belongs to \"one\" "
                                                     "(101), not to \"other\"",
                                                     leased->to_string()));
    const auto unknown = other.release(Proto::tcp, {local, 62000}, remote(9));
    EXPECT_EQ(unknown.error().kind(), ErrorKind::not_found);
}

TEST_F(Allocator, LeavesOutListenersSocketsAndReservedPorts) {
    host_->held = PortSet::parse("62000-62003").value();
    host_->kernel.reserved = PortSet::parse("62004,62005").value();
    auto ports = open();
    std::set<std::uint16_t> given;
    while (const auto leased = ports.lease(Proto::tcp, local, remote()))
        given.insert(leased->port);
    EXPECT_EQ(given, (std::set<std::uint16_t>{62006, 62007, 62008, 62009}));
}

TEST_F(Allocator, GivesWayToAListenerThatComesWhileItLeases) {
    auto ports = open();
    std::set<std::uint16_t> listened;
    ledger_->on_claim = [&](const FlowKey& claimed) {
        if (listened.size() == 2) return;
        listened.insert(claimed.local.port);
        host_->listen(claimed.local.port);
    };
    const auto leased = ports.lease(Proto::tcp, local, remote());
    ASSERT_TRUE(leased) << leased.error().message();
    EXPECT_EQ(listened.size(), 2U);
    EXPECT_FALSE(listened.contains(leased->port));
    EXPECT_EQ(ledger_->size(), 1U) << "what gave way is given back";
    std::set<std::uint16_t> given{leased->port};
    while (const auto more = ports.lease(Proto::tcp, local, remote()))
        given.insert(more->port);
    EXPECT_EQ(given.size(), 8U);
}

TEST_F(Allocator, KeepsItsRangeFromTheKernelAsLongAsThereAreOwners) {
    host_->kernel.reserved = PortSet::parse("40000,50000").value();
    {
        auto ports = open("crawler", {49990, 50009});
        EXPECT_EQ(host_->kernel.reserved.to_string(), "40000,49990-50009");
    }
    EXPECT_EQ(host_->kernel.reserved.to_string(), "40000,50000");
    EXPECT_TRUE(host_->owners.owners.empty());
}

TEST_F(Allocator, TakesWhatIsAboveTheKernelsRangeUnlessOneIsNamed) {
    PortAllocatorOptions options;
    EXPECT_EQ(open(options).range(), (PortRange{61000, 65535}));
    host_->kernel.range = {1024, 65000};
    const auto none = PortAllocator::open(ledger_, host_, options);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind(), ErrorKind::full);
    options.range = PortRange{1024, 65535};
    const auto all = PortAllocator::open(ledger_, host_, options);
    ASSERT_FALSE(all);
    EXPECT_EQ(all.error().kind(), ErrorKind::usage);
    EXPECT_THAT(all.error().message(), HasSubstr("takes the kernel every port of its own"));
}

TEST_F(Allocator, RefusesBadInput) {
    auto ports = open();
    EXPECT_EQ(failure(ports.lease(Proto::tcp, Address::ipv4({203, 0, 113, 9}), remote())),
              "203.0.113.9 is not an address of this host");
    EXPECT_EQ(ports.lease(Proto::tcp, Address::any(Family::ipv6), remote()).error().kind(), ErrorKind::usage);
    EXPECT_EQ(ports.lease(Proto::tcp, local, {remote().address, 0}).error().kind(), ErrorKind::usage);
    PortAllocatorOptions options;
    options.owner = "a b";
    EXPECT_EQ(PortAllocator::open(ledger_, host_, options).error().message(),
              "owner name \"a b\" is not 1 to 31 characters of A-Z a-z 0-9 . _ -");
    options = {};
    options.times.ttl = std::chrono::seconds(86'401);
    EXPECT_EQ(PortAllocator::open(ledger_, host_, options).error().message(), "ttl of 86401 s is outside 0-86400 s");
    options.times.ttl = LeaseTimes::longest;
    EXPECT_TRUE(PortAllocator::open(ledger_, host_, options));
    options.times.quarantine = std::chrono::seconds(-1);
    EXPECT_EQ(PortAllocator::open(ledger_, host_, options).error().kind(), ErrorKind::usage);
    ledger_->room = 0;
    EXPECT_EQ(failure(ports.lease(Proto::tcp, local, remote())), "no room");
}

TEST_F(Allocator, HoldsToAQuota) {
    PortAllocatorOptions options;
    options.range = PortRange{62000, 62009};
    options.quota = 3;
    auto ports = open(options);
    ASSERT_TRUE(ports.lease_block(Proto::tcp, local, 2));
    ASSERT_TRUE(ports.lease(Proto::tcp, local, remote()));
    const auto more = ports.lease(Proto::tcp, local, remote());
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().kind(), ErrorKind::full);
    EXPECT_EQ(more.error().message(),
              "owner \"xdemux\" has 3 ports and a quota of 3: no room for 1; give some back, or raise the quota");
}

TEST_F(Allocator, WhatPacketsEndedIsNoPartOfTheQuota) {
    auto ports = open_limited(2);
    const auto closed = ports.lease(Proto::tcp, local, remote());
    ASSERT_TRUE(closed && ports.lease(Proto::tcp, local, remote()));
    EXPECT_EQ(ports.lease(Proto::tcp, local, remote()).error().kind(), ErrorKind::full);
    ledger_->packet(key(*closed), LeaseState::time_wait);
    EXPECT_TRUE(ports.release(Proto::tcp, *closed, remote()));
    EXPECT_EQ(ports.size(), 1U);
    ledger_->now += second;
    EXPECT_TRUE(ports.lease(Proto::tcp, local, remote()));
    EXPECT_FALSE(ports.lease(Proto::tcp, local, remote()));
}

TEST_F(Allocator, WhatOthersFreedIsNoPartOfTheQuota) {
    auto ports = open_limited(3);
    const auto block = ports.lease_block(Proto::tcp, local, 2);
    ASSERT_TRUE(block && ports.lease(Proto::tcp, local, remote()));
    EXPECT_EQ(ports.lease_block(Proto::tcp, local, 1).error().kind(), ErrorKind::full);
    ASSERT_TRUE(release_block(*host_, *block, "limited"));
    ledger_->now += second;
    EXPECT_TRUE(ports.lease_block(Proto::tcp, local, 1));
    EXPECT_EQ(ports.lease_block(Proto::tcp, local, 2).error().kind(), ErrorKind::full);
}

TEST_F(Allocator, APortThatIsReusedInTimeWaitCountsOnce) {
    PortAllocatorOptions options;
    options.owner = "limited";
    options.range = PortRange{62000, 62000};
    options.quota = 1;
    options.reuse_time_wait = true;
    auto ports = open(options);
    const auto first = ports.lease(Proto::tcp, local, remote());
    ASSERT_TRUE(first);
    ledger_->packet(key(*first), LeaseState::in_use);
    ASSERT_TRUE(ports.release(Proto::tcp, *first, remote()));
    EXPECT_EQ(ports.size(), 0U);
    ledger_->now += second;
    EXPECT_EQ(failure(ports.lease(Proto::tcp, local, remote())), first->to_string());
    EXPECT_EQ(ports.size(), 1U);
    EXPECT_EQ(failure(ports.lease(Proto::tcp, local, remote(8))),
              "owner \"limited\" has 1 ports and a quota of 1: no room for 1; give some back, or raise the quota");
}

TEST_F(Allocator, WhatIsGivenBackByTwoAtOnceCountsOnce) {
    auto ports = open_limited(2);
    const auto one = ports.lease(Proto::tcp, local, remote());
    ASSERT_TRUE(one && ports.lease(Proto::tcp, local, remote()));
    ledger_->on_erase = [&] { std::thread([&] { EXPECT_EQ(ports.release_all(), 1U); }).join(); };
    ASSERT_TRUE(ports.release(Proto::tcp, *one, remote()));
    EXPECT_EQ(ports.size(), 0U);
    EXPECT_TRUE(ports.lease(Proto::tcp, local, remote()));
    EXPECT_TRUE(ports.lease(Proto::tcp, local, remote()));
    EXPECT_EQ(ports.lease(Proto::tcp, local, remote()).error().kind(), ErrorKind::full);
}

TEST_F(Allocator, AnOwnerWhosePortsCannotBeCountedIsAsItWas) {
    PortAllocatorOptions options;
    options.owner = "nat";
    options.bound_to_process = false;
    options.range = PortRange{62000, 62009};
    options.quota = 2;
    const SocketAddress leased = open(options).lease(Proto::tcp, local, remote()).value();
    const LeaseRegister before = host_->owners;
    ledger_->broken = true;
    options.range = PortRange{63000, 63009};
    EXPECT_EQ(PortAllocator::open(ledger_, host_, options).error().message(), "cannot be read");
    EXPECT_EQ(host_->owners, before);
    EXPECT_EQ(host_->kernel.reserved.to_string(), "62000-62009");
    options.owner = "new";
    EXPECT_TRUE(PortAllocator::open(ledger_, host_, options)) << "there is nothing to count";
    ledger_->broken = false;
    EXPECT_TRUE(ledger_->find(key(leased)).value());
}

TEST_F(Allocator, AnOwnerThatLeasesNothingMoreIsAsItWas) {
    PortAllocatorOptions options;
    options.owner = "nat";
    options.bound_to_process = false;
    options.range = PortRange{62000, 62009};
    ASSERT_TRUE(open(options).lease(Proto::tcp, local, remote()));
    const LeaseRegister before = host_->owners;
    options.range = PortRange{63000, 63009};
    options.times.ttl = std::chrono::seconds(10);
    EXPECT_FALSE(open(options).lease(Proto::tcp, local, {remote().address, 0}));
    EXPECT_EQ(host_->owners, before);
    {
        auto ports = open(options);
        const auto back = ports.lease(Proto::tcp, local, remote());
        const auto block = ports.lease_block(Proto::tcp, local, 2);
        ASSERT_TRUE(back && ports.release(Proto::tcp, *back, remote()) && block && ports.release_block(*block));
    }
    EXPECT_EQ(host_->owners, before);
    EXPECT_EQ(host_->kernel.reserved.to_string(), "62000-62009");
    auto other = open(options);
    {
        options.owner = "other";
        auto beside = open(options);
        auto gone = std::move(other);
    }
    EXPECT_EQ(host_->kernel.reserved.to_string(), "62000-62009,63000-63009") << "another came since";
    options.owner = "nat";
    ASSERT_TRUE(open(options).lease(Proto::tcp, local, remote()));
    EXPECT_EQ(host_->owners.owners.front().times.ttl, options.times.ttl);
}

TEST_F(Allocator, ABlockIsOfOneOwnerWhateverTheDestination) {
    auto one = open("one");
    auto other = open("other");
    const auto leased = other.lease(Proto::tcp, local, remote());
    const auto block = one.lease_block(Proto::tcp, local, 5);
    ASSERT_TRUE(leased && block) << block.error().message();
    EXPECT_FALSE(block->ports.covers(leased->port));
    EXPECT_EQ(block->ports.last - block->ports.first, 4);
    for (std::uint8_t to = 0; to < 20; ++to) {
        const auto each = other.lease(Proto::tcp, local, remote(to));
        ASSERT_TRUE(each);
        EXPECT_FALSE(block->ports.covers(each->port)) << each->port;
    }
    EXPECT_TRUE(other.lease_block(Proto::udp, local, 10));
    const auto refused = other.release_block(*block);
    EXPECT_EQ(refused.error().kind(), ErrorKind::in_use);
    EXPECT_EQ(one.lease_block(Proto::tcp, local, 6).error().kind(), ErrorKind::full);
    EXPECT_EQ(one.lease_block(Proto::tcp, local, 11).error().kind(), ErrorKind::usage);
    ASSERT_TRUE(one.release_block(*block));
    EXPECT_EQ(one.release_block(*block).error().kind(), ErrorKind::not_found);
}

TEST_F(Allocator, ABlockIsNotPutOverLeases) {
    auto one = open("one");
    auto other = open("other");
    for (int i = 0; i < 10; ++i)
        ASSERT_TRUE(other.lease(Proto::tcp, local, remote()));
    for (std::uint16_t port = 62000; port < 62010; ++port) {
        if (port != 62005) {
            ASSERT_TRUE(other.release(Proto::tcp, {local, port}, remote()));
        }
    }
    EXPECT_EQ(one.lease_block(Proto::tcp, local, 6).error().kind(), ErrorKind::full);
    EXPECT_EQ(one.lease_block(Proto::tcp, local, 5)->ports, (PortRange{62000, 62004}));
}

TEST_F(Allocator, WhatADeadOwnerHeldIsInQuarantineThenFree) {
    auto living = open("living", {62000, 62001});
    PortAllocatorOptions options;
    options.owner = "killed";
    options.range = PortRange{62000, 62001};
    options.process = ProcessId{4711, 5};
    auto killed = open(options);
    const auto leased = killed.lease(Proto::tcp, local, remote());
    ASSERT_TRUE(leased && killed.lease_block(Proto::udp, local, 2));
    ASSERT_TRUE(living.lease(Proto::tcp, local, remote()));
    ledger_->now += 3600 * second;
    ASSERT_EQ(living.sweep(), 0U);
    host_->dead = {4711};
    ASSERT_EQ(living.sweep(), 0U) << "the quarantine begins when it is noticed";
    ledger_->now += 59 * second;
    EXPECT_FALSE(living.lease(Proto::tcp, local, remote()));
    ledger_->now += second;
    ASSERT_EQ(living.sweep(), 1U);
    EXPECT_EQ(failure(living.lease(Proto::tcp, local, remote())), leased->to_string());
    EXPECT_EQ(host_->owners.owners.size(), 1U);
    EXPECT_TRUE(living.lease_block(Proto::udp, local, 2));
}

TEST_F(Allocator, LeasesEndWithTheirTimeWithoutAPacket) {
    PortAllocatorOptions options;
    options.range = PortRange{62000, 62001};
    options.times.ttl = std::chrono::seconds(10);
    auto ports = open(options);
    const auto idle = ports.lease(Proto::tcp, local, remote());
    const auto busy = ports.lease(Proto::tcp, local, remote());
    ASSERT_TRUE(idle && busy);
    ledger_->now += 9 * second;
    ledger_->packet(key(*busy), LeaseState::in_use);
    ledger_->now += second;
    EXPECT_EQ(ports.sweep(), 1U);
    EXPECT_FALSE(ledger_->find(key(*idle)).value());
    EXPECT_TRUE(ledger_->find(key(*busy)).value());
    EXPECT_EQ(ports.size(), 1U);
}

TEST_F(Allocator, AnOwnerWithoutProcessGoesOnUnderItsName) {
    PortAllocatorOptions options;
    options.owner = "nat";
    options.bound_to_process = false;
    options.range = PortRange{62000, 62009};
    options.quota = 2;
    SocketAddress leased;
    {
        auto ports = open(options);
        leased = ports.lease(Proto::tcp, local, remote()).value();
    }
    auto again = open(options);
    EXPECT_EQ(again.size(), 1U);
    ASSERT_TRUE(again.lease(Proto::tcp, local, remote()));
    EXPECT_FALSE(again.lease(Proto::tcp, local, remote()));
    EXPECT_TRUE(again.release(Proto::tcp, leased, remote()));
    EXPECT_EQ(again.release_all(), 1U);
    EXPECT_TRUE(host_->owners.owners.empty());
}

TEST_F(Allocator, IsSafeForManyThreads) {
    auto ports = open("crawler", {61000, 62999});
    std::array<std::set<std::uint16_t>, 4> given;
    std::vector<std::thread> threads;
    for (auto& mine : given) {
        threads.emplace_back([&] {
            for (int i = 0; i < 500; ++i) {
                const auto leased = ports.lease(Proto::tcp, local, remote());
                if (!leased) continue;
                if (i % 5 == 0) {
                    (void)ports.release(Proto::tcp, *leased, remote());
                } else {
                    mine.insert(leased->port);
                }
            }
        });
    }
    for (auto& thread : threads)
        thread.join();
    std::set<std::uint16_t> all;
    for (const auto& mine : given)
        for (const std::uint16_t port : mine)
            EXPECT_TRUE(all.insert(port).second) << port;
    EXPECT_EQ(all.size(), 1600U);
    EXPECT_EQ(ledger_->size(), 1600U);
    EXPECT_EQ(ports.size(), 1600U);
}

TEST(LeaseRegisterText, IsReadAsItWasWritten) {
    LeaseRegister owners;
    owners.table = 77;
    owners.next_id = 9;
    owners.reserved = PortSet::parse("61000-65535").value();
    LeaseOwner owner;
    owner.id = 3;
    owner.name = "crawler";
    owner.process = ProcessId{4711, 99};
    owner.quota = 5;
    owner.times.ttl = std::chrono::seconds(30);
    owner.gone_ns = 12;
    owner.blocks = {{Proto::udp, Address::parse("2001:db8::1").value(), {61000, 61063}}};
    owners.owners = {owner, {8, "nat", {}, 0, {}, {}, {}}};
    EXPECT_EQ(parse_lease_register(to_text(owners)), owners);
    EXPECT_EQ(parse_lease_register(to_text(LeaseRegister{})), LeaseRegister{});
    for (const char* text : {"", "xdemux leases 2\n", "xdemux leases 1\nowner x\n", "xdemux leases 1\nfrob 1\n",
                             "xdemux leases 1\nblock tcp 192.0.2.1 1 2\n"})
        EXPECT_EQ(parse_lease_register(text), std::nullopt) << text;
}

}  // namespace
}  // namespace xdemux::test::ops_port_allocator
