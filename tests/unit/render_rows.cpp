// SPDX-License-Identifier: BSD-2-Clause
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "render/counters.h"
#include "render/endpoints.h"
#include "render/flows.h"
#include "render/listeners.h"
#include "render/text_table.h"

namespace xdemux::test::render_rows {
namespace {

const PortNames services({{53, "domain"}, {80, "http"}, {443, "https"}}, {{53, "domain"}, {443, "https"}});

template <typename Print>
std::string printed(Print print) {
    std::string text;
    print(Sink([&](std::string_view piece) { text += piece; }));
    return text;
}

LocalEndpoint local(std::string_view text) {
    return LocalEndpoint::parse(text, Proto::tcp).value();
}

SocketAddress address(std::string_view text) {
    return SocketAddress::parse(text, Proto::tcp).value();
}

ListenerRow listener(std::string_view text) {
    ListenerRow row;
    row.listener.local = local(text);
    return row;
}

TEST(RenderTextTable, AlignsColumnsAndLeavesNoBlanksAtTheEnd) {
    TextTable table{{"Name"}, {"Count", Align::right}, {"Note"}};
    table.add({"a", "1234567", ""});
    table.add({"longer", "2", "x"});
    EXPECT_EQ(printed([&](const Sink& sink) { table.print(sink); }),
              "Name      Count  Note\n"
              "a       1234567\n"
              "longer        2  x\n");
}

TEST(RenderJson, APortRangeHasALastPortAndAllPortsAreAStar) {
    EXPECT_EQ(to_json(local("192.0.2.1:443")), Json::parse(R"({"addr": "192.0.2.1", "port": 443})"));
    EXPECT_EQ(to_json(local("192.0.2.1:8000-8999")),
              Json::parse(R"({"addr": "192.0.2.1", "port": 8000, "port_last": 8999})"));
    EXPECT_EQ(to_json(local("192.0.2.1:*")), Json::parse(R"({"addr": "192.0.2.1", "port": "*"})"));
    EXPECT_EQ(to_json(local("203.0.113.0/24:443")), Json::parse(R"({"addr": "203.0.113.0/24", "port": 443})"));
    EXPECT_EQ(to_json(local("*:80")), Json::parse(R"({"addr": "::", "port": 80})"));
    EXPECT_EQ(to_json(local("0.0.0.0:80")), Json::parse(R"({"addr": "0.0.0.0", "port": 80})"));
}

TEST(RenderJson, AListIsOneObjectWithSchemaAndAnElementALine) {
    const auto list = [](int elements) {
        return printed([&](const Sink& sink) {
            JsonList json("things", sink);
            for (int i = 0; i < elements; ++i)
                json.add(Json{{"n", i}, {"none", nullptr}});
            json.end();
        });
    };
    EXPECT_EQ(list(0), "{\"schema\": 1, \"things\": []}\n");
    EXPECT_EQ(list(2), "{\"schema\": 1, \"things\": [\n{\"n\": 0, \"none\": null},\n{\"n\": 1, \"none\": null}\n]}\n");
}

TEST(RenderJson, BytesThatAreNoUtf8DoNotStopIt) {
    const std::string text = printed([](const Sink& sink) { print_json("dev", Json("a\xff"), sink); });
    EXPECT_EQ(Json::parse(text)["dev"], "a\xef\xbf\xbd");
}

TEST(RenderListeners, TextNamesServicesAndMarksWhatADualStackListenerHears) {
    std::vector<ListenerRow> rows = {listener("192.0.2.1:https"), listener("[::]:80"), listener("[::]:8080")};
    rows[0].traffic = {12, 3456};
    rows[0].listener.name = "web";
    rows[0].listener.reuseport = true;
    rows[0].listener.guard.sources = {Prefix::parse("10.0.0.0/8").value()};
    rows[1].listener.device = Device{7, "eth0"};
    rows[1].device_gone = true;
    rows[2].listener.v6only = true;
    rows[2].listener.target = Target{TargetKind::drop};
    EXPECT_EQ(printed([&](const Sink& sink) { print_listeners_text(rows, services, sink); }),
              "Netid  Local            Target  Dev          Options    Name  Packets  Bytes  Guard\n"
              "tcp    192.0.2.1:https  pass    -            reuseport  web        12   3456  from 10.0.0.0/8\n"
              "tcp    *:http           pass    eth0 (gone)  -          -           0      0\n"
              "tcp    [::]:8080        drop    -            v6only     -           0      0\n");
}

TEST(RenderListeners, JsonHasTheFieldsOfTheContractInTheirOrder) {
    std::vector<ListenerRow> rows = {listener("192.0.2.1:443")};
    rows[0].traffic = {12, 3456};
    rows[0].listener.device = Device{7, "eth0"};
    EXPECT_EQ(printed([&](const Sink& sink) { print_listeners_json(rows, sink); }),
              "{\"schema\": 1, \"listeners\": [\n"
              "{\"proto\": \"tcp\", \"local\": {\"addr\": \"192.0.2.1\", \"port\": 443}, \"v6only\": false, "
              "\"dev\": \"eth0\", \"target\": \"pass\", \"reuseport\": false, \"name\": null, \"packets\": 12, "
              "\"bytes\": 3456, \"from\": null, \"rate\": null, \"burst\": null}\n]}\n");
}

TEST(RenderFlows, TextTellsHowLongAgoAFlowWasSeen) {
    std::vector<Flow> flows(2);
    flows[0].key = {Proto::tcp, address("192.0.2.1:443"), address("198.51.100.7:50000")};
    flows[0].state = "ESTAB";
    flows[0].packets = 3;
    flows[0].bytes = 180;
    flows[0].last_seen_ns = 5'000'000'000;
    flows[1].key = {Proto::udp, address("[2001:db8::1]:53"), address("[2001:db8::2]:5353")};
    flows[1].state = "ESTAB";
    const auto text = printed([&](const Sink& sink) {
        FlowText printer(services, std::chrono::nanoseconds(8'900'000'000), sink);
        printer.add(flows[1]);
        printer.add(flows[0]);
        printer.end();
    });
    EXPECT_EQ(text,
              "Netid  State  Local                 Remote              Target  Packets  Bytes  Last-seen\n"
              "tcp    ESTAB  192.0.2.1:https       198.51.100.7:50000  pass          3    180    3 s ago\n"
              "udp    ESTAB  [2001:db8::1]:domain  [2001:db8::2]:5353  pass          0      0      never\n");
}

TEST(RenderFlows, ManyFlowsArePrintedAsTheyCome) {
    std::size_t lines = 0;
    const Sink count = [&](std::string_view text) { lines += text.ends_with('\n') ? 1 : 0; };
    FlowText printer(services, std::chrono::nanoseconds(0), count);
    Flow flow;
    flow.key = {Proto::tcp, address("192.0.2.1:443"), address("198.51.100.7:50000")};
    for (std::size_t i = 0; i <= FlowPrinter::sorted_flows; ++i)
        printer.add(flow);
    EXPECT_EQ(lines, FlowPrinter::sorted_flows + 2) << "titles and all rows, before the last was known to be the last";
    printer.add(flow);
    printer.end();
    EXPECT_EQ(lines, FlowPrinter::sorted_flows + 3);
}

TEST(RenderFlows, AFlowThatWasNeverSeenHasNoTime) {
    Flow flow;
    flow.key = {Proto::tcp, address("192.0.2.1:443"), address("198.51.100.7:50000")};
    flow.state = "ESTAB";
    EXPECT_EQ(to_json(flow), Json::parse(R"({"proto": "tcp", "local": {"addr": "192.0.2.1", "port": 443},
        "remote": {"addr": "198.51.100.7", "port": 50000}, "state": "ESTAB", "target": "pass", "packets": 0,
        "bytes": 0, "last_seen_ns": null})"));
    flow.last_seen_ns = 17;
    EXPECT_EQ(to_json(flow)["last_seen_ns"], 17);
}

TEST(RenderEndpoints, HostSocketsHaveNoTargetAndShowTheirProcess) {
    Endpoint host;
    host.local = local("0.0.0.0:22");
    host.source = EndpointSource::host;
    host.process = Process{811, "sshd"};
    host.shadowed_by = "listener tcp 192.0.2.1:22";
    Endpoint listener;
    listener.local = local("[::]:80");
    listener.target = Target{TargetKind::reject};
    listener.dev = "eth0";
    listener.guard.sources = {Prefix::parse("10.0.0.0/8").value()};
    Endpoint flow;
    flow.state = EndpointState::time_wait;
    flow.local = local("192.0.2.1:443");
    flow.remote = address("198.51.100.7:50000");
    flow.target = Target{};
    const std::vector<Endpoint> rows = {flow, listener, host};
    EXPECT_EQ(printed([&](const Sink& sink) { print_endpoints_text(rows, services, sink); }),
              "Netid  State      Local            Peer                Target  Dev   Source  Process     "
              "Guard            Shadowed-by\n"
              "tcp    TIME-WAIT  192.0.2.1:https  198.51.100.7:50000  pass    -     table\n"
              "tcp    LISTEN     *:http           *:*                 reject  eth0  table               "
              "from 10.0.0.0/8\n"
              "tcp    LISTEN     0.0.0.0:22       0.0.0.0:*           -       -     host    sshd (811)  "
              "                 listener tcp 192.0.2.1:22\n");
    EXPECT_EQ(to_json(host), Json::parse(R"({"proto": "tcp", "state": "LISTEN", "local": {"addr": "0.0.0.0",
        "port": 22}, "remote": null, "target": null, "dev": null, "source": "host",
        "from": null, "rate": null, "burst": null,
        "process": {"pid": 811, "name": "sshd"}, "shadowed_by": "listener tcp 192.0.2.1:22"})"));
    EXPECT_EQ(to_json(flow)["process"], nullptr);
    EXPECT_EQ(to_json(flow)["shadowed_by"], nullptr);
    EXPECT_EQ(to_json(flow)["remote"], Json::parse(R"({"addr": "198.51.100.7", "port": 50000})"));
}

TEST(RenderEndpoints, WithoutNamesPortsAreNumbers) {
    Endpoint row;
    row.local = local("[::]:80");
    row.v6only = true;
    const std::vector<Endpoint> rows = {row};
    EXPECT_EQ(printed([&](const Sink& sink) { print_endpoints_text(rows, PortNames(), sink); }),
              "Netid  State   Local    Peer    Target  Dev  Source  Process  Guard  Shadowed-by\n"
              "tcp    LISTEN  [::]:80  [::]:*  -       -    table\n");
}

std::vector<CounterRow> counters() {
    return {{Proto::tcp, 0, {1, 60}, {}}, {Proto::tcp, 22, {}, {}},       {Proto::tcp, 80, {5, 300}, {2, 120}},
            {Proto::tcp, 443, {}, {}},    {Proto::udp, 53, {9, 900}, {}}, {Proto::udp, 443, {5, 500}, {}}};
}

std::vector<std::pair<Proto, int>> ports_of(const std::vector<CounterRow>& rows) {
    std::vector<std::pair<Proto, int>> ports;
    for (const CounterRow& row : rows)
        ports.emplace_back(row.proto, row.port);
    return ports;
}

TEST(SelectCounters, ShowsWhatIsNotZeroAndOnRequestWhatHasAName) {
    using Ports = std::vector<std::pair<Proto, int>>;
    EXPECT_EQ(ports_of(select_counters(counters(), {}, services)),
              (Ports{{Proto::tcp, 0}, {Proto::tcp, 80}, {Proto::udp, 53}, {Proto::udp, 443}}));
    CounterSelection selection;
    selection.named = true;
    EXPECT_EQ(ports_of(select_counters(counters(), selection, services)),
              (Ports{{Proto::tcp, 0}, {Proto::tcp, 80}, {Proto::tcp, 443}, {Proto::udp, 53}, {Proto::udp, 443}}));
}

TEST(SelectCounters, TakesAProtocolAPortRangeAndTheBusiest) {
    using Ports = std::vector<std::pair<Proto, int>>;
    CounterSelection selection;
    selection.proto = Proto::udp;
    EXPECT_EQ(ports_of(select_counters(counters(), selection, services)), (Ports{{Proto::udp, 53}, {Proto::udp, 443}}));
    selection = {};
    selection.tcp_ports = selection.udp_ports = PortRange{80, 443};
    EXPECT_EQ(ports_of(select_counters(counters(), selection, services)), (Ports{{Proto::tcp, 80}, {Proto::udp, 443}}));
    selection.udp_ports.reset();
    EXPECT_EQ(ports_of(select_counters(counters(), selection, services)), (Ports{{Proto::tcp, 80}}));
    selection = {};
    selection.top = 2;
    EXPECT_EQ(ports_of(select_counters(counters(), selection, services)), (Ports{{Proto::udp, 53}, {Proto::tcp, 80}}));
}

TEST(RenderCounters, TextAndJsonHaveEveryNumberInFull) {
    const std::vector<CounterRow> rows = {{Proto::tcp, 80, {18446744073709551615U, 300}, {2, 120}},
                                          {Proto::udp, 5000, {1, 60}, {}}};
    EXPECT_EQ(printed([&](const Sink& sink) { print_counters_text(rows, services, sink); }),
              "Netid  Port  Service               Packets  Bytes  Dropped-packets  Dropped-bytes\n"
              "tcp      80  http     18446744073709551615    300                2            120\n"
              "udp    5000  -                           1     60                0              0\n");
    EXPECT_EQ(to_json(rows[0], services), Json::parse(R"({"proto": "tcp", "port": 80, "service": "http",
        "packets": 18446744073709551615, "bytes": 300, "dropped_packets": 2, "dropped_bytes": 120})"));
    EXPECT_EQ(to_json(rows[1], services)["service"], nullptr);
}

TEST(RenderReasons, TextAndJsonNameReasonAndVerdict) {
    const std::vector<ReasonRow> rows = {{contract::REASON_CLOSED, contract::VERDICT_DROP, 7, 420, 3}};
    EXPECT_EQ(printed([&](const Sink& sink) { print_reasons_text(rows, sink); }),
              "Reason  Verdict  Packets  Bytes  Monitored-packets\n"
              "closed  drop           7    420                  3\n");
    EXPECT_EQ(printed([&](const Sink& sink) { print_reasons_json(rows, sink); }),
              "{\"schema\": 1, \"reasons\": [\n{\"reason\": \"closed\", \"verdict\": \"drop\", \"packets\": 7, "
              "\"bytes\": 420, \"monitored_packets\": 3}\n]}\n");
}

}  // namespace
}  // namespace xdemux::test::render_rows
