// SPDX-License-Identifier: BSD-2-Clause
// The shipped program, loaded by its skeleton and run one packet at a time; its tables filled in the data path's own
// terms, without the library that fills them in production. It asserts nothing: see expectation.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <linux/bpf.h>

#include <xdemux/contract.h>

#include "support/flow_memory.h"
#include "support/packet_builder.h"

struct demux;
struct bpf_map;

namespace xdemux::test {

/// Enforce mode, closed endpoints pass, no host look-up, nothing to confirm, replies practically unlimited.
contract::settings enforce(contract::verdict closed = contract::VERDICT_PASS, bool host = false);
/// As enforce(), in monitor mode.
contract::settings monitor(contract::verdict closed = contract::VERDICT_PASS, bool host = false);

class BigTables;

/// What one run did: the XDP action, and the frame as it left the program.
struct RunResult {
    int action = XDP_ABORTED;
    Bytes frame;
};

struct TracedRun {
    int action = XDP_ABORTED;
    contract::trace trace{};
    Bytes frame;
};

/// A listener as the data path finds it. Port 0: all ports; ifindex 0: any device.
struct Entry {
    contract::proto proto = contract::PROTO_TCP;
    std::uint16_t port = 0;
    contract::target_kind target = contract::TARGET_PASS;
    std::uint32_t id = 1;
    std::uint32_t ifindex = 0;
    bool guarded = false;  // see add_guard()
};

/// What a guard admits.
struct Source {
    std::string_view address;
    std::uint32_t bits = 0;
};

/// How fast each source may send. packet_ns 0: as it likes.
struct Limit {
    std::uint64_t packet_ns = 0;
    std::uint64_t burst = 1;  // packets
};

/// What the network namespace's look-up of a socket was told.
struct LookUp {
    int verdict = SK_DROP;
    std::uint64_t cookie = 0;  // of the socket that was chosen; 0: none
};

using ReasonKey = std::pair<contract::reason, contract::verdict>;
using PortKey = std::pair<contract::proto, std::uint16_t>;

/// Of port_slots, port_counters and port_drops.
inline std::uint32_t index_of(const PortKey& key) {
    return static_cast<std::uint32_t>(key.first) << 16 | key.second;
}

/// Sums over the CPUs; rows that are zero are absent.
struct ReasonCounts : std::map<ReasonKey, contract::reason_counter> {};
struct PortCounts : std::map<PortKey, contract::traffic> {};

/// Every method throws std::runtime_error when the kernel refuses.
class Program {
  public:
    /// Loading takes most of a second; see shared(). The biggest tables are those of all programs (big_tables.h).
    explicit Program(const contract::settings& settings);
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    /// A program with these settings, its tables and counters (but those of listeners) empty. Those used last are kept
    /// loaded; a reference is good until others have taken their places.
    static Program& shared(const contract::settings& settings);

    /// Runs the frame as received on `ifindex` (0: the test bed's device).
    RunResult run(const Packet& packet, std::uint32_t ifindex = 0);
    /// As explain does it: with metadata in front of the frame that asks for a trace by `key`.
    TracedRun run_traced(const Packet& packet, std::uint64_t key, std::uint32_t ifindex = 0);

    void add_local(std::string_view address);
    /// Into the trie behind the first few addresses.
    void add_local_route(std::string_view prefix, std::uint32_t bits,
                         contract::local_source source = contract::LOCAL_BY_ROUTE);
    /// A frame's destination on the test bed's device.
    void add_link(std::string_view mac, contract::local_source source = contract::LOCAL_BY_LINK);
    void add_wildcard(const Entry& entry, contract::family family);
    void add_exact(const Entry& entry, std::string_view address);
    void add_prefix(const Entry& entry, std::string_view prefix, std::uint32_t bits);
    /// Of listeners with this id, which are to be `guarded`; in place of the one there may be. No sources: any.
    void add_guard(std::uint32_t listener, const std::vector<Source>& sources, const Limit& limit = {});
    void add_flow(contract::proto proto, std::string_view local, std::uint16_t local_port, std::string_view remote,
                  std::uint16_t remote_port, std::uint32_t target);

