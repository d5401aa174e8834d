// SPDX-License-Identifier: BSD-2-Clause
// `doctor`, and that no change cuts off live traffic or whoever makes it; that an unconfirmed one goes back when
// nobody is left to take it back.
#include <csignal>
#include <cstdlib>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/netns.h>

#include "support/cli_test.h"

namespace xdemux::test::lockout_test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class Lockout : public CliTest {
  protected:
    /// As DHCP clients have it.
    static Fd packet_socket() { return Fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP))); }
};

TEST_F(Lockout, DoctorEndsWellWhereNothingBlocks) {
    const std::string text = expect_prints("doctor xd0");
    EXPECT_THAT(text, HasSubstr("kernel\n  ok       kernel_version"));
    EXPECT_THAT(text, HasSubstr(tells_driver_features() ? "\ninterface xd0\n  ok       driver_mode"
                                                        : "\ninterface xd0\n  note     driver_mode"));
    EXPECT_THAT(text, HasSubstr("\ntraffic\n"));
    EXPECT_THAT(text, ContainsRegex("\n\n([0-9]+ notes?, )?[0-9]+ ok\n$"));
    const Json findings = expect_json("doctor xd0", "findings");
    ASSERT_GT(findings.size(), 10U);
    EXPECT_EQ(members_of(findings[0]),
              (std::vector<std::string>{"severity", "id", "group", "object", "what", "why", "remedy", "cuts_off"}));
}

TEST_F(Lockout, DoctorEndsWithOneWhereSomethingBlocks) {
    const Fd client = packet_socket();
    const Outcome outcome = xdemux("doctor xd0");
    EXPECT_EQ(outcome.code, 1);
    EXPECT_THAT(outcome.out, ContainsRegex("  blocker  dhcp_client [^\n]*udp \\*:68: .* may wait for DHCP"));
    EXPECT_THAT(outcome.out, HasSubstr("$ xdemux listener add udp '*:68'\n"));
    EXPECT_EQ(outcome.err, "xdemux: 1 finding is in the way; each has its remedy beside it, where there is one\n");
    expect_refused("doctor none0", 5, "no interface \"none0\"; see ip link");
}

TEST_F(Lockout, ADeviceWithoutAnEthernetHeaderIsRefusedAndDoctorSaysWhy) {
    run("ip tuntap add mode tun name xdt0 && ip link set xdt0 up");
    const Outcome outcome = xdemux("doctor xdt0");
    expect_refused("attach xdt0", 7,
                   "cannot attach to xdt0: its frames have no Ethernet header \\(link type none\\); attach "
                   "to the interface that its packets come in by");
    run("ip tuntap del mode tun name xdt0");
    EXPECT_EQ(outcome.code, 1);
    EXPECT_THAT(outcome.out, HasSubstr("\ninterface xdt0\n  blocker  link_type"));
}

