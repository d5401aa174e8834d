// SPDX-License-Identifier: BSD-2-Clause
#include "run.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "delivery.h"
#include "live_sockets.h"
#include "mirror.h"
#include "support/netns_fixture.h"

namespace xdemux::oracle {
namespace {

constexpr std::uint64_t scene_lookups = 20'000;
constexpr std::size_t batch = Oracle::batch;
constexpr std::uint16_t first_scene_port = 1'024;
constexpr std::uint16_t last_scene_port = 39'000;

/// A scene's ports are its own for as long as a TIME_WAIT socket may be left of it.
std::uint16_t ports_of(std::uint64_t scene) {
    constexpr std::uint64_t room = (last_scene_port - first_scene_port) / (scene_ports + 1U);
    return static_cast<std::uint16_t>(first_scene_port + scene % room * (scene_ports + 1U));
}

/// Of the far addresses one of each family is nobody's: what is sent there is taken off the wire, and not answered.
void set_up_addresses() {
    test::run("ip addr replace 192.0.2.3/24 dev xd0; ip addr replace 2001:db8::3/64 dev xd0 nodad");
    test::run(
        "for at in 192.0.2.9 2001:db8::9; do ip neigh replace $at lladdr 02:00:00:00:00:99 dev xd0 nud permanent; "
        "done");
    // A kernel that limits its answers would leave connections neither made nor refused.
    test::run("sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.tcp_challenge_ack_limit=2147483647");
}

class Runner {
  public:
    explicit Runner(const RunRequest& request)
        : request_(request),
          mirror_(request.instance),
          delivery_(request.peer),
          random_(request.seed),
          next_scene_(request.first_scene) {}

    Report run() {
        const std::uint64_t scenes = std::max<std::uint64_t>(1, (request_.lookups + scene_lookups - 1) / scene_lookups);
        for (std::uint64_t scene = 0; scene < scenes && !report_.failure; ++scene) {
            first_port_ = ports_of(next_scene_++);
            const LiveSockets sockets(draw_sockets(random_, first_port_), request_.peer);
            if (sockets.specs().empty()) continue;
            hold(sockets.specs());
            ++report_.scenes;
            for (const SocketSpec& socket : sockets.specs())
                ++report_.sockets[socket.kind_name()];
            const auto share = [&](std::uint64_t all) { return all * (scene + 1) / scenes - all * scene / scenes; };
            look_up(sockets, share(request_.lookups));
            if (!report_.failure) send(sockets, share(request_.sends));
        }
        if (report_.failure) shrink(*report_.failure);
        return std::move(report_);
    }

  private:
    void hold(std::vector<SocketSpec> specs) {
        if (request_.distort) request_.distort(specs);
        mirror_.hold(specs);
    }

    /// Counts it; false: a failure, which is kept.
    bool note(std::map<std::string, Count>& counts, const LiveSockets& sockets, const Packet& packet,
              const std::pair<Found, Found>& found, const char* what) {
        const auto& [kernel, program] = found;
        const Judgement judgement = judge(sockets.specs(), packet, kernel, program);
        const auto count = [&](const std::string& name) {
            Count& each = counts[name];
            ++(judgement.outcome == Outcome::agreed      ? each.agreed
               : judgement.outcome == Outcome::by_design ? each.by_design
                                                         : each.mismatched);
        };
        count(kind_of(packet, kernel));
        if (!judgement.design.empty()) count(std::string(judgement.design));
        if (judgement.outcome != Outcome::mismatch) return true;
        report_.failure = Failure{sockets.specs(), packet, what, kernel.describe(), program.describe()};
        return false;
    }

    void look_up(const LiveSockets& sockets, std::uint64_t count) {
        PacketSource source(sockets.specs(), random_(), first_port_);
        for (std::uint64_t done = 0; done < count && !report_.failure; done += batch) {
            std::vector<Packet> packets(std::min<std::uint64_t>(batch, count - done));
            const Port device = random_() % 3 == 0 ? Port::loopback : Port::near;
            std::generate(packets.begin(), packets.end(), [&] {
                Packet packet = source.next();
                packet.device = device;
                return packet;
            });
            compare(sockets, packets);
        }
    }

    void compare(const LiveSockets& sockets, const std::vector<Packet>& packets) {
        const auto kernel = mirror_.kernel(packets);
        for (std::size_t i = 0; i < packets.size(); ++i) {
            if (!note(report_.lookups, sockets, packets[i], {kernel[i], mirror_.program(packets[i])}, "the look-ups"))
                return;
            if (i % 8 == 0 && !ask_host(sockets, packets[i], kernel[i])) return;
        }
    }