    ReasonCounts reasons() const;
    contract::traffic port(const PortKey& key) const;
    contract::traffic drops(const PortKey& key) const;
    PortCounts all_ports() const;
    PortCounts all_drops() const;
    /// What all rows of the port counters, and of the drops, have of the CPU that the test is pinned to; they are zero
    /// then.
    contract::traffic take_ports();
    contract::traffic take_drops();
    contract::traffic listener(std::uint32_t id) const;
    FlowFacts flow(contract::proto proto, std::string_view local, std::uint16_t local_port, std::string_view remote,
                   std::uint16_t remote_port) const;
    std::size_t remembered_fragments() const;
    /// As if what is remembered of first fragments had been seen so much earlier.
    void age_fragments(std::uint64_t ns);
    /// How many sources have used up some of a rate.
    std::size_t rated_sources() const;
    /// The credit for replies of the CPU that the test is pinned to.
    contract::reject_limit reject_limit() const;
    void set_reject_limit(const contract::reject_limit& limit);

    /// That of listeners and local routes: even, and another one whenever they changed.
    [[nodiscard]] std::uint32_t epoch() const { return epoch_; }
    void set_epoch(std::uint32_t epoch);
    /// How many destinations the CPU that the test is pinned to remembers of this epoch.
    [[nodiscard]] std::size_t remembered_destinations() const;

    // Blocks, scans and events: program_evidence.cpp.

    /// An entry; see set_blocking().
    void add_block(std::string_view source, std::uint64_t until_ns);
    [[nodiscard]] std::uint64_t blocking_until() const;
    void set_blocking(std::uint64_t until_ns);
    /// By slot; those of the CPU that the test is pinned to, free ones left out.
    [[nodiscard]] std::map<std::uint32_t, contract::scanner> scanners() const;
    /// Of the CPU that the test is pinned to: how many touches are noted within a jiffy.
    [[nodiscard]] contract::scan_budget scan_budget() const;
    void set_scan_budget(const contract::scan_budget& budget);
    [[nodiscard]] contract::watch watch() const;
    void set_watch(const contract::watch& watch);
    /// Of the CPU that the test is pinned to.
    [[nodiscard]] contract::watch_limit watch_limit() const;
    /// All that wait, in order; they are gone from the ring then.
    std::vector<contract::event> take_events();

    // Targets: program_targets.cpp.

    void set_target(std::uint32_t number, const contract::target& target);
    /// Of listeners with this id, whose entries say TARGET_STEER.
    void set_listener_target(std::uint32_t listener, std::uint32_t number);
    /// Into the CPUMAP, the DEVMAP.
    void add_cpu(std::uint32_t cpu);
    void add_dev(std::uint32_t ifindex);
    /// An AF_XDP socket for that target and a queue of the test bed's device.
    void add_xsk(std::uint32_t number, std::uint32_t queue, int fd);
    /// A group's whole table, in place of the one there may be.
    void set_group(std::uint32_t number, const std::function<std::uint32_t(std::uint32_t place)>& member_at);
    /// Of the CPU that the test is pinned to.
    [[nodiscard]] contract::target_count target_count(std::uint32_t number) const;
    /// As its slot counts them.
    [[nodiscard]] std::uint32_t flows_of_port(const PortKey& key) const;
    [[nodiscard]] const FlowMemory& flow_memory() const { return *flows_; }
    /// As the target's socket, in place of the one there may be: program_sockets.cpp.
    void register_socket(std::uint32_t number, int fd);
    /// Runs the sk_lookup program, as for a packet from peer_port of the test bed's peer.
    LookUp look_up(contract::proto proto, std::string_view local, std::uint16_t local_port);

    /// Every map of the object, by name.
    std::vector<std::pair<std::string, bpf_map_info>> maps() const;
    const contract::settings& settings() const { return settings_; }

  private:
    RunResult test_run(Bytes in, std::size_t metadata, std::uint32_t ifindex);
    void clear();
    void clear_guards();
    void changed();
    void put_local(const IpAddress& ip, std::size_t bits, contract::local_source source);
    void clear_counters();
    void clear_evidence();
    void clear_targets();
    void change_slot(contract::proto proto, std::uint16_t port, auto&& change);
    [[nodiscard]] PortCounts read_ports(const bpf_map* map) const;

    contract::settings settings_;
    demux* skeleton_ = nullptr;
    std::unique_ptr<FlowMemory> flows_;
    BigTables* big_tables_ = nullptr;
    std::map<std::uint32_t, contract::port_slot> slots_;  // those written
    std::set<std::uint32_t> guarded_;                     // listeners with a guard
    std::set<std::uint32_t> steered_;                     // numbers of targets that were set
    std::set<std::uint32_t> listeners_steered_;           // listeners with a target of those
    std::uint64_t serials_ = 0;                           // of guards, given out
    contract::local_hot local_{};
    std::uint32_t epoch_ = 0;  // of local_, which starts anew
    std::size_t local_count_[contract::FAMILY_COUNT] = {};
};

}  // namespace xdemux::test
