// SPDX-License-Identifier: BSD-2-Clause
#include "pinned_settings.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include <fmt/format.h>

#include <xdemux/kernel/map.h>

#include "migration.h"

namespace xdemux {
namespace {

Error foreign(const std::string& instance, const ContractMark& mark) {
    const std::string begun = fmt::format(
        "an upgrade of instance \"{}\" from contract version {} to {} was not finished", instance, mark.from, mark.to);
    const std::string settled = fmt::format(
        "instance \"{}\" has tables of contract version {}, this tool speaks "
        "version {}",
        instance, mark.from, contract::CONTRACT_VERSION);
    return {ErrorKind::failed, mark.is_settled() ? settled : begun};
}

}  // namespace

Status check_contract(const std::string& instance, std::uint32_t number) {
    if (number == contract::CONTRACT_VERSION) return {};
    const ContractMark mark = ContractMark::of(number);
    return fail(foreign(instance, mark).with_remedy(can_migrate(mark) ? "run xdemux upgrade" : other_remedy(mark)));
}

Status check_upgrade(const std::string& instance, std::uint32_t number) {
    const ContractMark mark = ContractMark::of(number);
    if (number == contract::CONTRACT_VERSION || can_migrate(mark)) return {};
    return fail(foreign(instance, mark).with_remedy(other_remedy(mark)).in("cannot upgrade"));
}

// The version is the first field for ever, so it is checked before the size is believed.
Result<contract::settings> read_settings(const PinDirectory& pins, VersionCheck check) {
    auto fd = pins.open_settings();
    if (!fd) return fail(fd.error());
    auto handle = MapHandle::adopt(std::move(*fd), "settings");
    if (!handle) return fail(handle.error());
    std::vector<std::byte> bytes(std::max<std::size_t>(handle->value_size(), sizeof(contract::settings)));
    const std::uint32_t zero = 0;
    const auto found = handle->find(&zero, bytes.data());
    if (!found) return fail(found.error());
    contract::settings settings{};
    std::copy_n(bytes.data(), sizeof settings, reinterpret_cast<std::byte*>(&settings));
    if (auto ours = check(pins.instance(), settings.contract); !ours) return fail(ours.error());
    if (auto sizes = handle->check_sizes(sizeof zero, sizeof settings); !sizes) return fail(sizes.error());
    return settings;
}

}  // namespace xdemux
