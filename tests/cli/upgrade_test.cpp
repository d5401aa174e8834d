// SPDX-License-Identifier: BSD-2-Clause
// Instances of other builds of the tool: `upgrade`, and what every other command says of tables that are not its own.
#include <fmt/format.h>

#include <xdemux/contract.h>

#include "support/cli_test.h"
#include "support/former_contract.h"

namespace xdemux::test::upgrade_test {
namespace {

constexpr std::uint32_t ours = contract::CONTRACT_VERSION;

/// What stands in the settings while one is under way.
constexpr std::uint32_t under_way(std::uint32_t from, std::uint32_t to) {
    return 0x8000'0000 | to << 12U | from;
}

std::string has_version(std::uint32_t version) {
    return fmt::format("instance \".*\" has tables of contract version {}, this tool speaks version {}", version, ours);
}

class Upgrade : public CliTest {
  protected:
    static void pretend(std::uint32_t number) { pretend_contract(PinDirectory(instance()), number); }
    /// Every way to open an instance says the same.
    static void expect_all_refused(const std::string& message) {
        for (const char* words : {"status", "listener list", "listener add tcp 0.0.0.0:81", "flow flush",
                                  "set --enforce", "table", "attach xd0"})
            expect_refused(words, 1, message);
    }
    static void expect_tells(const std::string& words, const std::string& told) {
        const Outcome outcome = xdemux(words);
        EXPECT_EQ(outcome.code, 0) << words;
        EXPECT_EQ(outcome.out, "") << words;
        EXPECT_EQ(outcome.err, told) << words;
    }
    static std::uint32_t program() {
        return expect_json("status", "status")["interfaces"][0]["prog_id"].get<std::uint32_t>();
    }
};

TEST_F(Upgrade, ReplacesTheProgramAndSaysNothing) {
    attach("--enforce");
    expect_quiet("listener add tcp 0.0.0.0:80 --to drop --name web");
    const std::string before = expect_prints("listener list");
    const std::uint32_t old = program();
    expect_quiet("upgrade");
    EXPECT_NE(program(), old);
    EXPECT_EQ(expect_prints("listener list"), before);
    EXPECT_EQ(expect_json("status", "status")["mode"], "enforce");
    expect_quiet("upgrade");
}

TEST_F(Upgrade, ADryRunSaysWhatWouldBeDoneAndChangesNothing) {
    expect_quiet("listener add tcp 0.0.0.0:80");
    expect_tells("upgrade --dry-run", "it would replace the program, which is on no interface\n");
    attach();
    const std::uint32_t old = program();
    expect_tells("upgrade --dry-run", "it would replace the program of xd0\n");
    EXPECT_EQ(program(), old);
}

TEST_F(Upgrade, BringsTablesOfContract4ToOurs) {
    attach();
    expect_quiet("flow add tcp 192.0.2.1:443 198.51.100.7:50000");
    const std::string before = expect_prints("flow list");
    pretend(4);
    expect_all_refused(has_version(4) + "; run xdemux upgrade");
    const std::string way = fmt::format("instance \"{}\" from contract version 4 to {}\n", instance(), ours);
    expect_tells("upgrade --dry-run", "it would bring the tables of " + way + "it would replace the program of xd0\n");
    expect_all_refused(has_version(4) + "; run xdemux upgrade");
    expect_tells("upgrade",
                 fmt::format("the tables of instance \"{}\" went from contract version 4 to {}\n", instance(), ours));
    EXPECT_EQ(expect_prints("flow list"), before);
    EXPECT_EQ(expect_json("status", "status")["contract"], ours);
}

TEST_F(Upgrade, BringsTablesOfContract5And6ToOursAndClosedPortsStayClosed) {
    attach("--enforce --closed drop");
    const std::string question = "explain tcp 192.0.2.2:5000 192.0.2.1:9";
    const Json before = expect_json(question, "explain");
    EXPECT_EQ(before["action"], "drop");
    for (const std::uint32_t from : {5U, 6U}) {
        pretend(from);
        expect_all_refused(has_version(from) + "; run xdemux upgrade");
        expect_tells("upgrade", fmt::format("the tables of instance \"{}\" went from contract version {} to {}\n",
                                            instance(), from, ours));
        EXPECT_EQ(expect_json(question, "explain"), before);
        EXPECT_EQ(expect_json("status", "status")["contract"], ours);
    }
}

TEST_F(Upgrade, GoesOnWithOneThatWasBrokenOff) {
    attach();
    for (const std::uint32_t from : {4U, 5U, 6U}) {
        pretend(under_way(from, ours));
        expect_all_refused(
            fmt::format("an upgrade of instance \".*\" from contract version {} to {} was not finished; run "
                        "xdemux upgrade",
                        from, ours));
        const std::string way = fmt::format("instance \"{}\" from contract version {} to {}\n", instance(), from, ours);
        expect_tells("upgrade --dry-run",
                     "it would finish the upgrade of " + way + "it would replace the program of xd0\n");
        EXPECT_EQ(xdemux("upgrade").code, 0);
        EXPECT_EQ(expect_json("status", "status")["contract"], ours);
    }
}

TEST_F(Upgrade, RefusesVersionsThatItCannotReachAndNamesTheWayOut) {
    const std::string newer = "; use a newer xdemux, or run xdemux unload and attach anew";
    const std::string older = "; no upgrade leads from there; run xdemux unload, and attach anew";
    for (const std::uint32_t version : {1U, 3U, ours + 1}) {
        attach();
        expect_quiet("listener add tcp 0.0.0.0:80");
        pretend(version);
        const std::string refusal = has_version(version) + (version > ours ? newer : older);
        expect_all_refused(refusal);
        expect_refused("upgrade", 1, "cannot upgrade: " + refusal);
        expect_refused("upgrade --dry-run", 1, "cannot upgrade: " + refusal);
        expect_quiet("unload");
    }
    attach();
    pretend(under_way(ours, ours + 1));
    expect_all_refused(fmt::format("an upgrade of instance \".*\" from contract version {} to {} was not finished{}",
                                   ours, ours + 1, newer));
    expect_quiet("unload");
}

TEST_F(Upgrade, AChangeThatWaitsForItsConfirmationGoesOnWaiting) {
    attach();
    EXPECT_EQ(xdemux("set --enforce --confirm 600").code, 0);
    const auto left = [] { return expect_json("status", "status")["pending"]["seconds_left"].get<int>(); };
    const int before = left();
    expect_quiet("upgrade");
    EXPECT_LE(left(), before);
    EXPECT_EQ(expect_json("status", "status")["mode"], "enforce");
    expect_quiet("rollback");
    EXPECT_EQ(expect_json("status", "status")["mode"], "monitor");
}

}  // namespace
}  // namespace xdemux::test::upgrade_test
