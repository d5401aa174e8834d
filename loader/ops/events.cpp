// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <utility>

#include <fmt/format.h>

#include <xdemux/base/units.h>
#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/lock.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/ring.h>
#include <xdemux/ops/events.h>
#include <xdemux/ops/targets.h>

#include "open_table.h"

namespace xdemux {
namespace {

constexpr std::uint64_t watch_ahead_ns = 3'000'000'000;

using WatchTable = MappedArray<contract::watch>;
using LimitTable = CounterMap<contract::watch_limit>;

/// These are reasons of packets whose ports were read; an ICMP error has those that it quotes.
bool has_ports(contract::reason reason) {
    return reason <= contract::REASON_ICMP_ERROR;
}

template <std::size_t Size>
std::optional<PacketEnd> end_of(const contract::event& event, const __u8 (&address)[Size], std::uint16_t port) {
    if (std::all_of(std::begin(address), std::end(address), [](__u8 byte) { return byte == 0; })) return std::nullopt;
    const auto reason = static_cast<contract::reason>(event.reason);
    const auto family = event.family == contract::FAMILY_IPV6 ? contract::FAMILY_IPV6 : contract::FAMILY_IPV4;
    return PacketEnd{decode_address(family, address), has_ports(reason) ? std::optional(port) : std::nullopt};
}

PacketEvent decode_event(const contract::event& event, std::int64_t wall_clock_offset) {
    PacketEvent out;
    out.time_ns = event.time_ns;
    out.wall_time_ns = static_cast<std::int64_t>(event.time_ns) + wall_clock_offset;
    out.verdict = static_cast<contract::verdict>(event.verdict);
    out.action = static_cast<contract::verdict>(event.action);
    out.reason = static_cast<contract::reason>(event.reason);
    if (has_ports(out.reason)) out.proto = event.proto == contract::PROTO_UDP ? Proto::udp : Proto::tcp;
    out.remote = end_of(event, event.remote_addr, event.remote_port);
    out.local = end_of(event, event.local_addr, event.local_port);
    out.ifindex = event.ifindex;
    out.frame_len = event.frame_len;
    const std::size_t captured = std::min<std::size_t>(event.captured_len, sizeof event.frame);
    out.frame.assign(std::begin(event.frame), std::begin(event.frame) + captured);
    return out;
}

}  // namespace

class EventStream::State {
  public:
    State(const Instance& instance, MonitorLock lock, WatchTable watch, LimitTable limits)
        : instance_(instance), lock_(std::move(lock)), watch_(std::move(watch)), limits_(std::move(limits)) {}

    Status start(const EventOptions& options) {
        auto handle = MapHandle::open(instance_.pins().path_of("events"), "events");
        if (!handle) return fail(std::move(handle.error()));
        auto ring = RingReader::open(*handle, [this](std::span<const std::byte> record) { take(record); });
        if (!ring) return fail(std::move(ring.error()));
        ring_.emplace(std::move(*ring));
        if (auto drained = ring_->read(); !drained) return drained;
        const auto lost = limits_.read(0);
        if (!lost) return fail(lost.error());
        lost_before_ = lost->lost;
        contract::watch& watch = watch_[0];
        std::atomic_ref(watch.event_ns)
            .store(options.per_second == 0 ? 0 : std::uint64_t{ns_per_second} / options.per_second);
        std::atomic_ref(watch.one_in).store(options.one_in);
        watch_until(coarse_now_ns() + watch_ahead_ns);
        return {};
    }

    /// What says how to tell stands before what says that somebody listens.
    void watch_until(std::uint64_t until_ns) {
        std::atomic_ref(watch_[0].until_ns).store(until_ns, std::memory_order_release);
    }

    [[nodiscard]] Status renew() {
        const auto handle = MapHandle::open(instance_.pins().path_of("watch"), "watch");
        if (!handle || handle->id() != watch_.handle().id())
            return fail(
                ErrorKind::not_loaded,
                fmt::format("instance \"{}\" has been unloaded: there will be no more events", instance_.name()));
        // Names may change.
        devices_.clear();
        listeners_.clear();
        watch_until(coarse_now_ns() + watch_ahead_ns);
        return {};
    }

    [[nodiscard]] Status read(const std::function<void(const PacketEvent&)>& each) {
        each_ = &each;
        wall_clock_offset_ = wall_clock_offset_ns();
        auto done = ring_->read();
        each_ = nullptr;
        return done;
    }

    [[nodiscard]] Result<std::uint64_t> lost() const {
        const auto lost = limits_.read(0);
        if (!lost) return fail(lost.error());
        return lost->lost - lost_before_;
    }

    [[nodiscard]] int fd() const { return ring_->fd(); }

  private:
    void take(std::span<const std::byte> record) {
        contract::event event{};
        if (each_ == nullptr || record.size() != sizeof event) return;
        std::memcpy(&event, record.data(), sizeof event);
        PacketEvent out = decode_event(event, wall_clock_offset_);
        out.dev = device(event.ifindex);
        out.listener = listener(event.listener);
        (*each_)(out);
    }

    const std::string& device(std::uint32_t ifindex) {
        const auto [entry, fresh] = devices_.try_emplace(ifindex);
        if (!fresh) return entry->second;
        if (const auto interface = interface_by_index(ifindex)) entry->second = interface->name;
        return entry->second;
    }

    const std::optional<Listener>& listener(std::uint32_t id) {
        const auto [entry, fresh] = listeners_.try_emplace(id);
        if (!fresh || id == 0) return entry->second;
        const auto stored = instance_.tables().listeners.find(id);
        if (!stored || !*stored) return entry->second;  // deleted meanwhile
        const auto targets = read_targets(instance_.tables());
        if (!targets) return entry->second;
        if (auto decoded = decode(id, **stored, *targets)) entry->second = std::move(*decoded);
        return entry->second;
    }

    const Instance& instance_;
    MonitorLock lock_;
    WatchTable watch_;
    LimitTable limits_;
    std::optional<RingReader> ring_;
    std::uint64_t lost_before_ = 0;
    std::int64_t wall_clock_offset_ = 0;
    const std::function<void(const PacketEvent&)>* each_ = nullptr;
    std::map<std::uint32_t, std::string> devices_;
    std::map<std::uint32_t, std::optional<Listener>> listeners_;
};

EventStream::EventStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
EventStream::EventStream(EventStream&&) noexcept = default;

EventStream::~EventStream() {
    if (state_) stop();
}

Result<EventStream> EventStream::open(const Instance& instance, const EventOptions& options) {
    auto lock = MonitorLock::acquire(instance.name());
    if (!lock) return fail(std::move(lock.error()));
    auto watch = open_table_of<WatchTable>(instance, "watch");
    if (!watch) return fail(std::move(watch.error()));
    auto limits = open_table_of<LimitTable>(instance, "watch_limits");
    if (!limits) return fail(std::move(limits.error()));
    auto state = std::make_unique<State>(instance, std::move(*lock), std::move(*watch), std::move(*limits));
    if (auto started = state->start(options); !started) return fail(std::move(started.error()));
    return EventStream(std::move(state));
}

int EventStream::fd() const {
    return state_->fd();
}

Status EventStream::renew() {
    return state_->renew();
}

Status EventStream::read(const std::function<void(const PacketEvent&)>& each) {
    return state_->read(each);
}

void EventStream::stop() {
    state_->watch_until(0);
}

Result<std::uint64_t> EventStream::lost() const {
    return state_->lost();
}

}  // namespace xdemux
