// SPDX-License-Identifier: BSD-2-Clause
#include "watch.h"

#include <cstring>
#include <utility>

namespace xdemux::test {
namespace {

Watch unwatched;
Watch* current = &unwatched;

}  // namespace

std::uint64_t Watch::load(const void* at, std::size_t size) {
    std::uint64_t value = 0;
    std::memcpy(&value, at, size);
    return value;
}

void Watch::store(void* at, std::uint64_t value, std::size_t size, watched_order /*order*/) {
    std::memcpy(at, &value, size);
}

bool Watch::swap(void* at, std::uint64_t& expected, std::uint64_t value, std::size_t size) {
    std::uint64_t present = 0;
    std::memcpy(&present, at, size);
    const bool same = present == expected;
    expected = present;
    if (same) std::memcpy(at, &value, size);
    return same;
}

void Watch::fence() {}

Watching::Watching(Watch& watch) : before_(std::exchange(current, &watch)) {}

Watching::~Watching() {
    current = before_;
}

}  // namespace xdemux::test

std::uint64_t watched_load(const void* at, std::size_t size) {
    return xdemux::test::current->load(at, size);
}

void watched_store(void* at, std::uint64_t value, std::size_t size, watched_order order) {
    xdemux::test::current->store(at, value, size, order);
}

int watched_swap(void* at, std::uint64_t* expected, std::uint64_t value, std::size_t size) {
    return xdemux::test::current->swap(at, *expected, value, size) ? 1 : 0;
}

void watched_fence() {
    xdemux::test::current->fence();
}
