// SPDX-License-Identifier: BSD-2-Clause
// Standard output, which is data alone, and standard error, which is for people. Nothing else of the tool writes.
#pragma once

#include <string>
#include <string_view>

#include <xdemux/base/error.h>

#include "render/sink.h"

namespace xdemux {

/// Makes sure that the descriptors 0 to 2 are taken, so that no table that is opened later can become standard output;
/// one that was closed stays unusable. Call it first of all.
void reserve_standard_streams();

/// Buffers what goes to standard output; the first failure is kept, and what comes after it is thrown away.
class Output {
  public:
    void write(std::string_view text);
    [[nodiscard]] Sink sink();
    /// Writes what is left. ErrorKind::failed where standard output is closed, a broken pipe or a full disk.
    Status flush();
    [[nodiscard]] static bool is_terminal();

  private:
    void write_out();

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
