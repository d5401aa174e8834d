// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <pcap/pcap.h>
#include <sys/stat.h>

#include <xdemux/ops/capture.h>

namespace xdemux {
namespace {

constexpr std::uint32_t largest_frame = 65'536 + 18;  // bytes: what an IP packet can fill, behind a tagged header

std::string name_of(const std::string& path) {
    return path == "-" ? "standard input" : fmt::format("\"{}\"", path);
}

std::uint64_t size_of(std::FILE* file) {
    struct stat status {};
    if (::fstat(::fileno(file), &status) != 0 || !S_ISREG(status.st_mode)) return 0;
    return static_cast<std::uint64_t>(status.st_size);
}

std::string link_type_name(int link_type) {
    const char* name = ::pcap_datalink_val_to_name(link_type);
    return name != nullptr ? name : fmt::to_string(link_type);
}

CapturedPacket packet_of(const pcap_pkthdr& header, const u_char* bytes) {
    CapturedPacket packet;
    // The timestamps are nanoseconds, as asked for in open(), whatever the field is called.
    packet.time_ns =
        static_cast<std::uint64_t>(header.ts.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(header.ts.tv_usec);
    packet.captured = std::min<std::uint32_t>(header.caplen, largest_frame);
    packet.frame.assign(bytes, bytes + packet.captured);
    packet.frame.resize(std::clamp(header.len, packet.captured, largest_frame));
    return packet;
}

}  // namespace

void Capture::Close::operator()(pcap* capture) const {
    ::pcap_close(capture);
}

Result<Capture> Capture::open(const std::string& path) {
    std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rbe");
    if (file == nullptr) return fail_system(errno, fmt::format("cannot open \"{}\"", path));
    const std::uint64_t size = size_of(file);
    char why[PCAP_ERRBUF_SIZE] = {};
    CapturePtr capture(::pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why));
    if (capture == nullptr) {
        if (file != stdin) std::fclose(file);
        return fail(ErrorKind::usage, fmt::format("{} is no capture, neither pcap nor pcapng: {}", name_of(path), why));
    }
    if (const int link_type = ::pcap_datalink(capture.get()); link_type != DLT_EN10MB)
        return fail(ErrorKind::usage, fmt::format("{} has packets of link type {}, not Ethernet; capture on an "
                                                  "Ethernet interface, as in tcpdump -i eth0 -w FILE",
                                                  name_of(path), link_type_name(link_type)));
    return Capture(std::move(capture), name_of(path), size);
}

Result<std::optional<CapturedPacket>> Capture::next() {
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    const int result = ::pcap_next_ex(capture_.get(), &header, &bytes);
    if (result == PCAP_ERROR_BREAK) return std::optional<CapturedPacket>();
    ++number_;
    if (result != 1)
        return fail(ErrorKind::failed,
                    fmt::format("cannot read packet {} of {}: {}", number_, path_, ::pcap_geterr(capture_.get())));
    CapturedPacket packet = packet_of(*header, bytes);
    packet.number = number_;
    return std::optional(std::move(packet));
}

std::uint64_t Capture::position() const {
    const off_t position = ::ftello(::pcap_file(capture_.get()));
    return position > 0 ? static_cast<std::uint64_t>(position) : 0;
}

}  // namespace xdemux
