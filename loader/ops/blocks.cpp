// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <atomic>
#include <cassert>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/encode_evidence.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/operator.h>
#include <xdemux/kernel/upstream.h>
#include <xdemux/ops/blocks.h>

#include "open_table.h"

namespace xdemux {
namespace {

using BlockTable = Map<contract::block_source, contract::block>;
using Entries = std::map<Address, std::uint64_t>;  // until_ns

Result<Entries> read_entries(const BlockTable& table) {
    Entries entries;
    const auto walked = table.for_each([&](const contract::block_source& source, const contract::block& block) {
        entries.emplace(decode(source), block.until_ns);
        return true;
    });
    if (!walked) return fail(walked.error());
    return entries;
}

using Blocking = MappedArray<contract::blocking>;

/// Until when anybody is blocked, which the data path asks first. It may say more than there is, never less: to be
/// called before entries come, and after they go. It cannot fail.
void tell_latest(const Blocking& blocking, const Entries& entries) {
    std::uint64_t until = 0;
    for (const auto& [source, each] : entries)
        until = std::max(until, each);
    __u64& word = blocking[0].until_ns;
    std::atomic_ref(word).store(until, std::memory_order_release);
}

Status erase_passed(const BlockTable& table, Entries& entries) {
    const std::uint64_t now = coarse_now_ns();
    for (auto each = entries.begin(); each != entries.end();) {
        if (each->second >= now) {
            ++each;
            continue;
        }
        if (const auto erased = table.erase(encode_source(each->first)); !erased) return fail(erased.error());
        each = entries.erase(each);
    }
    return {};
}

/// Why a source may not be blocked.
class Spare {
  public:
    static Result<Spare> read(BlockOrigin origin) {
        Spare spare;
        auto routes = local_routes();
        if (!routes) return fail(std::move(routes.error()));
        spare.locals_ = std::move(*routes);
        const auto operators = operator_connections();
        if (!operators) return fail(operators.error());
        for (const Connection& each : *operators)
            spare.operators_.insert(each.remote.address);
        if (origin == BlockOrigin::request) return spare;
        const auto gateways = default_gateways();
        if (!gateways) return fail(gateways.error());
        spare.gateways_ = {gateways->begin(), gateways->end()};
        const auto servers = resolvers();
        spare.resolvers_ = {servers.begin(), servers.end()};
        return spare;
    }

    [[nodiscard]] std::optional<std::string> why(const Address& source) const {
        if (operators_.contains(source)) return "the session that runs this comes from it";
        if (std::ranges::any_of(locals_, [&](const LocalRoute& route) { return route.prefix.contains(source); }))
            return "it is an address of this host";
        if (gateways_.contains(source)) return "it is a default gateway";
        if (resolvers_.contains(source)) return "it is a resolver of this host";
        return std::nullopt;
    }

