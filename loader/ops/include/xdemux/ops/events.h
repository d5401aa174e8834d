// SPDX-License-Identifier: BSD-2-Clause
// The stream of events: what the data path tells of packets that were, or in monitor mode would have been, dropped or
// rejected. One reader at a time. Nobody has to end it: without renewal the data path falls silent by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/ops/instance.h>
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/listener.h>
#include <xdemux/policy/proto.h>

namespace xdemux {

/// An end of a packet; its port is unknown where the packet has none, or was not read as far.
struct PacketEnd {
    Address address;
    std::optional<std::uint16_t> port;

    friend bool operator==(const PacketEnd&, const PacketEnd&) = default;
};

/// Of a frame, at most.
inline constexpr std::size_t event_frame_bytes = contract::EVENT_FRAME_SIZE;

struct PacketEvent {
    std::uint64_t time_ns = 0;      ///< CLOCK_MONOTONIC
    std::int64_t wall_time_ns = 0;  ///< since 1970, UTC
    contract::verdict verdict = contract::VERDICT_DROP;
    contract::verdict action = contract::VERDICT_DROP;
    contract::reason reason = contract::REASON_UNDECIDED;
    std::optional<Proto> proto;  ///< none: neither, or not read as far
    std::optional<PacketEnd> remote;
    std::optional<PacketEnd> local;
    std::uint32_t ifindex = 0;
    std::string dev;  ///< empty: it is gone
    std::optional<Listener> listener;
    std::uint32_t frame_len = 0;      ///< bytes
    std::vector<std::uint8_t> frame;  ///< its beginning
};

struct EventOptions {
    std::uint32_t one_in = 1;         ///< sampling
    std::uint64_t per_second = 1000;  ///< at most, of each CPU; 0: no limit
};

class EventStream {
  public:
    /// From now on; what was told before is thrown away. Errors: `in_use` where another process reads them.
    static Result<EventStream> open(const Instance& instance, const EventOptions& options);

    EventStream(EventStream&&) noexcept;
    EventStream& operator=(EventStream&&) = delete;
    EventStream(const EventStream&) = delete;
    EventStream& operator=(const EventStream&) = delete;
    ~EventStream();

    /// Readable while events wait.
    [[nodiscard]] int fd() const;
    /// To be called about each second; the data path falls silent three seconds after the last time. Errors:
    /// `not_loaded` where the instance has been unloaded.
    [[nodiscard]] Status renew();
    /// All that wait. It does not wait itself.
    [[nodiscard]] Status read(const std::function<void(const PacketEvent&)>& each);
    /// No more from now on but those that wait.
    void stop();
    /// Events that were not told since open(): over the rate, or the ring was full.
    [[nodiscard]] Result<std::uint64_t> lost() const;

  private:
    class State;
    explicit EventStream(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace xdemux
