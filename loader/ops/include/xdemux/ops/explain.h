// SPDX-License-Identifier: BSD-2-Clause
// Asks the attached program itself what it would do with a packet, and why, and the kernel which socket it would reach.
// The XDP program's counters, limiters and flows stay as they are, and no packet is sent.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/oracle.h>
#include <xdemux/kernel/process.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/packet.h>
#include <xdemux/policy/flow.h>
#include <xdemux/policy/listener.h>

namespace xdemux {

struct ExplainRequest {
    PacketSpec packet;
    std::optional<std::string> device{};  ///< where it comes in; none: the first that is attached
    std::uint32_t queue = 0;              ///< the receive queue there, which matters to AF_XDP sockets alone
};

/// A look-up that was made.
struct ExplainStage {
    contract::stage stage = contract::STAGE_SLOT;
    std::string_view name;  ///< "port slot", "flow", "exact address", ...
    bool found = false;
    std::string answer;  ///< for people: "no listener on this address"
};

/// What the kernel says of the same packet, whatever the tables say.
struct KernelView {
    std::optional<OracleAnswer::Socket> socket;  ///< that the packet reaches; none: no socket
    std::string socket_device;                   ///< that it is bound to; empty: none
    std::optional<Process> process;              ///< that holds it, where that may be known
    Route route;                                 ///< to the destination
    std::string route_device;                    ///< empty where it names no single one
};

/// Who would have got the packet next: a listener or a socket of the host, one of the two.
struct RunnerUp {
    std::optional<Listener> listener;
    std::optional<HostSocket> socket;
    std::string socket_device;       ///< that the socket is bound to; empty: none
    std::optional<Process> process;  ///< that holds the socket, where that may be known
    std::string why;                 ///< what the winner has before it: "is more specific (...)"
};

/// The two ends of a packet, where it is IP.
struct PacketEnds {
    std::optional<Proto> proto;  ///< none: neither TCP nor UDP, or without ports, which are then 0
    SocketAddress source;
    SocketAddress destination;
};

struct Explanation {
    contract::verdict verdict = contract::VERDICT_PASS;  ///< what enforce mode does
    contract::verdict action = contract::VERDICT_PASS;   ///< what is done
    contract::reason reason = contract::REASON_UNDECIDED;
    std::optional<Target> target;       ///< of the match
    std::optional<Listener> listener;   ///< that matched; without its guard
    std::optional<FlowKey> flow;        ///< that matched
    std::vector<ExplainStage> stages;   ///< in the order in which they were asked
    std::string device;                 ///< where it came in; empty: none
    std::vector<std::uint8_t> frame;    ///< what was asked about
    std::optional<PacketEnds> ends;     ///< as the program found them
    std::optional<KernelView> kernel;   ///< none of a frame: explain() asks, explain_frame() does not
    std::optional<RunnerUp> runner_up;  ///< as `kernel`; none: nobody else waits for it
};

/// Errors: `usage` (families that differ, an empty frame), `not_found` (device), `failed`.
Result<Explanation> explain(const Instance& instance, const ExplainRequest& request);
/// The same for any Ethernet frame, of 14 bytes at least.
Result<Explanation> explain_frame(const Instance& instance, std::span<const std::uint8_t> frame,
                                  const std::optional<std::string>& device = {});

/// The program, opened once for many frames.
class Tracer {
  public:
    /// `device`: where frames come in; none: the first that is attached, or none at all. `queue`: its receive queue.
    /// ErrorKind::usage where it has none of that number.
    static Result<Tracer> open(const Instance& instance, const std::optional<std::string>& device = {},
                               std::uint32_t queue = 0);

    /// What the program wrote. ErrorKind::usage for a frame without an Ethernet header.
    [[nodiscard]] Result<contract::trace> run(std::span<const std::uint8_t> frame) const {
        return run(frame, ifindex());
    }
    [[nodiscard]] Result<contract::trace> run(std::span<const std::uint8_t> frame, std::uint32_t ifindex) const;
    /// As explain_frame().
    [[nodiscard]] Result<Explanation> explain(std::span<const std::uint8_t> frame) const;
    /// The same of a frame of any size: no driver hands out one without an Ethernet header, which the program would
    /// call `bad_ethernet`; it cannot be run on it.
    [[nodiscard]] Result<Explanation> explain_captured(std::span<const std::uint8_t> frame) const;

    [[nodiscard]] std::uint32_t ifindex() const { return device_ ? device_->ifindex : 0; }
    /// To which frames are sent that are for this host. Without a device they come in by loopback, which has zeros.
    [[nodiscard]] MacAddress mac() const { return device_ ? device_->mac : MacAddress{}; }

  private:
    Tracer(const Instance& instance, Fd program, std::optional<Interface> device, std::uint32_t queue)
        : instance_(&instance), program_(std::move(program)), device_(std::move(device)), queue_(queue) {}

    const Instance* instance_;
    Fd program_;
    std::optional<Interface> device_;
    std::uint32_t queue_;
};

}  // namespace xdemux
