// SPDX-License-Identifier: BSD-2-Clause
// What the world can do to the tool: each with its exit code, its message, and nothing changed.
#include <cerrno>
#include <cstddef>

#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/cli_test.h"

namespace xdemux::test::world_test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class World : public CliTest {};

TEST_F(World, AnInstanceThatIsNotLoaded) {
    for (const char* words :
         {"status", "listener list", "flow list", "table", "counter list", "reason list", "port show 80", "detach xd0",
          "set --enforce", "confirm", "rollback", "upgrade", "unload", "listener del tcp 0.0.0.0:80", "flow flush",
          "counter reset", "unload --dry-run", "explain tcp 192.0.2.2:1 192.0.2.1:2", "verify"})
        expect_refused(words, 3, ".*instance \"cli-test-[0-9]+\".*");
}

TEST_F(World, AnInterfaceThatIsNotThere) {
    expect_refused("attach none0", 5, "no interface \"none0\"; see ip link");
    expect_refused("attach xd0 none0", 5, "no interface \"none0\"; see ip link");
    expect_refused("listener add tcp 0.0.0.0:80 --dev none0", 5, "no interface \"none0\"; see ip link");
    attach();
    expect_refused("detach none0", 5, "no interface \"none0\"; see ip link");
    expect_refused("detach lo", 3, "lo is not attached to instance \".*\"");
}

TEST_F(World, AnEndpointThatIsTaken) {
    expect_quiet("listener add tcp 0.0.0.0:80 --name web");
    expect_refused("listener add tcp 0.0.0.0:80", 4,
                   "cannot add listener tcp 0.0.0.0:80: address already in use by listener \"web\"; .*");
    expect_refused("listener add tcp 0.0.0.0:80 --to drop --name other", 4, ".*address already in use.*");
    expect_refused("listener add tcp 0.0.0.0:70-90", 4, ".*address already in use.*");
}

TEST_F(World, AnotherXdpProgramOnTheInterface) {
    const std::string other = instance() + "-other";
    const auto run_other = [&](const std::string& verb, const std::string& dev) {
        std::vector<std::string> words = {XDEMUX_TOOL, "--instance", other, verb};
        if (!dev.empty()) words.push_back(dev);
        return run_program(words);
    };
    ASSERT_EQ(run_other("attach", "xd0").code, 0);
    expect_refused("attach xd0", 4,
                   "cannot attach to xd0: another XDP program \\(id [0-9]+, \".*\"\\) is on xd0; detach it first: "
                   "xdemux --instance " +
                       other + " detach xd0");
    EXPECT_EQ(run_other("unload", "").code, 0);
    attach();
}

RunOptions without_capability(std::vector<unsigned long> capabilities) {
    return {.in_child = [capabilities = std::move(capabilities)] {
        for (const unsigned long capability : capabilities)
            ::prctl(PR_CAPBSET_DROP, capability);
    }};
}

TEST_F(World, AMissingCapabilityIsNamed) {
    attach();
    for (const char* words : {"status", "attach xd0", "listener add tcp 0.0.0.0:80", "flow flush", "unload"}) {
        expect_refused(words, 6, ".*CAP_NET_ADMIN missing; run as root or with sudo",
                       without_capability({CAP_NET_ADMIN}));
        expect_refused(words, 6, ".*CAP_BPF missing; run as root or with sudo",
                       without_capability({CAP_BPF, CAP_SYS_ADMIN}));
        expect_refused(words, 6, ".*CAP_BPF and CAP_NET_ADMIN missing; .*",
                       without_capability({CAP_BPF, CAP_SYS_ADMIN, CAP_NET_ADMIN}));
    }
}

void hide_bpffs() {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(126);
    while (::umount2("/sys/fs/bpf", MNT_DETACH) == 0) {
    }
}

TEST_F(World, NoBpfFileSystemIsToldWithTheCommandThatMountsIt) {
    for (const char* words :
         {"status", "attach xd0", "listener add tcp 0.0.0.0:80", "flow add tcp 1.2.3.4:5 1.2.3.5:6"})
        expect_refused(words, 7,
                       ".*mount -t bpf bpf /sys/fs/bpf, but inside ip netns exec leave that and use --netns NAME",
                       {.in_child = hide_bpffs});
}

// As in Linux before 5.14: getsockopt(2) knows no SO_NETNS_COOKIE.
void forget_netns_cookies() {
    constexpr std::uint32_t so_netns_cookie = 71;  // too new for the C library's headers
    constexpr auto option = static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t));
    sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, option),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, so_netns_cookie, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{std::size(steps), steps};
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) ::_exit(126);
}

TEST_F(World, AKernelThatLacksAFeature) {
    for (const char* words : {"attach xd0", "listener add tcp 0.0.0.0:80", "flow add tcp 1.2.3.4:5 1.2.3.5:6"})
        expect_refused(words, 7, "cannot identify the network namespace: needs Linux 5.14 or newer",
                       {.in_child = forget_netns_cookies});
}

