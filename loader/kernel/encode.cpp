// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <cstring>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include <xdemux/base/units.h>
#include <xdemux/kernel/encode.h>

namespace xdemux {
namespace {

template <typename Ours, typename Theirs>
constexpr bool same(Ours ours, Theirs theirs) {
    return static_cast<int>(ours) == static_cast<int>(theirs);
}
static_assert(same(hint_exact, contract::HINT_EXACT) && same(hint_exact_bound, contract::HINT_EXACT_BOUND));
static_assert(same(hint_prefix, contract::HINT_PREFIX) && same(hint_prefix_bound, contract::HINT_PREFIX_BOUND));
static_assert(same(hint_wildcard_bound, contract::HINT_WILDCARD_BOUND));
static_assert(same(hint_wildcard_dual, contract::HINT_WILDCARD_DUAL));
static_assert(same(hint_wildcard_guarded, contract::HINT_WILDCARD_GUARDED));
static_assert(same(Proto::tcp, contract::PROTO_TCP) && same(Proto::udp, contract::PROTO_UDP));
static_assert(Listener::max_name < contract::NAME_SIZE);

static_assert(Rate::most <= ns_per_second);

template <std::size_t Size>
void copy_bytes(__u8 (&to)[Size], const Address& from) {
    static_assert(Size == 16);
    std::copy(from.bytes().begin(), from.bytes().end(), to);
}

/// A name that fits, or its beginning; the rest stays zero.
void copy_name(char (&to)[16], std::string_view from) {
    from.copy(to, sizeof to - 1);
}

std::string read_name(const char (&from)[16]) {
    return {from, ::strnlen(from, sizeof from)};
}

contract::family family_number(std::uint32_t number) {
    return number == contract::FAMILY_IPV4 ? contract::FAMILY_IPV4 : contract::FAMILY_IPV6;
}

contract::proto encode(Proto proto) {
    return proto == Proto::tcp ? contract::PROTO_TCP : contract::PROTO_UDP;
}

Proto decode_proto(std::uint32_t proto) {
    return proto == contract::PROTO_TCP ? Proto::tcp : Proto::udp;
}

contract::verdict encode(ClosedPolicy policy) {
    switch (policy) {
        case ClosedPolicy::pass:
            return contract::VERDICT_PASS;
        case ClosedPolicy::drop:
            return contract::VERDICT_DROP;
        case ClosedPolicy::reject:
            break;
    }
    return contract::VERDICT_REJECT;
}

ClosedPolicy decode_closed(contract::verdict verdict) {
    switch (verdict) {
        case contract::VERDICT_DROP:
            return ClosedPolicy::drop;
        case contract::VERDICT_REJECT:
            return ClosedPolicy::reject;
        default:
            return ClosedPolicy::pass;
    }
}

contract::listener_scope encode(LocalForm form) {
    switch (form) {
        case LocalForm::exact:
            return contract::SCOPE_EXACT;
        case LocalForm::prefix:
            return contract::SCOPE_PREFIX;
        case LocalForm::wildcard:
            break;
    }
    return contract::SCOPE_WILDCARD;
}

LocalForm decode_form(contract::listener_scope scope) {
    switch (scope) {
        case contract::SCOPE_EXACT:
            return LocalForm::exact;
        case contract::SCOPE_PREFIX:
            return LocalForm::prefix;
        default:
            return LocalForm::wildcard;
    }
}

contract::family encode(Scope scope) {
    switch (scope) {
        case Scope::ipv4:
            return contract::FAMILY_IPV4;
        case Scope::ipv6:
            return contract::FAMILY_IPV6;
        case Scope::dual:
            break;
    }
    return contract::FAMILY_DUAL;
}

std::uint8_t exact_family(const ExactKey& key) {
    switch (key.form) {
        case ExactForm::wildcard_dual:
            return contract::FAMILY_DUAL;
        case ExactForm::wildcard_ipv4:
        case ExactForm::wildcard_ipv6:
        case ExactForm::address:
            break;
    }
    return static_cast<std::uint8_t>(encode(key.address.family()));
}

/// A kind that this version wrote; the tables it reads are of its own contract version.
TargetKind known_target(std::uint32_t kind) {
    return decode_target(kind).value_or(TargetKind::pass);
}

}  // namespace

contract::family encode(Family family) {
    return family == Family::ipv4 ? contract::FAMILY_IPV4 : contract::FAMILY_IPV6;
}

Address decode_address(contract::family family, const __u8 (&bytes)[16]) {
    if (family == contract::FAMILY_IPV4) return Address::ipv4({bytes[0], bytes[1], bytes[2], bytes[3]});
    Address::Bytes copy;
    std::copy(std::begin(bytes), std::end(bytes), copy.begin());
    return Address::ipv6(copy);
}

contract::rules encode(const Settings& settings) {
    return {settings.mode == Mode::enforce ? contract::MODE_ENFORCE : contract::MODE_MONITOR, encode(settings.closed),
            settings.host ? 1U : 0U};
}

Settings decode(const contract::rules& rules) {
    return {rules.mode == contract::MODE_ENFORCE ? Mode::enforce : Mode::monitor, decode_closed(rules.closed),
            rules.host != 0};
}

contract::listener encode(const Listener& listener, std::uint32_t target, contract::listener_state state) {
    contract::listener out{};
    copy_bytes(out.addr, listener.local.address());
    out.ifindex = listener.ifindex();
    out.port = listener.local.ports.first;
    out.port_last = listener.local.ports.last;
    out.proto = encode(listener.proto);
    out.scope = encode(listener.local.form);
    out.family = encode(listener.scope());
    out.target = target;
    out.state = state;
    out.prefix_len = listener.local.prefix.length;
    out.reuseport = listener.reuseport ? 1 : 0;
    out.guarded = listener.guard.empty() ? 0 : 1;
    copy_name(out.name, listener.name);
    if (listener.device) copy_name(out.dev, listener.device->name);
    return out;
}

Result<Listener> decode(std::uint32_t id, const contract::listener& listener, const TargetTable& targets) {
    const auto target = targets.find(listener.target);
    if (!target) return fail(target.error().in(fmt::format("listener {}", id)));
    Listener out;
    out.id = id;
    out.proto = decode_proto(listener.proto);
    out.local.form = decode_form(listener.scope);
    out.local.prefix = {decode_address(family_number(listener.family), listener.addr), listener.prefix_len};
    out.local.ports = {listener.port, listener.port_last};
    if (listener.ifindex != 0) out.device = Device{listener.ifindex, read_name(listener.dev)};
    out.v6only = listener.scope == contract::SCOPE_WILDCARD && listener.family == contract::FAMILY_IPV6;
    out.reuseport = listener.reuseport != 0;
    out.name = read_name(listener.name);
    out.target = *target;
    if (listener.prefix_len > address_bits(out.local.family()))
        return fail(ErrorKind::failed, fmt::format("listener {} has a prefix of {} bits", id, listener.prefix_len));
    return out;
}

contract::guard encode(const Guard& guard) {
    contract::guard out{};
    out.prefixes = static_cast<std::uint32_t>(guard.sources.size());
    if (!guard.rate) return out;
    out.packets_per_second = guard.rate->packets_per_second;
    out.packet_ns = std::uint64_t{ns_per_second} / guard.rate->packets_per_second;
    out.burst_ns = (guard.rate->burst - 1) * out.packet_ns;
    return out;
}

std::optional<Rate> decode_rate(const contract::guard& guard) {
    if (guard.packet_ns == 0) return std::nullopt;
    return Rate{guard.packets_per_second, static_cast<std::uint32_t>(guard.burst_ns / guard.packet_ns + 1)};
}

contract::guard_source encode_source(std::uint32_t listener, const Prefix& source) {
    contract::guard_source out{};
    out.prefixlen = contract::GUARD_SOURCE_FIXED_BITS + source.length;
    out.listener = listener;
    out.family = static_cast<std::uint8_t>(encode(source.address.family()));
    copy_bytes(out.addr, source.address);
    return out;
}

Prefix decode(const contract::guard_source& source) {
    return {decode_address(family_number(source.family), source.addr),
            static_cast<std::uint8_t>(source.prefixlen - contract::GUARD_SOURCE_FIXED_BITS)};
}

contract::listen_addr encode(const ExactKey& key) {
    contract::listen_addr out{};
    if (key.form == ExactForm::address) copy_bytes(out.addr, key.address);
    out.ifindex = key.ifindex;
    out.port = key.port;
    out.proto = static_cast<std::uint8_t>(encode(key.proto));
    out.family = exact_family(key);
    return out;
}

ExactKey decode(const contract::listen_addr& key) {
    ExactKey out;
    out.proto = decode_proto(key.proto);
    out.address = decode_address(family_number(key.family), key.addr);
    out.ifindex = key.ifindex;
    out.port = key.port;
    if (key.family == contract::FAMILY_DUAL) {
        out.form = ExactForm::wildcard_dual;
    } else if (out.address.is_wildcard()) {
        out.form = out.address.family() == Family::ipv4 ? ExactForm::wildcard_ipv4 : ExactForm::wildcard_ipv6;
    }
    return out;
}

contract::listen_prefix encode(const PrefixKey& key) {
    contract::listen_prefix out{};
    out.prefixlen = contract::LISTEN_PREFIX_FIXED_BITS + key.prefix.length;
    out.ifindex = key.ifindex;
    out.port = key.port;
    out.proto = static_cast<std::uint8_t>(encode(key.proto));
    out.family = static_cast<std::uint8_t>(encode(key.prefix.address.family()));
    copy_bytes(out.addr, key.prefix.address);
    return out;
}

PrefixKey decode(const contract::listen_prefix& key) {
    return {decode_proto(key.proto),
            {decode_address(family_number(key.family), key.addr),
             static_cast<std::uint8_t>(key.prefixlen - contract::LISTEN_PREFIX_FIXED_BITS)},
            key.ifindex,
            key.port};
}

contract::listen_entry encode(const Answer& answer, std::uint8_t prefix_len) {
    return {answer.listener, encode(answer.target), prefix_len, static_cast<__u8>(answer.guarded ? 1 : 0), {}};
}

Answer decode(const contract::listen_entry& entry) {
    return {entry.listener, known_target(entry.target), entry.guarded != 0};
}

contract::port_slot encode(const Slot& slot) {
    contract::port_slot out{};
    for (std::size_t family = 0; family < contract::FAMILY_COUNT; ++family) {
        const Answer& answer = slot.wildcard[family];
        out.listener[family] = answer.listener;
        if (answer.listener != 0) out.target[family] = static_cast<std::uint8_t>(encode(answer.target));
        out.hints[family] = slot.hints[family];
    }
    return out;
}

Slot decode(const contract::port_slot& slot) {
    Slot out;
    for (std::size_t family = 0; family < contract::FAMILY_COUNT; ++family) {
        if (slot.target[family] != contract::TARGET_NONE)
            out.wildcard[family] = {slot.listener[family], known_target(slot.target[family]),
                                    (slot.hints[family] & contract::HINT_WILDCARD_GUARDED) != 0};
        out.hints[family] = slot.hints[family];
    }
    return out;
}

contract::flow_key encode(const FlowKey& key) {
    contract::flow_key out{};
    copy_bytes(out.local_addr, key.local.address);
    copy_bytes(out.remote_addr, key.remote.address);
    out.local_port = key.local.port;
    out.remote_port = key.remote.port;
    out.proto = static_cast<std::uint8_t>(encode(key.proto));
    out.family = static_cast<std::uint8_t>(encode(key.local.address.family()));
    return out;
}

FlowKey decode(const contract::flow_key& key) {
    const auto family = family_number(key.family);
    return {decode_proto(key.proto),
            {decode_address(family, key.local_addr), key.local_port},
            {decode_address(family, key.remote_addr), key.remote_port}};
}

namespace {

std::string_view state_name(contract::flow_state state) {
    switch (state) {
        case contract::FLOW_ESTABLISHED:
            return "ESTAB";
        case contract::FLOW_STICKY:
            return "STICKY";
        case contract::FLOW_TIME_WAIT:
        case contract::FLOW_STICKY_ENDED:
            return "TIME-WAIT";
        case contract::FLOW_LEASED:
            return "LEASED";
        case contract::FLOW_IN_USE:
            return "IN-USE";
        case contract::FLOW_QUARANTINE:
            return "QUARANTINE";
    }
    return "?";
}

}  // namespace

Result<Flow> decode(const contract::flow_key& key, const FlowFacts& facts, const TargetTable& targets) {
    Flow out;
    out.key = decode(key);
    const auto target = targets.find(facts.target);
    if (!target) return fail(target.error().in(fmt::format("flow {}", out.key.to_string())));
    out.target = *target;
    out.state = state_name(facts.state);
    out.packets = facts.packets;
    out.bytes = facts.bytes;
    out.last_seen_ns = facts.last_seen_ns();
    return out;
}

contract::local_route encode_local(const Prefix& prefix) {
    contract::local_route out{};
    out.prefixlen = contract::LOCAL_ROUTE_FIXED_BITS + prefix.length;
    out.family = static_cast<std::uint8_t>(encode(prefix.address.family()));
    copy_bytes(out.addr, prefix.address);
    return out;
}

contract::local_route encode_local(const LocalLink& link) {
    contract::local_link address{};
    address.ifindex = link.ifindex;
    std::ranges::copy(link.mac, address.mac);
    contract::local_route out{};
    out.prefixlen = contract::LOCAL_ROUTE_FIXED_BITS + contract::LOCAL_LINK_BITS;
    out.family = contract::FAMILY_LINK;
    std::memcpy(out.addr, &address, sizeof address);
    return out;
}

}  // namespace xdemux
