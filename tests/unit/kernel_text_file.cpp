// SPDX-License-Identifier: BSD-2-Clause
// What is not there, and what cannot be read for want of descriptors, are told apart: else the owners of leases would
// seem gone to a process that has too many files open.
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/process_start.h>
#include <xdemux/kernel/text_file.h>

namespace xdemux::test::kernel_text_file {
namespace {

/// Has every descriptor taken, as long as it lives.
class NoDescriptors {
  public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const rlimit few{64, before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &few);
        for (int fd = ::open("/dev/null", O_RDONLY); fd >= 0; fd = ::open("/dev/null", O_RDONLY))
            taken_.emplace_back(fd);
    }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  private:
    rlimit before_{};
    std::vector<Fd> taken_;
};

TEST(TextFile, what_is_not_there_is_no_error) {
    EXPECT_EQ(read_text_file("/proc/self/no-such-file").value(), std::nullopt);
    EXPECT_EQ(read_text_file("/proc/self/comm").value().value().back(), '\n');
}

TEST(TextFile, what_cannot_be_opened_is_an_error) {
    const NoDescriptors none;
    EXPECT_FALSE(read_text_file("/proc/self/comm"));
}

TEST(TextFile, a_directory_is_an_error) {
    EXPECT_FALSE(read_text_file("/proc/self"));
}

TEST(ProcessStart, a_process_that_cannot_be_looked_at_is_not_gone) {
    ASSERT_TRUE(process_start(::getpid()).value());
    EXPECT_EQ(process_start(4'194'305).value(), std::nullopt);
    const NoDescriptors none;
    EXPECT_FALSE(process_start(::getpid()));
}

}  // namespace
}  // namespace xdemux::test::kernel_text_file
