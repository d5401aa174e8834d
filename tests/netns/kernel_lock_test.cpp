// SPDX-License-Identifier: BSD-2-Clause
// The instance lock: one holder, whatever happens to it.
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/lock.h>

#include "support/netns_fixture.h"

namespace xdemux::test::kernel_lock_test {
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

/// A process that takes the lock and keeps it until it is killed, at the latest with this object.
class Holder {
  public:
    explicit Holder(const std::function<Result<InstanceLock>()>& acquire) {
        int answers[2];
        if (::pipe2(answers, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
        const Fd write_end(answers[1]);
        answers_.reset(answers[0]);
        pid_ = ::fork();
        if (pid_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const auto lock = acquire();
        const char answer = lock ? 'y' : 'n';
        if (::write(write_end.get(), &answer, 1) != 1) ::_exit(1);
        for (;;)
            ::pause();
    }
    ~Holder() { kill(); }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;

    /// Waits for the child to have tried.
    [[nodiscard]] bool has_it() const {
        char answer = 'n';
        return ::read(answers_.get(), &answer, 1) == 1 && answer == 'y';
    }
    [[nodiscard]] pid_t pid() const { return pid_; }
    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(std::exchange(pid_, -1), nullptr, 0);
    }

  private:
    pid_t pid_ = -1;
    Fd answers_;
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
    Holder holder([&] { return acquire("default"); });
    ASSERT_TRUE(holder.has_it());
    const auto refused = acquire("default");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr(fmt::format("process {} ", holder.pid())));
    holder.kill();
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
}  // namespace xdemux::test::kernel_lock_test
