// SPDX-License-Identifier: BSD-2-Clause
// The flow table as the data path reads it: wherever a flow lives, whatever a writer does meanwhile; and what packets
// do to counters and leases.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <string>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xdemux/kernel/flow_store.h>

#include "../unit/support/stepping.h"
#include "support/expectation.h"
#include "support/testbed.h"

// The skeleton names the types of the program's variables as C does.
using xdemux::contract::blocking;
using xdemux::contract::local_hot;
using xdemux::contract::settings;
using xdemux::contract::watch;
#include "flow_insert.skel.h"

namespace xdemux::test::flow_table_test {
namespace {

constexpr std::uint16_t port = 443;

/// A map of the program, mapped, so that entries are put there as no user of the table would.
class Mapped {
  public:
    Mapped(const Program& program, const std::string& name) {
        for (const auto& [each, info] : program.maps()) {
            if (each != name) continue;
            fd_ = ::bpf_map_get_fd_by_id(info.id);
            size_ = std::size_t{info.max_entries} * info.value_size;
        }
        data_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
        if (data_ == MAP_FAILED) throw std::runtime_error("cannot map " + name);
    }
    Mapped(Mapped&&) = delete;
    ~Mapped() {
        ::munmap(data_, size_);
        ::close(fd_);
    }
    template <typename T>
    [[nodiscard]] std::span<T> as() const {
        return {static_cast<T*>(data_), size_ / sizeof(T)};
    }

  private:
    int fd_ = -1;
    std::size_t size_ = 0;
    void* data_ = nullptr;
};

std::string address(bool ipv6, std::uint32_t number) {
    if (ipv6) return fmt::format("2001:db8:f::{:x}:{:x}", number >> 16U, number & 0xffffU);
    return fmt::format("10.{}.{}.{}", number >> 16U & 0xffU, number >> 8U & 0xffU, number & 0xffU);
}

struct Peer {
    std::uint32_t address = 0;
    std::uint16_t port = 0;
};

flow_key key_of(bool ipv6, const Peer& peer) {
    const IpAddress here = ip_address(ipv6 ? host_ipv6 : host_ipv4), there = ip_address(address(ipv6, peer.address));
    flow_key key{};
    std::copy(here.bytes.begin(), here.bytes.end(), key.local_addr);
    std::copy(there.bytes.begin(), there.bytes.end(), key.remote_addr);
    key.local_port = port;
    key.remote_port = peer.port;
    key.proto = PROTO_TCP;
    key.family = ipv6 ? FAMILY_IPV6 : FAMILY_IPV4;
    return key;
}

Packet packet_of(bool ipv6, const Peer& peer) {
    const std::string from = address(ipv6, peer.address);
    return (ipv6 ? eth().ipv6(from, host_ipv6) : eth().ipv4(from, host_ipv4)).tcp(peer.port, port).ack(1);
}

/// Line, word and tag.
std::uint64_t home_of(const settings& settings, const flow_key& key) {
    __u64 words[4];
    std::memcpy(words, key.local_addr, 16);
    std::memcpy(words + 2, key.remote_addr, 16);
    const std::uint32_t ports = key.local_port | static_cast<std::uint32_t>(key.remote_port) << 16U;
    const std::uint64_t hash =
        key.family == FAMILY_IPV6
            ? flow_hash_ipv6(&settings.flow_seeds, words, words + 2, ports, key.proto)
            : flow_hash_ipv4(&settings.flow_seeds, (words[0] & 0xffffffff) | words[2] << 32U, ports, key.proto);
    return std::uint64_t{flow_line_of(hash, settings.flow_lines)} << 32U | flow_word_of(hash) << 8U | flow_tag_of(hash);
}

/// Two flows of one home that take turns in its first place, and a third of the second's address and the first's port,
/// which was never inserted.
struct Turns {
    Peer first, second, mixture;
};

Turns find_turns(const settings& settings, bool ipv6) {
    const Peer first{1, 7};
    const auto is_home = [&, home = home_of(settings, key_of(ipv6, first))](const Peer& peer) {
        return home_of(settings, key_of(ipv6, peer)) == home;
    };
    Peer mixture{2, 7};
    while (!is_home(mixture))
        mixture.address++;
    Peer second{mixture.address, 8};
    while (!is_home(second))
        second.port++;
    return {first, second, mixture};
}

class FlowTablePath : public ::testing::Test {
  protected:
    FlowTablePath() {
        program().add_local(host_ipv4);
        program().add_local(host_ipv6);
    }
    Program& program() { return program_; }

