// SPDX-License-Identifier: BSD-2-Clause
// verify over real sockets and every kind of entry; that it finds a broken table; and what explain tells of losers.
#include <cerrno>
#include <fstream>
#include <set>
#include <system_error>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xdemux/base/fd.h>

#include "support/cli_test.h"

namespace xdemux::test::verify_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Fd waiting(int type, const char* address, std::uint16_t port, bool reuseport = false) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    ::inet_pton(AF_INET, address, &name.sin_addr);
    Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, reuseport ? SO_REUSEPORT : SO_REUSEADDR, &on, sizeof on);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
        (type == SOCK_STREAM && ::listen(socket.get(), 8) != 0))
        throw std::system_error(errno, std::generic_category(), "bind and listen");
    return socket;
}

class Verify : public CliTest {
  protected:
    /// An entry of every kind.
    static void fill_tables() {
        attach("--enforce --closed drop");
        for (const char* words :
             {"tcp *:80", "tcp 192.0.2.1:80 --to drop", "tcp 203.0.113.0/24:80-82 --to reject", "udp [::]:53 --v6only",
              "udp 0.0.0.0:53 --dev xd0 --to drop", "tcp [2001:db8::1]:443 --to reject",
              "tcp 198.51.100.0/24:* --to drop", "udp 192.0.2.1:* --to reject", "tcp *:90 --reuseport --name a",
              "tcp *:90 --reuseport --name b"})
            expect_quiet(std::string("listener add ") + words);
        expect_quiet("flow add tcp 192.0.2.1:443 198.51.100.7:50000 --to drop");
        expect_quiet("flow add udp [2001:db8::1]:53 [2001:db8::2]:5353");
    }
    static std::string pins() { return "pinned /sys/fs/bpf/xdemux/" + instance() + "/"; }
};

/// Without what the kernel itself sends over the link meanwhile (neighbour and multicast listener discovery).
std::vector<Json> without_discovery(const Json& reasons) {
    std::vector<Json> rows;
    for (const Json& row : reasons)
        if (row["reason"] != "icmp_other") rows.push_back(row);
    return rows;
}

TEST_F(Verify, FindsNothingWrongWithTheProgramAndCountsNothing) {
    fill_tables();
    const Fd web = waiting(SOCK_STREAM, "0.0.0.0", 8080);
    const Fd dns = waiting(SOCK_DGRAM, "192.0.2.1", 5353);
    const std::vector<Json> counted = without_discovery(expect_json("reason list", "reasons"));
    const Json report = expect_json("verify --random 20000 --seed 4711", "verify");
    EXPECT_THAT(members_of(report),
                ElementsAre("seed", "packets", "agreed", "not_compared", "mismatched", "classes", "mismatches"));
    EXPECT_EQ(report["seed"], 4711);
    EXPECT_EQ(report["packets"], 20000);
    EXPECT_EQ(report["agreed"], 20000);
    std::set<std::string> classes;
    for (const Json& row : report["classes"]) {
        EXPECT_THAT(members_of(row), ElementsAre("group", "class", "packets", "agreed", "not_compared", "mismatched"));
        classes.insert(row["class"]);
    }
    for (const char* each : {"hit",
                             "other address",
                             "other port",
                             "other protocol",
                             "other remote",
                             "other family",
                             "first fragment",
                             "later fragment",
                             "group address",
                             "ipv4",
                             "ipv6",
                             "syn",
                             "rst",
                             "none",
                             "flow",
                             "listener_exact",
                             "listener_prefix",
                             "listener_wildcard",
                             "listener_all_ports",
                             "host_socket",
                             "closed",
                             "port_zero",
                             "not_local",
                             "multicast",
                             "fragment_orphan"})
        EXPECT_TRUE(classes.contains(each)) << each;
    EXPECT_EQ(without_discovery(expect_json("reason list", "reasons")), counted) << "verify is not counted";
}

TEST_F(Verify, TheTextHasTheSeedAndTheClasses) {
    attach();
    const std::string text = expect_prints("verify --random 1000 --seed 5");
    EXPECT_THAT(text, StartsWith("seed 5\n\nGroup   Class"));
    EXPECT_THAT(text, ::testing::ContainsRegex("\nall +1000 +1000 +0 +0\n"));
}

