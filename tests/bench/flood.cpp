// SPDX-License-Identifier: BSD-2-Clause
#include "flood.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <thread>

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "flow.h"
#include "scenario.h"
#include "sender.h"
#include "shared/shell.h"
#include "subject.h"
#include "support/testbed.h"
#include "timer.h"
#include "yardstick.h"

namespace xdemux::bench {
namespace {

using namespace contract;
using Clock = std::chrono::steady_clock;

constexpr double counted_at_least = 0.99;  // of what the device received; the counter is read a little later

// A program on the receiving device, in native mode, or none.
class Attached {
  public:
    Attached(int ifindex, int program) : ifindex_(ifindex), attached_(program >= 0) {
        const int error = attached_ ? bpf_xdp_attach(ifindex_, program, XDP_FLAGS_DRV_MODE, nullptr) : 0;
        if (error != 0) throw std::runtime_error(std::string("cannot attach to the veth: ") + std::strerror(-error));
    }
    ~Attached() {
        if (attached_) bpf_xdp_detach(ifindex_, XDP_FLAGS_DRV_MODE, nullptr);
    }
    Attached(const Attached&) = delete;
    Attached& operator=(const Attached&) = delete;

  private:
    int ifindex_;
    bool attached_;
};

// Frames that the device has received, in 32 bits that wrap around: also those that a program then dropped.
std::uint32_t received_by(const std::string& device) {
    ifaddrs* raw = nullptr;
    if (::getifaddrs(&raw) != 0) throw std::runtime_error(std::string("cannot list devices: ") + std::strerror(errno));
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> all(raw, &::freeifaddrs);
    for (const ifaddrs* one = all.get(); one != nullptr; one = one->ifa_next)
        if (one->ifa_addr != nullptr && one->ifa_addr->sa_family == AF_PACKET && device == one->ifa_name)
            return static_cast<const rtnl_link_stats*>(one->ifa_data)->rx_packets;
    throw std::runtime_error("there is no device " + device);
}

// ns a frame that was handled, sending included.
double time_flood(Sender& sender, std::chrono::milliseconds duration) {
    const std::uint32_t before = received_by("xd0");
    const auto start = Clock::now();
    const double ns = sender.send_until([&] { return Clock::now() - start >= duration; });
    const std::uint32_t frames = received_by("xd0") - before;
    if (frames == 0) throw std::runtime_error("the veth received nothing of the flood");
    return ns / frames;
}

// ns a kilobyte of the flow while the flood arrives at flood_rate.
double time_flow(const Flow& flow, Sender& sender, std::chrono::seconds duration) {
    std::atomic<bool> over = false;
    std::exception_ptr failure;
    std::thread flood([&] {
        try {
            sender.send_at(flood_rate, [&] { return over.load(); });
        } catch (...) {
            failure = std::current_exception();
        }
    });
    double ns = 0;
    std::exception_ptr flow_failure;
    try {
        ns = flow.run(duration);
    } catch (...) {
        flow_failure = std::current_exception();
    }
    over = true;
    flood.join();
    for (const auto& one : {failure, flow_failure})
        if (one) std::rethrow_exception(one);
    return ns;
}

struct Receiver {
    std::string name;
    int program = -1;
    const Subject* subject = nullptr;  // whose counters must tell of the flood
};

struct Timed {
    double packet = 0, flow = 0;
};

Timed time_receiver(const Receiver& receiver, Sender& sender, const Flow& flow, const FloodEffort& effort) {
    const Attached attached(static_cast<int>(test::Testbed::get().ifindex()), receiver.program);
    const std::uint32_t before = received_by("xd0");
    const auto dropped = [&] {
        return receiver.subject != nullptr ? receiver.subject->counted(REASON_CLOSED, VERDICT_DROP).packets : 0;
    };
    const auto dropped_before = dropped();
    Timed timed;
    timed.packet = time_flood(sender, effort.flood);
    timed.flow = time_flow(flow, sender, effort.flow);
    const double frames = received_by("xd0") - before, counted = static_cast<double>(dropped() - dropped_before);
    if (receiver.subject != nullptr && counted < frames * counted_at_least)
        throw std::runtime_error(
            fmt::format("of {} packets of the flood only {} were dropped as closed", frames, counted));
    return timed;
}

// What the frames are addressed to, whom the kernel's resets go to, and frames from a device without a program.
void prepare_devices() {
    test::run(fmt::format("ip link set xd0 address {}", test::host_mac));
    test::run(fmt::format("ip neigh replace {} lladdr {} dev xd0", test::peer_ipv4, test::peer_mac));
    test::run("ethtool -K xd0 gro on");
}

// The receivers in each round after one another, and the flow alone before them.
void run_kind(const std::string& kind, const FloodPacket& packet, const std::vector<Receiver>& receivers,
              const FloodEffort& effort, const std::function<void(std::string_view)>& progress,
              std::vector<FloodLine>& lines) {
    Sender sender(packet, test::Testbed::get().other_ifindex());
    const Flow flow;
    std::vector<std::vector<Pair>> packets(receivers.size()), flows(receivers.size());
    for (std::uint32_t round = 0; round < effort.rounds; round++) {
        progress(kind + " flood, none");
        const double alone = flow.run(effort.flow);
        double baseline = 0;
        for (std::size_t i = 0; i < receivers.size(); i++) {
            progress(kind + " flood, " + receivers[i].name);
            const Timed timed = time_receiver(receivers[i], sender, flow, effort);
            if (i == 0) baseline = timed.packet;
            packets[i].push_back({baseline, timed.packet});
            flows[i].push_back({alone, timed.flow});
        }
    }
    for (std::size_t i = 0; i < receivers.size(); i++)
        lines.push_back({kind + " flood, " + receivers[i].name, figures_of(packets[i]), figures_of(flows[i])});
}

std::vector<std::uint16_t> flooded_ports() {
    std::vector<std::uint16_t> ports(flood_ports);
    std::iota(ports.begin(), ports.end(), flood_first_port);
    return ports;
}

// A way to drop the flood.
struct Dropper {
    std::string name;
    std::optional<double> goal;  // share
    int program;
    std::function<std::uint64_t()> dropped;  // packets; none: nobody counts
};

// What drops it, and lives as long as it is to.
class Droppers {
  public:
    Droppers() {
        for (const std::uint16_t port : flooded_ports()) {
            wildcards_.add_wildcard({PROTO_UDP, port, 0, TARGET_DROP});
            flows_.add_flow(flow_of(port), TARGET_DROP);
        }
        std::vector<flow_key> keys;
        for (const std::uint16_t port : flooded_ports())
            keys.push_back(flow_of(port));
        yardsticks_.add_flows(keys);
    }

