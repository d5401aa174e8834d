// SPDX-License-Identifier: BSD-2-Clause
#include "support/program.h"

#include <algorithm>
#include <cstring>
#include <list>
#include <stdexcept>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>

#include <xdemux/contract.h>

#include "support/big_tables.h"
#include "support/bpf_maps.h"
#include "support/local_tables.h"
#include "support/skeleton.h"
#include "support/testbed.h"

namespace xdemux::test {
namespace {

using namespace contract;

constexpr std::size_t programs_kept =
    16;  // some 40 descriptors each, of 1,024 that a process has unless told otherwise
constexpr std::size_t room_for_replies = 256;

// The few hottest local addresses are a variable of the program, so that their map is named after its section.
const bpf_map* local_hot_of(const demux* skeleton) {
    const bpf_map* map = bpf_object__find_map_by_name(skeleton->obj, ".data.local_hot");
    if (map == nullptr) throw std::runtime_error("the object has no local_hot");
    return map;
}

family family_of(const IpAddress& address) {
    return address.ipv6 ? FAMILY_IPV6 : FAMILY_IPV4;
}

listen_entry entry_of(const Entry& entry, std::uint32_t bits) {
    return {entry.id, entry.target, static_cast<__u8>(bits), static_cast<__u8>(entry.guarded ? 1 : 0), {}};
}

flow_key key_of(proto proto, std::string_view local, std::uint16_t local_port, std::string_view remote,
                std::uint16_t remote_port) {
    flow_key key{};
    const IpAddress here = ip_address(local), there = ip_address(remote);
    std::memcpy(key.local_addr, here.bytes.data(), sizeof(key.local_addr));
    std::memcpy(key.remote_addr, there.bytes.data(), sizeof(key.remote_addr));
    key.local_port = local_port;
    key.remote_port = remote_port;
    key.proto = static_cast<__u8>(proto);
    key.family = static_cast<__u8>(family_of(here));
    return key;
}

}  // namespace

Program::Program(const contract::settings& settings) : settings_(settings), skeleton_(demux::open()) {
    if (skeleton_ == nullptr) give_up("cannot open the skeleton");
    skeleton_->rodata_settings->settings = settings;
    if (settings.shared_counters != 0) {
        bpf_map__set_type(skeleton_->maps.port_counters, BPF_MAP_TYPE_ARRAY);
        bpf_map__set_type(skeleton_->maps.port_drops, BPF_MAP_TYPE_ARRAY);
    }
    bpf_map__set_max_entries(skeleton_->maps.cpus, static_cast<__u32>(libbpf_num_possible_cpus()));
    big_tables_ = &BigTables::of(settings);
    big_tables_->lend_to(*skeleton_->obj);
    if (const int error = demux::load(skeleton_); error != 0) {
        demux::destroy(skeleton_);
        give_up("cannot load the program", -error);
    }
    big_tables_->keep_of(*skeleton_->obj);
    flows_ = std::make_unique<FlowMemory>(*skeleton_->obj, settings_);
    clear();
}

Program::~Program() {
    flows_.reset();
    demux::destroy(skeleton_);
}

Program& Program::shared(const contract::settings& settings) {
    static std::list<Program> programs;  // the one that was used last comes last
    const auto same = [&](const Program& program) {
        return std::memcmp(&program.settings_, &settings, sizeof(settings)) == 0;
    };
    if (const auto kept = std::find_if(programs.begin(), programs.end(), same); kept != programs.end()) {
        programs.splice(programs.end(), programs, kept);
        kept->clear();
        return *kept;
    }
    if (programs.size() == programs_kept) programs.pop_front();
    return programs.emplace_back(settings);
}

void Program::clear() {
    for (const auto& [index, slot] : slots_)
        put(skeleton_->maps.port_slots, index, port_slot{});
    slots_.clear();
    erase_all<listen_addr>(skeleton_->maps.listen_addrs);
    erase_all<listen_prefix>(skeleton_->maps.listen_prefixes);
    flows_->clear();
    erase_all<flow_carry_key>(skeleton_->maps.flow_carries);
    erase_all<local_route>(skeleton_->maps.local_routes);
    add_links(skeleton_->maps.local_routes);
    erase_all<fragment_key>(skeleton_->maps.fragments);
    clear_guards();
    clear_counters();
    clear_evidence();
    clear_targets();
    // Unused places hold addresses that are always local.
    local_ = {};
    std::fill(std::begin(local_count_), std::end(local_count_), 0);
    for (auto& place : local_.ipv4)
        std::memcpy(place, ip_address("127.0.0.1").bytes.data(), sizeof(place));
    for (auto& place : local_.ipv6)
        std::memcpy(place, ip_address("::1").bytes.data(), sizeof(place));
    changed();
}

// What a program remembers of listeners and local routes is over.
void Program::changed() {
    set_epoch(epoch_ + 2);
}

void Program::set_epoch(std::uint32_t epoch) {
    epoch_ = epoch;
    local_.epoch = epoch;
    put(local_hot_of(skeleton_), 0U, local_);
}

std::size_t Program::remembered_destinations() const {
    const auto here = static_cast<std::size_t>(sched_getcpu());
    std::vector<destination> values(possible_cpus());
    std::size_t count = 0;
    for (std::uint32_t place = 0; place < DESTINATIONS; place++) {
        if (bpf_map_lookup_elem(fd_of(skeleton_->maps.destinations), &place, values.data()) != 0)
            give_up("cannot read what is remembered");
        count += values[here].stamp >> 32 == epoch_ + 1 ? 1 : 0;
    }
    return count;
}

RunResult Program::test_run(Bytes in, std::size_t metadata, std::uint32_t ifindex) {
    RunResult result{XDP_ABORTED, Bytes(in.size() + room_for_replies)};
    xdp_md context{};
    context.data = static_cast<__u32>(metadata);  // in front of the frame
    context.data_end = static_cast<__u32>(in.size());
    context.ingress_ifindex = ifindex != 0 ? ifindex : Testbed::get().ifindex();
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = in.data();
    options.data_size_in = static_cast<__u32>(in.size());
    options.data_out = result.frame.data();
    options.data_size_out = static_cast<__u32>(result.frame.size());
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    if (bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.xdemux), &options) != 0)
        give_up("cannot run the packet");
    result.frame.resize(options.data_size_out);
    result.action = static_cast<int>(options.retval);
    return result;
}

