// SPDX-License-Identifier: BSD-2-Clause
// An instance under a newer tool: its programs are replaced by this build's, and tables of an earlier contract version
// become ours. Tables, counters, settings, flows, leases, links and pins stay, and so does a change that waits for its
// confirmation, since its deadline is among the settings. No packet is lost.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/kernel/object.h>

namespace xdemux {

struct UpgradeRequest {
    bool dry_run = false;
    VerifierLog verifier_log{};
};

struct UpgradeReport {
    std::uint32_t from = 0;                 ///< contract version of the tables
    std::uint32_t to = 0;                   ///< this tool's
    bool was_begun = false;                 ///< it went on with one that was broken off
    std::vector<std::string> interfaces{};  ///< that have the program; those that are not here by number: "interface 7"
};

/// All or nothing; one that is killed, or fails when all packets go through the new program already, is finished by the
/// next. Errors: `not_loaded`; `failed` where no steps lead to our contract version, or what the kernel says; `in_use`
/// where another process writes flows as the former version does, or changes the instance; `full` where the flow table
/// has no room for what the step needs.
Result<UpgradeReport> upgrade(std::string_view instance, const UpgradeRequest& request = {});

}  // namespace xdemux
