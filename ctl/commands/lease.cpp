// SPDX-License-Identifier: BSD-2-Clause
#include "commands/lease.h"

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <xdemux/ops/leases.h>
#include <xdemux/ops/port_allocator.h>
#include <xdemux/policy/ephemeral_range.h>

#include "commands/options.h"
#include "commands/session.h"
#include "render/leases.h"

namespace xdemux {
namespace {

constexpr std::uint64_t most_ports = 65'535;
constexpr auto longest = static_cast<std::uint64_t>(LeaseTimes::longest.count());

struct LeaseArguments {
    std::string proto;
    std::string local;
    std::string remote;
    std::string count = "1";
    std::string block;
    std::string algorithm = "permutation";
    std::string owner = "xdemux";
    std::string pid;
    std::string ttl = "0";
    std::string time_wait = "60";
    std::string quarantine = "60";
    std::string quota = "0";
    std::string range;
    std::string target;
    bool reuse_time_wait = false;
    bool dry_run = false;
};

Result<std::chrono::seconds> seconds_of(const std::string& text, const char* option) {
    const auto number = parse_number(text, option, 0, longest);
    if (!number) return fail(number.error());
    return std::chrono::seconds(*number);
}

Result<LeaseTimes> times_of(const LeaseArguments& arguments) {
    const auto ttl = seconds_of(arguments.ttl, "--ttl");
    if (!ttl) return fail(ttl.error());
    const auto time_wait = seconds_of(arguments.time_wait, "--time-wait");
    if (!time_wait) return fail(time_wait.error());
    const auto quarantine = seconds_of(arguments.quarantine, "--quarantine");
    if (!quarantine) return fail(quarantine.error());
    LeaseTimes times;
    times.ttl = *ttl;
    times.time_wait_tcp = *time_wait;
    times.quarantine = *quarantine;
    return times;
}

Status read_process(const LeaseArguments& arguments, PortAllocatorOptions& options) {
    constexpr std::uint64_t most_pid = 4'194'304;
    options.bound_to_process = arguments.dry_run || !arguments.pid.empty();
    if (arguments.pid.empty()) return {};
    const auto pid = parse_number(arguments.pid, "--pid", 1, most_pid);
    if (!pid) return fail(pid.error());
    const auto process = process_by_number(static_cast<std::int32_t>(*pid));
    if (!process) return fail(process.error());
    options.process = *process;
    return {};
}

Result<PortAllocatorOptions> options_of(const LeaseArguments& arguments) {
    PortAllocatorOptions options;
    options.owner = arguments.owner;
    options.reuse_time_wait = arguments.reuse_time_wait;
    const auto algorithm = parse_port_algorithm(arguments.algorithm);
    if (!algorithm) return fail(algorithm.error());
    options.algorithm = *algorithm;
    const auto quota = parse_number(arguments.quota, "--quota", 0, UINT32_MAX);
    if (!quota) return fail(quota.error());
    options.quota = static_cast<std::uint32_t>(*quota);
    const auto times = times_of(arguments);
    if (!times) return fail(times.error());
    options.times = *times;
    if (!arguments.range.empty()) {
        const auto range = parse_ephemeral_range(arguments.range);
        if (!range) return fail(range.error());
        options.range = *range;
    }
    if (!arguments.target.empty()) {
        const auto target = Target::parse(arguments.target);
        if (!target) return fail(target.error());
        options.target = *target;
    }
    if (auto read = read_process(arguments, options); !read) return fail(read.error());
    return options;
}

void release(const std::vector<LeaseRow>& rows, PortAllocator& ports) {
    for (const LeaseRow& row : rows) {
        if (row.remote) {
            (void)ports.release(row.proto, {row.local, row.ports.first}, *row.remote);
        } else {
            (void)ports.release_block({row.proto, row.local, row.ports});
        }
    }
}

/// What its reason alone would not tell: the ports that it calls taken are those of this very command.
std::string describe_shortfall(std::size_t had, std::uint64_t wanted) {
    return fmt::format("{} of {} ports could be had, and were given back", had, wanted);
}

/// What is leased, as `list` would show it.
Result<std::vector<LeaseRow>> lease(const LeaseArguments& arguments, PortAllocator& ports) {
    const auto proto = parse_proto(arguments.proto);
    if (!proto) return fail(proto.error());
    const auto local = Address::parse(arguments.local);
    if (!local) return fail(local.error().in("LOCAL_ADDR"));
    std::vector<LeaseRow> rows;
    if (!arguments.block.empty()) {
        const auto size = parse_number(arguments.block, "--block", 1, most_ports);
        if (!size) return fail(size.error());
        const auto block = ports.lease_block(*proto, *local, static_cast<std::uint32_t>(*size));
        if (!block) return fail(block.error());
        rows.push_back({*proto, *local, block->ports, {}, LeaseState::leased, arguments.owner});
        return rows;
    }
    const auto count = parse_number(arguments.count, "--count", 1, most_ports);
    if (!count) return fail(count.error());
    const auto remote = SocketAddress::parse(arguments.remote, *proto);
    if (!remote) return fail(remote.error().in("REMOTE"));
    const auto target = arguments.target.empty() ? Target{} : Target::parse(arguments.target).value_or(Target{});
    for (std::uint64_t i = 0; i < *count; ++i) {
        const auto leased = ports.lease(*proto, *local, *remote);
        if (!leased) {
            release(rows, ports);  // all or none
            return fail(rows.empty() ? leased.error() : leased.error().in(describe_shortfall(rows.size(), *count)));
        }
        rows.push_back({*proto,
                        *local,
                        PortRange::one(leased->port),
                        *remote,
                        LeaseState::leased,
                        arguments.owner,
                        {},
                        target,
                        std::chrono::seconds(0)});
    }
    return rows;
}

Status run_lease(const LeaseArguments& arguments, Session& session) {
    if (arguments.remote.empty() && arguments.block.empty())
        return fail(ErrorKind::usage, "REMOTE or --block N is missing");
    const auto options = options_of(arguments);
    if (!options) return fail(options.error());
    {
        auto instance = session.open_or_create();
        if (!instance) return fail(instance.error());
        if (auto kept = instance->keep(); !kept) return kept;
    }
    auto ports = PortAllocator::open(session.instance(), *options);
    if (!ports) return fail(ports.error());
    const auto rows = lease(arguments, *ports);
    if (!rows) return fail(rows.error());
    if (arguments.dry_run) return {};
    if (session.json()) {
        print_leases_json(*rows, session.sink());
    } else {
        print_leased_text(*rows, session.sink());
    }
    auto told = session.output().flush();
    if (!told) release(*rows, *ports);  // nobody knows of them
    return told;
}

/// The ledger and the register of the instance.
struct Books {
    std::unique_ptr<LeaseLedger> ledger;
    std::unique_ptr<LeaseHost> host;
};

Result<Books> open_books(Session& session) {
    auto instance = session.open();
    if (!instance) return fail(instance.error());
    const auto shared = std::make_shared<const Instance>(std::move(*instance));
    auto host = host_of(shared);
    if (!host) return fail(host.error());
    return Books{ledger_of(shared), std::move(*host)};
}

struct ReleaseArguments {
    std::string proto;
    std::string local;
    std::string remote;
    std::string owner = "xdemux";
    bool all = false;
    bool dry_run = false;
};

Status release_one(const ReleaseArguments& arguments, Books& books) {
    const auto proto = parse_proto(arguments.proto);
    if (!proto) return fail(proto.error());
    if (!arguments.remote.empty()) {
        const auto key = FlowKey::parse(arguments.proto, arguments.local, arguments.remote);
        if (!key) return fail(key.error());
        return release_lease(*books.ledger, *books.host, *key, arguments.owner);
    }
    const auto local = LocalEndpoint::parse(arguments.local, *proto);
    if (!local) return fail(local.error());
    return release_block(*books.host, {*proto, local->address(), local->ports}, arguments.owner);
}

Status run_release(const ReleaseArguments& arguments, Session& session) {
    if (arguments.all == !arguments.local.empty())
        return fail(ErrorKind::usage, "PROTO LOCAL [REMOTE], or --all of an owner, is missing, or both are given");
    auto books = open_books(session);
    if (!books) return fail(books.error());
    if (arguments.dry_run) return {};
    if (!arguments.all) return release_one(arguments, *books);
    const auto released = release_owner(*books->ledger, *books->host, arguments.owner);
    if (!released) return fail(released.error());
    tell(fmt::format("leases given back: {}, ports of blocks: {}", released->leases, released->block_ports));
    return {};
}

Status run_list(Session& session) {
    auto books = open_books(session);
    if (!books) return fail(books.error());
    if (auto swept = sweep_leases(*books->ledger, *books->host); !swept) return fail(swept.error());
    const auto rows = read_leases(*books->ledger, *books->host);
    if (!rows) return fail(rows.error());
    if (session.json()) {
        print_leases_json(*rows, session.sink());
    } else {
        print_leases_text(*rows, session.sink());
    }
    return {};
}

void add_lease(Command object, Commands& commands) {
    auto arguments = std::make_shared<LeaseArguments>();
    Command command = object.add_command("lease", "claim ports that nobody else gets; prints them");
    const auto option = [&](const char* name, std::string& value, const char* what, const char* type) {
        return command.add_option(name, value, what).type_name(type);
    };
    command.add_option("PROTO", arguments->proto, "tcp or udp").required();
    command.add_option("LOCAL_ADDR", arguments->local, "an address of this host").required();
    Option remote = command.add_option("REMOTE", arguments->remote, "ADDR:PORT of the destination");
    Option count = option("--count", arguments->count, "so many, all or none; 1 unless given", "N");
    option("--block", arguments->block, "instead so many ports in a row, whatever the destination", "N")
        .excludes(remote)
        .excludes(count);
    option("--algorithm", arguments->algorithm, "as RFC 6056 calls it; permutation unless given", "NAME");
    option("--owner", arguments->owner, "to whom; xdemux unless given", "NAME");
    option("--pid", arguments->pid, "a process; when it is gone they are free again, after a quarantine", "PID");
    option("--ttl", arguments->ttl, "free again after so long without a packet; never unless given", "SECONDS");
    option("--time-wait", arguments->time_wait, "after a FIN; 60 unless given", "SECONDS");
    option("--quarantine", arguments->quarantine, "after an RST, or the end of the owner; 60 unless given", "SECONDS");
    option("--quota", arguments->quota, "most ports that the owner may have; no limit unless given", "N");
    option("--range", arguments->range, "from which, and kept from the kernel; above its own unless given", "RANGE");
    option("--to", arguments->target, "where their packets go, as of flow add", "TARGET");
    command.add_flag("--reuse-time-wait", arguments->reuse_time_wait,
                     "when nothing else is left (RFC 6191); the owner must use TCP timestamps");
    add_dry_run(command, arguments->dry_run);
    commands.add(command, [arguments](Session& session) { return run_lease(*arguments, session); });
}

void add_release(Command object, Commands& commands) {
    auto arguments = std::make_shared<ReleaseArguments>();
    Command command = object.add_command("release", "give leased ports back");
    command.add_option("PROTO", arguments->proto, "tcp or udp");
    command.add_option("LOCAL", arguments->local, "ADDR:PORT of a lease, ADDR:LO-HI of a block");
    command.add_option("REMOTE", arguments->remote, "ADDR:PORT of the destination; of a block none");
    command.add_option("--owner", arguments->owner, "whose; xdemux unless given").type_name("NAME");
    command.add_flag("--all", arguments->all, "all that the owner has");
    add_dry_run(command, arguments->dry_run);
    commands.add(command, [arguments](Session& session) { return run_release(*arguments, session); });
}

}  // namespace

void add_lease_commands(Command object, Commands& commands) {
    add_lease(object, commands);
    add_release(object, commands);
    Command list = object.add_command("list", "leases and blocks, their owners and states");
    commands.add(list, run_list);
}

}  // namespace xdemux
