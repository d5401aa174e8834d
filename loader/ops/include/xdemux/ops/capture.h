// SPDX-License-Identifier: BSD-2-Clause
// The packets of a capture file, one after the other, by libpcap: pcap of either byte order, with micro- or
// nanoseconds, and pcapng. It reads a file and knows no instance.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <xdemux/base/error.h>

struct pcap;

namespace xdemux {

struct CapturedPacket {
    std::uint64_t number = 0;   ///< from 1
    std::uint64_t time_ns = 0;  ///< since 1970, UTC
    /// As it was on the wire; what the capture left out behind its snapshot length is zero.
    std::vector<std::uint8_t> frame;
    std::uint32_t captured = 0;  ///< bytes of it that are in the file
};

class Capture {
  public:
    /// "-" is standard input. Errors: `usage` for a file that is no capture, or not of Ethernet; as open(2)'s.
    static Result<Capture> open(const std::string& path);

    /// None at the end. ErrorKind::failed for a packet that is cut off or corrupt, naming its number.
    Result<std::optional<CapturedPacket>> next();

    /// Bytes of the file, 0 where it cannot be known, and how many have been read.
    [[nodiscard]] std::uint64_t size() const { return size_; }
    [[nodiscard]] std::uint64_t position() const;

  private:
    struct Close {
        void operator()(pcap* capture) const;
    };
    using CapturePtr = std::unique_ptr<pcap, Close>;

    Capture(CapturePtr capture, std::string path, std::uint64_t size)
        : capture_(std::move(capture)), path_(std::move(path)), size_(size) {}

    CapturePtr capture_;
    std::string path_;
    std::uint64_t size_;
    std::uint64_t number_ = 0;
};

}  // namespace xdemux
