// SPDX-License-Identifier: BSD-2-Clause
// Events as a capture file that Wireshark and tcpdump read: pcapng (draft-ietf-opsawg-pcapng), one section, an
// interface for each device, the reason of each packet in its comment. It makes bytes; it opens no file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include <xdemux/ops/events.h>

#include "render/sink.h"

namespace xdemux {

class PcapngWriter {
  public:
    /// Begins the section. `application` is named as the file's author; `snap_length`: bytes of a frame at most.
    PcapngWriter(std::string_view application, std::size_t snap_length, Sink sink);

    /// The packet, and its interface before the first packet of it.
    void write(const PacketEvent& event);

  private:
    std::uint32_t interface_of(const PacketEvent& event);

    std::size_t snap_length_;
    Sink sink_;
    /// A device that was renamed is another one to a reader, who knows names alone.
    std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> interfaces_;
};

}  // namespace xdemux