TEST_F(Lockout, DoctorNamesMissingCapabilitiesInsteadOfFailing) {
    const Outcome outcome = xdemux("doctor xd0", {.in_child = [] { (void)::setuid(65'534); }});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_THAT(outcome.out,
                ContainsRegex("blocker  capabilities .*CAP_BPF and CAP_NET_ADMIN and CAP_PERFMON missing"));
}

TEST_F(Lockout, EnforcingIsRefusedWhereADhcpClientWouldBeCutOff) {
    const Fd client = packet_socket();
    const std::string first = "refused, it would cut off live traffic to udp \\*:68: .* may wait for DHCP; ";
    for (const char* policy : {"drop", "reject"}) {
        for (const char* dry_run : {"", " --dry-run"})
            expect_refused(fmt::format("attach xd0 --enforce --closed {}{}", policy, dry_run), 9,
                           first +
                               "attach without --enforce, run xdemux listener add udp '\\*:68', then xdemux set "
                               "--enforce --closed .*, or use --force");
    }
    attach("--closed drop");
    expect_refused("set --enforce", 9, first + "run xdemux listener add udp '\\*:68' first, or use --force");
    expect_refused("set --enforce --dry-run", 9, first + ".*");
    expect_quiet("set --enforce --closed pass");
    expect_refused("set --closed reject", 9, first + ".*");
    expect_quiet("listener add udp *:68");
    expect_quiet("set --closed reject");
    EXPECT_EQ(expect_json("status", "status")["closed"], "reject");
}

TEST_F(Lockout, ForceOverrides) {
    const Fd client = packet_socket();
    attach("--enforce --closed drop --force");
    expect_quiet("set --monitor");
    expect_quiet("set --enforce --force");
}

/// A login: a listener on port 2222 here, a client in the peer namespace, the connection between them.
class Login {
  public:
    explicit Login(const std::string& peer) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_port = htons(2222);
        ::inet_pton(AF_INET, "192.0.2.1", &here.sin_addr);
        const int on = 1;
        ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 ||
            ::listen(listener_.get(), 1) != 0)
            return;
        const auto scope = NetnsScope::enter(peer);
        client_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::connect(client_.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) return;
        sockaddr_in there{};
        socklen_t size = sizeof there;
        ::getsockname(client_.get(), reinterpret_cast<sockaddr*>(&there), &size);
        port_ = ntohs(there.sin_port);
        server_ = Fd(::accept(listener_.get(), nullptr, nullptr));
    }
    /// Of the client.
    [[nodiscard]] unsigned port() const { return port_; }
    [[nodiscard]] std::string ssh_connection() const { return fmt::format("192.0.2.2 {} 192.0.2.1 2222", port_); }

  private:
    Fd listener_;
    Fd client_;
    Fd server_;
    unsigned port_ = 0;
};

RunOptions logged_in_by(const Login& login) {
    return {.in_child = [words = login.ssh_connection()] { ::setenv("SSH_CONNECTION", words.c_str(), 1); }};
}

TEST_F(Lockout, TheOperatorsOwnConnectionIsNotCutOff) {
    const Login login(peer());
    const RunOptions me = logged_in_by(login);
    attach("--enforce --closed drop");
    const std::string refused = fmt::format(
        "refused, it would cut off your own connection from 192.0.2.2:{} to 192.0.2.1:2222: ", login.port());
    const std::string way_out = "; use --force to do it all the same";
    for (const char* verb : {"add", "replace"})
        expect_refused(fmt::format("listener {} tcp *:2222 --to drop --name oops", verb), 9,
                       refused + "listener tcp .* \"oops\" drops it" + way_out, me);
    expect_refused("listener add tcp 192.0.2.0/24:* --to reject --dry-run", 9,
                   refused + "listener tcp 192.0.2.0/24:\\* rejects it" + way_out, me);
    const std::string flow = fmt::format("flow add tcp 192.0.2.1:2222 192.0.2.2:{} --to drop", login.port());
    expect_refused(flow, 9, refused + "a flow with its addresses and ports drops it" + way_out, me);
    expect_refused("set --no-host", 9, refused + ".*--no-host leaves the host's sockets out" + way_out, me);
    expect_refused("listener add tcp *:2222 --from 10.0.0.0/8", 9,
                   refused + "listener tcp .* does not admit its source" + way_out, me);
    expect_quiet("listener add tcp *:2223 --to drop", me);
    expect_quiet("listener add tcp *:2222 --to drop --force", me);
    EXPECT_EQ(xdemux("listener add udp *:2222 --to drop", me).code, 0)
        << "it is cut already, and this is another thing";
}

TEST_F(Lockout, WhatUncoversARuleThatCutsIsRefusedToo) {
    const Login login(peer());
    const RunOptions me = logged_in_by(login);
    attach("--enforce");
    expect_quiet("listener add tcp 192.0.2.1:2222");
    expect_quiet("listener add tcp *:2222 --to drop", me);
    expect_refused("listener del tcp 192.0.2.1:2222", 9, "refused, .* drops it; .*", me);
    expect_quiet(fmt::format("flow add tcp 192.0.2.1:2222 192.0.2.2:{}", login.port()));
    expect_quiet("listener del tcp 192.0.2.1:2222", me);
    expect_refused(fmt::format("flow del tcp 192.0.2.1:2222 192.0.2.2:{}", login.port()), 9, "refused, .* drops it; .*",
                   me);
    expect_refused("flow flush", 9, "refused, .* drops it; .*", me);
}

TEST_F(Lockout, InMonitorModeTheRuleMayStandAndEnforcingItIsRefused) {
    const Login login(peer());
    const RunOptions me = logged_in_by(login);
    expect_quiet("listener add tcp *:2222 --to drop", me);
    attach();
    expect_refused("set --enforce", 9, "refused, it would cut off your own connection .*", me);
    EXPECT_EQ(xdemux("detach xd0").code, 0);
    expect_quiet("set --enforce", me);
    expect_refused("attach xd0", 9, "refused, it would cut off your own connection .* drops it; .*", me);
}

TEST_F(Lockout, AConnectionOfAnotherHostIsNobodysHere) {
    attach("--enforce");
    expect_quiet("listener add tcp *:22 --to drop",
                 {.in_child = [] { ::setenv("SSH_CONNECTION", "198.51.100.7 50000 198.51.100.1 22", 1); }});
}

/// The tool as a child of a process that is called sshd and holds the connection, without the environment, as under
/// sudo.
void become_child_of_sshd() {
    ::unsetenv("SSH_CONNECTION");
    const pid_t child = ::fork();
    if (child == 0) return;
    ::prctl(PR_SET_NAME, "sshd");
    int status = 0;
    ::waitpid(child, &status, 0);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 126);
}

