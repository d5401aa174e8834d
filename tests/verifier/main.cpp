// SPDX-License-Identifier: BSD-2-Clause
// Loads the shipped program with each combination of settings and prints, a line each, the instructions that the
// kernel's verifier walked for it: "MODE CLOSED HOST CONFIRM INSTRUCTIONS". scripts/check_verifier compares them with
// the budget. Needs root.
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

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

// 0, with errno set, when the kernel refuses the program.
unsigned verified_instructions(const settings& chosen) {
    demux* const skeleton = demux::open();
    if (skeleton == nullptr) return 0;
    skeleton->rodata_settings->settings = chosen;
    bpf_prog_info info{};
    __u32 size = sizeof info;
    int error = demux::load(skeleton);
    if (error == 0) error = bpf_obj_get_info_by_fd(bpf_program__fd(skeleton->progs.xdemux), &info, &size);
    demux::destroy(skeleton);
    errno = -error;
    return error == 0 ? info.verified_insns : 0;
}

void print_row(const contract::rules& rules, bool confirm) {
    settings chosen{};
    chosen.contract = contract::CONTRACT_VERSION;
    chosen.rules = rules;
    chosen.fallback = rules;
    chosen.confirm_by_ns = confirm ? 1 : 0;
    chosen.rejects_per_second = 1000;
    chosen.scan_slots = 4096;
    const unsigned instructions = verified_instructions(chosen);
    if (instructions == 0) {
        std::fprintf(stderr, "cannot load the program: %s\n", std::strerror(errno));
        std::exit(EXIT_FAILURE);
    }
    std::printf("%s %s %s %s %u\n", modes[rules.mode], closed_policies[rules.closed],
                rules.host != 0 ? "host" : "no-host", confirm ? "confirm" : "-", instructions);
}

}  // namespace

int main() {
    for (const auto mode : {contract::MODE_MONITOR, contract::MODE_ENFORCE})
        for (const auto closed : {contract::VERDICT_PASS, contract::VERDICT_DROP, contract::VERDICT_REJECT})
            for (const __u32 host : {0U, 1U})
                for (const bool confirm : {false, true})
                    print_row({mode, closed, host}, confirm);
}
