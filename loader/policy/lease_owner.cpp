// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include <xdemux/policy/lease_owner.h>

namespace xdemux {
namespace {

constexpr std::string_view first_line = "xdemux leases 1";

bool overlap(const PortRange& a, const PortRange& b) {
    return a.first <= b.last && b.first <= a.last;
}

std::string line_of(const LeaseOwner& owner) {
    const ProcessId process = owner.process.value_or(ProcessId{});
    const LeaseTimes& times = owner.times;
    return fmt::format("owner {} {} {} {} {} {} {} {} {} {}\n", owner.id, owner.name, process.pid, process.start,
                       owner.quota, times.time_wait_tcp.count(), times.time_wait_udp.count(), times.quarantine.count(),
                       times.ttl.count(), owner.gone_ns.value_or(0));
}

std::optional<LeaseOwner> read_owner(std::istream& words) {
    LeaseOwner owner;
    ProcessId process;
    std::int64_t tcp = 0, udp = 0, quarantine = 0, ttl = 0;
    std::uint64_t gone = 0;
    if (!(words >> owner.id >> owner.name >> process.pid >> process.start >> owner.quota >> tcp >> udp >> quarantine >>
          ttl >> gone) ||
        owner.id == 0)
        return std::nullopt;
    using std::chrono::seconds;
    owner.times = {seconds(tcp), seconds(udp), seconds(quarantine), seconds(ttl)};
    if (process.pid != 0) owner.process = process;
    if (gone != 0) owner.gone_ns = gone;
    return owner;
}

std::optional<PortBlock> read_block(std::istream& words) {
    std::string proto_text, address_text;
    PortBlock block;
    if (!(words >> proto_text >> address_text >> block.ports.first >> block.ports.last)) return std::nullopt;
    const auto proto = parse_proto(proto_text);
    const auto address = Address::parse(address_text);
    if (!proto || !address || block.ports.is_all() || block.ports.first > block.ports.last) return std::nullopt;
    block.proto = *proto;
    block.local = *address;
    return block;
}

bool read_line(const std::string& line, LeaseRegister& owners) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "table") return static_cast<bool>(words >> owners.table);
    if (kind == "next") return static_cast<bool>(words >> owners.next_id);
    if (kind == "reserved") {
        std::string list;
        words >> list;
        const auto reserved = PortSet::parse(list);
        if (reserved) owners.reserved = *reserved;
        return reserved.has_value();
    }
    if (kind == "owner") {
        auto owner = read_owner(words);
        if (owner) owners.owners.push_back(std::move(*owner));
        return owner.has_value();
    }
    if (kind != "block" || owners.owners.empty()) return false;
    const auto block = read_block(words);
    if (block) owners.owners.back().blocks.push_back(*block);
    return block.has_value();
}

}  // namespace

std::string LeaseOwner::describe() const {
    return process ? fmt::format("\"{}\" ({})", name, process->pid) : fmt::format("\"{}\"", name);
}

std::size_t LeaseOwner::block_ports() const {
    std::size_t ports = 0;
    for (const PortBlock& block : blocks)
        ports += static_cast<std::size_t>(block.ports.last - block.ports.first) + 1;
    return ports;
}

Status check_owner_name(std::string_view name) {
    constexpr std::size_t most = 31;
    const auto right = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
               c == '-';
    };
    if (!name.empty() && name.size() <= most && std::ranges::all_of(name, right)) return {};
    return fail(ErrorKind::usage,
                fmt::format("owner name \"{}\" is not 1 to {} characters of A-Z a-z 0-9 . _ -", name, most));
}

const LeaseOwner* LeaseRegister::find(std::uint32_t id) const {
    const auto found = std::ranges::find(owners, id, &LeaseOwner::id);
    return found == owners.end() ? nullptr : &*found;
}

LeaseOwner* LeaseRegister::find(std::uint32_t id) {
    const auto found = std::ranges::find(owners, id, &LeaseOwner::id);
    return found == owners.end() ? nullptr : &*found;
}

const PortBlock* LeaseRegister::block_at(Proto proto, const Address& local, const PortRange& ports,
                                         std::uint32_t owner) const {
    for (const LeaseOwner& each : owners) {
        if (each.id == owner) continue;
        for (const PortBlock& block : each.blocks) {
            if (block.proto == proto && block.local == local && overlap(block.ports, ports)) return &block;
        }
    }
    return nullptr;
}

std::string to_text(const LeaseRegister& owners) {
    std::string text = fmt::format("{}\ntable {}\nnext {}\nreserved {}\n", first_line, owners.table, owners.next_id,
                                   owners.reserved.to_string());
    for (const LeaseOwner& owner : owners.owners) {
        text += line_of(owner);
        for (const PortBlock& block : owner.blocks)
            text += fmt::format("block {} {} {} {}\n", proto_name(block.proto), block.local.to_string(),
                                block.ports.first, block.ports.last);
    }
    return text;
}

std::optional<LeaseRegister> parse_lease_register(const std::string& text) {
    std::istringstream stream(text);
    std::string line;
    if (!std::getline(stream, line) || line != first_line) return std::nullopt;
    LeaseRegister owners;
    while (std::getline(stream, line))
        if (!read_line(line, owners)) return std::nullopt;
    return owners;
}

}  // namespace xdemux