TEST_F(Verify, ABrokenTableIsFoundAndEachMismatchComesWithTheCommandThatRepeatsIt) {
    attach("--enforce");
    expect_quiet("listener add tcp 0.0.0.0:80");
    // Slot of tcp port 80, as contract.h has it: listener 1 answers IPv4, but with the target drop (2) instead of pass.
    run(
        fmt::format("{} map update {}port_slots key hex 50 00 00 00 value hex "
                    "01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00",
                    XDEMUX_BPFTOOL, pins()));
    const Outcome outcome = xdemux("verify --random 5000 --seed 1 --json");
    EXPECT_EQ(outcome.code, 10) << outcome.err;
    EXPECT_THAT(outcome.err, ::testing::MatchesRegex("xdemux: [0-9]+ of 5000 packets are not decided as they should "
                                                     "be; the command beside each shows how\n"));
    const Json report = outcome.json()["verify"];
    ASSERT_GE(report["mismatches"].size(), 1);
    EXPECT_EQ(report["mismatched"], report["mismatches"].size());
    const Json first = report["mismatches"][0];
    EXPECT_THAT(members_of(first), ElementsAre("proto", "source", "destination", "flags", "fragment", "dev", "expected",
                                               "got", "command"));
    EXPECT_EQ(first["destination"]["port"], 80);
    EXPECT_EQ(first["expected"]["verdict"], "pass");
    EXPECT_EQ(first["got"]["verdict"], "drop");
    EXPECT_EQ(first["got"]["reason"], "listener_wildcard");
    const std::string command = first["command"];
    const std::string prefix = "xdemux --instance " + instance() + " ";
    ASSERT_THAT(command, StartsWith(prefix + "explain tcp "));
    EXPECT_EQ(expect_json(command.substr(prefix.size()), "explain")["verdict"], "drop");
    const Outcome text = xdemux("verify --random 5000 --seed 1");
    EXPECT_EQ(text.code, 10);
    EXPECT_THAT(text.out, HasSubstr("\nexpected  listener_wildcard pass, listener 1\n"
                                    "got       listener_wildcard drop, listener 1\n"
                                    "repeat    " +
                                    prefix + "explain tcp "));
}

TEST_F(Verify, ASlotThatForgotItsListenerIsFound) {
    attach("--enforce --closed drop");
    expect_quiet("listener add udp 192.0.2.1:53");
    run(
        fmt::format("{} map update {}port_slots key hex 35 00 01 00 value hex "
                    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
                    XDEMUX_BPFTOOL, pins()));
    const Outcome outcome = xdemux("verify --random 5000 --seed 1 --json");
    EXPECT_EQ(outcome.code, 10) << outcome.err;
    const Json first = outcome.json()["verify"]["mismatches"][0];
    EXPECT_EQ(first["expected"]["reason"], "listener_exact");
    EXPECT_EQ(first["got"]["reason"], "closed");
}

TEST_F(Verify, WithoutAnyEntryOrSocketThereIsStillThisHost) {
    attach("--closed reject --no-host");
    EXPECT_EQ(expect_json("verify --random 3000", "verify")["agreed"], 3000);
}

TEST_F(Verify, ExplainRepeatsEveryKindOfPacketThatIsDrawn) {
    attach("--closed drop");
    EXPECT_EQ(expect_json("explain tcp 192.0.2.2:0 192.0.2.1:0 --flags none", "explain")["reason"], "port_zero");
    EXPECT_EQ(expect_json("explain udp [2001:db8::2]:0 [2001:db8::1]:9", "explain")["reason"], "closed");
    EXPECT_EQ(expect_json("explain tcp 192.0.2.2:5 192.0.2.1:6 --fragment first", "explain")["reason"], "closed");
    const Json later = expect_json("explain udp 192.0.2.2:5 192.0.2.1:6 --fragment later", "explain");
    EXPECT_EQ(later["reason"], "fragment_orphan");
    EXPECT_EQ(later["kernel"], nullptr);
    expect_refused("explain tcp 192.0.2.2:5 192.0.2.1:6 --fragment last", 2, "\"last\" is no fragment; .*");
}

TEST_F(Verify, ExplainTellsWhyTheRunnerUpLost) {
    attach("--closed drop");
    expect_quiet("listener add tcp *:80");
    expect_quiet("listener add tcp 192.0.2.1:80 --to drop");
    const Json exact = expect_json("explain tcp 192.0.2.2:5000 192.0.2.1:80", "explain");
    EXPECT_EQ(exact["runner_up"]["why"],
              "listener tcp *:80 lost: listener tcp 192.0.2.1:80 is more specific (exact address before wildcard)");
    EXPECT_EQ(exact["kernel"]["socket"], nullptr);
    EXPECT_EQ(exact["kernel"]["local"], true);
    EXPECT_EQ(exact["kernel"]["route"]["prefix"], "192.0.2.1/32");
    EXPECT_EQ(expect_json("explain tcp [2001:db8::2]:5000 [2001:db8::1]:80", "explain")["runner_up"], nullptr);

    expect_quiet("flow add tcp 192.0.2.1:80 192.0.2.2:5000");
    EXPECT_EQ(
        expect_json("explain tcp 192.0.2.2:5000 192.0.2.1:80", "explain")["runner_up"]["why"],
        "listener tcp 192.0.2.1:80 lost: flow tcp 192.0.2.1:80 192.0.2.2:5000 is the exact 4-tuple (a flow before "
        "every listener)");
}