    struct View {
        View(const Program& program, bool ipv6)
            : lines(program, ipv6 ? "flow_lines6" : "flow_lines4"),
              entries(program, ipv6 ? "flows6" : "flows4"),
              store(ipv6 ? FAMILY_IPV6 : FAMILY_IPV4, program.settings().flow_seeds,
                    {lines.as<flow_line>(), entries.as<std::uint64_t>()}),
              writer(store, 1, [](std::uint32_t) { return false; }) {}
        Mapped lines;
        Mapped entries;
        FlowStore store;
        FlowStore::Writer writer;
    };

    /// So many others of the line and word of `first`, with other tags.
    std::vector<Peer> crowd_of(const Peer& first, bool ipv6, std::uint32_t count) {
        const std::uint64_t home = home_of(program().settings(), key_of(ipv6, first));
        std::vector<Peer> peers;
        for (Peer peer{1'000'000, 7}; peers.size() < count; peer.address++) {
            const std::uint64_t its = home_of(program().settings(), key_of(ipv6, peer));
            if (its >> 8U == home >> 8U && its != home) peers.push_back(peer);
        }
        return peers;
    }

    /// A flow of the test bed's, put in place of the one there may be.
    void put(bool ipv6, std::uint16_t remote_port, const FlowFacts& facts) {
        program().add_flow(PROTO_TCP, local(ipv6), port, remote(ipv6), remote_port, TARGET_PASS);
        const View view(program(), ipv6);
        const flow_key key = find(view, remote_port);
        view.writer.erase(key);
        ASSERT_EQ(view.writer.insert(key, facts), FlowStore::Inserted::done);
    }
    static flow_key find(const View& view, std::uint16_t remote_port) {
        for (std::uint32_t place = 0; place < view.store.places(); place++) {
            const auto found = view.store.at(place);
            if (found && found->key.remote_port == remote_port) return found->key;
        }
        throw std::runtime_error("no such flow");
    }
    FlowFacts facts(bool ipv6, std::uint16_t remote_port) {
        return program().flow(PROTO_TCP, local(ipv6), port, remote(ipv6), remote_port);
    }
    [[nodiscard]] flow_carry carried(bool ipv6) {
        const View view(program(), ipv6);
        const auto found = view.store.find(find(view, peer_port)).value();
        const flow_carry_key key{found.place, found.life, static_cast<__u16>(ipv6 ? FAMILY_IPV6 : FAMILY_IPV4)};
        flow_carry carry{};
        for (const auto& [name, info] : program().maps()) {
            if (name != "flow_carries") continue;
            const int fd = ::bpf_map_get_fd_by_id(info.id);
            EXPECT_EQ(::bpf_map_lookup_elem(fd, &key, &carry), 0);
            ::close(fd);
        }
        return carry;
    }
    /// Runs a packet of the flow and says what state it is in then.
    flow_state state_after(bool ipv6, const Packet& packet) {
        program().run(packet);
        return facts(ipv6, peer_port).state;
    }
    static std::string_view local(bool ipv6) { return ipv6 ? host_ipv6 : host_ipv4; }
    static std::string_view remote(bool ipv6) { return ipv6 ? peer_ipv6 : peer_ipv4; }
    static Packet from(bool ipv6, std::uint16_t remote_port) {
        return (ipv6 ? ip6() : ip4()).tcp(remote_port, port).ack(1);
    }