    [[nodiscard]] std::vector<Dropper> all() const {
        return {
            ours("by a wildcard listener", 0.88, wildcards_, REASON_LISTENER_WILDCARD),
            yardstick("by an array, three counters", Yardstick::least_demux),
            ours("as closed", 0.88, closed_, REASON_CLOSED),
            ours("by a flow each", 0.81, flows_, REASON_FLOW),
            yardstick("by a BPF hash map, a flow each", Yardstick::hash_flows),
        };
    }

  private:
    static flow_key flow_of(std::uint16_t port) {
        return Subject::flow_key_of(PROTO_UDP, port, flood_remote_port, false);
    }
    static Dropper ours(const std::string& how, double goal, const Subject& subject, reason why) {
        return {"UDP flood, dropped by xdemux " + how, goal, subject.fd(),
                [&subject, why] { return std::uint64_t{subject.counted(why, VERDICT_DROP).packets}; }};
    }
    [[nodiscard]] Dropper yardstick(const std::string& how, Yardstick which) const {
        return {"yardstick: dropped " + how, {}, yardsticks_.fd(which), {}};
    }

    static constexpr std::uint32_t capacity = 2 * flood_ports;
    Subject wildcards_{enforce(VERDICT_DROP, false), capacity}, closed_{enforce(VERDICT_DROP, false), capacity},
        flows_{enforce(VERDICT_DROP, false), capacity};
    Yardsticks yardsticks_{capacity, flows_, 1, XDP_DROP};
};

// The distribution's filter for the same device, which drops all UDP, as long as it lives; or nothing.
class XdpFilter {
  public:
    XdpFilter()
        : loaded_(std::system("command -v xdp-filter > /dev/null && xdp-filter load xd0 --mode native "
                              "--policy deny --features udp > /dev/null 2>&1") == 0) {}
    ~XdpFilter() {
        if (loaded_ && std::system("xdp-filter unload xd0 > /dev/null 2>&1") != 0) std::abort();
    }
    XdpFilter(const XdpFilter&) = delete;
    XdpFilter& operator=(const XdpFilter&) = delete;
    [[nodiscard]] bool loaded() const { return loaded_; }

