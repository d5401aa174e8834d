// SPDX-License-Identifier: BSD-2-Clause
#include <string>

#include <gtest/gtest.h>

#include "render/explanation.h"
#include "render/port.h"
#include "render/status.h"

namespace xdemux::test::render_things {
namespace {

const PortNames services({{80, "http"}, {443, "https"}, {514, "shell"}}, {{443, "https"}, {514, "syslog"}});

template <typename Print>
std::string printed(Print print) {
    std::string text;
    print(Sink([&](std::string_view piece) { text += piece; }));
    return text;
}

InstanceStatus status() {
    InstanceStatus status;
    status.instance = "default";
    status.settings = {Mode::enforce, ClosedPolicy::drop, true};
    status.interfaces = {{"eth0", 3, XdpAttachment::native, 42, InterfaceState::attached},
                         {"?", 9, XdpAttachment::none, 42, InterfaceState::gone}};
    status.contract = 1;
    status.memory_bytes = 37'748'736;
    status.flow_capacity = 65'536;
    status.listener_capacity = 16'384;
    return status;
}

TEST(RenderStatus, TextTellsSettingsAndInterfaces) {
    EXPECT_EQ(printed([](const Sink& sink) { print_status_text(status(), sink); }),
              "instance   default\n"
              "netns      -\n"
              "mode       enforce\n"
              "closed     drop\n"
              "host       on\n"
              "pending    -\n"
              "contract   1\n"
              "memory     37748736 bytes\n"
              "flows      65536 at most\n"
              "listeners  16384 at most\n"
              "counters   one array per CPU\n"
              "\n"
              "Dev   Ifindex  Mode    Program  State\n"
              "eth0        3  native       42  attached\n"
              "?           9  none         42  gone\n");
}

TEST(RenderStatus, JsonBeginsWithTheFieldsOfTheContractAndIsNullWhereAbsent) {
    const Json json = to_json(status());
    EXPECT_EQ(json, Json::parse(R"({"instance": "default", "netns": null, "mode": "enforce", "closed": "drop",
        "host": true, "interfaces": [
          {"dev": "eth0", "ifindex": 3, "xdp_mode": "native", "prog_id": 42, "state": "attached"},
          {"dev": null, "ifindex": 9, "xdp_mode": null, "prog_id": 42, "state": "gone"}],
        "contract": 1, "memory_bytes": 37748736, "flow_capacity": 65536, "listener_capacity": 16384,
        "shared_port_counters": false, "pending": null, "hindered_targets": []})"));
    EXPECT_TRUE(printed([](const Sink& sink) {
                    print_status_json(status(), sink);
                }).starts_with("{\"schema\": 1, \"status\": {\"instance\": \"default\", \"netns\": null, "));
}

TEST(RenderStatus, APendingChangeCountsDownAndThenIsOver) {
    InstanceStatus pending = status();
    pending.pending = PendingConfirm{{Mode::monitor, ClosedPolicy::pass, true}, std::chrono::milliseconds(1500)};
    const auto text = [&] { return printed([&](const Sink& sink) { print_status_text(pending, sink); }); };
    EXPECT_NE(text().find("pending    rolls back to mode monitor, closed pass, host on in 2 s unless confirmed\n"),
              std::string::npos)
        << text();
    EXPECT_EQ(to_json(pending)["pending"],
              Json::parse(R"({"mode": "monitor", "closed": "pass", "host": true, "seconds_left": 2})"));
    pending.pending->left = std::chrono::nanoseconds(0);
    EXPECT_NE(text().find("pending    rolled back: the time to confirm is over\n"), std::string::npos) << text();
    EXPECT_EQ(to_json(pending)["pending"]["seconds_left"], 0);
}

PortInfo port(std::uint16_t number) {
    PortInfo info;
    info.port = number;
    info.range = iana_range(number);
    info.privileged = number < 1024;
    info.counters = {{Proto::tcp, number, {2, 120}, {}}, {Proto::udp, number, {}, {}}};
    info.tcp_flows = 1;
    return info;
}

TEST(RenderPort, JsonHasRangePrivilegeServicesAndCounters) {
    EXPECT_EQ(to_json(port(443), services), Json::parse(R"({"port": 443, "range": "well-known", "range_first": 0,
        "range_last": 1023, "privileged": true, "first_unprivileged": 1024,
        "services": {"tcp": "https", "udp": "https"}, "listeners": [], "host_sockets": [],
        "flows": {"tcp": 1, "udp": 0}, "counters": [
          {"proto": "tcp", "port": 443, "service": "https", "packets": 2, "bytes": 120, "dropped_packets": 0,
           "dropped_bytes": 0},
          {"proto": "udp", "port": 443, "service": "https", "packets": 0, "bytes": 0, "dropped_packets": 0,
           "dropped_bytes": 0}]})"));
    EXPECT_EQ(to_json(port(50000), services)["services"], Json::parse(R"({"tcp": null, "udp": null})"));
}

TEST(RenderPort, TextTellsWhatANewcomerAsks) {
    const std::string text = printed([](const Sink& sink) { print_port_text(port(443), services, sink); });
    EXPECT_TRUE(
        text.starts_with("port       443\n"
                         "range      well-known (0-1023)\n"
                         "privileged yes: below 1024, binding it needs CAP_NET_BIND_SERVICE\n"
                         "service    https (tcp, udp)\n"
                         "flows      1 tcp, 0 udp\n"
                         "\nlisteners\n"))
        << text;
    const auto service = [](std::uint16_t number) {
        const std::string all = printed([&](const Sink& sink) { print_port_text(port(number), services, sink); });
        const auto begin = all.find("service");
        return all.substr(begin, all.find('\n', begin) - begin);
    };
    EXPECT_EQ(service(514), "service    shell (tcp), syslog (udp)");
    EXPECT_EQ(service(80), "service    http (tcp)");
    EXPECT_EQ(service(50000), "service    -");
}

Explanation explanation() {
    Explanation explanation;
    explanation.verdict = contract::VERDICT_DROP;
    explanation.action = contract::VERDICT_PASS;
    explanation.reason = contract::REASON_LISTENER_EXACT;
    explanation.target = Target{TargetKind::drop};
    Listener listener;
    listener.local = LocalEndpoint::parse("192.0.2.1:80", Proto::tcp).value();
    listener.name = "web";
    explanation.listener = listener;
    explanation.stages = {{contract::STAGE_SLOT, "port slot", true, "the port has entries"},
                          {contract::STAGE_FLOW, "flow", false, "no flow has this 4-tuple"}};
    explanation.device = "eth0";
    return explanation;
}

TEST(RenderExplanation, TextNumbersTheLookUpsAndTellsWhatMonitorModeHeldBack) {
    EXPECT_EQ(printed([](const Sink& sink) { print_explanation_text(explanation(), services, sink); }),
              "#  Look-up    Found  Answer                    Kernel\n"
              "1  port slot  yes    the port has entries      -\n"
              "2  flow       no     no flow has this 4-tuple  -\n"
              "\n"
              "verdict    drop\n"
              "action     pass (not carried out)\n"
              "reason     listener_exact\n"
              "target     drop\n"
              "matched    listener tcp 192.0.2.1:http \"web\"\n"
              "runner-up  -\n"
              "kernel     -\n"
              "dev        eth0\n");
}

/// As explanation(), with the kernel's view: nginx listens on every address, and another listener lost.
Explanation contested() {
    Explanation explanation = render_things::explanation();
    explanation.stages.push_back({contract::STAGE_EXACT, "exact address", true, "a listener is on this address"});
    explanation.stages.push_back({contract::STAGE_WILDCARD, "wildcard", true, "a listener is on this port"});
    explanation.stages.push_back({contract::STAGE_LOCAL, "local", true, "the destination is this host's"});
    KernelView kernel;
    kernel.socket = {HostSocketState::listen, SocketAddress::parse("0.0.0.0:80", Proto::tcp).value(), 0};
    kernel.process = Process{811, "nginx"};
    kernel.route = {RouteKind::local, Prefix::parse("192.0.2.1/32").value(), 7};
    kernel.route_device = "eth0";
    explanation.kernel = kernel;
    RunnerUp next;
    next.listener.emplace();
    next.listener->local = LocalEndpoint::parse("*:80", Proto::tcp).value();
    next.why = "is more specific (exact address before wildcard)";
    explanation.runner_up = next;
    return explanation;
}

TEST(RenderExplanation, TheKernelsAnswerStandsBesideTheStepAtWhichItIsFound) {
    const std::string text = printed([](const Sink& sink) { print_explanation_text(contested(), services, sink); });
    for (const char* line :
         {"1  port slot      yes    the port has entries            -\n",
          "2  flow           no     no flow has this 4-tuple        no socket\n",
          "3  exact address  yes    a listener is on this address   no socket\n",
          "4  wildcard       yes    a listener is on this port      listening on 0.0.0.0:http (nginx 811)\n",
          "5  local          yes    the destination is this host's  local 192.0.2.1/32 dev eth0\n",
          "kernel     listening on 0.0.0.0:http (nginx 811); route local 192.0.2.1/32 dev eth0\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

TEST(RenderExplanation, TheRunnerUpIsToldWhyItLost) {
    const std::string text = printed([](const Sink& sink) { print_explanation_text(contested(), PortNames(), sink); });
    EXPECT_NE(text.find("runner-up  listener tcp *:80 lost: listener tcp 192.0.2.1:80 \"web\" is more specific (exact "
                        "address before wildcard)\n"),
              std::string::npos)
        << text;
    const Json json = to_json(contested());
    EXPECT_EQ(json["runner_up"]["listener"]["local"], Json::parse(R"({"addr": "::", "port": 80})"));
    EXPECT_EQ(json["runner_up"]["socket"], nullptr);
    EXPECT_EQ(json["kernel"], Json::parse(R"({"socket": {"state": "listening", "local": {"addr": "0.0.0.0", "port": 80},
        "dev": null, "process": {"pid": 811, "name": "nginx"}}, "local": true,
        "route": {"kind": "local", "prefix": "192.0.2.1/32", "dev": "eth0"}})"));
}

TEST(RenderExplanation, JsonNamesWhatMatched) {
    Explanation about = explanation();
    EXPECT_EQ(to_json(about), Json::parse(R"({"verdict": "drop", "action": "pass", "reason": "listener_exact",
        "target": "drop", "matched": {"listener": {"proto": "tcp", "local": {"addr": "192.0.2.1", "port": 80},
          "v6only": false, "dev": null, "name": "web"}},
        "stages": [{"stage": "port slot", "found": true, "answer": "the port has entries", "kernel": null},
                   {"stage": "flow", "found": false, "answer": "no flow has this 4-tuple", "kernel": null}],
        "dev": "eth0", "kernel": null, "runner_up": null})"));
    about.flow = FlowKey::parse("tcp", "192.0.2.1:80", "192.0.2.2:5000").value();
    EXPECT_EQ(to_json(about)["matched"], Json::parse(R"({"flow": {"proto": "tcp",
        "local": {"addr": "192.0.2.1", "port": 80}, "remote": {"addr": "192.0.2.2", "port": 5000}}})"));
    about.flow.reset();
    about.listener.reset();
    about.target.reset();
    EXPECT_EQ(to_json(about)["matched"], nullptr);
    EXPECT_EQ(to_json(about)["target"], nullptr);
}

}  // namespace
}  // namespace xdemux::test::render_things