  private:
    Program& program_ = Program::shared(enforce(VERDICT_DROP));
};

TEST_F(FlowTablePath, FindsEveryFlowOfATableThatIsNearlyFull) {
    for (const bool ipv6 : {false, true}) {
        SCOPED_TRACE(local(ipv6));
        const auto flows = static_cast<std::uint16_t>(View(program(), ipv6).store.places() * 95 / 100);
        for (std::uint16_t i = 1; i <= flows; i++)
            program().add_flow(PROTO_TCP, local(ipv6), port, remote(ipv6), i, TARGET_PASS);
        const auto count = View(program(), ipv6).store.count();
        EXPECT_EQ(count.flows, flows);
        EXPECT_GT(count.near, 0U);
        EXPECT_GT(count.far, 0U);
        for (std::uint16_t i = 1; i <= flows; i++)
            EXPECT_EQ(program().run(from(ipv6, i)).action, XDP_PASS) << i;
        for (std::uint16_t i = 1; i <= flows; i++) {
            EXPECT_EQ(facts(ipv6, i).packets, 1U) << i;
            EXPECT_EQ(program().run(from(ipv6, static_cast<std::uint16_t>(flows + i))).action, XDP_DROP) << i;
        }
    }
}

TEST_F(FlowTablePath, CarriesWhatAnEntryHasNoRoomFor) {
    for (const bool ipv6 : {false, true}) {
        FlowFacts nearly;
        nearly.packets = (1U << 22U) - 1;
        nearly.bytes = (std::uint64_t{1} << 39U) - 1;
        put(ipv6, peer_port, nearly);
        const std::size_t size = from(ipv6, peer_port).bytes().size();
        for (int i = 0; i < 3; i++)
            program().run(from(ipv6, peer_port));
        const FlowFacts kept = facts(ipv6, peer_port);
        EXPECT_EQ(kept.packets, 2U) << "the first of three filled it";
        EXPECT_TRUE(kept.more);
        EXPECT_EQ(kept.bytes, 3 * size - 1);
        const auto carry = carried(ipv6);
        EXPECT_EQ(carry.packets + kept.packets, nearly.packets + 3);
        EXPECT_EQ(carry.bytes + kept.bytes, nearly.bytes + 3 * size);
    }
}

TEST_F(FlowTablePath, LeavesTheStateOfAFlowThatIsNoLease) {
    for (const bool ipv6 : {false, true}) {
        put(ipv6, peer_port, {});
        EXPECT_EQ(state_after(ipv6, from(ipv6, peer_port).fin()), FLOW_ESTABLISHED);
        EXPECT_EQ(state_after(ipv6, from(ipv6, peer_port).rst()), FLOW_ESTABLISHED);
    }
}

TEST_F(FlowTablePath, MovesALeaseOnWithItsPackets) {
    FlowFacts leased;
    leased.state = FLOW_LEASED;
    leased.owner = 0xfeed;
    for (const bool ipv6 : {false, true}) {
        SCOPED_TRACE(local(ipv6));
        put(ipv6, peer_port, leased);
        EXPECT_EQ(facts(ipv6, peer_port).state, FLOW_LEASED);
        EXPECT_EQ(state_after(ipv6, from(ipv6, peer_port)), FLOW_IN_USE);
        EXPECT_EQ(state_after(ipv6, from(ipv6, peer_port)), FLOW_IN_USE);
        EXPECT_EQ(state_after(ipv6, from(ipv6, peer_port).fin()), FLOW_TIME_WAIT);
        EXPECT_EQ(state_after(ipv6, from(ipv6, peer_port).rst()), FLOW_TIME_WAIT) << "it rests whatever comes";
        put(ipv6, peer_port, leased);
        EXPECT_EQ(state_after(ipv6, from(ipv6, peer_port).rst()), FLOW_QUARANTINE);
        EXPECT_EQ(facts(ipv6, peer_port).owner, 0xfeedU);
        EXPECT_EQ(facts(ipv6, peer_port).packets, 1U);
    }
}

/// In whatever state a writer leaves the table between two of its instructions: its flows in their own word, in another
/// of their line, in another line.
TEST_F(FlowTablePath, SeesInEachStateOfAWriterWhatTheLibrarySees) {
    for (const bool ipv6 : {false, true}) {
        for (const std::uint32_t crowd : {0U, FLOW_SLOTS + 0U, FLOW_LINE_PLACES + 0U}) {
            SCOPED_TRACE(fmt::format("{} beside {} flows", local(ipv6), crowd));
            put(ipv6, peer_port, {});
            const View view(program(), ipv6);
            const Turns turns = find_turns(program().settings(), ipv6);
            const auto beside = crowd_of(turns.first, ipv6, crowd);
            for (const Peer& peer : beside)
                ASSERT_EQ(view.writer.insert(key_of(ipv6, peer), {}), FlowStore::Inserted::done);
            // Made here, not step by step: a key takes some 2,000 instructions.
            const std::array keys = {key_of(ipv6, turns.first), key_of(ipv6, turns.second)};
            const auto work = [&] {
                for (const flow_key& key : keys) {
                    view.writer.insert(key, {});
                    view.writer.erase(key);
                }
            };
            int states = 0, found = 0;
            step_through({view.lines.as<const std::byte>(), view.entries.as<const std::byte>()}, work, [&] {
                ++states;
                for (const Peer& peer : {turns.first, turns.second}) {
                    const bool there = view.store.find(key_of(ipv6, peer)).has_value();
                    EXPECT_EQ(program().run(packet_of(ipv6, peer)).action, there ? XDP_PASS : XDP_DROP);
                    found += there ? 1 : 0;
                }
                EXPECT_EQ(program().run(packet_of(ipv6, turns.mixture)).action, XDP_DROP);
                EXPECT_EQ(program().run(from(ipv6, peer_port)).action, XDP_PASS);
                if (!beside.empty()) {
                    EXPECT_EQ(program().run(packet_of(ipv6, beside.back())).action, XDP_PASS);
                }
            });
            EXPECT_GE(states, 20);
            EXPECT_GT(found, 0);
            for (const Peer& peer : beside)
                view.writer.erase(key_of(ipv6, peer));
        }
    }
}

/// Beside a writer that inserts and erases two flows in one place, and is killed at it again and again.
TEST_F(FlowTablePath, NeverMatchesAMixtureNorMissesAFlowThatStays) {
    constexpr int rounds = 10, looks = 4000;
    for (const bool ipv6 : {false, true}) {
        SCOPED_TRACE(local(ipv6));
        put(ipv6, peer_port, {});
        const View view(program(), ipv6);
        const Turns turns = find_turns(program().settings(), ipv6);
        std::uint64_t mixtures = 0;
        for (int round = 0; round < rounds; round++) {
            const pid_t writer = ::fork();
            if (writer == 0) {
                for (;;)
                    for (const Peer& peer : {turns.first, turns.second}) {
                        view.writer.insert(key_of(ipv6, peer), {});
                        view.writer.erase(key_of(ipv6, peer));
                    }
            }
            for (int i = 0; i < looks; i++)
                mixtures += program().run(packet_of(ipv6, turns.mixture)).action == XDP_PASS ? 1 : 0;
            program().run(from(ipv6, peer_port));
            ::kill(writer, SIGKILL);
            ::waitpid(writer, nullptr, 0);
            const FlowStore::Writer heir(view.store, 2, [](std::uint32_t id) { return id == 1; });
            for (const Peer& peer : {turns.first, turns.second})
                EXPECT_NE(heir.erase(key_of(ipv6, peer)), FlowStore::Erased::busy);
            EXPECT_EQ(view.store.size(), 1U);
        }
        EXPECT_EQ(mixtures, 0U);
        EXPECT_EQ(facts(ipv6, peer_port).packets, std::uint64_t{rounds});
    }
}

/// What the program of flow_insert.bpf.c answers: enum flow_inserted.
enum Inserted { inserted, present, busy, no_room };

/// That program, on the maps of the shipped one.
class Inserter {
  public:
    explicit Inserter(const Program& program) : skeleton_(flow_insert::open()) {
        if (skeleton_ == nullptr) throw std::runtime_error("cannot open the inserter");
        skeleton_->rodata_settings->settings = program.settings();
        for (const auto& [name, info] : program.maps()) {
            bpf_map* map = ::bpf_object__find_map_by_name(skeleton_->obj, name.c_str());
            if (map == nullptr || !name.starts_with("flow")) continue;
            const int fd = ::bpf_map_get_fd_by_id(info.id);
            ::bpf_map__reuse_fd(map, fd);
            ::close(fd);
        }
        if (flow_insert::load(skeleton_) != 0) throw std::runtime_error("cannot load the inserter");
    }
    Inserter(Inserter&&) = delete;
    ~Inserter() { flow_insert::destroy(skeleton_); }

