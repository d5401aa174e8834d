// SPDX-License-Identifier: BSD-2-Clause
// The register of owners as a file that all processes share, /run/xdemux/INSTANCE.leases, and beside it the number of
// its changes, which is mapped so that asking for it costs nothing. Private to this box.
//
// Invariant: the file is replaced whole, by rename(2), under the lock; the number grows after that. So whoever sees a
// number sees a register that is no older.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>
#include <xdemux/policy/lease_owner.h>

namespace xdemux {

class LeaseRegisterFile {
  public:
    /// Brings the kernel's reserved ports in line with a register that was another before.
    using Settle = std::function<Status(const LeaseRegister& before, const LeaseRegister& after)>;

    /// `table` identifies the flow table that the owners' numbers stand in. Errors as open(2)'s.
    static Result<LeaseRegisterFile> open(std::string_view instance, std::uint64_t table);
    /// Something has changed beside it that allocators look at when they see another number: the listeners.
    static void note_change(std::string_view instance);

    /// An empty one where there is none, or it is of another table.
    [[nodiscard]] Result<LeaseRegister> read() const;
    /// One change at a time. What it leaves is kept unless it fails, or `settle` does, which is told also where nothing
    /// changed.
    Status change(const std::function<Status(LeaseRegister& owners)>& change, const Settle& settle) const;
    [[nodiscard]] std::uint64_t generation() const { return generation_->load(std::memory_order_seq_cst); }

  private:
    struct Unmap {
        void operator()(std::atomic<std::uint64_t>* number) const;
    };
    using Generation = std::unique_ptr<std::atomic<std::uint64_t>, Unmap>;
    static Result<Generation> map(const Fd& file, const std::string& what);
    LeaseRegisterFile(std::string instance, std::uint64_t table, Generation generation)
        : instance_(std::move(instance)), table_(table), generation_(std::move(generation)) {}
    [[nodiscard]] std::string path() const;
    Status settle_and_write(const LeaseRegister& before, const LeaseRegister& after, const Settle& settle) const;
    Status write_and_settle(const LeaseRegister& before, const LeaseRegister& after, const Settle& settle) const;

    std::string instance_;
    std::uint64_t table_;
    Generation generation_;
};

/// As LeaseRegisterFile::read(), for those who change nothing.
Result<LeaseRegister> read_lease_register(std::string_view instance, std::uint64_t table);

/// Removes the register, whatever the table. `settle` makes true what it kept from the kernel; where it fails, the
/// register stays.
Status remove_lease_register(std::string_view instance, const LeaseRegisterFile::Settle& settle);

}  // namespace xdemux
