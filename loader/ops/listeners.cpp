// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <xdemux/kernel/encode.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/locals.h>
#include <xdemux/ops/sockets.h>
#include <xdemux/ops/targets.h>
#include <xdemux/policy/batch.h>
#include <xdemux/policy/listener_tables.h>

#include "guard_maps.h"
#include "lease_holders.h"
#include "lease_register_file.h"
#include "listener_maps.h"
#include "shared_endpoints.h"

namespace xdemux {
namespace {

Status write_journal(const Tables& tables, contract::journal_state state) {
    return tables.journal.put(0, {state});
}

Result<contract::journal_state> read_journal(const Tables& tables) {
    const auto journal = tables.journal.find(0);
    if (!journal) return fail(journal.error());
    return *journal ? (*journal)->state : contract::JOURNAL_IDLE;
}

using StoredListeners = std::vector<std::pair<std::uint32_t, contract::listener>>;

Result<StoredListeners> read_stored(const Tables& tables) {
    StoredListeners stored;
    const auto walked = tables.listeners.for_each([&](std::uint32_t id, const contract::listener& listener) {
        stored.emplace_back(id, listener);
        return true;
    });
    if (!walked) return fail(walked.error());
    std::sort(stored.begin(), stored.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return stored;
}

/// The listeners that count in that state of the journal: before its commit a change has not happened.
Result<ListenerSet> in_force(const Tables& tables, const StoredListeners& stored, contract::journal_state journal) {
    const auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    const auto gone = journal == contract::JOURNAL_COMMITTED ? contract::LISTENER_REMOVING : contract::LISTENER_ADDING;
    std::vector<Listener> listeners;
    std::vector<std::uint32_t> guarded;
    for (const auto& [id, listener] : stored) {
        if (listener.state == gone) continue;
        auto decoded = decode(id, listener, *targets);
        if (!decoded) return fail(decoded.error());
        listeners.push_back(std::move(*decoded));
        if (listener.guarded != 0) guarded.push_back(id);
    }
    if (auto read = read_guards(tables, guarded, listeners); !read) return fail(read.error());
    ListenerSet set;
    for (Listener& listener : listeners) {
        if (auto restored = set.restore(std::move(listener)); !restored) return fail(restored.error());
    }
    return set;
}

Result<std::uint32_t> apply_change(ListenerSet& set, const ListenerChange& change) {
    switch (change.verb) {
        case ListenerVerb::add:
            return set.add(change.listener);
        case ListenerVerb::replace:
            return set.replace(change.listener);
        case ListenerVerb::remove:
            break;
    }
    auto removed = set.remove(ListenerSelector::of(change.listener));
    if (!removed) return fail(std::move(removed.error()));
    return removed->id;
}

/// An id that both sets use for different listeners cannot be marked as coming and going at once, and its counter would
/// be of two: the newcomer gets one that neither uses.
Result<ListenerSet> with_fresh_ids(const ListenerSet& from, const ListenerSet& to) {
    ListenerSet result;
    std::vector<Listener> moved;
    for (const auto& [id, listener] : to.listeners()) {
        const Listener* old = from.find(id);
        if (old != nullptr && !(*old == listener)) {
            moved.push_back(listener);
        } else if (auto restored = result.restore(listener); !restored) {
            return fail(restored.error());
        }
    }
    std::uint32_t id = 1;
    for (auto& listener : moved) {
        while (from.find(id) != nullptr || result.find(id) != nullptr || to.find(id) != nullptr)
            ++id;
        listener.id = id;
        if (auto restored = result.restore(std::move(listener)); !restored) return fail(restored.error());
    }
    return result;
}

struct ListenerPlan {
    const ListenerSet& from;
    const ListenerSet& to;
    std::vector<Listener> added{};
    std::vector<Listener> removed{};
    std::map<std::uint32_t, std::uint32_t> targets{};  ///< of both, by listener id: see number_targets()
    TablesDelta forward{};
    TablesDelta back{};
};

ListenerPlan make_plan(const ListenerSet& from, const ListenerSet& to) {
    ListenerPlan plan{from, to};
    for (const auto& [id, listener] : to.listeners()) {
        if (from.find(id) == nullptr) plan.added.push_back(listener);
    }
    for (const auto& [id, listener] : from.listeners()) {
        if (to.find(id) == nullptr) plan.removed.push_back(listener);
    }
    const ListenerTables old_tables = compile(from);
    const ListenerTables new_tables = compile(to);
    plan.forward = diff(old_tables, new_tables);
    plan.back = diff(new_tables, old_tables);
    return plan;
}

/// The listeners table must hold who comes and who goes at once, and the counters have an index for each id.
Status check_listener_room(const Tables& tables, const ListenerSet& from, const ListenerPlan& plan) {
    const std::size_t needed = from.size() + plan.added.size();
    const auto too_high = std::any_of(plan.added.begin(), plan.added.end(), [&](const Listener& listener) {
        return listener.id >= tables.listener_counts.capacity();
    });
    if (needed <= tables.listeners.capacity() && !too_high) return {};
    return fail(ErrorKind::full,
                fmt::format("table \"listeners\" is full: it holds {} and the change takes {}; delete some, or "
                            "unload the instance and attach anew with more --listeners",
                            tables.listeners.capacity(), needed));
}

/// Gives the listeners' targets their numbers; those of new ones get rows. Who goes may do so though its target could
/// not be set up any more.
Status number_targets(Instance& instance, ListenerPlan& plan) {
    const auto present = read_targets(instance.tables());
    if (!present) return fail(present.error());
    for (const auto& listener : plan.removed)
        plan.targets[listener.id] = present->number_of(listener.target).value_or(contract::TARGET_NONE);
    for (const auto& listener : plan.added) {
        const auto number = claim_target(instance, listener.target);
        if (!number) return fail(number.error());
        plan.targets[listener.id] = *number;
    }
    return {};
}

Status mark(const Tables& tables, const ListenerPlan& plan, const std::vector<Listener>& listeners,
            contract::listener_state state) {
    for (const auto& listener : listeners) {
        const auto row = encode(listener, plan.targets.at(listener.id), state);
        if (auto put = tables.listeners.put(listener.id, row); !put) return put;
    }
    return {};
}

/// Of listeners whose entries are not there yet.
Status write_targets(const Tables& tables, const ListenerPlan& plan) {
    for (const auto& listener : plan.added) {
        const std::uint32_t number = is_simple(listener.target.kind) ? 0 : plan.targets.at(listener.id);
        if (auto put = tables.steering.listener_targets.put(listener.id, {number}); !put) return put;
    }
    return {};
}

Status forget(const Tables& tables, const std::vector<Listener>& listeners) {
    for (const auto& listener : listeners) {
        if (auto erased = tables.listeners.erase(listener.id); !erased) return fail(erased.error());
    }
    return {};
}

Status zero_counts(const Tables& tables, const std::vector<Listener>& listeners) {
    for (const auto& listener : listeners) {
        if (auto zeroed = tables.listener_counts.zero(listener.id); !zeroed) return zeroed;
    }
    return {};
}

/// Up to the commit; the journal says APPLYING.
Status apply_plan(Instance& instance, const ListenerPlan& plan) {
    const Tables& tables = instance.tables();
    if (auto marked = mark(tables, plan, plan.added, contract::LISTENER_ADDING); !marked) return marked;
    if (auto marked = mark(tables, plan, plan.removed, contract::LISTENER_REMOVING); !marked) return marked;
    if (auto zeroed = zero_counts(tables, plan.added); !zeroed) return zeroed;
    if (auto guarded = write_guards(tables, plan.added); !guarded) return guarded;
    if (auto written = write_targets(tables, plan); !written) return written;
    if (auto shared = share_endpoints(instance, plan.to); !shared) return shared;
    if (auto written = write_delta(tables, plan.forward); !written) return written;
    return write_journal(tables, contract::JOURNAL_COMMITTED);
}

/// Should this fail too, the journal still says APPLYING and the next writer does it.
Status undo_plan(Instance& instance, const ListenerPlan& plan) {
    const Tables& tables = instance.tables();
    if (auto shared = share_endpoints(instance, plan.from); !shared) return shared;
    if (auto written = write_delta(tables, plan.back); !written) return written;
    if (auto revived = mark(tables, plan, plan.removed, contract::LISTENER_ACTIVE); !revived) return revived;
    if (auto forgotten = forget(tables, plan.added); !forgotten) return forgotten;
    if (auto cleared = clear_guards(tables, plan.added); !cleared) return cleared;
    return write_journal(tables, contract::JOURNAL_IDLE);
}

Status finish_plan(const Tables& tables, const ListenerPlan& plan) {
    if (auto marked = mark(tables, plan, plan.added, contract::LISTENER_ACTIVE); !marked) return marked;
    if (auto forgotten = forget(tables, plan.removed); !forgotten) return forgotten;
    if (auto cleared = clear_guards(tables, plan.removed); !cleared) return cleared;
    return write_journal(tables, contract::JOURNAL_IDLE);
}

Status run_plan(Instance& instance, const ListenerPlan& plan) {
    const Tables& tables = instance.tables();
    if (auto begun = write_journal(tables, contract::JOURNAL_APPLYING); !begun) return begun;
    if (auto applied = apply_plan(instance, plan); !applied) {
        if (auto undone = undo_plan(instance, plan); !undone)
            return fail(applied.error().with_remedy(
                fmt::format("undoing it failed too ({}), the next command tries again", undone.error().message())));
        return applied;
    }
    // The change is made. What is left to clear up, the next writer does: the journal says COMMITTED until then.
    [[maybe_unused]] const Status best_effort = finish_plan(tables, plan);
    return {};
}

bool rejects(const std::vector<Listener>& listeners) {
    return std::any_of(listeners.begin(), listeners.end(),
                       [](const Listener& listener) { return listener.target.kind == TargetKind::reject; });
}

/// A flow that a sticky group keeps is past its listener's guard from then on.
Status check_sticky_rate(const Tables& tables, const Listener& listener) {
    if (listener.target.kind != TargetKind::group || !listener.guard.rate) return {};
    const auto targets = read_targets(tables);
    if (!targets) return fail(targets.error());
    const auto row = tables.steering.targets.find(targets->number_of(listener.target).value_or(0));
    if (!row) return fail(row.error());
    if (!*row || (*row)->sticky == 0) return {};
    return fail(ErrorKind::usage,
                fmt::format("listener {} has a rate, and {} is sticky: the flows that it keeps would be "
                            "past the rate; use a group without --sticky, or no --rate",
                            listener.describe(), listener.target.to_string()));
}

Status check_plan(const Instance& instance, const ListenerSet& from, const ListenerPlan& plan) {
    const Tables& tables = instance.tables();
    if (rejects(plan.added)) {
        if (auto possible = check_reject(instance); !possible) return possible;
    }
    for (const Listener& listener : plan.added) {
        if (const auto resolved = resolve_target(instance, listener.target); !resolved) return fail(resolved.error());
        if (auto kept = check_sticky_rate(tables, listener); !kept) return kept;
    }
    if (auto served = check_socket_listeners(tables, plan.added); !served) return served;
    if (auto room = check_listener_room(tables, from, plan); !room) return room;
    if (auto room = check_guard_room(tables, from, plan.added); !room) return room;
    return check_room(tables, table_sizes(from), plan.forward);
}

Status guard_listeners(const Instance& instance, const ListenerSet& wanted, const ListenerOptions& options) {
    if (!options.safeguard || options.safeguard->operators.empty()) return {};
    const auto before = rules_in_force(instance, *options.safeguard);
    if (!before) return fail(before.error());
    RulesInForce after = *before;
    after.listeners = wanted;
    return check_operators(*before, after, *options.safeguard);
}

/// Who leases claims a port and looks after that whether the number has changed; here it changes first. So of the two
/// one sees the other, and gives way.
Status settle_with_leases(Instance& instance, const ListenerPlan& plan) {
    if (plan.added.empty()) return {};
    LeaseRegisterFile::note_change(instance.name());
    auto free = check_leased_ports(instance, plan.added);
    if (free) return {};
    const ListenerPlan back{plan.to, plan.from, plan.removed, plan.added, plan.targets, plan.back, plan.forward};
    [[maybe_unused]] const Status best_effort = run_plan(instance, back);
    return free;
}

}  // namespace

// Without the lock a change may run between two looks: then look again.
Result<ListenerSet> read_listeners(const Instance& instance) {
    constexpr int looks = 10;
    for (int look = 1;; ++look) {
        const auto before = read_journal(instance.tables());
        if (!before) return fail(before.error());
        const auto stored = read_stored(instance.tables());
        if (!stored) return fail(stored.error());
        const auto after = read_journal(instance.tables());
        if (!after) return fail(after.error());
        auto set = in_force(instance.tables(), *stored, *after);
        if ((set && *before == *after) || look == looks) return set;
    }
}

Result<ListenerSet> apply_changes(const ListenerSet& listeners, std::span<const ListenerChange> changes,
                                  const std::string& source) {
    ListenerSet set = listeners;
    BatchErrors errors(source);
    for (const auto& change : changes) {
        auto done = apply_change(set, change);
        if (done) continue;
        if (change.line == 0) return fail(std::move(done.error()));
        errors.add(change.line, done.error());
    }
    if (!errors.empty()) return fail(errors.error());
    return set;
}

Status change_listeners(Instance& instance, std::span<const ListenerChange> changes, const ListenerOptions& options) {
    assert(instance.writable());
    const auto from = read_listeners(instance);
    if (!from) return fail(from.error());
    const auto changed = apply_changes(*from, changes, options.source);
    if (!changed) return fail(changed.error());
    const auto to = with_fresh_ids(*from, *changed);
    if (!to) return fail(to.error());
    ListenerPlan plan = make_plan(*from, *to);
    if (auto possible = check_plan(instance, *from, plan); !possible) return possible;
    if (auto safe = guard_listeners(instance, *to, options); !safe) return safe;
    if (auto free = check_leased_ports(instance, plan.added); !free) return free;
    if (options.dry_run) return {};

    const auto old_names = named_prefixes(*from);
    const auto new_names = named_prefixes(*to);
    auto names = new_names;
    names.insert(old_names.begin(), old_names.end());
    if (auto fresh = refresh_locals(instance, names); !fresh) return fresh;
    Status done = number_targets(instance, plan);
    if (done) done = run_plan(instance, plan);
    if (done) done = settle_with_leases(instance, plan);
    if (done) done = instance.keep();
    // What no listener names any more is taken out now, else by the next command.
    [[maybe_unused]] const Status refreshed = refresh_locals(instance, done ? new_names : old_names);
    [[maybe_unused]] const Status swept = sweep_targets(instance);
    return done;
}

// The tables are made from what is in force first: a writer that is killed here leaves the journal as it found it.
Status recover_listeners(Instance& instance) {
    Tables& tables = instance.tables();
    const auto journal = read_journal(tables);
    if (!journal) return fail(journal.error());
    if (*journal == contract::JOURNAL_IDLE) return {};
    const auto stored = read_stored(tables);
    if (!stored) return fail(stored.error());
    const auto set = in_force(tables, *stored, *journal);
    if (!set) return fail(set.error());
    if (auto shared = share_endpoints(instance, *set); !shared) return shared;
    const auto present = read_listener_tables(tables);
    if (!present) return fail(present.error());
    if (auto written = write_delta(tables, diff(*present, compile(*set))); !written) return written;
    for (const auto& [id, listener] : *stored) {
        if (listener.state == contract::LISTENER_ACTIVE) continue;
        if (set->find(id) == nullptr) {
            if (auto erased = tables.listeners.erase(id); !erased) return fail(erased.error());
            continue;
        }
        contract::listener active = listener;
        active.state = contract::LISTENER_ACTIVE;
        if (auto put = tables.listeners.put(id, active); !put) return put;
    }
    const auto stays = [&](std::uint32_t id) { return set->find(id) != nullptr; };
    if (auto swept = sweep_guards(tables, stays); !swept) return swept;
    if (auto swept = sweep_targets(instance); !swept) return swept;
    return write_journal(tables, contract::JOURNAL_IDLE);
}

}  // namespace xdemux
