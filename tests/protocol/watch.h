/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whoever is asked for each access to memory that the data path shares: valid C and C++. In C it is called by
 * name; in C++ a Watch is set, which does the access, or something else. It knows no flow.
 */
#ifndef XDEMUX_TESTS_PROTOCOL_WATCH_H
#define XDEMUX_TESTS_PROTOCOL_WATCH_H

#ifdef __cplusplus
#include <cstddef>
#include <cstdint>

extern "C" {
#else
#include <stddef.h>
#include <stdint.h>
#endif

/* What a store or a fence keeps behind it: nothing, or all that was written before. */
enum watched_order {
    WATCHED_RELAXED = 0,
    WATCHED_RELEASE = 1,
};

/* `size`: 1, 4 or 8 bytes. */
uint64_t watched_load(const void* at, size_t size);
void watched_store(void* at, uint64_t value, size_t size, enum watched_order order);
/* Compare-and-swap, ordered both ways; where it fails, `expected` is what stands there. */
int watched_swap(void* at, uint64_t* expected, uint64_t value, size_t size);
void watched_fence(void);

#ifdef __cplusplus
}

namespace xdemux::test {

/// Does each access as it is asked for; those derived from it do more, or something else.
class Watch {
  public:
    Watch() = default;
    virtual ~Watch() = default;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    virtual std::uint64_t load(const void* at, std::size_t size);
    virtual void store(void* at, std::uint64_t value, std::size_t size, watched_order order);
    virtual bool swap(void* at, std::uint64_t& expected, std::uint64_t value, std::size_t size);
    virtual void fence();
};

/// Sets a watch for as long as it lives.
class Watching {
  public:
    explicit Watching(Watch& watch);
    ~Watching();
    Watching(const Watching&) = delete;
    Watching& operator=(const Watching&) = delete;

  private:
    Watch* before_;
};

}  // namespace xdemux::test
#endif

#endif