RunResult Program::run(const Packet& packet, std::uint32_t ifindex) {
    return test_run(packet.bytes(), 0, ifindex);
}

TracedRun Program::run_traced(const Packet& packet, std::uint64_t key, std::uint32_t ifindex) {
    trace request{};
    request.key = key;
    const Bytes frame = packet.bytes();
    Bytes in(sizeof(request) + frame.size());
    std::memcpy(in.data(), &request, sizeof(request));
    std::copy(frame.begin(), frame.end(), in.begin() + sizeof(request));
    const RunResult run = test_run(std::move(in), sizeof(request), ifindex);
    TracedRun result;
    result.action = run.action;
    std::memcpy(&result.trace, run.frame.data(), sizeof(result.trace));
    result.frame.assign(run.frame.begin() + sizeof(result.trace), run.frame.end());
    return result;
}

void Program::add_local(std::string_view address) {
    const IpAddress ip = ip_address(address);
    std::size_t& count = local_count_[family_of(ip)];
    if (ip.ipv6)
        std::memcpy(local_.ipv6[count++], ip.bytes.data(), sizeof(local_.ipv6[0]));
    else
        std::memcpy(local_.ipv4[count++], ip.bytes.data(), sizeof(local_.ipv4[0]));
    put_local(ip, 8 * ip.size(), LOCAL_BY_ROUTE);
    changed();
}

void Program::add_link(std::string_view mac, local_source source) {
    test::add_link(skeleton_->maps.local_routes, Testbed::get().ifindex(), mac, source);
}

void Program::put_local(const IpAddress& ip, std::size_t bits, local_source source) {
    local_route key{};
    key.prefixlen = LOCAL_ROUTE_FIXED_BITS + static_cast<__u32>(bits);
    key.family = static_cast<__u8>(family_of(ip));
    std::memcpy(key.addr, ip.bytes.data(), sizeof(key.addr));
    put(skeleton_->maps.local_routes, key, local_entry{source});
}

void Program::add_local_route(std::string_view prefix, std::uint32_t bits, local_source source) {
    const IpAddress ip = ip_address(prefix);
    put_local(ip, bits, source);
    local_.more[family_of(ip)] = 1;
    changed();
}

void Program::change_slot(proto proto, std::uint16_t port, auto&& change) {
    const std::uint32_t index = index_of({proto, port});
    port_slot& slot = slots_[index];
    change(slot);
    put(skeleton_->maps.port_slots, index, slot);
    changed();
}

