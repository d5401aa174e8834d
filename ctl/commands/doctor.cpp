// SPDX-License-Identifier: BSD-2-Clause
#include "commands/doctor.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <xdemux/ops/connect_findings.h>
#include <xdemux/ops/doctor.h>

#include "commands/session.h"
#include "render/findings.h"

namespace xdemux {
namespace {

struct DoctorArguments {
    std::string device;
    std::vector<std::string> connect;  ///< PROTO LOCAL_ADDR REMOTE
};

Result<std::vector<Finding>> examine(const DoctorArguments& arguments, const Session& session) {
    if (arguments.connect.empty())
        return diagnose(session.instance(), arguments.device.empty() ? std::nullopt : std::optional(arguments.device));
    const auto proto = parse_proto(arguments.connect[0]);
    if (!proto) return fail(proto.error());
    const auto local = Address::parse(arguments.connect[1]);
    if (!local) return fail(local.error().in("--connect"));
    const auto remote = SocketAddress::parse(arguments.connect[2], *proto);
    if (!remote) return fail(remote.error().in("--connect"));
    return diagnose_connect({*proto, *local, *remote});
}

Status run_doctor(const DoctorArguments& arguments, Session& session) {
    const auto findings = examine(arguments, session);
    if (!findings) return fail(findings.error());
    if (session.json()) {
        print_findings_json(*findings, session.sink());
    } else {
        print_findings_text(*findings, session.sink());
    }
    const auto blockers = std::ranges::count(*findings, Severity::blocker, &Finding::severity);
    if (blockers == 0) return {};
    return fail(ErrorKind::failed,
                fmt::format("{} finding{} in the way; each has its remedy beside it, where there is one", blockers,
                            blockers == 1 ? " is" : "s are"));
}

}  // namespace

void add_doctor_command(Command root, Commands& commands) {
    auto arguments = std::make_shared<DoctorArguments>();
    Command command =
        root.add_command("doctor", "what this kernel, driver and host allow, each finding with its remedy");
    Option device = command.add_option("DEV", arguments->device,
                                       "an interface; those that are attached, or have an address, unless given");
    command.add_option("--connect", arguments->connect, "instead: why a connection fails for want of a port")
        .type_name("PROTO LOCAL_ADDR REMOTE")
        .values(3)
        .excludes(device);
    commands.add(command, [arguments](Session& session) { return run_doctor(*arguments, session); });
}

}  // namespace xdemux
