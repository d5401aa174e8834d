// SPDX-License-Identifier: BSD-2-Clause
// Scans, blocks and events as a user meets them: nmap and real connections from the other end of a veth pair.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/netns.h>

#include "support/cli_test.h"

namespace xdemux::test::evidence_test {
namespace {

using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::uint16_t closed_port = 9999;

sockaddr_in near_address(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
    return address;
}

/// A datagram to a closed port each few milliseconds, from the peer, while it lives.
class Probes {
  public:
    explicit Probes(const std::string& peer) : thread_([this, peer] { send_from(peer); }) {}
    ~Probes() {
        stopping_ = true;
        thread_.join();
    }
    Probes(const Probes&) = delete;
    Probes& operator=(const Probes&) = delete;

  private:
    void send_from(const std::string& peer) {
        const auto scope = NetnsScope::enter(peer);
        const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        const sockaddr_in to = near_address(closed_port);
        while (!stopping_) {
            ::sendto(socket.get(), "probe", 5, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }

    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

bool has_line(const std::string& out) {
    return lines_of(out).size() > 1;
}

class Evidence : public CliTest {
  protected:
    static void scan(const std::string& options) {
        run_in(peer(), "nmap -n -Pn --max-retries 1 --min-rate 500 " + options);
    }
    static Json source_row(const std::string& options = "") {
        const Json rows = expect_json("scan list " + options, "scans");
        for (const Json& row : rows) {
            if (row["source"] == far_ipv4) return row;
        }
        return nullptr;
    }
};

TEST_F(Evidence, AScanOfPortsIsListedWithWhatItTouched) {
    attach("--enforce --closed reject");
    EXPECT_EQ(expect_prints("scan list"),
              "Source  Kind  Endpoints  Addresses  Packets  Netid  Flags  First-seen  Last-seen  Blocked\n");
    scan("-sS -p 1-500 192.0.2.1");
    const Json row = source_row();
    EXPECT_THAT(members_of(row), ElementsAre("source", "family", "endpoints", "addresses", "packets", "first_seen_ns",
                                             "last_seen_ns", "protocols", "tcp_flags", "kind", "blocked_until_ns"));
    EXPECT_EQ(row["family"], "ipv4");
    EXPECT_GT(row["endpoints"], 250);
    EXPECT_LT(row["endpoints"], 1000);
    EXPECT_EQ(row["addresses"], 1);
    EXPECT_GE(row["packets"], 500);
    EXPECT_LE(row["first_seen_ns"], row["last_seen_ns"]);
    EXPECT_EQ(row["protocols"], Json::array({"tcp"}));
    EXPECT_THAT(row["tcp_flags"], Contains("syn"));
    EXPECT_EQ(row["kind"], "ports");
    EXPECT_EQ(row["blocked_until_ns"], nullptr);
    EXPECT_THAT(expect_prints("scan list"), ContainsRegex("192.0.2.2 +ports +[0-9]+ +1 +[0-9]+ +tcp +.*syn.*s ago"));
    scan("-sX -p 600-605 192.0.2.1");
    scan("-sU -p 600-605 192.0.2.1");
    const Json more = source_row("--since 3600 --top 1");
    EXPECT_EQ(more["protocols"], Json::array({"tcp", "udp"}));
    for (const char* flag : {"fin", "psh", "urg"})
        EXPECT_THAT(more["tcp_flags"], Contains(flag));
    EXPECT_EQ(source_row("--min-endpoints 100000"), nullptr);
    expect_quiet("scan reset --dry-run");
    EXPECT_NE(source_row(), nullptr);
    expect_quiet("scan reset");
    EXPECT_EQ(source_row("--min-endpoints 1"), nullptr);
}

TEST_F(Evidence, AScanOfAddressesIsToldApart) {
    for (int i = 100; i < 120; ++i)
        run(fmt::format("ip addr add 192.0.2.{}/24 dev xd0", i));
    attach("--enforce --closed reject");
    scan("-sS -p 23 192.0.2.100-119");
    const Json row = source_row();
    EXPECT_EQ(row["kind"], "addresses");
    EXPECT_GT(row["addresses"], 12);
    EXPECT_LT(row["addresses"], 30);
    for (int i = 100; i < 120; ++i)
        run(fmt::format("ip addr del 192.0.2.{}/24 dev xd0", i));
}

TEST_F(Evidence, IsNotedInMonitorModeTooAndOfIpv6) {
    attach("--monitor");
    scan("-6 -sS -p 1-20 2001:db8::1");
    const Json rows = expect_json("scan list", "scans");
    ASSERT_EQ(rows.size(), 1U) << rows;
    EXPECT_EQ(rows[0]["source"], far_ipv6);
    EXPECT_EQ(rows[0]["family"], "ipv6");
}

/// A connection attempt from the peer.
class Client {
  public:
    Client(const std::string& peer, std::uint16_t port) {
        const auto scope = NetnsScope::enter(peer);
        socket_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        const sockaddr_in to = near_address(port);
        ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
    [[nodiscard]] bool connected() const {
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        return ::getpeername(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0;
    }
    [[nodiscard]] int fd() const { return socket_.get(); }

  private:
    Fd socket_;
};

/// Whether a byte comes over.
bool passes(int from, int to) {
    char byte = 0;
    return ::send(from, "x", 1, MSG_NOSIGNAL) == 1 &&
           wait_until([&] { return ::recv(to, &byte, 1, MSG_DONTWAIT) == 1; }) && byte == 'x';
}

bool was_refused() {
    for (const Json& row : expect_json("reason list", "reasons")) {
        if (row["reason"] == "source_blocked" && row["verdict"] == "drop" && row["monitored_packets"] == 0) return true;
    }
    return false;
}

TEST_F(Evidence, ABlockedSourceKeepsItsConnectionAndGetsNoNewOne) {
    const Fd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = near_address(0);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(server.get(), 8), 0);
    ASSERT_EQ(::getsockname(server.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    const std::uint16_t port = ntohs(address.sin_port);
    attach("--enforce --closed drop");
    const Client old(peer(), port);
    ASSERT_TRUE(wait_until([&] { return old.connected(); }));
    const Fd accepted(::accept(server.get(), nullptr, nullptr));

    expect_quiet("scan block 192.0.2.2 600");
    EXPECT_TRUE(passes(old.fd(), accepted.get()));
    EXPECT_TRUE(passes(accepted.get(), old.fd()));
    const Client fresh(peer(), port);
    ASSERT_TRUE(wait_until(was_refused));
    EXPECT_FALSE(fresh.connected());
    EXPECT_TRUE(passes(old.fd(), accepted.get()));

    // Its SYN is sent again after a second.
    expect_quiet("scan unblock 192.0.2.2");
    EXPECT_TRUE(wait_until([&] { return fresh.connected(); }));
}

TEST_F(Evidence, BlocksAreListedAndEndByThemselvesOrOnRequest) {
    attach("--enforce");
    EXPECT_EQ(expect_json("scan blocks", "blocks").size(), 0U);
    expect_quiet("scan block 198.51.100.7 600 --dry-run");
    EXPECT_EQ(expect_json("scan blocks", "blocks").size(), 0U);
    expect_quiet("scan block 198.51.100.7 600");
    expect_quiet("scan block 2001:db8:1::7 1");
    const Json blocks = expect_json("scan blocks", "blocks");
    ASSERT_GE(blocks.size(), 1U);
    EXPECT_THAT(members_of(blocks[0]), ElementsAre("source", "family", "until_ns"));
    EXPECT_EQ(blocks[0]["source"], "198.51.100.7");
    EXPECT_THAT(expect_prints("scan blocks"), ContainsRegex("^Source +Left\n198.51.100.7 +5[0-9][0-9] s\n"));
    EXPECT_TRUE(wait_until([] { return expect_json("scan blocks", "blocks").size() == 1; }));
    // Whoever writes next takes away what has passed.
    const auto entries = [] {
        return run(fmt::format("{} -j map dump pinned /sys/fs/bpf/xdemux/{}/blocks", XDEMUX_BPFTOOL, instance()));
    };
    EXPECT_EQ(Json::parse(entries()).size(), 2U);
    expect_quiet("scan block 198.51.100.8 600");
    EXPECT_EQ(Json::parse(entries()).size(), 2U);
    expect_quiet("scan unblock 198.51.100.8 --dry-run");
    expect_quiet("scan unblock 198.51.100.8");
    expect_refused("scan unblock 198.51.100.8", 5, "198.51.100.8 is not blocked");
    expect_quiet("scan unblock --all --dry-run");
    EXPECT_EQ(expect_json("scan blocks", "blocks").size(), 1U);
    expect_quiet("scan unblock --all");
    EXPECT_EQ(expect_json("scan blocks", "blocks").size(), 0U);
}

RunOptions logged_in_from(const std::string& address) {
    const bool ipv6 = address.find(':') != std::string::npos;
    const std::string connection = fmt::format("{} 50000 {} 22", address, ipv6 ? "2001:db8::1" : "192.0.2.1");
    return {.in_child = [connection] { ::setenv("SSH_CONNECTION", connection.c_str(), 1); }};
}

TEST_F(Evidence, ABlockOfThisHostOrOfTheOperatorIsRefused) {
    attach("--enforce");
    expect_refused("scan block 192.0.2.1 60", 9, "cannot block 192.0.2.1: it is an address of this host");
    expect_refused("scan block 127.0.0.9 60", 9, "cannot block 127.0.0.9: it is an address of this host");
    expect_refused("scan block 192.0.2.2 60", 9, "cannot block 192.0.2.2: the session that runs this comes from it",
                   logged_in_from("192.0.2.2"));
    expect_refused("scan block 2001:db8::2 60", 9, "cannot block 2001:db8::2: .*", logged_in_from("2001:db8::2"));
    expect_refused("scan block 224.0.0.1 60", 2, "cannot block 224.0.0.1: no packet has it for its source");
    expect_refused("scan block 0.0.0.0 60", 2, "cannot block 0.0.0.0: .*");
    EXPECT_EQ(expect_json("scan blocks", "blocks").size(), 0U);
}

TEST_F(Evidence, ListWithBlockKeepsScannersAwayForATime) {
    attach("--enforce --closed reject");
    scan("-sS -p 1-100 192.0.2.1");
    expect_quiet("scan block 192.0.2.2 1");
    const Outcome dry = xdemux("scan list --block 600 --dry-run --json");
    EXPECT_EQ(dry.code, 0) << dry.err;
    const Outcome spared = xdemux("scan list --block 600 --json", logged_in_from("192.0.2.2"));
    EXPECT_EQ(spared.code, 0);
    EXPECT_EQ(spared.err, "192.0.2.2 is not blocked: the session that runs this comes from it\n");
    run("ip route add default via 192.0.2.2");
    const Outcome gateway = xdemux("scan list --block 600 --json");
    run("ip route del default");
    EXPECT_EQ(gateway.err, "192.0.2.2 is not blocked: it is a default gateway\n");
    EXPECT_TRUE(wait_until([] { return expect_json("scan blocks", "blocks").empty(); }));
    EXPECT_GT(source_row("--block 600")["blocked_until_ns"], 0);
    const Json blocks = expect_json("scan blocks", "blocks");
    // A shorter block by evidence does not shorten it.
    EXPECT_EQ(xdemux("scan list --block 5").code, 0);
    EXPECT_EQ(expect_json("scan blocks", "blocks"), blocks);
    EXPECT_THAT(expect_prints("scan list"), ContainsRegex("192.0.2.2 .* 5[0-9][0-9] s\n"));
}

TEST_F(Evidence, ABlockWhereTheInstanceOnlyMonitorsSaysSo) {
    attach("--monitor");
    const Outcome outcome = xdemux("scan block 198.51.100.7 60");
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, fmt::format("instance \"{}\" only monitors: what blocked sources send is counted, not "
                                       "dropped\n",
                                       instance()));
}

TEST_F(Evidence, WrongWordsAreRefused) {
    expect_refused("scan list --min-endpoints 0", 2, "--min-endpoints 0 is outside 1-4294967295");
    expect_refused("scan list --since soon", 2, "--since \"soon\" is not a number from .*");
    expect_refused("scan list --top 0", 2, "--top 0 is outside .*");
    expect_refused("scan list --block 0", 2, "--block 0 is outside 1-2592000");
    expect_refused("scan list --dry-run", 2, "--dry-run goes with --block; without it nothing is changed anyway");
    expect_refused("scan block 192.0.2.2", 2, "SECONDS is required; .*");
    expect_refused("scan block host 5", 2, "\"host\" is not an IPv4 or IPv6 address");
    expect_refused("scan unblock", 2, "no source to unblock; name one, or use --all");
    expect_refused("scan unblock 192.0.2.2 --all", 2, "(--all excludes ADDR|ADDR excludes --all); .*");
    expect_refused("monitor --count 0", 2, "--count 0 is outside .*");
    expect_refused("monitor --sample 0", 2, "--sample 0 is outside .*");
    expect_refused("monitor --limit x", 2, "--limit \"x\" is not a number from 0 to 1000000");
    expect_refused("monitor --json --pcap -", 2, "--json excludes --pcap: a capture is no JSON");
    for (const char* words : {"scan list", "scan reset", "scan blocks", "scan block 198.51.100.7 5",
                              "scan unblock --all", "scan list --block 5", "monitor"})
        expect_refused(words, 3, "instance \"cli-test-[0-9]+\" is not loaded; .*");
}

class Monitor : public Evidence {
  protected:
    void SetUp() override { attach("--enforce --closed drop"); }
};

TEST_F(Monitor, TellsWhatIsDroppedALineEach) {
    const Probes probes(peer());
    const std::vector<std::string> lines = lines_of(expect_prints("monitor -n --count 3"));
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_THAT(lines[0], StartsWith("Time "));
    for (std::size_t i = 1; i < lines.size(); ++i)
        EXPECT_THAT(lines[i], ContainsRegex("^20[0-9-]+T[0-9:.]+Z +drop +drop +closed +udp +192.0.2.2:[0-9]+ "
                                            "+192.0.2.1:9999 +xd0 +-$"));
}

TEST_F(Monitor, InJsonIsAnObjectALine) {
    expect_quiet("listener add udp 192.0.2.1:9999 --to drop --name probe");
    const Probes probes(peer());
    const std::vector<std::string> lines = lines_of(expect_prints("monitor --json --count 2"));
    ASSERT_EQ(lines.size(), 2U);
    const Json json = Json::parse(lines[1]);
    EXPECT_THAT(members_of(json), ElementsAre("schema", "event"));
    const Json& event = json["event"];
    EXPECT_THAT(members_of(event), ElementsAre("time", "time_ns", "verdict", "action", "reason", "proto", "remote",
                                               "local", "dev", "listener", "frame_bytes"));
    EXPECT_EQ(event["reason"], "listener_exact");
    EXPECT_EQ(event["remote"]["addr"], "192.0.2.2");
    EXPECT_EQ(event["local"], Json::parse(R"({"addr": "192.0.2.1", "port": 9999})"));
    EXPECT_EQ(event["dev"], "xd0");
    EXPECT_EQ(event["listener"]["name"], "probe");
    EXPECT_EQ(event["frame_bytes"], 14 + 20 + 8 + 5);
}

TEST_F(Monitor, TellsTheTimeOfTheWallClock) {
    const Probes probes(peer());
    const std::string before = run("date -u +%Y-%m-%dT%H:%M:%S.%NZ");
    const std::string time = Json::parse(lines_of(expect_prints("monitor --json --count 1")).at(0))["event"]["time"];
    const std::string after = run("date -u +%Y-%m-%dT%H:%M:%S.%NZ");
    EXPECT_LE(before, time + "\n");
    EXPECT_LE(time + "\n", after);
}

TEST_F(Monitor, EndsWellOnASignal) {
    const Probes probes(peer());
    const Outcome outcome = xdemux("monitor", {.enough = has_line});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
}

TEST_F(Monitor, WritesACaptureThatOthersRead) {
    const Probes probes(peer());
    const std::string file = fmt::format("/tmp/xdemux-monitor-{}.pcapng", ::getpid());
    EXPECT_EQ(expect_prints("monitor --count 5 --pcap " + file), "");
    // tcpdump gives its privileges up and could not read root's file then.
    const std::vector<std::string> packets = lines_of(run("tcpdump -Z root -nn -tttt -r " + file + " 2>/dev/null"));
    ASSERT_EQ(packets.size(), 5U);
    for (const std::string& packet : packets)
        EXPECT_THAT(packet, ContainsRegex("IP 192.0.2.2.[0-9]+ > 192.0.2.1.9999: UDP, length 5$"));
    EXPECT_THAT(packets[0], StartsWith(run("date +%Y-").substr(0, 5)));
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(stream), {});
    EXPECT_THAT(bytes, HasSubstr("drop closed"));
    EXPECT_THAT(bytes, HasSubstr("xd0"));
    ::unlink(file.c_str());
    const std::string piped = expect_prints("monitor --count 1 --pcap -");
    EXPECT_EQ(piped.substr(0, 4), "\x0a\x0d\x0d\x0a");
}

TEST_F(Monitor, HasOneReaderAtATime) {
    const Probes probes(peer());
    Outcome second;
    const Outcome first = xdemux("monitor", {.enough = [&](const std::string& out) {
                                     if (has_line(out)) second = xdemux("monitor");
                                     return has_line(out);
                                 }});
    EXPECT_EQ(first.code, 0) << first.err;
    EXPECT_EQ(second.code, 4);
    EXPECT_EQ(second.out, "");
    EXPECT_THAT(second.err, ContainsRegex("^xdemux: cannot read the events of instance \"cli-test-[0-9]+\": process "
                                          "[0-9]+ \\(xdemux\\) reads them; end it first\n$"));
    EXPECT_EQ(xdemux("monitor --count 1").code, 0);
}

TEST_F(Monitor, SaysHowManyEventsWereLost) {
    const Probes probes(peer());
    const Outcome outcome = xdemux("monitor --limit 1 --count 4");
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(lines_of(outcome.out).size(), 5U);
    EXPECT_THAT(outcome.err, ContainsRegex("^[0-9]+ events were lost: too many for --limit, .*\n$"));
}

TEST_F(Monitor, TakesOnePacketOfSoMany) {
    const Probes probes(peer());
    const auto packets = [] {
        std::uint64_t total = 0;
        for (const Json& row : expect_json("reason list", "reasons"))
            if (row["reason"] == "closed") total += row["packets"].get<std::uint64_t>();
        return total;
    };
    const std::uint64_t before = packets();
    EXPECT_EQ(lines_of(expect_prints("monitor --sample 20 --count 5")).size(), 6U);
    // Some 100 are expected, and 20 with a probability below 1e-4.
    EXPECT_GT(packets() - before, 20U);
}

TEST_F(Monitor, EndsWhereNobodyReadsIt) {
    for (const char* words : {"monitor", "monitor --json", "monitor --pcap -"})
        expect_refused(words, 1, "cannot write to standard output: broken pipe \\(EPIPE\\)",
                       {.standard_output = Stdout::broken});
    expect_refused("monitor", 1, "cannot write to standard output: bad file descriptor \\(EBADF\\)",
                   {.standard_output = Stdout::closed});
    expect_refused("monitor --pcap /dev/full", 1,
                   "cannot write to \"/dev/full\": no space left on device \\(ENOSPC\\)");
    expect_refused("monitor --pcap /nowhere/file", 1,
                   "cannot create \"/nowhere/file\": no such file or directory \\(ENOENT\\)");
}

TEST_F(Monitor, EndsWithItsInstance) {
    const Probes probes(peer());
    int code = -1;
    const Outcome outcome = xdemux("monitor", {.enough = [&](const std::string& out) {
                                       if (code < 0 && has_line(out)) code = xdemux("unload").code;
                                       return false;
                                   }});
    EXPECT_EQ(code, 0);
    EXPECT_EQ(outcome.code, 3);
    EXPECT_THAT(outcome.err, HasSubstr("has been unloaded: there will be no more events"));
}

}  // namespace
}  // namespace xdemux::test::evidence_test
