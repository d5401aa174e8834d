// SPDX-License-Identifier: BSD-2-Clause
#include "instance_netns.h"

#include <vector>

#include <fmt/format.h>

#include <xdemux/kernel/link.h>
#include <xdemux/kernel/netns.h>
#include <xdemux/kernel/socket_lookup.h>
#include <xdemux/ops/lease_host.h>

#include "pinned_settings.h"

namespace xdemux {
namespace {

/// The name of the namespace with that cookie, as far as it may be found; of the host's own, which has none, a path.
std::string find_netns(std::uint64_t cookie) {
    auto names = known_netns();
    names.emplace_back("/proc/1/ns/net");
    for (const auto& name : names) {
        const auto scope = NetnsScope::enter(name);
        if (scope && netns_cookie().value_or(0) == cookie) return name;
    }
    return {};
}

Error belongs_elsewhere(const std::string& instance, const std::string& netns) {
    const std::string where =
        netns.empty() ? std::string("another network namespace") : fmt::format("the network namespace \"{}\"", netns);
    const std::string remedy = netns.empty() ? std::string() : fmt::format("use --netns {}, or ", netns);
    return {ErrorKind::in_use, fmt::format("instance \"{}\" belongs to {}; {}choose another name with --instance",
                                           instance, where, remedy)};
}

bool has_live_links(const PinDirectory& pins) {
    for (const auto& pin : pins.links().value_or(std::vector<LinkPin>{})) {
        const auto link = pins.open_link(pin.ifindex);
        if (!link) continue;
        if (const auto info = link_info(link->get()); info && info->ifindex != 0) return true;
    }
    if (!pins.has_socket_lookup()) return false;
    const auto link = pins.open("sk_lookup_link");
    return link && socket_lookup_is_live(link->get()).value_or(false);
}

}  // namespace

Status check_netns(const std::string& instance, const contract::settings& settings) {
    const auto here = netns_cookie();
    if (!here) return fail(here.error());
    if (*here == settings.netns_cookie) return {};
    return fail(belongs_elsewhere(instance, find_netns(settings.netns_cookie)));
}

Status check_unload(const PinDirectory& pins, const Result<contract::settings>& settings) {
    const auto here = netns_cookie();
    if (!settings || !here || *here == settings->netns_cookie) return {};
    const std::string name = find_netns(settings->netns_cookie);
    if (name.empty() && !has_live_links(pins)) return {};
    return fail(belongs_elsewhere(pins.instance(), name));
}

Status end_leases_of(const std::string& instance, const PinDirectory& going) {
    const auto settings = read_settings(going, check_upgrade);
    const auto here = netns_cookie();
    if (!settings || !here || *here == settings->netns_cookie) return end_leases(instance);
    const std::string netns = find_netns(settings->netns_cookie);
    if (netns.empty() && has_live_links(going)) return fail(belongs_elsewhere(instance, netns));
    if (netns.empty()) return forget_leases(instance);
    const auto scope = NetnsScope::enter(netns);
    return scope ? end_leases(instance) : Status(fail(scope.error()));
}

}  // namespace xdemux
