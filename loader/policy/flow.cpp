// SPDX-License-Identifier: BSD-2-Clause
#include <fmt/format.h>

#include <xdemux/policy/flow.h>

namespace xdemux {
namespace {

Status check_end(std::string_view side, const SocketAddress& end) {
    const char* what = nullptr;
    if (end.address.is_wildcard()) what = "a wildcard";
    if (end.address.is_multicast()) what = "a multicast address";
    if (end.address.is_broadcast()) what = "the broadcast address";
    if (what != nullptr) {
        return fail(ErrorKind::usage,
                    fmt::format("{} address {} of the flow is {}; a flow has one address on each side", side,
                                end.address.to_string(), what));
    }
    if (end.port == 0) return fail(ErrorKind::usage, fmt::format("{} port of the flow is 0; use 1-65535", side));
    return {};
}

/// `local endpoint "...": ...`
tl::unexpected<Error> fail_on_side(std::string_view side, const Error& error) {
    return fail(error.kind(), fmt::format("{} {}", side, error.message()));
}

}  // namespace

Result<FlowKey> FlowKey::parse(std::string_view proto, std::string_view local, std::string_view remote) {
    const auto parsed_proto = parse_proto(proto);
    if (!parsed_proto) return fail(parsed_proto.error());
    const auto parsed_local = SocketAddress::parse(local, *parsed_proto);
    if (!parsed_local) return fail_on_side("local", parsed_local.error());
    const auto parsed_remote = SocketAddress::parse(remote, *parsed_proto);
    if (!parsed_remote) return fail_on_side("remote", parsed_remote.error());
    const FlowKey key{*parsed_proto, *parsed_local, *parsed_remote};
    if (const auto valid = key.validate(); !valid) return fail(valid.error());
    return key;
}

Status FlowKey::validate() const {
    const Family ours = local.address.family();
    const Family theirs = remote.address.family();
    if (ours != theirs) {
        return fail(ErrorKind::usage,
                    fmt::format("local {} is {} and remote {} is {}; both ends of a flow have the same family",
                                local.to_string(), family_name(ours), remote.to_string(), family_name(theirs)));
    }
    if (const auto checked = check_end("local", local); !checked) return checked;
    return check_end("remote", remote);
}

std::string FlowKey::to_string() const {
    return fmt::format("{} {} {}", proto_name(proto), local.to_string(), remote.to_string());
}

}  // namespace xdemux
