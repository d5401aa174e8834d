// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include <xdemux/base/number.h>
#include <xdemux/policy/listener.h>
#include <xdemux/policy/target.h>

namespace xdemux {
namespace {

constexpr std::array simple_kinds{TargetKind::pass, TargetKind::drop, TargetKind::reject};

constexpr std::string_view forms =
    "pass, drop, reject, cpu:N, cpu:N-M, dev:INTERFACE, group:NAME, xsk:NAME, socket:NAME";

std::optional<TargetKind> simple_kind(std::string_view text) {
    const auto* found = std::ranges::find(simple_kinds, text, target_kind_name);
    return found == simple_kinds.end() ? std::nullopt : std::optional(*found);
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    for (std::size_t end = 0; end != std::string_view::npos; text.remove_prefix(end + 1)) {
        end = text.find(at);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) break;
    }
    return parts;
}

std::optional<MacAddress> parse_mac(std::string_view text) {
    const auto parts = split(text, ':');
    MacAddress mac{};
    if (parts.size() != mac.size()) return std::nullopt;
    for (std::size_t i = 0; i < mac.size(); ++i) {
        const auto byte = parts[i].size() == 2 ? whole_number<std::uint32_t>(parts[i], 16) : std::nullopt;
        if (!byte) return std::nullopt;
        mac[i] = static_cast<std::uint8_t>(*byte);
    }
    return mac;
}

Error bad(std::string_view text, std::string_view why) {
    return {ErrorKind::usage, fmt::format("target \"{}\": {}", text, why)};
}

/// One reading of a target's text, part by part.
class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text) {}

    Result<Target> read() {
        const auto parts = split(text_, ',');
        if (const auto simple = simple_kind(parts[0])) {
            target_.kind = *simple;
        } else if (auto head = read_head(parts[0]); !head) {
            return fail(std::move(head.error()));
        }
        for (auto part = std::next(parts.begin()); part != parts.end(); ++part) {
            if (auto option = read_option(*part); !option) return fail(std::move(option.error()));
        }
        if (target_.src_mac && !target_.dst_mac) return fail(bad(text_, "src=MAC goes with mac=MAC"));
        // The kernel's look-up of sockets has two answers without one: go on looking, and none.
        if (target_.kind == TargetKind::socket && target_.fallback == TargetKind::drop)
            return fail(bad(text_,
                            "without its socket, a packet can be passed or rejected, not dropped in silence; use "
                            "fallback=reject"));
        return target_;
    }

  private:
    Status read_head(std::string_view head) {
        constexpr std::array steering{TargetKind::cpu, TargetKind::dev, TargetKind::group, TargetKind::xsk,
                                      TargetKind::socket};
        const auto colon = head.find(':');
        const auto* kind = std::ranges::find(steering, head.substr(0, colon), target_kind_name);
        if (kind == steering.end() || colon == std::string_view::npos)
            return fail(ErrorKind::usage, fmt::format("unknown target \"{}\"; the targets are: {}", text_, forms));
        target_.kind = *kind;
        const std::string_view value = head.substr(colon + 1);
        return target_.kind == TargetKind::cpu ? read_cpus(value) : read_name(value);
    }

    Status read_cpus(std::string_view value) {
        const auto dash = value.find('-');
        const auto first = whole_number<std::uint32_t>(value.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : whole_number<std::uint32_t>(value.substr(dash + 1));
        if (!first || !last) return fail(bad(text_, "cpu wants a CPU's number, or two as N-M"));
        if (*last < *first) return fail(bad(text_, "its CPUs run backwards"));
        target_.first_cpu = *first;
        target_.last_cpu = *last;
        return {};
    }

    Status read_name(std::string_view value) {
        if (value.empty()) return fail(bad(text_, "it wants a name after the colon"));
        target_.name = value;
        if (target_.kind != TargetKind::dev) {
            if (check_listener_name(value)) return {};
            return fail(
                bad(text_, fmt::format("a name is 1 to {} letters, digits, \".\", \"_\" and \"-\"", Target::max_name)));
        }
        if (value.size() > Target::max_name) return fail(bad(text_, "no interface has so long a name"));
        return {};
    }

    Status read_option(std::string_view part) {
        const auto equals = part.find('=');
        const std::string_view name = part.substr(0, equals);
        const std::string_view value = equals == std::string_view::npos ? "" : part.substr(equals + 1);
        if (name == "fallback" && !is_simple(target_.kind)) return read_fallback(value);
        if (name == "queue" && target_.kind == TargetKind::cpu) return read_queue(value);
        if (name == "mac" && target_.kind == TargetKind::dev) return read_mac(value, target_.dst_mac);
        if (name == "src" && target_.kind == TargetKind::dev) return read_mac(value, target_.src_mac);
        return fail(bad(text_, fmt::format("unknown option \"{}\"; there are fallback=pass|drop|reject of all that "
                                           "steer, queue=N of cpu, mac=MAC and src=MAC of dev",
                                           part)));
    }

    Status read_fallback(std::string_view value) {
        target_.fallback = simple_kind(value);
        if (target_.fallback) return {};
        return fail(bad(text_, "fallback is pass, drop or reject"));
    }

    Status read_queue(std::string_view value) {
        const auto frames = whole_number<std::uint32_t>(value);
        if (!frames || *frames == 0 || *frames > Target::max_queue)
            return fail(bad(text_, fmt::format("queue is a number of frames from 1 to {}", Target::max_queue)));
        target_.queue = *frames;
        return {};
    }

    Status read_mac(std::string_view value, std::optional<MacAddress>& to) {
        to = parse_mac(value);
        if (to) return {};
        return fail(bad(text_, fmt::format("\"{}\" is no MAC address", value)));
    }

    std::string_view text_;
    Target target_;
};

}  // namespace

std::string_view target_kind_name(TargetKind kind) {
    switch (kind) {
        case TargetKind::pass:
            return "pass";
        case TargetKind::drop:
            return "drop";
        case TargetKind::reject:
            return "reject";
        case TargetKind::steer:
            return "steer";
        case TargetKind::cpu:
            return "cpu";
        case TargetKind::dev:
            return "dev";
        case TargetKind::group:
            return "group";
        case TargetKind::xsk:
            return "xsk";
        case TargetKind::socket:
            return "socket";
    }
    return "unknown";
}

std::string mac_text(const MacAddress& mac) {
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

Result<Target> Target::parse(std::string_view text) {
    return Reader(text).read();
}

std::string Target::to_string() const {
    std::string text(target_kind_name(kind));
    if (is_simple(kind)) return text;
    auto out = std::back_inserter(text);
    if (kind == TargetKind::cpu) {
        fmt::format_to(out, ":{}", first_cpu);
        if (last_cpu != first_cpu) fmt::format_to(out, "-{}", last_cpu);
        if (queue != default_queue) fmt::format_to(out, ",queue={}", queue);
    } else {
        fmt::format_to(out, ":{}", name);
    }
    if (dst_mac) fmt::format_to(out, ",mac={}", mac_text(*dst_mac));
    if (src_mac) fmt::format_to(out, ",src={}", mac_text(*src_mac));
    if (fallback.value_or(TargetKind::pass) != TargetKind::pass)
        fmt::format_to(out, ",fallback={}", target_kind_name(*fallback));
    return text;
}

}  // namespace xdemux
