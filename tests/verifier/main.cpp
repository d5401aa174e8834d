// SPDX-License-Identifier: BSD-2-Clause
// Loads the shipped programs with each combination of settings and prints, a line each, what the kernel's verifier
// walked for it: "MODE CLOSED HOST CONFIRM INSTRUCTIONS STATES" of the XDP program, "MODE sockets - CONFIRM ..." of the
// sk_lookup one, the states as its log counts them, over all that it looks at by itself. With --pairs, a quarter of the
// XDP program's combinations, in which each two values of two settings still meet. scripts/check_verifier compares them
// with the budget. Needs root.
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <xdemux/contract.h>

// The skeleton names the types of the program's variables as C does.
using xdemux::contract::blocking;
using xdemux::contract::local_hot;
using xdemux::contract::settings;
using xdemux::contract::watch;
#include "demux.skel.h"

namespace {

namespace contract = xdemux::contract;

constexpr std::array modes = {"monitor", "enforce"};
constexpr std::array closed_policies = {"pass", "drop", "reject"};

struct Walked {
    unsigned instructions = 0;  // 0, with errno set: the kernel refuses the program
    unsigned states = 0;
};

// Of "processed N insns (limit ...) max_states_per_insn N total_states N ...", the verifier's statistics.
unsigned states_in(const char* log) {
    constexpr const char* word = "total_states ";
    const char* at = std::strstr(log, word);
    return at != nullptr ? static_cast<unsigned>(std::strtoul(at + std::strlen(word), nullptr, 10)) : 0;
}

enum class Program { pipeline, socket_lookup };

Walked walk(const settings& chosen, Program which) {
    static std::array<char, 1 << 16> log;
    demux* const skeleton = demux::open();
    if (skeleton == nullptr) return {};
    skeleton->rodata_settings->settings = chosen;
    log[0] = '\0';
    const bool pipeline = which == Program::pipeline;
    bpf_program* const program = pipeline ? skeleton->progs.xdemux : skeleton->progs.xdemux_sockets;
    bpf_program__set_autoload(pipeline ? skeleton->progs.xdemux_sockets : skeleton->progs.xdemux, false);
    bpf_program__set_log_level(program, 4);  // BPF_LOG_STATS
    bpf_program__set_log_buf(program, log.data(), log.size());
    bpf_prog_info info{};
    __u32 size = sizeof info;
    int error = demux::load(skeleton);
    if (error == 0) error = bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size);
    demux::destroy(skeleton);
    errno = -error;
    return error == 0 ? Walked{info.verified_insns, states_in(log.data())} : Walked{};
}

settings settings_of(const contract::rules& rules, bool confirm) {
    settings chosen{};
    chosen.contract = contract::CONTRACT_VERSION;
    chosen.rules = rules;
    chosen.fallback = rules;
    chosen.confirm_by_ns = confirm ? 1 : 0;
    chosen.rejects_per_second = 1000;
    chosen.scan_slots = 4096;
    chosen.flow_lines = 23;  // as the maps have
    chosen.ordered_loads = 1;
    return chosen;
}

void print_row(const contract::rules& rules, bool confirm, const char* closed, const char* host, Program which) {
    const Walked walked = walk(settings_of(rules, confirm), which);
    if (walked.instructions == 0) {
        std::fprintf(stderr, "cannot load the program: %s\n", std::strerror(errno));
        std::exit(EXIT_FAILURE);
    }
    std::printf("%s %s %s %s %u %u\n", modes[rules.mode], closed, host, confirm ? "confirm" : "-", walked.instructions,
                walked.states);
}

// For each policy, its two modes have both values of `host` and both of `confirm`; over the policies, each value of one
// of these meets both of the other.
bool is_among_pairs(const contract::rules& rules, bool confirm) {
    const bool enforce = rules.mode == contract::MODE_ENFORCE;
    return (rules.host != 0) == (enforce != (rules.closed == contract::VERDICT_DROP)) &&
           confirm == (enforce != (rules.closed == contract::VERDICT_REJECT));
}

}  // namespace

int main(int argc, char** argv) {
    const bool pairs = argc > 1 && std::string_view(argv[1]) == "--pairs";
    for (const auto mode : {contract::MODE_MONITOR, contract::MODE_ENFORCE})
        for (const auto closed : {contract::VERDICT_PASS, contract::VERDICT_DROP, contract::VERDICT_REJECT})
            for (const __u32 host : {0U, 1U})
                for (const bool confirm : {false, true})
                    if (!pairs || is_among_pairs({mode, closed, host}, confirm))
                        print_row({mode, closed, host}, confirm, closed_policies[closed],
                                  host != 0 ? "host" : "no-host", Program::pipeline);
    for (const auto mode : {contract::MODE_MONITOR, contract::MODE_ENFORCE})
        for (const bool confirm : {false, true})
            print_row({mode, contract::VERDICT_PASS, 0}, confirm, "sockets", "-", Program::socket_lookup);
}
