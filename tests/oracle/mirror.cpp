// SPDX-License-Identifier: BSD-2-Clause
#include "mirror.h"

#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <xdemux/ops/attach.h>
#include <xdemux/ops/flows.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/snapshot.h>

namespace xdemux::oracle {
namespace {

template <typename T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message());
    return std::move(*result);
}

void must(const Status& status) {
    if (!status) throw std::runtime_error(status.error().message());
}

Instance make_instance(const std::string& name, bool host) {
    InstanceOptions options;
    options.settings.host = host;
    Instance instance = must(Instance::open_or_create(name, options));
    must(instance.keep());
    return instance;
}

Device device_of(Port device) {
    return {must(interface_by_name(device_name(device))).ifindex, device_name(device)};
}

}  // namespace

Listener listener_of(const SocketSpec& socket, std::size_t number) {
    Listener listener;
    listener.proto = socket.proto;
    const Address& address = socket.local.address;
    listener.local = {address.is_wildcard() ? LocalForm::wildcard : LocalForm::exact,
                      {address, address.is_wildcard() ? std::uint8_t{0} : address_bits(address.family())},
                      PortRange::one(socket.local.port)};
    listener.v6only = socket.v6only && address.is_wildcard();
    if (socket.device != Port::any) listener.device = device_of(socket.device);
    listener.reuseport = socket.sharing == Sharing::reuseport;
    listener.name = fmt::format("s{}", number);
    return listener;
}

Devices Devices::find() {
    return {device_of(Port::near).ifindex, device_of(Port::loopback).ifindex,
            must(interface_by_name(device_name(Port::near))).mac};
}

std::uint32_t Devices::index(Port device) const {
    return device == Port::near ? near : device == Port::loopback ? loopback : 0;
}

Port Devices::at(std::uint32_t ifindex) const {
    return ifindex == near ? Port::near : ifindex == loopback ? Port::loopback : Port::any;
}

Mirror::Mirror(const std::string& name) : name_(name), devices_(Devices::find()), oracle_(must(Oracle::load())) {
    AttachRequest request;
    request.devices = {device_name(Port::near), device_name(Port::loopback)};
    request.mode = AttachMode::generic;
    request.settings.host = false;
    must(attach(name_, request));
    mirrored_.emplace(must(Instance::open_for_change(name_)));
    host_.emplace(make_instance(name_ + "-host", true));
    mirrored_tracer_.emplace(must(Tracer::open(*mirrored_)));
    host_tracer_.emplace(must(Tracer::open(*host_)));
}

Mirror::~Mirror() {
    mirrored_tracer_.reset();
    host_tracer_.reset();
    mirrored_.reset();
    host_.reset();
    for (const std::string& each : {name_, name_ + "-host"})
        if (const auto done = unload_instance(each); !done) fmt::print(stderr, "{}\n", done.error().message());
}

// The kernel lets some share an endpoint that are no group (SO_REUSEADDR of UDP, IPv4 and v4-mapped): one listener
// stands for them.
void Mirror::hold(std::span<const SocketSpec> sockets) {
    must(flush_flows(*mirrored_));
    std::map<ListenerPlace, std::map<std::uint16_t, bool>> taken;  // by place and port: whether it may be shared
    std::vector<ListenerChange> changes;                           // in one go: each waits until no packet is under way
    for (const auto& [id, listener] : listeners_)
        changes.push_back({ListenerVerb::remove, listener, 0});
    std::set<FlowKey> flows;
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        const SocketSpec& socket = sockets[i];
        if (socket.kind != SocketKind::waiting) {
            flows.insert({socket.proto, socket.local, *socket.remote});
            continue;
        }
        Listener listener = listener_of(socket, i);
        auto& ports = taken[ListenerPlace::of(listener)];
        const auto [place, free] = ports.try_emplace(socket.local.port, listener.reuseport);
        if (!free && (!place->second || !listener.reuseport)) continue;
        changes.push_back({ListenerVerb::add, std::move(listener), 0});
    }
    if (!changes.empty()) must(change_listeners(*mirrored_, changes));
    std::vector<FlowLine> lines;
    for (const FlowKey& key : flows)
        lines.push_back({0, key, {}});
    if (!lines.empty()) must(add_flows(*mirrored_, lines));
    listeners_ = must(read_listeners(*mirrored_)).listeners();
}

contract::trace Mirror::trace(const Tracer& tracer, const Packet& packet) const {
    PacketSpec spec;
    spec.proto = packet.key.proto;
    spec.source = packet.key.remote;
    spec.destination = packet.key.local;
    spec.destination_mac = devices_.mac(packet.device);
    return must(tracer.run(must(build_packet(spec)), devices_.index(packet.device)));
}

Found Mirror::program(const Packet& packet) const {
    const auto answer = trace(*mirrored_tracer_, packet);
    switch (answer.reason) {
        case contract::REASON_FLOW:
            return {Found::What::connection};
        case contract::REASON_LISTENER_EXACT:
        case contract::REASON_LISTENER_WILDCARD: {
            const auto found = listeners_.find(answer.listener);
            if (found == listeners_.end()) throw std::runtime_error(fmt::format("no listener {}", answer.listener));
            const Listener& listener = found->second;
            return {Found::What::waiting,
                    {listener.local.address(), listener.local.ports.first},
                    devices_.at(listener.ifindex())};
        }
        case contract::REASON_CLOSED:
            return {};
        default:
            throw std::runtime_error(fmt::format("reason {} of {}", answer.reason, packet.key.to_string()));
    }
}

bool Mirror::asks_host(const Packet& packet) const {
    return trace(*host_tracer_, packet).reason == contract::REASON_HOST_SOCKET;
}

std::vector<Found> Mirror::kernel(std::span<const Packet> packets) const {
    std::vector<FlowKey> keys;
    for (const Packet& packet : packets)
        keys.push_back(packet.key);
    std::vector<Found> found;
    for (const OracleAnswer& answer : must(oracle_.ask(keys, devices_.index(packets.front().device)))) {
        if (!answer.socket) {
            found.push_back({});
        } else if (answer.socket->state == HostSocketState::listen ||
                   answer.socket->state == HostSocketState::unconnected) {
            found.push_back({Found::What::waiting, answer.socket->local, devices_.at(answer.socket->ifindex)});
        } else {
            found.push_back({Found::What::connection});
        }
    }
    return found;
}

std::map<std::uint32_t, std::uint64_t> Mirror::listener_packets() const {
    std::map<std::uint32_t, std::uint64_t> packets;
    for (const ListenerRow& row : must(read_listener_rows(*mirrored_)))
        packets[row.listener.id] = row.traffic.packets;
    return packets;
}

std::uint32_t Mirror::listener_id(const Packet& packet) const {
    return trace(*mirrored_tracer_, packet).listener;
}

}  // namespace xdemux::oracle
