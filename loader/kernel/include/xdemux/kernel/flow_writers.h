// SPDX-License-Identifier: BSD-2-Clause
// Who may write to a flow table, and whether a writer still lives. Each holds a lock on one byte of a file, which the
// kernel drops when the process ends, however it ends; the byte's number and how often it was taken make the writer's
// id. It knows nothing of flows.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include <sys/types.h>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/map.h>

namespace xdemux {

class FlowWriters {
  public:
    /// `path`: a file that all who write to one table name; made where it is missing, never removed.
    FlowWriters(MappedArray<contract::flow_writer> writers, std::string path)
        : writers_(std::move(writers)), path_(std::move(path)) {}

    /// This process's id, the same for all its threads; taken when it is first asked for, and anew after a fork.
    /// Errors: `not_permitted`; `full` where FLOW_WRITERS processes write.
    Result<std::uint32_t> id();
    /// Whether the writer of that id lives no more. Never of the data path.
    [[nodiscard]] bool ended(std::uint32_t id) const;
    /// "process 811 (xdemux)"
    [[nodiscard]] std::string describe(std::uint32_t id) const;

  private:
    Result<std::uint32_t> take();

    MappedArray<contract::flow_writer> writers_;
    std::string path_;
    std::mutex mutex_;
    Fd file_;
    pid_t owner_ = 0;  ///< the process that took id_
    std::uint32_t id_ = 0;
};

}  // namespace xdemux
