// SPDX-License-Identifier: BSD-2-Clause
// One netlink request: send it, hand each answer to a function. Private to this box; it knows no family's contents.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <xdemux/base/error.h>

namespace xdemux {

/// Called for each answer; the message lives only during the call.
using DumpHandler = std::function<void(const nlmsghdr&)>;

/// A dump's request: the fixed header of the message, as the family defines it.
struct DumpRequest {
    int protocol = 0;  ///< NETLINK_ROUTE, NETLINK_SOCK_DIAG
    int type = 0;      ///< RTM_GETLINK, ...
    std::span<const std::byte> header;
    /// Ask the kernel to apply the header's fields as filters (NETLINK_GET_STRICT_CHK); older kernels send everything,
    /// so the handler filters again.
    bool strict = false;
};

/// `what` names the dump in an error ("cannot list the interfaces"). `restart` is called before every attempt: the
/// caller forgets what it collected, because a dump that a change interrupted (NLM_F_DUMP_INTR) starts over; after ten
/// such attempts the error is `failed`. Other errors keep the kernel's errno.
Status netlink_dump(const DumpRequest& request, std::string_view what, const std::function<void()>& restart,
                    const DumpHandler& handler);

/// A request that gets a single answer, or the kernel's errno.
Status netlink_ask(const DumpRequest& request, std::string_view what, const DumpHandler& handler);

/// An attribute's payload copied into a number or a packed struct; a zero value if it is absent or too short.
template <typename T>
T attribute_or_zero(const nlattr* attribute) {
    T value{};
    if (attribute != nullptr && nla_len(attribute) >= static_cast<int>(sizeof value))
        __builtin_memcpy(&value, nla_data(attribute), sizeof value);
    return value;
}

}  // namespace xdemux