void Program::add_wildcard(const Entry& entry, family family) {
    if (entry.ifindex != 0) {
        listen_addr key{};
        key.ifindex = entry.ifindex;
        key.port = entry.port;
        key.proto = static_cast<__u8>(entry.proto);
        key.family = static_cast<__u8>(family);
        put(skeleton_->maps.listen_addrs, key, entry_of(entry, 0));
    }
    change_slot(entry.proto, entry.port, [&](port_slot& slot) {
        for (const auto of : {FAMILY_IPV4, FAMILY_IPV6}) {
            if (family != FAMILY_DUAL && family != of) continue;
            if (entry.ifindex != 0) {
                slot.hints[of] |= HINT_WILDCARD_BOUND;
                continue;
            }
            const bool dual = family == FAMILY_DUAL;
            // A listener of the one family comes before a dual-stack one, whichever was there first.
            if (dual && slot.target[of] != TARGET_NONE) continue;
            slot.listener[of] = entry.id;
            slot.target[of] = static_cast<__u8>(entry.target);
            slot.hints[of] =
                static_cast<__u8>((slot.hints[of] & ~(HINT_WILDCARD_DUAL | HINT_WILDCARD_GUARDED)) |
                                  (dual ? HINT_WILDCARD_DUAL : 0) | (entry.guarded ? HINT_WILDCARD_GUARDED : 0));
        }
    });
}

void Program::add_exact(const Entry& entry, std::string_view address) {
    const IpAddress ip = ip_address(address);
    listen_addr key{};
    std::memcpy(key.addr, ip.bytes.data(), sizeof(key.addr));
    key.ifindex = entry.ifindex;
    key.port = entry.port;
    key.proto = static_cast<__u8>(entry.proto);
    key.family = static_cast<__u8>(family_of(ip));
    put(skeleton_->maps.listen_addrs, key, entry_of(entry, ip.ipv6 ? 128 : 32));
    change_slot(entry.proto, entry.port, [&](port_slot& slot) {
        slot.hints[family_of(ip)] |= entry.ifindex != 0 ? HINT_EXACT_BOUND : HINT_EXACT;
    });
}

void Program::add_prefix(const Entry& entry, std::string_view prefix, std::uint32_t bits) {
    const IpAddress ip = ip_address(prefix);
    listen_prefix key{};
    key.prefixlen = LISTEN_PREFIX_FIXED_BITS + bits;
    key.ifindex = entry.ifindex;
    key.port = entry.port;
    key.proto = static_cast<__u8>(entry.proto);
    key.family = static_cast<__u8>(family_of(ip));
    std::memcpy(key.addr, ip.bytes.data(), sizeof(key.addr));
    put(skeleton_->maps.listen_prefixes, key, entry_of(entry, bits));
    change_slot(entry.proto, entry.port, [&](port_slot& slot) {
        slot.hints[family_of(ip)] |= entry.ifindex != 0 ? HINT_PREFIX_BOUND : HINT_PREFIX;
    });
}

void Program::add_flow(proto proto, std::string_view local, std::uint16_t local_port, std::string_view remote,
                       std::uint16_t remote_port, std::uint32_t target) {
    FlowFacts facts;
    facts.target = static_cast<std::uint16_t>(target);
    flows_->put(key_of(proto, local, local_port, remote, remote_port), facts);
    change_slot(proto, local_port, [](port_slot& slot) { slot.flows++; });
}

FlowFacts Program::flow(proto proto, std::string_view local, std::uint16_t local_port, std::string_view remote,
                        std::uint16_t remote_port) const {
    const flow_key key = key_of(proto, local, local_port, remote, remote_port);
    const auto found = flows_->store(key.family).find(key);
    if (!found) throw std::runtime_error("no such flow");
    return found->facts;
}

std::size_t Program::remembered_fragments() const {
    fragment_key key{};
    std::size_t count = 0;
    for (int found = bpf_map_get_next_key(fd_of(skeleton_->maps.fragments), nullptr, &key); found == 0; count++)
        found = bpf_map_get_next_key(fd_of(skeleton_->maps.fragments), &key, &key);
    return count;
}

void Program::age_fragments(std::uint64_t ns) {
    const bpf_map* map = skeleton_->maps.fragments;
    for_each_key<fragment_key>(map, [&](const fragment_key& key) {
        fragment kept{};
        if (bpf_map_lookup_elem(fd_of(map), &key, &kept) != 0) give_up("cannot read a fragment");
        kept.seen -= static_cast<__u32>(ns >> FLOW_SEEN_SHIFT);
        put(map, key, kept);
    });
}

std::vector<std::pair<std::string, bpf_map_info>> Program::maps() const {
    std::vector<std::pair<std::string, bpf_map_info>> infos;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, skeleton_->obj) {
        bpf_map_info info{};
        __u32 size = sizeof(info);
        if (bpf_obj_get_info_by_fd(fd_of(map), &info, &size) != 0) give_up("cannot ask about a map");
        infos.emplace_back(bpf_map__name(map), info);
    }
    return infos;
}

}  // namespace xdemux::test