    /// With empty tables the program must find a socket exactly where the kernel does, whatever the order of binding.
    bool ask_host(const LiveSockets& sockets, const Packet& packet, const Found& kernel) {
        if (packet.key.local.address.is_loopback()) return true;  // it comes in by a device that is not attached there
        ++report_.host_lookups;
        const bool asked = mirror_.asks_host(packet);
        if (asked == (kernel.what != Found::What::nobody)) return true;
        report_.failure = Failure{sockets.specs(), packet, "the host's sockets", kernel.describe(),
                                  asked ? "a socket of the host" : "nobody"};
        return false;
    }

    void send(const LiveSockets& sockets, std::uint64_t count) {
        PacketSource source(sockets.specs(), random_(), first_port_);
        delivery_.forget();
        const auto before = mirror_.listener_packets();
        std::map<std::uint32_t, std::uint64_t> told;
        for (std::uint64_t done = 0; done < count && !report_.failure;) {
            const Packet packet = source.next();
            const Found kernel = mirror_.kernel({&packet, 1}).front();
            if (!Delivery::can_send(packet, kernel)) continue;
            ++done;
            const Found receiver = delivery_.send(packet, sockets);
            if (packet.key.proto == Proto::udp) ++told[mirror_.listener_id(packet)];
            if (!note(report_.sends, sockets, packet, {receiver, mirror_.program(packet)}, "a packet that was sent"))
                return;
        }
        check_counters(sockets, before, told);
    }

    /// The program that the packets went through must have counted them for the listeners that it names when asked.
    void check_counters(const LiveSockets& sockets, const std::map<std::uint32_t, std::uint64_t>& before,
                        const std::map<std::uint32_t, std::uint64_t>& told) {
        const auto after = mirror_.listener_packets();
        for (const auto& [id, packets] : told) {
            if (id == 0 || after.at(id) - before.at(id) == packets) continue;
            throw std::runtime_error(fmt::format("of {} packets to listener {} it counted {} (the first socket is {})",
                                                 packets, id, after.at(id) - before.at(id),
                                                 sockets.specs().front().describe()));
        }
    }

    /// Whether the case still fails with these sockets, made anew on ports of their own; and what is found then.
    bool fails(std::vector<SocketSpec> specs, Failure& failure) {
        const auto first_port = ports_of(next_scene_++);
        const auto moved = [&](std::uint16_t port) {
            return static_cast<std::uint16_t>(port - first_port_ + first_port);
        };
        for (SocketSpec& spec : specs)
            spec.local.port = moved(spec.local.port);
        Packet packet = failure.packet;
        packet.key.local.port = moved(packet.key.local.port);
        const LiveSockets sockets(specs, request_.peer);
        if (sockets.specs().size() != specs.size()) return false;
        hold(sockets.specs());
        delivery_.forget();
        const Found kernel = failure.what == "a packet that was sent" ? delivery_.send(packet, sockets)
                                                                      : mirror_.kernel({&packet, 1}).front();
        if (failure.what == "the host's sockets") {
            if (mirror_.asks_host(packet) == (kernel.what != Found::What::nobody)) return false;
        } else {
            const Found program = mirror_.program(packet);
            if (judge(sockets.specs(), packet, kernel, program).outcome != Outcome::mismatch) return false;
            failure.program = program.describe();
        }
        failure.kernel = kernel.describe();
        failure.sockets = std::move(specs);
        failure.packet = packet;
        first_port_ = first_port;
        return true;
    }

    /// Whole runs of sockets first, then each by itself, then what is particular about those that are left.
    void shrink(Failure& failure) {
        for (std::size_t size = failure.sockets.size() / 2; size > 0; size /= 2) {
            for (std::size_t at = 0; at < failure.sockets.size();) {
                const std::size_t end = std::min(at + size, failure.sockets.size());
                auto fewer = failure.sockets;
                fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(at),
                            fewer.begin() + static_cast<std::ptrdiff_t>(end));
                if (!fails(std::move(fewer), failure)) at = end;
            }
        }
        for (std::size_t i = 0; i < failure.sockets.size(); ++i)
            while (simplify(failure, i)) {
            }
    }

    /// One property of one socket less.
    bool simplify(Failure& failure, std::size_t number) {
        const auto with = [&](auto change) {
            auto simpler = failure.sockets;
            change(simpler[number]);
            return simpler != failure.sockets && fails(std::move(simpler), failure);
        };
        return with([](SocketSpec& spec) { spec.device = Port::any; }) ||
               with([](SocketSpec& spec) { spec.sharing = Sharing::alone; }) ||
               with([](SocketSpec& spec) { spec.v6only = false; }) ||
               with([](SocketSpec& spec) { spec.ipv6_socket = spec.local.address.family() == Family::ipv6; });
    }

    const RunRequest& request_;
    Mirror mirror_;
    Delivery delivery_;
    std::mt19937_64 random_;
    std::uint64_t next_scene_;
    std::uint16_t first_port_ = 0;
    Report report_;
};

}  // namespace

Report run_oracle(const RunRequest& request) {
    set_up_addresses();
    return Runner(request).run();
}

}  // namespace xdemux::oracle
