// SPDX-License-Identifier: BSD-2-Clause
// XDP links: a program on an interface, replaceable without losing a packet. Whatever else sits on the interface is
// left alone. It pins nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>
#include <xdemux/kernel/netlink.h>

namespace xdemux {

enum class AttachMode : std::uint8_t {
    automatic,  ///< native, and generic where the driver cannot
    native,
    generic,
};

/// "auto", "native", "generic". ErrorKind::usage.
Result<AttachMode> parse_attach_mode(std::string_view text);
std::string_view attach_mode_name(AttachMode mode);
/// "native", "generic", "offload", "none", "multiple".
std::string_view xdp_attachment_name(XdpAttachment attachment);

/// Puts the program on the interface. Errors: `in_use` naming the program that is there, `unsupported` with the way
/// out, `not_found`.
Result<Fd> create_xdp_link(int program, const Interface& interface, AttachMode mode);

struct LinkInfo {
    std::uint32_t id = 0;
    std::uint32_t program_id = 0;
    std::uint32_t ifindex = 0;  ///< 0: the device is gone
};
Result<LinkInfo> link_info(int link);

/// Puts `program` in the place of the present one. ErrorKind::not_found where the device is gone.
Status update_link(int link, int program);
/// Takes the program off; a link whose device is gone is no error.
Status detach_link(int link);

/// The kernel's id of a loaded program.
Result<std::uint32_t> program_id(int program);
/// Its name, empty where it may not be known (CAP_SYS_ADMIN).
std::string program_name(std::uint32_t id);

/// The link by which a program is on a device; none: it was put there without one, or links may not be listed. It takes
/// both, since links of all network namespaces are listed, and an ifindex counts in one.
std::optional<std::uint32_t> find_xdp_link(std::uint32_t ifindex, std::uint32_t program_id);

/// What is to be known of the XDP program that is on a device.
struct XdpHolder {
    std::string program{};                ///< its name; empty where it may not be known
    std::optional<std::uint32_t> link{};  ///< as find_xdp_link() has it
    std::string instance{};               ///< of xdemux, that it belongs to; empty: none
};
/// `device` has a program.
XdpHolder xdp_holder(const Interface& device);

/// The command by which its holder takes the program off a device; libxdp's dispatcher wants its own tool.
std::string removal_command(std::string_view device, const XdpHolder& holder);

/// What a failure to attach means, in words, with the way out. `error_number` is bpf(2)'s.
Error attach_error(int error_number, const Interface& interface, AttachMode mode);

}  // namespace xdemux