  private:
    std::vector<LocalRoute> locals_;
    std::set<Address> operators_;
    std::set<Address> gateways_;
    std::set<Address> resolvers_;
};

Status check_source(const Address& source) {
    if (!source.is_wildcard() && !source.is_multicast() && !source.is_broadcast()) return {};
    return fail(ErrorKind::usage, fmt::format("cannot block {}: no packet has it for its source", source.to_string()));
}

/// What to write: the sources that are not spared, and until when.
Result<Entries> plan(const BlockRequest& request, const Entries& present, std::vector<SparedSource>& spared) {
    const auto spare = Spare::read(request.origin);
    if (!spare) return fail(spare.error());
    const std::uint64_t until = confirm_deadline(request.duration);
    Entries wanted;
    for (const Address& source : request.sources) {
        if (auto valid = check_source(source); !valid) return fail(valid.error());
        if (auto why = spare->why(source)) {
            spared.push_back({source, std::move(*why)});
            continue;
        }
        const auto found = present.find(source);
        const bool keep = request.origin == BlockOrigin::evidence && found != present.end() && found->second > until;
        wanted.emplace(source, keep ? found->second : until);
    }
    return wanted;
}

Status check_room(const BlockTable& table, const Entries& present, const Entries& wanted) {
    const auto added = std::ranges::count_if(wanted, [&](const auto& each) { return !present.contains(each.first); });
    if (present.size() + static_cast<std::size_t>(added) <= table.capacity()) return {};
    return fail(ErrorKind::full, fmt::format("table \"blocks\" holds {} entries and {} are there: no room for {}",
                                             table.capacity(), present.size(), added));
}

/// All or none.
Status put_all(const BlockTable& table, const Entries& present, const Entries& wanted) {
    std::vector<Address> done;
    for (const auto& [source, until] : wanted) {
        if (auto put = table.put(encode_source(source), {until}); !put) {
            for (const Address& undo : done) {
                const auto before = present.find(undo);
                if (before == present.end()) {
                    [[maybe_unused]] const auto best_effort = table.erase(encode_source(undo));
                } else {
                    [[maybe_unused]] const auto best_effort = table.put(encode_source(undo), {before->second});
                }
            }
            return put;
        }
        done.push_back(source);
    }
    return {};
}

/// All or none.
Status erase_all(const Instance& instance, const BlockTable& table, const Entries& present, const Entries& ended) {
    const auto blocking = open_table_of<Blocking>(instance, "blocking");
    if (!blocking) return fail(blocking.error());
    Entries after = present;
    for (const auto& [source, until] : ended) {
        if (const auto erased = table.erase(encode_source(source)); !erased) {
            for (auto undo = ended.begin(); undo->first != source; ++undo)
                [[maybe_unused]] const Status best_effort = table.put(encode_source(undo->first), {undo->second});
            return fail(erased.error());
        }
        after.erase(source);
    }
    tell_latest(*blocking, after);
    return {};
}

}  // namespace

Result<std::vector<Block>> read_blocks(const Instance& instance) {
    const auto table = open_table_of<BlockTable>(instance, "blocks");
    if (!table) return fail(table.error());
    const auto entries = read_entries(*table);
    if (!entries) return fail(entries.error());
    const std::uint64_t now = coarse_now_ns();
    std::vector<Block> blocks;
    for (const auto& [source, until] : *entries) {
        if (until >= now) blocks.push_back({source, until});
    }
    return blocks;
}

Result<std::vector<SparedSource>> block_sources(Instance& instance, const BlockRequest& request) {
    assert(instance.writable());
    const auto table = open_table_of<BlockTable>(instance, "blocks");
    if (!table) return fail(table.error());
    auto present = read_entries(*table);
    if (!present) return fail(present.error());
    std::vector<SparedSource> spared;
    const auto wanted = plan(request, *present, spared);
    if (!wanted) return fail(wanted.error());
    if (!request.dry_run) {
        if (auto erased = erase_passed(*table, *present); !erased) return fail(erased.error());
    }
    if (auto room = check_room(*table, *present, *wanted); !room) return fail(room.error());
    if (request.dry_run) return spared;
    const auto blocking = open_table_of<Blocking>(instance, "blocking");
    if (!blocking) return fail(blocking.error());
    Entries after = *present;
    for (const auto& [source, until] : *wanted)
        after.insert_or_assign(source, until);
    tell_latest(*blocking, after);
    if (auto put = put_all(*table, *present, *wanted); !put) return fail(put.error());
    if (auto kept = instance.keep(); !kept) return fail(std::move(kept.error()));
    return spared;
}

Status unblock_source(Instance& instance, const Address& source, bool dry_run) {
    assert(instance.writable());
    const auto table = open_table_of<BlockTable>(instance, "blocks");
    if (!table) return fail(table.error());
    auto entries = read_entries(*table);
    if (!entries) return fail(entries.error());
    const auto found = entries->find(source);
    if (found == entries->end() || found->second < coarse_now_ns())
        return fail(ErrorKind::not_found, fmt::format("{} is not blocked", source.to_string()));
    if (dry_run) return {};
    return erase_all(instance, *table, *entries, {*found});
}

Result<std::size_t> unblock_all(Instance& instance, bool dry_run) {
    assert(instance.writable());
    const auto live = read_blocks(instance);
    if (!live) return fail(live.error());
    if (dry_run) return live->size();
    const auto table = open_table_of<BlockTable>(instance, "blocks");
    if (!table) return fail(table.error());
    const auto entries = read_entries(*table);
    if (!entries) return fail(entries.error());
    if (auto erased = erase_all(instance, *table, *entries, *entries); !erased) return fail(erased.error());
    return live->size();
}

}  // namespace xdemux