TEST_F(Lockout, TheConnectionIsFoundByTheLoginServerAmongTheParents) {
    const Login login(peer());
    attach("--enforce");
    const Outcome outcome = xdemux("listener add tcp *:2222 --to drop", {.in_child = become_child_of_sshd});
    EXPECT_EQ(outcome.code, 9);
    EXPECT_THAT(outcome.err, HasSubstr(fmt::format("your own connection from 192.0.2.2:{}", login.port())));
}

/// Whether the kernel's answer (a reset) to a connection attempt on a closed port comes back, which a drop prevents.
bool closed_port_answers(const std::string& peer) {
    const auto scope = NetnsScope::enter(peer);
    const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(7);
    ::inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
    ::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
    pollfd polled{client.get(), POLLOUT, 0};
    return ::poll(&polled, 1, patience_ms(100)) == 1;
}

// SIGKILL is what can be least prepared for: a lost terminal (SIGHUP) and a full disk come after the program is in
// place too, and then nothing of the tool is needed any more.
TEST_F(Lockout, AnUnconfirmedChangeGoesBackThoughTheToolWasKilled) {
    attach("--closed drop");
    ASSERT_TRUE(closed_port_answers(peer()));
    const pid_t tool = ::fork();
    ASSERT_GE(tool, 0);
    if (tool == 0) {
        ::setsid();
        const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
        ::dup2(full.get(), STDERR_FILENO);
        ::execl(XDEMUX_TOOL, "xdemux", "--instance", instance().c_str(), "set", "--enforce", "--confirm", "6", nullptr);
        ::_exit(127);
    }
    constexpr auto patience = std::chrono::seconds(20);
    EXPECT_TRUE(wait_until([] { return !closed_port_answers(peer()); }, patience)) << "it is in force";
    ::kill(tool, SIGHUP);
    ::kill(tool, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(tool, &status, 0), tool);
    // From here on no process of ours touches the instance.
    EXPECT_TRUE(wait_until([] { return closed_port_answers(peer()); }, patience)) << "it goes back by itself";
    EXPECT_EQ(expect_json("status", "status")["mode"], "monitor");
}

}  // namespace
}  // namespace xdemux::test::lockout_test