  private:
    bool loaded_;
};

double time_drops(const Dropper& dropper, Sender& sender, const FloodEffort& effort) {
    const Attached attached(static_cast<int>(test::Testbed::get().ifindex()), dropper.program);
    const std::uint32_t received = received_by("xd0");
    const std::uint64_t dropped = dropper.dropped ? dropper.dropped() : 0;
    const double ns = time_flood(sender, effort.flood);
    const double frames = received_by("xd0") - received;
    if (!dropper.dropped) return ns;
    const auto counted = static_cast<double>(dropper.dropped() - dropped);
    if (counted < frames * counted_at_least)
        throw std::runtime_error(
            fmt::format("{}: of {} packets only {} were dropped so", dropper.name, frames, counted));
    return ns;
}

}  // namespace

std::vector<DropLine> run_drops(const FloodEffort& effort, const std::function<void(std::string_view)>& progress) {
    prepare_devices();
    const Timer timer(test::Testbed::get().ifindex());
    Sender sender(udp_flood_packet(), test::Testbed::get().other_ifindex());
    const Droppers droppers;
    const auto ways = droppers.all();
    std::vector<std::vector<Pair>> rounds(ways.size());
    std::vector<Pair> filtered;
    for (std::uint32_t round = 0; round < effort.rounds; round++) {
        double baseline = 0;
        {
            progress("UDP flood, a program that only drops");
            const Attached attached(static_cast<int>(test::Testbed::get().ifindex()), timer.baseline());
            baseline = time_flood(sender, effort.flood);
        }
        for (std::size_t i = 0; i < ways.size(); i++) {
            progress(ways[i].name);
            rounds[i].push_back({baseline, time_drops(ways[i], sender, effort)});
        }
        progress("UDP flood, xdp-filter");
        const XdpFilter filter;
        if (filter.loaded()) filtered.push_back({baseline, time_flood(sender, effort.flood)});
    }
    std::vector<DropLine> lines;
    for (std::size_t i = 0; i < ways.size(); i++)
        lines.push_back({ways[i].name, figures_of(rounds[i]), ways[i].goal});
    if (!filtered.empty()) lines.push_back({"yardstick: dropped by xdp-filter, all UDP", figures_of(filtered), {}});
    return lines;
}

std::vector<FloodLine> run_flood(const FloodEffort& effort, const std::function<void(std::string_view)>& progress) {
    prepare_devices();
    const Timer timer(test::Testbed::get().ifindex());  // whose baseline it is
    const Subject subject(enforce(VERDICT_DROP, true), 0);
    const std::vector<Receiver> receivers = {
        {"a program that only drops", timer.baseline()},
        {"xdemux", subject.fd(), &subject},
        {"without xdemux"},
    };
    std::vector<FloodLine> lines;
    run_kind("UDP", udp_flood_packet(), receivers, effort, progress, lines);
    run_kind("SYN", syn_flood_packet(), receivers, effort, progress, lines);
    return lines;
}

}  // namespace xdemux::bench