    int insert(const Packet& packet) {
        Bytes in = packet.bytes();
        bpf_test_run_opts options{};
        options.sz = sizeof(options);
        options.data_in = in.data();
        options.data_size_in = static_cast<__u32>(in.size());
        if (::bpf_prog_test_run_opts(::bpf_program__fd(skeleton_->progs.insert), &options) != 0)
            throw std::runtime_error("cannot run the inserter");
        return static_cast<int>(options.retval);
    }

  private:
    flow_insert* skeleton_;
};

TEST_F(FlowTablePath, TheDataPathInsertsWhatIsAbsent) {
    Inserter inserter(program());
    for (const bool ipv6 : {false, true}) {
        SCOPED_TRACE(local(ipv6));
        const View view(program(), ipv6);
        EXPECT_EQ(inserter.insert(from(ipv6, 1)), inserted);
        EXPECT_EQ(inserter.insert(from(ipv6, 1)), present);
        EXPECT_EQ(facts(ipv6, 1).target, TARGET_DROP);
        EXPECT_EQ(facts(ipv6, 1).owner, 0U);
        for (auto& line : view.lines.as<flow_line>())
            line.writer = 9;
        EXPECT_EQ(inserter.insert(from(ipv6, 2)), busy);
        for (auto& line : view.lines.as<flow_line>())
            line.writer = 0;
        std::uint16_t next = 2;
        while (inserter.insert(from(ipv6, next)) == inserted)
            next++;
        EXPECT_EQ(inserter.insert(from(ipv6, next)), no_room) << "in its own line";
        EXPECT_EQ(view.store.size(), next - 1U);
        EXPECT_GT(view.store.count().near, 0U);
        EXPECT_EQ(view.store.count().far, 0U);
        for (std::uint16_t i = 1; i < next; i++)
            EXPECT_TRUE(view.store.find(find(view, i)));
    }
}

TEST_F(FlowTablePath, OneOfTheDataPathAndAProcessGetsAFlow) {
    constexpr std::uint16_t flows = 500;
    Inserter inserter(program());
    for (const bool ipv6 : {false, true}) {
        SCOPED_TRACE(local(ipv6));
        const View view(program(), ipv6);
        int pipe[2];
        ASSERT_EQ(::pipe(pipe), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            std::uint32_t won = 0;
            for (std::uint16_t i = 1; i <= flows; i++) {
                flow_key key = key_of(ipv6, {0, i});
                const IpAddress peer = ip_address(remote(ipv6));
                std::copy(peer.bytes.begin(), peer.bytes.end(), key.remote_addr);
                won += view.writer.insert(key, {}) == FlowStore::Inserted::done ? 1 : 0;
            }
            ::_exit(::write(pipe[1], &won, sizeof won) == sizeof won ? 0 : 1);
        }
        std::uint32_t won = 0;
        for (std::uint16_t i = flows; i >= 1; i--) {
            int answer = busy;
            while (answer == busy)
                answer = inserter.insert(from(ipv6, i));
            EXPECT_NE(answer, no_room);
            won += answer == inserted ? 1 : 0;
        }
        std::uint32_t others = 0;
        EXPECT_EQ(::read(pipe[0], &others, sizeof others), static_cast<ssize_t>(sizeof others));
        ::waitpid(child, nullptr, 0);
        ::close(pipe[0]);
        ::close(pipe[1]);
        EXPECT_EQ(won + others, flows);
        EXPECT_EQ(view.store.size(), flows);
    }
}

}  // namespace
}  // namespace xdemux::test::flow_table_test
