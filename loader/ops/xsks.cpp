// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xdemux/kernel/descriptor.h>
#include <xdemux/kernel/grace.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/xsk_binding.h>
#include <xdemux/kernel/xsk_places.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/targets.h>
#include <xdemux/ops/xsks.h>

namespace xdemux {
namespace {

/// What stands in map xsk_queues.
struct QueueRow {
    contract::xsk_queue key;
    contract::xsk_place place;
};

Result<std::vector<QueueRow>> read_rows(const Tables& tables) {
    std::vector<QueueRow> rows;
    const auto walked =
        tables.steering.xsk_queues.for_each([&](const contract::xsk_queue& key, const contract::xsk_place& place) {
            rows.push_back({key, place});
            return true;
        });
    if (!walked) return fail(walked.error());
    std::ranges::sort(rows, {},
                      [](const QueueRow& row) { return std::tuple(row.key.target, row.key.ifindex, row.key.queue); });
    return rows;
}

/// The places whose sockets are open.
Result<std::set<std::uint32_t>> open_places(const Tables& tables, const std::vector<QueueRow>& rows) {
    std::vector<std::uint32_t> places;
    places.reserve(rows.size());
    for (const QueueRow& row : rows)
        places.push_back(row.place.index);
    return taken_xsk_places(tables.steering.xsks.handle(), places);
}

/// First the row, then its place: a packet between the two finds the place empty, and falls back.
Status erase_rows(Instance& instance, const std::vector<QueueRow>& rows) {
    const Tables& tables = instance.tables();
    for (auto row = rows.begin(); row != rows.end(); ++row) {
        const auto erased = tables.steering.xsk_queues.erase(row->key);
        if (erased) continue;
        for (auto back = rows.begin(); back != row; ++back)
            [[maybe_unused]] const Status restored = tables.steering.xsk_queues.put(back->key, back->place);
        return fail(erased.error());
    }
    // Nothing leads there any more: it is made. A socket that stays in its place gives way to the next.
    for (const QueueRow& row : rows)
        [[maybe_unused]] const auto cleared = tables.steering.xsks.erase(row.place.index);
    if (!rows.empty()) (void)sweep_targets(instance);  // else by the next command
    return {};
}

Result<Target> target_of(std::string_view name, std::optional<TargetKind> fallback) {
    auto target = Target::parse(fmt::format("xsk:{}", name));
    if (!target) return fail(target.error());
    if (target->name != name)  // a comma would begin an option
        return fail(ErrorKind::usage, fmt::format("\"{}\" is no name of an AF_XDP application", name));
    target->fallback = fallback;
    return target;
}

/// The socket as a descriptor of this process; none: it is one already.
Result<std::optional<Fd>> take_socket(const XskRegistration& registration) {
    if (!registration.pid || *registration.pid == ::getpid()) return std::nullopt;
    auto taken = take_descriptor(*registration.pid, registration.fd);
    if (!taken) return fail(taken.error());
    return std::optional(std::move(*taken));
}

std::string describe_queue(const ReceiveQueue& queue) {
    const auto device = interface_by_index(queue.ifindex);
    return fmt::format("queue {} of {}", queue.queue,
                       device ? device->name : fmt::format("the interface with index {}", queue.ifindex));
}

/// That the socket is one of AF_XDP, and bound to that queue.
Status check_socket(int fd, const ReceiveQueue& queue, const std::string& what) {
    const auto xsk = is_xsk(fd);
    if (!xsk) return fail(xsk.error());
    if (!*xsk) return fail(ErrorKind::usage, fmt::format("{} is no AF_XDP socket", what));
    const auto bound = is_xsk_bound(fd, queue);
    if (!bound) return fail(bound.error());
    if (*bound) return {};
    const auto other = find_xsk_queue(fd);
    if (!other) return fail(other.error());
    if (!*other)
        return fail(ErrorKind::usage,
                    fmt::format("{} is not bound to a queue of this network namespace; it must be bound "
                                "before it is registered",
                                what));
    return fail(ErrorKind::usage,
                fmt::format("{} is bound to {}, not to {}", what, describe_queue(**other), describe_queue(queue)));
}

/// Who answers for a socket that this process was started with: whoever else has it open.
pid_t holder_of(int fd) {
    struct stat facts {};
    if (::fstat(fd, &facts) != 0) return ::getppid();
    const auto owners = socket_owners();
    const auto found = owners.find(facts.st_ino);
    return found == owners.end() || found->second.pid == ::getpid() ? ::getppid() : found->second.pid;
}

bool is_gone(std::uint32_t ifindex) {
    const auto device = interface_by_index(ifindex);
    return !device && device.error().kind() == ErrorKind::not_found;
}

Error taken_queue(const XskRegistration& registration, std::uint32_t pid) {
    const std::string name = process_name(static_cast<pid_t>(pid));
    const std::string who = name.empty() ? fmt::format("process {}", pid) : fmt::format("{} ({})", name, pid);
    return {ErrorKind::in_use,
            fmt::format("queue {} of {} is served for xsk:{} by a socket of {}; end that, or run xdemux "
                        "xsk unregister {} --dev {} --queue {}",
                        registration.queue, registration.dev, registration.name, who, registration.name,
                        registration.dev, registration.queue)};
}

/// A place that no row names. A socket that a killed registration left there gives way.
Result<std::uint32_t> free_place(const Tables& tables, const std::vector<QueueRow>& rows) {
    std::set<std::uint32_t> named;
    for (const QueueRow& row : rows)
        named.insert(row.place.index);
    std::uint32_t place = 0;
    while (named.contains(place))
        ++place;
    const std::uint32_t capacity = tables.steering.xsks.capacity();
    if (place < capacity) return place;
    return fail(ErrorKind::full,
                fmt::format("table \"xsks\" is full: an instance has {} AF_XDP sockets at most", capacity));
}

/// The socket first, then the row that leads packets to it. Those under way with a row that named the place before have
/// left it when the socket comes.
Status write_row(Instance& instance, const QueueRow& row, int fd) {
    const Tables& tables = instance.tables();
    wait_for_packets_under_way();
    if (auto put = tables.steering.xsks.put(row.place.index, static_cast<std::uint32_t>(fd)); !put) return put;
    auto put = tables.steering.xsk_queues.put(row.key, row.place, PutMode::insert);
    if (put) return put;
    [[maybe_unused]] const auto undone = tables.steering.xsks.erase(row.place.index);
    return put;
}

/// Those of one target; what is not said fits any.
struct Selector {
    std::uint32_t number = 0;
    std::optional<std::uint32_t> ifindex{};
    std::optional<std::uint32_t> queue{};
    std::optional<pid_t> pid{};

