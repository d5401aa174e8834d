// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include <fmt/format.h>

#include <xdemux/policy/port_set.h>

namespace xdemux {
namespace {

PortRange spelt_out(const PortRange& ports) {
    return ports.is_all() ? PortRange{1, UINT16_MAX} : ports;
}

bool is_number_or_range(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace

PortSet PortSet::of(std::span<const PortRange> ranges) {
    PortSet set;
    for (const PortRange& range : ranges)
        set.add(range);
    return set;
}

Result<PortSet> PortSet::parse(std::string_view text) {
    PortSet set;
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::string_view item = rest.substr(0, rest.find(','));
        const bool last = item.size() == rest.size();
        rest.remove_prefix(last ? item.size() : item.size() + 1);
        if (!is_number_or_range(item) || (!last && rest.empty()))
            return fail(ErrorKind::usage, fmt::format("port list \"{}\": \"{}\" is no port and no range; use P,P-P",
                                                      text, is_number_or_range(item) ? std::string_view() : item));
        const auto range = PortRange::parse(item, Proto::tcp);
        if (!range) return fail(range.error().in(fmt::format("port list \"{}\"", text)));
        set.add(*range);
    }
    return set;
}

void PortSet::add(const PortRange& ports) {
    const PortRange range = spelt_out(ports);
    for (std::size_t port = range.first; port <= range.last; ++port)
        ports_.set(port);
}

void PortSet::remove(const PortRange& ports) {
    const PortRange range = spelt_out(ports);
    for (std::size_t port = range.first; port <= range.last; ++port)
        ports_.reset(port);
}

std::size_t PortSet::count(const PortRange& ports) const {
    const PortRange range = spelt_out(ports);
    std::size_t count = 0;
    for (std::size_t port = range.first; port <= range.last; ++port)
        count += ports_[port] ? 1 : 0;
    return count;
}

PortSet PortSet::within(const PortRange& ports) const {
    PortSet range;
    range.add(ports);
    range.ports_ &= ports_;
    return range;
}

std::vector<PortRange> PortSet::ranges() const {
    std::vector<PortRange> found;
    for (std::size_t port = 0; port < numbers; ++port) {
        if (!ports_[port]) continue;
        const auto number = static_cast<std::uint16_t>(port);
        if (!found.empty() && found.back().last + 1 == number) {
            found.back().last = number;
        } else {
            found.push_back(PortRange::one(number));
        }
    }
    return found;
}

std::vector<std::uint16_t> PortSet::list() const {
    std::vector<std::uint16_t> ports;
    ports.reserve(size());
    for (std::size_t port = 0; port < numbers; ++port)
        if (ports_[port]) ports.push_back(static_cast<std::uint16_t>(port));
    return ports;
}

std::string PortSet::to_string() const {
    std::string text;
    for (const PortRange& range : ranges())
        text += fmt::format("{}{}", text.empty() ? "" : ",", range.to_string());
    return text;
}

}  // namespace xdemux
