// SPDX-License-Identifier: BSD-2-Clause
// The instance lock: one holder, whatever happens to it.
#include <cstdlib>
#include <filesystem>
#include <future>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xdemux/kernel/lock.h>

#include "support/netns_fixture.h"

namespace xdemux::test {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class KernelLock : public ::testing::Test {
  protected:
    KernelLock() {
        std::string pattern = "/tmp/xdemux-lock-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        root_ = pattern;
        directory_ = root_ + "/run";  // made by the lock
    }
    ~KernelLock() override { std::filesystem::remove_all(root_); }

    [[nodiscard]] Result<InstanceLock> acquire(std::string_view instance, milliseconds wait = milliseconds(0)) const {
        return InstanceLock::acquire(instance, wait, directory_);
    }
    [[nodiscard]] const std::string& directory() const { return directory_; }

  private:
    std::string root_;
    std::string directory_;
};

TEST_F(KernelLock, a_second_holder_is_refused_with_the_pid_and_name_of_the_first) {
    const auto first = acquire("default");
    ASSERT_TRUE(first) << first.error().message();
    const auto second = acquire("default", milliseconds(20));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind(), ErrorKind::in_use);
    EXPECT_EQ(second.error().message(),
              fmt::format("cannot change instance \"default\": process {} (netns_tests) is changing it and did not "
                          "finish within 0.02 s; try again when it has ended",
                          ::getpid()));
}

TEST_F(KernelLock, instances_do_not_wait_for_one_another) {
    const auto first = acquire("blue");
    const auto second = acquire("green");
    EXPECT_TRUE(first && second);
}

TEST_F(KernelLock, it_is_free_again_after_its_holder) {
    { ASSERT_TRUE(acquire("default")); }
    EXPECT_TRUE(acquire("default"));
}

TEST_F(KernelLock, a_waiter_gets_it_when_the_holder_is_done) {
    auto first = std::make_unique<Result<InstanceLock>>(acquire("default"));
    ASSERT_TRUE(*first);
    auto waiter = std::async(std::launch::async, [&] { return acquire("default", milliseconds(10'000)).has_value(); });
    EXPECT_EQ(waiter.wait_for(milliseconds(30)), std::future_status::timeout) << "it did not wait";
    first.reset();
    EXPECT_TRUE(waiter.get());
}

TEST_F(KernelLock, a_killed_holder_leaves_nothing_to_clear) {
    int held[2];
    ASSERT_EQ(::pipe(held), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto lock = acquire("default");
        const char answer = lock ? 'y' : 'n';
        if (::write(held[1], &answer, 1) != 1) ::_exit(1);
        for (;;)
            ::pause();
    }
    char answer = 0;
    ASSERT_EQ(::read(held[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y');
    const auto refused = acquire("default");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr(fmt::format("process {} ", child)));

    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(held[0]);
    ::close(held[1]);
    EXPECT_TRUE(acquire("default"));
}

TEST_F(KernelLock, the_file_is_private_and_never_removed) {
    { ASSERT_TRUE(acquire("default")); }
    struct stat info {};
    ASSERT_EQ(::stat(directory().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0755U);
    ASSERT_EQ(::stat((directory() + "/default.lock").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0600U);
    EXPECT_EQ(info.st_size, 0) << "a stale pid was left";
}

TEST_F(KernelLock, a_directory_that_cannot_be_made_is_an_error) {
    const auto lock = InstanceLock::acquire("default", milliseconds(0), "/proc/xdemux");
    ASSERT_FALSE(lock);
    EXPECT_THAT(lock.error().message(), HasSubstr("cannot make directory \"/proc/xdemux\""));
}

}  // namespace
}  // namespace xdemux::test