    [[nodiscard]] bool fits(const QueueRow& row) const {
        return row.key.target == number && row.key.ifindex == ifindex.value_or(row.key.ifindex) &&
               row.key.queue == queue.value_or(row.key.queue) &&
               (!pid || row.place.pid == static_cast<std::uint32_t>(*pid));
    }
};

std::vector<QueueRow> select_rows(const std::vector<QueueRow>& rows, const Selector& selector) {
    std::vector<QueueRow> selected;
    std::ranges::copy_if(rows, std::back_inserter(selected), [&](const QueueRow& row) { return selector.fits(row); });
    return selected;
}

Error nothing_registered(const XskSelection& selection) {
    std::string where;
    if (selection.queue) where += fmt::format(" for queue {}", *selection.queue);
    if (!selection.dev.empty()) where += fmt::format("{} {}", selection.queue ? " of" : " on", selection.dev);
    return {ErrorKind::not_found,
            fmt::format("no AF_XDP socket is registered as \"{}\"{}; see xdemux xsk list", selection.name, where)};
}

Status check_unused(const Instance& instance, std::uint32_t number, const std::string& name) {
    const auto users = users_of(instance, number);
    if (!users) return fail(users.error());
    if (users->empty()) return {};
    return fail(ErrorKind::in_use,
                fmt::format("cannot unregister \"{}\": in use by {}; delete that first, or use --force: its packets "
                            "fall back then",
                            name, fmt::join(*users, ", ")));
}

}  // namespace

Status check_xsk_name(std::string_view name) {
    const auto target = target_of(name, std::nullopt);
    return target ? Status() : Status(fail(target.error()));
}

Result<TargetKind> parse_fallback(std::string_view text) {
    const auto target = Target::parse(text);
    if (target && is_simple(target->kind)) return target->kind;
    return fail(ErrorKind::usage, fmt::format("unknown fallback \"{}\"; it is pass, drop or reject", text));
}

Status register_xsk(Instance& instance, const XskRegistration& registration) {
    assert(instance.writable());
    const auto target = target_of(registration.name, registration.fallback);
    if (!target) return fail(target.error());
    const auto device = interface_by_name(registration.dev);
    if (!device) return fail(device.error());
    const auto taken = take_socket(registration);
    if (!taken) return fail(taken.error());
    const int fd = *taken ? (*taken)->get() : registration.fd;
    const std::string what = registration.pid
                                 ? fmt::format("descriptor {} of process {}", registration.fd, *registration.pid)
                                 : fmt::format("descriptor {}", registration.fd);
    const ReceiveQueue queue{device->ifindex, registration.queue};
    if (auto right = check_socket(fd, queue, what); !right) return right;

    const auto rows = read_rows(instance.tables());
    if (!rows) return fail(rows.error());
    const auto targets = read_targets(instance.tables());
    if (!targets) return fail(targets.error());
    if (const auto known = targets->number_of(*target)) {
        // Those of closed sockets were swept when the instance was opened.
        const auto present = select_rows(*rows, {*known, queue.ifindex, queue.queue});
        if (!present.empty()) return fail(taken_queue(registration, present.front().place.pid));
    }
    const auto place = free_place(instance.tables(), *rows);
    if (!place) return fail(place.error());
    if (auto possible = TargetTable(*targets).add(*target); !possible) return fail(possible.error());
    if (registration.dry_run) return {};

    const auto number = claim_target(instance, *target);
    if (!number) return fail(number.error());
    const pid_t pid = registration.pid.value_or(holder_of(fd));
    auto written =
        write_row(instance, {{queue.ifindex, queue.queue, *number}, {*place, static_cast<std::uint32_t>(pid)}}, fd);
    if (!written) {
        [[maybe_unused]] const Status undone = sweep_targets(instance);
        return written;
    }
    return instance.keep();
}

Result<std::size_t> unregister_xsk(Instance& instance, const XskSelection& selection) {
    assert(instance.writable());
    const auto target = target_of(selection.name, std::nullopt);
    if (!target) return fail(target.error());
    std::optional<std::uint32_t> ifindex = selection.ifindex;
    if (!ifindex && !selection.dev.empty()) {
        const auto device = interface_by_name(selection.dev);
        if (!device) return fail(device.error());
        ifindex = device->ifindex;
    }
    const auto targets = read_targets(instance.tables());
    if (!targets) return fail(targets.error());
    const auto number = targets->number_of(*target);
    if (!number) return fail(nothing_registered(selection));
    const auto rows = read_rows(instance.tables());
    if (!rows) return fail(rows.error());
    const auto selected = select_rows(*rows, {*number, ifindex, selection.queue, selection.pid});
    if (selected.empty()) return fail(nothing_registered(selection));
    if (!selection.in_use_too && selected.size() == select_rows(*rows, {*number}).size()) {
        if (auto free = check_unused(instance, *number, selection.name); !free) return fail(free.error());
    }
    if (selection.dry_run) return selected.size();
    if (auto erased = erase_rows(instance, selected); !erased) return fail(erased.error());
    wait_for_packets_under_way();
    return selected.size();
}

Status sweep_xsks(Instance& instance) {
    assert(instance.writable());
    const auto rows = read_rows(instance.tables());
    if (!rows) return fail(rows.error());
    if (rows->empty()) return {};
    const auto open = open_places(instance.tables(), *rows);
    if (!open) return fail(open.error());
    std::vector<QueueRow> stale;
    for (const QueueRow& row : *rows) {
        // A socket does not come back to an interface that is gone, not even to one that gets its number.
        if (!open->contains(row.place.index) || is_gone(row.key.ifindex)) stale.push_back(row);
    }
    return erase_rows(instance, stale);
}

Result<std::vector<XskRow>> read_xsks(const Instance& instance) {
    const Tables& tables = instance.tables();
    const auto targets = target_rows(instance);
    if (!targets) return fail(targets.error());
    const auto rows = read_rows(tables);
    if (!rows) return fail(rows.error());
    const auto open = open_places(tables, *rows);
    if (!open) return fail(open.error());
    std::map<std::string, XskRow> xsks;
    for (const TargetRow& target : *targets) {
        if (target.target.kind != TargetKind::xsk) continue;
        const auto served = select_rows(*rows, {target.number});
        if (served.empty() && target.users == 0) continue;  // the next command clears it
        XskRow& xsk = xsks[target.target.name];
        xsk.target = target.target;
        xsk.count = target.count;
        for (const QueueRow& row : served) {
            const auto device = interface_by_index(row.key.ifindex);
            const auto pid = static_cast<pid_t>(row.place.pid);
            xsk.queues.push_back({row.key.ifindex,
                                  device ? device->name : "",
                                  row.key.queue,
                                  {pid, process_name(pid)},
                                  open->contains(row.place.index)});
        }
    }
    std::vector<XskRow> sorted;
    sorted.reserve(xsks.size());
    for (auto& [name, xsk] : xsks)
        sorted.push_back(std::move(xsk));
    return sorted;
}

std::string xsk_hindrance(const Instance& instance, std::uint32_t number) {
    const auto rows = read_rows(instance.tables());
    if (!rows) return rows.error().message();
    const auto served = select_rows(*rows, {number});
    if (served.empty()) return "no AF_XDP socket is registered under its name";
    const auto open = open_places(instance.tables(), served);
    if (!open) return open.error().message();
    const auto attached = attached_interfaces(instance);
    if (!attached) return attached.error().message();
    bool alive = false;
    for (const QueueRow& row : served) {
        if (!open->contains(row.place.index)) continue;
        alive = true;
        if (std::ranges::find(*attached, row.key.ifindex, &AttachedInterface::ifindex) != attached->end()) return {};
    }
    return alive ? "its sockets are on interfaces that are not attached"
                 : "the sockets registered under its name are closed";
}

}  // namespace xdemux
