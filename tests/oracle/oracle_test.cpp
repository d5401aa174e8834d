// SPDX-License-Identifier: BSD-2-Clause
// The oracle over a mirror that is made wrong on purpose: it must find the difference, and make it small.
#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "run.h"
#include "support/netns_fixture.h"

namespace xdemux::oracle::oracle_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::SizeIs;

class OracleFinds : public test::NetnsTest {
  protected:
    static Report run(std::function<void(std::vector<SocketSpec>&)> distort) {
        RunRequest request;
        request.lookups = 200'000;
        request.sends = 100;
        request.seed = 7;
        request.peer = peer();
        request.instance = fmt::format("oracle-test-{}", ::getpid());
        static std::uint64_t runs = 0;
        request.first_scene = 1'000 * runs++;
        request.distort = std::move(distort);
        return run_oracle(request);
    }
};

TEST_F(OracleFinds, NothingWhereTheMirrorIsRight) {
    const Report report = run({});
    EXPECT_FALSE(report.failure) << commands_of(*report.failure);
    EXPECT_EQ(report.scenes, 10);
}

TEST_F(OracleFinds, AFamilyThatIsHeardTooMuch) {
    const Report report = run([](std::vector<SocketSpec>& sockets) {
        for (SocketSpec& socket : sockets)
            socket.v6only = false;
    });
    ASSERT_TRUE(report.failure);
    EXPECT_THAT(report.failure->sockets, SizeIs(Le(2U)));
    EXPECT_THAT(commands_of(*report.failure), HasSubstr("IPV6_V6ONLY, 1"));
}

TEST_F(OracleFinds, AConnectionThatIsMissing) {
    const Report report = run([](std::vector<SocketSpec>& sockets) {
        sockets.erase(std::remove_if(sockets.begin(), sockets.end(),
                                     [](const SocketSpec& socket) { return socket.kind == SocketKind::time_wait; }),
                      sockets.end());
    });
    ASSERT_TRUE(report.failure);
    EXPECT_THAT(report.failure->sockets, SizeIs(1));
    EXPECT_EQ(report.failure->sockets[0].kind, SocketKind::time_wait);
    EXPECT_EQ(report.failure->kernel, "the connection");
}

}  // namespace
}  // namespace xdemux::oracle::oracle_test
