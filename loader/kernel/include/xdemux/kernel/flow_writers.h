// SPDX-License-Identifier: BSD-2-Clause
// Who may write to a flow table, and whether a writer still lives. Each holds a lock on one byte of a file, which the
// kernel drops when the process ends, however it ends; the byte's number and how often it was taken make the writer's
// id. It knows nothing of flows.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/map.h>

namespace xdemux {

class FlowWriters {
  public:
    /// `path`: a file that all who write to one table name; made where it is missing, never removed.
    FlowWriters(MappedArray<contract::flow_writer> writers, std::string path);

    /// This process's id, the same for all its threads; taken when it is first asked for, and anew after a fork.
    /// Errors: `not_permitted`; `full` where FLOW_WRITERS processes write.
    Result<std::uint32_t> id() {
        const std::uint32_t mine = std::atomic_ref(*mine_).load(std::memory_order_acquire);
        return mine != 0 ? Result<std::uint32_t>(mine) : take();
    }
    /// Whether no other process has an id. ErrorKind::in_use names one.
    [[nodiscard]] Status check_alone() const;
    /// Gives this process an id, and none to others until this goes. Errors as check_alone().
    Status take_alone();
    /// Whether the writer of that id lives no more. Never of the data path.
    [[nodiscard]] bool ended(std::uint32_t id) const;
    /// "process 811 (xdemux)"
    [[nodiscard]] std::string describe(std::uint32_t id) const;

  private:
    /// Memory that a child finds empty, however it was forked.
    struct Unmap {
        void operator()(std::uint32_t* memory) const;
    };
    Result<std::uint32_t> take();
    std::uint32_t begin(Fd file, std::uint32_t index);
    [[nodiscard]] Error others(const Fd& file) const;

    MappedArray<contract::flow_writer> writers_;
    std::string path_;
    std::mutex mutex_;  ///< of take()
    Fd file_;
    std::unique_ptr<std::uint32_t, Unmap> mine_;  ///< the id; 0: this process has none yet
};

}  // namespace xdemux
