// SPDX-License-Identifier: BSD-2-Clause
// The shipped program, loaded with a scenario's settings, and its tables filled in bulk. Like the program tests it
// writes the tables in the data path's own terms, without the library. It runs and times nothing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <xdemux/contract.h>
#include <xdemux/kernel/xsk_socket.h>

#include "mix.h"
#include "support/flow_memory.h"

struct demux;

namespace xdemux::bench {

/// Port 0: all ports; ifindex 0: any device.
struct Listener {
    contract::proto proto = contract::PROTO_TCP;
    std::uint16_t port = 0;
    std::uint32_t ifindex = 0;
    contract::target_kind target = contract::TARGET_PASS;
};

/// Every method throws std::runtime_error when the kernel refuses.
class Subject {
  public:
    /// Loading takes most of a second. Both addresses of the test bed's host are local.
    Subject(const contract::settings& settings, std::uint32_t flow_capacity);
    ~Subject();
    Subject(const Subject&) = delete;
    Subject& operator=(const Subject&) = delete;

    [[nodiscard]] int fd() const;
    [[nodiscard]] const contract::settings& settings() const { return settings_; }
    /// A map's descriptor, by name.
    [[nodiscard]] int table(const char* name) const;

    /// A destination of the host that is not among the first.
    void add_local(std::string_view address);
    /// Dual-stack.
    void add_wildcard(const Listener& listener);
    /// The same, which admits the first `networks` of 10.0.0.0/24, 10.0.1.0/24, ... alone: those of the mixer's peers.
    void add_guarded_wildcard(const Listener& listener, std::uint32_t networks);
    void add_exact(const Listener& listener, std::string_view address);
    void add_prefix(const Listener& listener, std::string_view prefix, std::uint32_t bits);
    /// As add_wildcard(), but its packets go to the first CPU.
    void add_cpu_wildcard(const Listener& listener);
    /// ... out of a device.
    void add_dev_wildcard(const Listener& listener, std::uint32_t ifindex);
    /// ... to an AF_XDP socket on the device's first queue.
    void add_xsk_wildcard(const Listener& listener, std::uint32_t ifindex);
    /// As add_wildcard(), but its packets are spread over so many targets of one CPU each, evenly.
    void add_grouped_wildcard(const Listener& listener, std::uint32_t members);
    /// Flows that pass, from these peers to a port of the host's IPv4 or IPv6 address.
    void add_flows(contract::proto proto, std::uint16_t local_port, const mix_peers& peers);

    void add_flow(const contract::flow_key& key, contract::target_kind target = contract::TARGET_PASS);

    /// The keys of those flows.
    [[nodiscard]] static contract::flow_key flow_key_of(contract::proto proto, std::uint16_t local_port,
                                                        std::uint16_t remote_port, bool ipv6);
    [[nodiscard]] static std::vector<contract::flow_key> flow_keys(contract::proto proto, std::uint16_t local_port,
                                                                   const mix_peers& peers);

    /// Sum over the CPUs.
    [[nodiscard]] contract::reason_counter counted(contract::reason reason, contract::verdict verdict) const;

  private:
    /// The target has its row.
    /// A row of map targets; returns its number. `first` as in the contract.
    std::uint32_t add_target(contract::target_kind kind, std::uint32_t first = 0);
    void add_steered_wildcard(const Listener& listener, std::uint32_t number);
    void change_slot(contract::proto proto, std::uint16_t port, auto&& change);
    void put_local();
    void set_first_locals();

    contract::settings settings_;
    demux* skeleton_ = nullptr;
    std::unique_ptr<test::FlowMemory> flows_;
    std::map<std::uint32_t, contract::port_slot> slots_;  // those written
    std::uint32_t listeners_ = 0, targets_ = 0;
    contract::local_hot local_{};
    std::optional<XskSocket> xsk_;
};

}  // namespace xdemux::bench
