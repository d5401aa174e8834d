// SPDX-License-Identifier: BSD-2-Clause
#include <fmt/format.h>

#include <xdemux/policy/proto.h>

namespace xdemux {

Result<Proto> parse_proto(std::string_view text) {
    if (text == "tcp") return Proto::tcp;
    if (text == "udp") return Proto::udp;
    return fail(ErrorKind::usage, fmt::format("unknown protocol \"{}\"; use tcp or udp", text));
}

std::string_view proto_name(Proto proto) {
    return proto == Proto::tcp ? "tcp" : "udp";
}

}  // namespace xdemux
