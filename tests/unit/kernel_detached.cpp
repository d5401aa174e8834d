// SPDX-License-Identifier: BSD-2-Clause
// What a process that waits for a deadline does where it cannot watch the file.
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/detached.h>

namespace xdemux::test::kernel_detached {
namespace {

constexpr std::uint64_t tenth_ns = 100'000'000;

/// Runs it with so many descriptors to be had.
void with_descriptors(int count, const std::function<void()>& body) {
    const int lowest_free = ::dup(0);
    ASSERT_GE(lowest_free, 0);
    ::close(lowest_free);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit few{static_cast<rlim_t>(lowest_free + count), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    body();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

class Detached : public ::testing::Test {
  protected:
    void SetUp() override { std::ofstream{path_} << "a record"; }
    void TearDown() override { std::remove(path_.c_str()); }

    const std::string path_ = ::testing::TempDir() + "xdemux-detached-" + std::to_string(::getpid());
};

TEST_F(Detached, waits_for_the_moment_while_the_file_stays) {
    const std::uint64_t until = boot_now_ns() + tenth_ns;
    EXPECT_TRUE(wait_while_file_stays(path_.c_str(), until));
    EXPECT_GE(boot_now_ns(), until);
}

TEST_F(Detached, wakes_at_once_where_the_file_is_gone) {
    const std::uint64_t until = boot_now_ns() + 600 * std::uint64_t{1'000'000'000};
    EXPECT_FALSE(wait_while_file_stays((path_ + "-not-there").c_str(), until));
    EXPECT_LT(boot_now_ns(), until);
}

TEST_F(Detached, waits_for_the_moment_where_the_file_cannot_be_watched) {
    for (const int descriptors : {1, 0}) {  // a timer but no inotify instance, and neither
        SCOPED_TRACE(descriptors);
        const std::uint64_t until = boot_now_ns() + tenth_ns;
        bool has_come = false;
        with_descriptors(descriptors, [&] { has_come = wait_while_file_stays(path_.c_str(), until); });
        EXPECT_TRUE(has_come);
        EXPECT_GE(boot_now_ns(), until);
    }
}

}  // namespace
}  // namespace xdemux::test::kernel_detached