TEST_F(Verify, ExplainTellsTheKernelsSocketAndItsProcess) {
    attach("--closed drop");
    const Fd any = waiting(SOCK_STREAM, "0.0.0.0", 8081, true);
    const Json one = expect_json("explain tcp 192.0.2.2:5000 192.0.2.1:8081", "explain");
    EXPECT_EQ(one["reason"], "host_socket");
    const Json socket = one["kernel"]["socket"];
    EXPECT_EQ(socket["state"], "listening");
    EXPECT_EQ(socket["local"], Json::parse(R"({"addr": "0.0.0.0", "port": 8081})"));
    EXPECT_EQ(socket["process"]["pid"], ::getpid());
    EXPECT_EQ(one["runner_up"], nullptr);

    const Fd exact = waiting(SOCK_STREAM, "192.0.2.1", 8081, true);
    const std::string me = fmt::format(" (cli_tests {})", ::getpid());
    EXPECT_EQ(expect_json("explain tcp 192.0.2.2:5000 192.0.2.1:8081", "explain")["runner_up"]["why"],
              "listening socket tcp 0.0.0.0:8081" + me + " lost: listening socket tcp 192.0.2.1:8081" + me +
                  " is more specific (exact address before wildcard)");
    expect_quiet("listener add tcp *:8081 --to drop");
    EXPECT_EQ(expect_json("explain tcp 192.0.2.2:5000 192.0.2.1:8081", "explain")["runner_up"]["why"],
              "listening socket tcp 192.0.2.1:8081" + me +
                  " lost: listener tcp *:8081 stands in the tables, and they are asked before the host's sockets");
    EXPECT_THAT(expect_prints("explain tcp 192.0.2.2:5000 192.0.2.1:8081"), HasSubstr("local 192.0.2.1/32"));
}

TEST_F(Verify, TheTableShowsWhoWaitsInVain) {
    attach();
    const Fd first = waiting(SOCK_DGRAM, "0.0.0.0", 5354);
    const Fd last = waiting(SOCK_DGRAM, "0.0.0.0", 5354);
    const Fd member = waiting(SOCK_STREAM, "0.0.0.0", 8083, true);
    const Fd other = waiting(SOCK_STREAM, "0.0.0.0", 8083, true);
    const Fd web = waiting(SOCK_STREAM, "192.0.2.1", 8082);
    expect_quiet("listener add tcp *:8082 --to drop --name shut");
    expect_quiet("listener add tcp *:90 --reuseport --name a");
    expect_quiet("listener add tcp *:90 --reuseport --name b");
    const auto shadows = [](const std::string& filter) {
        std::vector<Json> names;
        for (const Json& row : expect_json("table sport = :" + filter, "endpoints"))
            names.push_back(row["shadowed_by"]);
        return names;
    };
    const std::string me = fmt::format("cli_tests ({})", ::getpid());
    // Of UDP sockets that share an address without a reuseport group, the last bound gets every packet.
    EXPECT_THAT(shadows("5354"), ::testing::UnorderedElementsAre(Json(nullptr), Json(me)));
    EXPECT_THAT(shadows("8083"), ElementsAre(Json(nullptr), Json(nullptr)));
    EXPECT_THAT(shadows("8082"), ElementsAre(Json(nullptr), Json("listener tcp [::]:8082 \"shut\"")));
    EXPECT_THAT(shadows("90"), ElementsAre(Json(nullptr), Json("listener tcp [::]:90 \"a\"")));
    const Json port = expect_json("port show 8082", "port");
    EXPECT_EQ(port["host_sockets"][0]["process"]["pid"], ::getpid());
    EXPECT_EQ(port["host_sockets"][0]["source"], "host");
    EXPECT_THAT(expect_prints("table sport = :8082"), HasSubstr(me + "         listener tcp [::]:8082 \"shut\"\n"));
}

