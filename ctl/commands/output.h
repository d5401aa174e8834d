// SPDX-License-Identifier: BSD-2-Clause
// Standard output, which is data alone, and standard error, which is for people. Nothing else of the tool writes.
#pragma once

#include <string>
#include <string_view>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>

#include "render/sink.h"

namespace xdemux {

/// Makes sure that the descriptors 0 to 2 are taken, so that no table that is opened later can become standard output;
/// one that was closed stays unusable. Call it first of all.
void reserve_standard_streams();

/// Buffers what goes to standard output, or to a file; the first failure is kept, and what comes after it is thrown
/// away.
class Output {
  public:
    /// Standard output.
    Output() = default;
    /// A new file, readable by its owner alone, in the place of one that is there. Errors as open(2)'s.
    static Result<Output> create(const std::string& path);

    void write(std::string_view text);
    [[nodiscard]] Sink sink();
    /// Writes what is left. ErrorKind::failed where it is closed, a broken pipe or a full disk.
    Status flush();
    [[nodiscard]] int fd() const { return fd_; }
    /// What flush() would find out, without anything to write: nobody reads it any more.
    Status fail_without_reader();
    [[nodiscard]] static bool is_terminal();

  private:
    void write_out();

    Fd owned_;  ///< none: of standard output
    int fd_ = 1;
    std::string name_ = "standard output";
    std::string buffer_;
    int error_number_ = 0;
};

/// A line for people, on standard error.
void tell(std::string_view text);

/// A progress bar on standard error, where that is a terminal; else nothing.
class ProgressBar {
  public:
    explicit ProgressBar(std::string label);
    ~ProgressBar();
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;
    void show(std::size_t done, std::size_t total);

  private:
    std::string label_;
    bool terminal_;
    bool shown_ = false;
    int percent_ = -1;
};

}  // namespace xdemux
