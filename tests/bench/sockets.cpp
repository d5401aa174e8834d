// SPDX-License-Identifier: BSD-2-Clause
#include "sockets.h"

#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>

#include "scenario.h"
#include "socket_yardstick.skel.h"
#include "support/bpf_maps.h"
// The skeleton names the types of the program's variables as C does.
using xdemux::contract::blocking;
using xdemux::contract::local_hot;
using xdemux::contract::settings;
using xdemux::contract::watch;
#include "demux.skel.h"

namespace xdemux::bench {
namespace {

using namespace contract;

constexpr std::uint32_t many = 100'000;
constexpr std::uint32_t warm_up = 10'000;
constexpr std::uint32_t number = TARGET_FIRST;  // of the one target
constexpr std::uint16_t one_port = 80, many_port = 81, prefix_port = 82, free_port = 83;

/// In network order: of listener i among many, for addresses and, 256 apart, for prefixes.
std::uint32_t address_of(std::uint32_t i, std::uint32_t apart = 1) {
    return htonl(0x0a000000 + i * apart);
}

listen_addr exact_key(std::uint32_t i) {
    const std::uint32_t address = address_of(i);
    listen_addr key{};
    std::memcpy(key.addr, &address, sizeof(address));
    key.port = many_port;
    return key;
}

listen_prefix prefix_key(std::uint32_t i) {
    const std::uint32_t address = address_of(i, 256);
    listen_prefix key{};
    key.prefixlen = LISTEN_PREFIX_FIXED_BITS + 24;
    std::memcpy(key.addr, &address, sizeof(address));
    key.port = prefix_port;
    return key;
}

struct Destroy {
    void operator()(demux* skeleton) const { demux::destroy(skeleton); }
    void operator()(socket_yardstick* skeleton) const { socket_yardstick::destroy(skeleton); }
};

/// A wildcard on one port, many addresses on another, as many prefixes on a third; all lead to the one socket.
std::unique_ptr<demux, Destroy> load_subject(int server) {
    std::unique_ptr<demux, Destroy> subject(demux::open());
    if (!subject) test::give_up("cannot open the skeleton");
    subject->rodata_settings->settings = enforce(VERDICT_DROP, true);
    bpf_program__set_autoload(subject->progs.xdemux, false);
    for (auto* map : {subject->maps.listen_addrs, subject->maps.listen_prefixes})
        bpf_map__set_max_entries(map, many);
    bpf_map__set_max_entries(subject->maps.listener_targets, many + 1);
    if (const int error = demux::load(subject.get()); error != 0) test::give_up("cannot load the program", -error);

    target row{};
    row.kind = TARGET_SOCKET;
    row.fallback = TARGET_PASS;
    test::put(subject->maps.targets, number, row);
    test::put(subject->maps.sockets, number, static_cast<std::uint64_t>(server));
    for (std::uint32_t i = 0; i < many; i++) {
        const std::uint32_t id = i + 1;
        test::put(subject->maps.listener_targets, id, listener_target{number});
        test::put(subject->maps.listen_addrs, exact_key(i), listen_entry{id, TARGET_PASS, 32, 0, {}});
        test::put(subject->maps.listen_prefixes, prefix_key(i), listen_entry{id, TARGET_PASS, 24, 0, {}});
    }
    const auto slot = [&](std::uint32_t port, const port_slot& value) {
        test::put(subject->maps.port_slots, port, value);
    };
    slot(one_port, {{1, 1}, {TARGET_PASS, TARGET_PASS}, {HINT_WILDCARD_DUAL, HINT_WILDCARD_DUAL}, 0});
    slot(many_port, {{}, {}, {HINT_EXACT, 0}, 0});
    slot(prefix_port, {{}, {}, {HINT_PREFIX, 0}, 0});
    return subject;
}

std::unique_ptr<socket_yardstick, Destroy> load_yardsticks(int server) {
    std::unique_ptr<socket_yardstick, Destroy> yardsticks(socket_yardstick::open());
    if (!yardsticks) test::give_up("cannot open the yardsticks");
    bpf_map__set_max_entries(yardsticks->maps.addresses, many);
    bpf_map__set_max_entries(yardsticks->maps.prefixes, many);
    if (const int error = socket_yardstick::load(yardsticks.get()); error != 0)
        test::give_up("cannot load the yardsticks", -error);
    test::put(yardsticks->maps.chosen, 0U, static_cast<std::uint64_t>(server));
    for (std::uint32_t i = 0; i < many; i++) {
        test::put(yardsticks->maps.addresses, exact_key(i), 0U);
        test::put(yardsticks->maps.prefixes, prefix_key(i), 0U);
    }
    return yardsticks;
}

struct LookUpRow {
    std::string name;
    int program = -1;
    std::uint32_t address = 0;  ///< of the packet's destination, in network order
    std::uint16_t port = 0;
    bool served = true;  ///< the socket is found
    std::optional<double> goal{};
};

struct Run {
    double ns = 0;
    std::uint64_t cookie = 0;
};

Run run_row(int program, const LookUpRow& row, std::uint32_t repeats) {
    using Clock = std::chrono::steady_clock;
    bpf_sk_lookup context{};
    context.family = AF_INET;
    context.protocol = IPPROTO_TCP;
    context.remote_ip4 = address_of(many);
    context.remote_port = htons(40'000);
    context.local_ip4 = row.address;
    context.local_port = row.port;
    bpf_sk_lookup answer{};
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.ctx_out = &answer;
    options.ctx_size_out = sizeof(answer);
    options.repeat = static_cast<int>(repeats);
    const auto start = Clock::now();
    const int error = bpf_prog_test_run_opts(program, &options);
    const std::chrono::duration<double, std::nano> taken = Clock::now() - start;
    if (error != 0 || options.retval != SK_PASS)
        test::give_up("cannot run the look-up of \"" + row.name + "\"", -error);
    return {taken.count() / repeats, answer.cookie};
}

std::vector<LookUpRow> rows_of(const demux& subject, const socket_yardstick& yardsticks) {
    const std::uint32_t address = address_of(many / 3), in_prefix = address_of(many / 3, 256) | htonl(7);
    const int program = bpf_program__fd(subject.progs.xdemux_sockets);
    return {
        {"socket look-up, no listener", program, address, free_port, false},
        {"socket look-up, one listener", program, address, one_port, true, 10},
        {"yardstick: SOCKMAP look-up and bpf_sk_assign", bpf_program__fd(yardsticks.progs.assign_alone), address,
         one_port},
        {"socket look-up, 100,000 addresses", program, address, many_port, true, 30},
        {"yardstick: the same behind a hash map of 100,000", bpf_program__fd(yardsticks.progs.assign_by_hash), address,
         many_port},
        {"socket look-up, 100,000 prefixes", program, in_prefix, prefix_port},
        {"yardstick: the same behind a trie of 100,000", bpf_program__fd(yardsticks.progs.assign_by_prefix), in_prefix,
         prefix_port},
    };
}

}  // namespace

std::vector<Line> run_sockets(int server, const Effort& effort, const Progress& progress) {
    const auto subject = load_subject(server);
    const auto yardsticks = load_yardsticks(server);
    const std::vector<LookUpRow> rows = rows_of(*subject, *yardsticks);
    const int baseline = bpf_program__fd(yardsticks->progs.baseline);
    for (const LookUpRow& row : rows) {
        if ((run_row(row.program, row, warm_up).cookie != 0) != row.served)
            throw std::runtime_error("cannot time \"" + row.name + "\": its packet came to another socket");
    }
    std::vector<std::vector<Pair>> rounds(rows.size());
    for (std::uint32_t round = 0; round < effort.rounds; round++) {
        for (std::size_t i = 0; i < rows.size(); i++) {
            const LookUpRow& row = rows[round % 2 == 0 ? i : rows.size() - 1 - i];
            progress(row.name, round * rows.size() + i, effort.rounds * rows.size());
            Pair pair;
            pair.baseline = run_row(baseline, row, effort.repeats).ns;
            pair.subject = run_row(row.program, row, effort.repeats).ns;
            rounds[static_cast<std::size_t>(&row - rows.data())].push_back(pair);
        }
    }
    std::vector<Line> lines;
    for (std::size_t i = 0; i < rows.size(); i++)
        lines.push_back({rows[i].name, figures_of(rounds[i]), rows[i].goal});
    return lines;
}

}  // namespace xdemux::bench
