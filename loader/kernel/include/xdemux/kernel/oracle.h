// SPDX-License-Identifier: BSD-2-Clause
// The kernel's own word on a packet: which socket it would reach, and where its route leads. A BPF program of its own
// asks the helpers (bpf_skc_lookup_tcp, bpf_sk_lookup_udp, bpf_fib_lookup); it is never attached and shares no table
// with an instance. It decides nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>
#include <xdemux/kernel/map.h>
#include <xdemux/kernel/sock_diag.h>
#include <xdemux/oracle.h>
#include <xdemux/policy/flow.h>

namespace xdemux {

/// What bpf_fib_lookup() says of a packet that comes in.
enum class RouteAnswer : std::uint8_t {
    here,           ///< delivered to this host, or to nobody
    forwards,       ///< sent on to another host
    no_forwarding,  ///< the interface forwards nothing
};

struct OracleAnswer {
    struct Socket {
        HostSocketState state = HostSocketState::close;
        SocketAddress local;        ///< what it is bound to; a wildcard of its own family
        std::uint32_t ifindex = 0;  ///< the device that it is bound to; 0: none

        friend bool operator==(const Socket&, const Socket&) = default;
    };
    std::optional<Socket> socket;  ///< none: nobody waits for the packet
    RouteAnswer route = RouteAnswer::here;

    friend bool operator==(const OracleAnswer&, const OracleAnswer&) = default;
};

class Oracle {
  public:
    /// In the calling thread's network namespace, where it is to be asked too. Errors as LoadedObject::load().
    static Result<Oracle> load();

    /// How many are answered at one go; more are asked in several.
    static constexpr std::size_t batch = contract::ORACLE_BATCH;

    /// For packets to `local` from `remote` that come in by the device (0: the loopback device), in their order. One
    /// thread at a time.
    [[nodiscard]] Result<std::vector<OracleAnswer>> ask(std::span<const FlowKey> packets, std::uint32_t ifindex) const;
    [[nodiscard]] Result<OracleAnswer> ask(const FlowKey& packet, std::uint32_t ifindex) const;

  private:
    Oracle(Fd program, MappedArray<contract::flow_key> questions, MappedArray<contract::answer> answers,
           MappedArray<std::uint64_t> asked)
        : program_(std::move(program)),
          questions_(std::move(questions)),
          answers_(std::move(answers)),
          asked_(std::move(asked)) {}

    [[nodiscard]] Status ask_batch(std::span<const FlowKey> packets, std::uint32_t ifindex,
                                   std::vector<OracleAnswer>& answers) const;

    Fd program_;
    MappedArray<contract::flow_key> questions_;
    MappedArray<contract::answer> answers_;
    MappedArray<std::uint64_t> asked_;
};

}  // namespace xdemux
