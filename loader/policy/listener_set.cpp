// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <iterator>

#include <fmt/format.h>

#include <xdemux/policy/listener_set.h>

namespace xdemux {
namespace {

bool both_reuseport(const Listener& a, const Listener& b) {
    return a.reuseport && b.reuseport;
}

/// Of targets that a group can be made of, where they are not the same one. What steers is spread over the whole of an
/// endpoint, so that its ports are the same too.
bool may_share(const Listener& a, const Listener& b) {
    if (a.target.kind != b.target.kind) return false;
    if (is_simple(a.target.kind)) return true;
    const bool spreads = a.target.kind != TargetKind::group && a.target.kind != TargetKind::socket;
    return a.local.ports == b.local.ports && (spreads || a.target == b.target);
}

bool may_group(const Listener& a, const Listener& b) {
    return both_reuseport(a, b) && may_share(a, b) && a.name != b.name;
}

/// `listener "web"`, with its endpoint where that is another one than the newcomer's.
std::string name_holder(const Listener& holder, const Listener& newcomer) {
    if (holder.name.empty()) return fmt::format("listener {}", holder.describe());
    if (holder.local == newcomer.local) return fmt::format("listener \"{}\"", holder.name);
    return fmt::format("listener \"{}\" ({})", holder.name, holder.describe());
}

/// What stops the two from being one group.
std::string conflict_remedy(const Listener& holder, const Listener& newcomer) {
    if (!both_reuseport(holder, newcomer)) return "use --reuseport on both, or delete it first";
    if (holder.target.kind != newcomer.target.kind) {
        return fmt::format("a reuseport group has one kind of target, and that is {}",
                           target_kind_name(holder.target.kind));
    }
    if (!may_share(holder, newcomer) && holder.local.ports != newcomer.local.ports)
        return "listeners of a reuseport group that steers have the same ports";
    if (!may_share(holder, newcomer))
        return fmt::format("a reuseport group is not made of {}s: give both {}", target_kind_name(holder.target.kind),
                           holder.target.to_string());
    return "give each member of a reuseport group its own --name";
}

Error conflict(const Listener& holder, const Listener& newcomer) {
    return {ErrorKind::in_use,
            fmt::format("cannot add listener {}: address already in use by {}; {}", newcomer.describe(),
                        name_holder(holder, newcomer), conflict_remedy(holder, newcomer))};
}

}  // namespace

ListenerSelector ListenerSelector::of(const Listener& listener) {
    return {listener.proto, listener.local, listener.device, listener.v6only, listener.name};
}

bool ListenerSelector::matches(const Listener& listener) const {
    return listener.proto == proto && listener.local == local && listener.device == device &&
           listener.scope() == as_listener().scope() && (name.empty() || listener.name == name);
}

Listener ListenerSelector::as_listener() const {
    Listener listener;
    listener.proto = proto;
    listener.local = local;
    listener.device = device;
    listener.v6only = v6only;
    listener.name = name;
    return listener;
}

std::string ListenerSelector::describe() const {
    const std::string text = as_listener().describe();
    return name.empty() ? text : fmt::format("{} --name {}", text, name);
}

ListenerPlace ListenerPlace::of(const Listener& listener) {
    return {listener.proto, listener.local.form, listener.scope(), listener.local.prefix, listener.ifindex()};
}

Result<std::uint32_t> ListenerSet::add(Listener listener) {
    if (const auto valid = listener.validate(); !valid) return fail(valid.error());
    if (const auto free = check_conflicts(listener, 0); !free) return fail(free.error());
    assert(!free_ids_.empty());
    listener.id = free_ids_.begin()->first;
    const std::uint32_t id = listener.id;
    insert(std::move(listener));
    return id;
}

Status ListenerSet::restore(Listener listener) {
    if (listener.id == 0) {
        return fail(ErrorKind::failed, fmt::format("cannot restore listener {}: it has no id", listener.describe()));
    }
    if (const auto valid = listener.validate(); !valid) return fail(valid.error());
    if (const auto holder = find(listener.id); holder != nullptr) {
        return fail(ErrorKind::in_use, fmt::format("cannot restore listener {}: id {} is taken by {}",
                                                   listener.describe(), listener.id, holder->describe()));
    }
    if (const auto free = check_conflicts(listener, 0); !free) return fail(free.error());
    insert(std::move(listener));
    return {};
}

Result<std::uint32_t> ListenerSet::replace(Listener listener) {
    if (const auto valid = listener.validate(); !valid) return fail(valid.error());
    const std::uint32_t old = replaced_by(listener);
    if (old == 0) return add(std::move(listener));
    if (const auto free = check_conflicts(listener, old); !free) return fail(free.error());
    erase(old);
    listener.id = old;
    insert(std::move(listener));
    return old;
}

std::uint32_t ListenerSet::replaced_by(const Listener& listener) const {
    ListenerSelector selector = ListenerSelector::of(listener);
    selector.name.clear();
    const auto same = same_identity(selector);
    for (const Listener* holder : same) {
        if (holder->name == listener.name) return holder->id;
    }
    // Another name: in a reuseport group that is another member, elsewhere a new name for the same listener.
    return same.size() == 1 && !both_reuseport(*same.front(), listener) ? same.front()->id : 0;
}

Result<Listener> ListenerSet::find(const ListenerSelector& selector) const {
    const auto found = same_identity(selector);
    if (found.empty()) return fail(not_found(selector));
    if (found.size() == 1) return *found.front();
    std::string names;
    for (const Listener* member : found) {
        names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", member->name);
    }
    return fail(ErrorKind::usage, fmt::format("listener {} is a reuseport group of {}; choose one with --name: {}",
                                              selector.describe(), found.size(), names));
}

Result<Listener> ListenerSet::remove(const ListenerSelector& selector) {
    auto found = find(selector);
    if (found) erase(found->id);
    return found;
}

const Listener* ListenerSet::find(std::uint32_t id) const {
    const auto found = listeners_.find(id);
    return found == listeners_.end() ? nullptr : &found->second;
}

Status ListenerSet::check_conflicts(const Listener& listener, std::uint32_t except) const {
    const auto place = places_.find(ListenerPlace::of(listener));
    if (place == places_.end()) return {};
    for (const std::uint32_t id : place->second.holders(listener.local.ports)) {
        const Listener& holder = listeners_.at(id);
        if (id != except && !may_group(holder, listener)) return fail(conflict(holder, listener));
    }
    return {};
}

std::vector<const Listener*> ListenerSet::same_identity(const ListenerSelector& selector) const {
    std::vector<const Listener*> found;
    const auto place = places_.find(ListenerPlace::of(selector.as_listener()));
    if (place == places_.end()) return found;
    for (const std::uint32_t id : place->second.holders(selector.local.ports)) {
        const Listener& listener = listeners_.at(id);
        if (selector.matches(listener)) found.push_back(&listener);
    }
    return found;
}

Error ListenerSet::not_found(const ListenerSelector& selector) const {
    const Error error(ErrorKind::not_found, fmt::format("no listener {}", selector.describe()));
    if (selector.local.form == LocalForm::wildcard && selector.local.family() == Family::ipv6) {
        ListenerSelector other = selector;
        other.v6only = !selector.v6only;
        if (!same_identity(other).empty()) {
            return error.with_remedy(fmt::format("there is one {} --v6only", other.v6only ? "with" : "without"));
        }
    }
    const auto place = places_.find(ListenerPlace::of(selector.as_listener()));
    if (place == places_.end()) return error;
    const auto holders = place->second.holders(selector.local.ports);
    if (holders.empty()) return error;
    const Listener& near = listeners_.at(holders.front());
    const std::string name = near.name.empty() ? "" : fmt::format(" --name {}", near.name);
    return error.with_remedy(fmt::format("there is {}{}", near.describe(), name));
}

void ListenerSet::insert(Listener listener) {
    const std::uint32_t id = listener.id;
    const auto free = std::prev(free_ids_.upper_bound(id));
    const auto [first, last] = *free;
    assert(first <= id && id <= last);
    free_ids_.erase(free);
    if (first < id) free_ids_.emplace(first, id - 1);
    if (id < last) free_ids_.emplace(id + 1, last);
    places_[ListenerPlace::of(listener)].add(listener.local.ports, id);
    listeners_.insert_or_assign(id, std::move(listener));
}

void ListenerSet::erase(std::uint32_t id) {
    const auto found = listeners_.find(id);
    assert(found != listeners_.end());
    const auto place = places_.find(ListenerPlace::of(found->second));
    place->second.remove(found->second.local.ports, id);
    if (place->second.empty()) places_.erase(place);
    listeners_.erase(found);
    free_ids_.emplace(id, id);
}

}  // namespace xdemux