/// A classic capture, little-endian, of Ethernet frames.
std::string capture_of(const std::vector<std::string>& frames) {
    const auto word = [](std::uint32_t value) {
        std::string bytes;
        for (int shift = 0; shift < 32; shift += 8)
            bytes += static_cast<char>(value >> shift);
        return bytes;
    };
    std::string bytes = word(0xa1b2c3d4) + word(0x00040002) + word(0) + word(0) + word(65'535) + word(1);
    std::uint32_t second = 1;
    for (const std::string& frame : frames) {
        const auto size = static_cast<std::uint32_t>(frame.size());
        bytes += word(second++) + word(500'000) + word(size) + word(size) + frame;
    }
    return bytes;
}

std::string from_hex(const std::string& hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return bytes;
}

const std::string ethernet = "020000000001020000000002";
/// A SYN from 192.0.2.2:5000 to 192.0.2.1:80, and an ARP request.
const std::string syn = from_hex(ethernet +
                                 "0800"
                                 "450000280000400040060000c0000202c0000201"
                                 "1388005000000001000000005002ffff00000000");
const std::string arp = from_hex(ethernet + "08060001080006040001020000000002c0000202000000000000c0000201");

class ExplainCapture : public Verify {
  protected:
    ExplainCapture() : path_(fmt::format("{}cli-capture-{}", ::testing::TempDir(), ::getpid())) {}
    ~ExplainCapture() override { ::unlink(path_.c_str()); }
    void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

    std::string path_;
};

TEST_F(ExplainCapture, EveryPacketIsALine) {
    attach("--closed drop");
    expect_quiet("listener add tcp 192.0.2.1:80 --to drop");
    write(capture_of({syn, arp, "short"}));
    EXPECT_EQ(
        expect_prints("explain --pcap " + path_),
        "Number  Time                           Netid  Source                    Destination               Verdict  "
        "Reason\n"
        "     1  1970-01-01 00:00:01.500000000  tcp    192.0.2.2:5000            192.0.2.1:http            drop     "
        "listener_exact\n"
        "     2  1970-01-01 00:00:02.500000000  -      -                         -                         pass     "
        "not_ip\n"
        "     3  1970-01-01 00:00:03.500000000  -      -                         -                         drop     "
        "bad_ethernet\n");
    EXPECT_THAT(without_discovery(expect_json("reason list", "reasons")), ::testing::IsEmpty()) << "nothing is counted";
    const Json rows = expect_json("explain --pcap " + path_, "explanations");
    ASSERT_EQ(rows.size(), 3);
    EXPECT_THAT(members_of(rows[0]),
                ElementsAre("number", "time_ns", "proto", "source", "destination", "verdict", "action", "reason",
                            "target", "matched", "stages", "dev", "kernel", "runner_up"));
    EXPECT_EQ(rows[0]["time_ns"], 1'500'000'000);
    EXPECT_EQ(rows[0]["source"], Json::parse(R"({"addr": "192.0.2.2", "port": 5000})"));
    EXPECT_EQ(rows[0]["matched"]["listener"]["local"]["port"], 80);
    EXPECT_EQ(rows[1]["source"], nullptr);
}

TEST_F(ExplainCapture, ACutPacketEndsItWithItsNumberAfterWhatWasRead) {
    attach();
    const std::string whole = capture_of({syn, syn});
    write(whole.substr(0, whole.size() - 1));
    const Outcome text = xdemux("explain --pcap " + path_);
    EXPECT_EQ(text.code, 1);
    EXPECT_THAT(text.err, StartsWith("xdemux: cannot read packet 2 of \"" + path_ + "\": "));
    EXPECT_THAT(text.out, HasSubstr("\n     1  "));
    const Outcome json = xdemux("explain --json --pcap " + path_);
    EXPECT_EQ(json.code, 1);
    EXPECT_EQ(json.json()["explanations"].size(), 1);
}

TEST_F(ExplainCapture, WhatIsNoCaptureIsAUsageError) {
    attach();
    write("no capture at all, whatever its name says");
    expect_refused("explain --pcap " + path_, 2, "\"" + path_ + "\" is no capture, neither pcap nor pcapng: .*");
    expect_refused("explain --pcap /nowhere/x", 1,
                   "cannot open \"/nowhere/x\": no such file or directory \\(ENOENT\\)");
}

TEST_F(ExplainCapture, ItIsReadFromStandardInputToo) {
    attach();
    EXPECT_EQ(xdemux("explain --json --pcap -", {.input = capture_of({syn, arp})}).json()["explanations"].size(), 2);
}

}  // namespace
}  // namespace xdemux::test::verify_test
