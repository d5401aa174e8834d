// SPDX-License-Identifier: BSD-2-Clause
// The settings that the cases start from.
#include "support/flow_memory.h"
#include "support/program.h"

namespace xdemux::test {
namespace {

using namespace contract;

constexpr std::uint64_t practically_unlimited = 1'000'000;

contract::settings base(mode mode, verdict closed, bool host) {
    contract::settings settings{};
    settings.contract = CONTRACT_VERSION;
    settings.rules = {mode, closed, host ? 1U : 0U};
    settings.fallback = settings.rules;
    settings.rejects_per_second = practically_unlimited;
    settings.trace_key = 0x5eed'0f'7e57;
    settings.hash_key = 0x9d5c'0fb1'5eed'1235;
    settings.scan_slots = 4096;  // as the map has
    set_flow_table(settings);
    return settings;
}

}  // namespace

contract::settings enforce(verdict closed, bool host) {
    return base(MODE_ENFORCE, closed, host);
}

contract::settings monitor(verdict closed, bool host) {
    return base(MODE_MONITOR, closed, host);
}

}  // namespace xdemux::test
