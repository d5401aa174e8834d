// SPDX-License-Identifier: BSD-2-Clause
// Who scanned this host: what the data path noted of sources that touched closed endpoints. It reads, or forgets all.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/ops/instance.h>
#include <xdemux/policy/scan.h>

namespace xdemux {

struct ScanRow {
    Scan scan;
    std::optional<std::uint64_t> blocked_until_ns;  ///< CLOCK_MONOTONIC_COARSE; none: it is not blocked

    friend bool operator==(const ScanRow&, const ScanRow&) = default;
};
/// Most endpoints first.
Result<std::vector<ScanRow>> read_scans(const Instance& instance, const ScanSelection& selection = {});

/// Frees every slot; blocks stay.
Status reset_scans(Instance& instance);

}  // namespace xdemux
