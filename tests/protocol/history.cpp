// SPDX-License-Identifier: BSD-2-Clause
#include "history.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace xdemux::test {
namespace {

constexpr std::size_t word_size = 8;

StoreSet first(std::size_t count) {
    return count == 0 ? StoreSet() : StoreSet().set() >> (most_stores - count);
}

}  // namespace

// `after`: the first so many stores are seen before it. Those into the same bytes are, whatever the order.
void Recorder::add(const void* at, std::uint64_t value, std::size_t size, std::size_t after) {
    if (stores_.size() == most_stores) throw std::logic_error("more stores than are reckoned with");
    Store store{static_cast<std::size_t>(static_cast<const std::byte*>(at) - memory_.data()), size, value, {}};
    store.before = first(after);
    for (std::size_t i = after; i < stores_.size(); ++i) {
        if (stores_[i].overlaps(store.offset, size)) store.before |= stores_[i].before | StoreSet().set(i);
    }
    stores_.push_back(store);
}

void Recorder::store(void* at, std::uint64_t value, std::size_t size, watched_order order) {
    add(at, value, size, order == WATCHED_RELEASE ? stores_.size() : fenced_);
    Watch::store(at, value, size, order);
}

bool Recorder::swap(void* at, std::uint64_t& expected, std::uint64_t value, std::size_t size) {
    const bool swapped = Watch::swap(at, expected, value, size);
    if (swapped) add(at, value, size, stores_.size());
    fenced_ = stores_.size();
    return swapped;
}

Explorer::Explorer(const Recorder& recorder) : recorder_(recorder), by_word_(recorder.base().size() / word_size) {
    for (std::size_t i = 0; i < recorder.stores().size(); ++i)
        by_word_[recorder.stores()[i].offset / word_size].push_back(i);
}

std::uint64_t Explorer::explore(std::size_t from, const std::function<void()>& look) {
    const Watching watching(*this);
    choices_.clear();
    std::uint64_t looks = 0;
    do {
        chosen_ = 0;
        seen_ = first(from);
        look();
        ++looks;
    } while (next());
    return looks;
}

// The choices of the look-up before, up to one that can still be another.
bool Explorer::next() {
    choices_.resize(chosen_);
    while (!choices_.empty() && choices_.back().made + 1 == choices_.back().of)
        choices_.pop_back();
    if (choices_.empty()) return false;
    ++choices_.back().made;
    return true;
}

std::size_t Explorer::choose(std::size_t of) {
    if (chosen_ == choices_.size()) choices_.push_back({0, of});
    return choices_[chosen_++].made;
}

/// What stands in these bytes for whoever has seen so much.
std::uint64_t Explorer::value(std::size_t offset, std::size_t size, const StoreSet& seen) const {
    std::uint64_t value = 0;
    std::memcpy(&value, recorder_.base().data() + offset, size);
    for (const std::size_t i : by_word_[offset / word_size]) {
        const Store& store = recorder_.stores()[i];
        if (!seen[i] || !store.overlaps(offset, size)) continue;
        // One lies within the other: they are 1, 4 and 8 bytes, each aligned.
        const auto* const from = reinterpret_cast<const std::byte*>(&store.value);
        auto* const to = reinterpret_cast<std::byte*>(&value);
        if (store.offset >= offset)
            std::memcpy(to + (store.offset - offset), from, store.size);
        else
            std::memcpy(to, from + (offset - store.offset), size);
    }
    return value;
}

// It sees nothing new of these bytes, or one of the stores to come, and with it what comes before that. Who sees the
// same value later sees no more than who sees it sooner, but may have seen more by then: the soonest is enough.
std::uint64_t Explorer::load(const void* at, std::size_t size) {
    const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(at) - recorder_.memory().data());
    views_.assign(1, {value(offset, size, seen_), seen_});
    for (const std::size_t i : by_word_[offset / word_size]) {
        const Store& store = recorder_.stores()[i];
        if (seen_[i] || !store.overlaps(offset, size)) continue;
        const StoreSet seen = seen_ | store.before | StoreSet().set(i);
        const std::uint64_t seen_value = value(offset, size, seen);
        if (std::ranges::find(views_, seen_value, &View::value) == views_.end()) views_.push_back({seen_value, seen});
    }
    const View& view = views_[views_.size() == 1 ? 0 : choose(views_.size())];
    seen_ = view.seen;
    return view.value;
}

void Explorer::store(void* /*at*/, std::uint64_t /*value*/, std::size_t /*size*/, watched_order /*order*/) {
    throw std::logic_error("a look-up writes");
}

bool Explorer::swap(void* /*at*/, std::uint64_t& /*expected*/, std::uint64_t /*value*/, std::size_t /*size*/) {
    throw std::logic_error("a look-up writes");
}

}  // namespace xdemux::test