TEST_F(World, AnInterfaceThatIsMovedToAnotherNamespaceWhileAttached) {
    const VethPair pair("moved0", "moved1");
    EXPECT_EQ(xdemux("attach moved1").code, 0);
    run("ip link set moved1 netns " + peer());
    const Json interfaces = expect_json("status", "status")["interfaces"];
    ASSERT_EQ(interfaces.size(), 1);
    EXPECT_EQ(interfaces[0]["state"], "elsewhere");
    expect_refused("detach moved1", 5,
                   "no interface \"moved1\"; see ip link; one that was moved to another namespace is detached by "
                   "detach --all");
    expect_quiet("detach --all");
    EXPECT_EQ(expect_json("status", "status")["interfaces"].size(), 0);
}

TEST_F(World, AStandardOutputThatIsClosedOrBroken) {
    attach();
    for (const char* words : {"status", "table", "counter list", "reason list", "listener list --json", "--help",
                              "--version", "counter list --watch"}) {
        expect_refused(words, 1, "cannot write to standard output: bad file descriptor \\(EBADF\\)",
                       {.standard_output = Stdout::closed});
        expect_refused(words, 1, "cannot write to standard output: broken pipe \\(EPIPE\\)",
                       {.standard_output = Stdout::broken});
    }
    // What prints nothing has no need of it.
    EXPECT_EQ(xdemux("listener add tcp 0.0.0.0:80", {.standard_output = Stdout::closed}).code, 0);
    EXPECT_EQ(expect_json("listener list", "listeners").size(), 1);
}

TEST_F(World, AnInstanceOfAnotherNamespace) {
    attach();
    EXPECT_EQ(xdemux("status --netns " + peer()).code, 4);
    EXPECT_THAT(xdemux("status --netns " + peer()).err, HasSubstr("namespace"));
}

TEST_F(World, WorkInAnotherNamespaceLeavesThisOneAlone) {
    const std::string in_peer = "--netns " + peer() + " ";
    EXPECT_EQ(xdemux(in_peer + "attach xd1").code, 0);
    const Json status = xdemux(in_peer + "status --json").json()["status"];
    EXPECT_EQ(status["netns"], peer());
    EXPECT_EQ(status["interfaces"][0]["dev"], "xd1");
    EXPECT_EQ(xdemux(in_peer + "unload").code, 0);
}

TEST_F(World, AnInterfaceThatGoesAwayWhileAttached) {
    {
        const VethPair pair("gone0", "gone1");
        EXPECT_EQ(xdemux("attach gone0").code, 0);
        expect_quiet("listener add tcp *:80 --dev gone0");
        run("ip link set gone0 down");
        run("ip link set gone0 name new0");
        EXPECT_EQ(expect_json("status", "status")["interfaces"][0]["dev"], "new0");
        EXPECT_THAT(expect_prints("explain tcp 192.0.2.2:5 192.0.2.1:80 --dev new0"),
                    HasSubstr("matched    listener tcp *:http on new0\n"));
        run("ip link set new0 name gone0");
    }
    // The next command clears what is left of it.
    EXPECT_EQ(expect_json("status", "status")["interfaces"].size(), 0);
    attach();
}

// The tables of an instance, as anyone reads them.
std::string bpftool(const std::string& words) {
    return run(fmt::format("{} map {}", XDEMUX_BPFTOOL, words));
}

TEST_F(World, BpftoolReadsEveryTableByNamedFields) {
    attach();
    expect_quiet("listener add tcp 192.0.2.1:80 --name web");
    expect_quiet("flow add tcp 192.0.2.1:443 198.51.100.7:50000");
    const std::string pins = "pinned /sys/fs/bpf/xdemux/" + instance() + "/";
    const std::string counter = bpftool("lookup " + pins + "port_counters key hex 50 00 00 00");
    EXPECT_THAT(counter, HasSubstr("\"packets\": 0"));
    EXPECT_THAT(counter, HasSubstr("\"bytes\": 0"));
    EXPECT_THAT(bpftool("lookup " + pins + "reason_counters key hex 04 00 00 00"), HasSubstr("\"monitored_packets\""));
    const std::string listeners = bpftool("dump " + pins + "listeners");
    EXPECT_THAT(listeners, HasSubstr("\"port\": 80"));
    EXPECT_THAT(listeners, ContainsRegex("\"name\": ?(\"web\"|\\[)"));
    const std::string flows = bpftool("dump " + pins + "flows4");
    EXPECT_THAT(flows, HasSubstr("\"local_port\": 443"));
    EXPECT_THAT(flows, HasSubstr("\"remote_port\": 50000"));
    EXPECT_THAT(flows, HasSubstr("\"last_seen\": "));
}

}  // namespace
}  // namespace xdemux::test::world_test
