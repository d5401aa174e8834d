// SPDX-License-Identifier: BSD-2-Clause
// A ring that an AF_XDP socket shares with the kernel: one side writes entries and moves the producer's index, the
// other takes them and moves the consumer's (Documentation/networking/af_xdp.rst of Linux). Private to this box; it
// knows nothing of frames.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <linux/if_xdp.h>
#include <sys/mman.h>

#include <xdemux/base/error.h>

namespace xdemux {

/// Owner of memory that was mapped.
class Mapping {
  public:
    /// mmap(2) of that much for reading and writing; fd -1: memory of its own.
    static Result<Mapping> map(std::size_t size, int fd = -1, off_t offset = 0) {
        const int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
        void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, offset);
        if (data == MAP_FAILED) return fail_system(errno, "cannot map the memory of an AF_XDP socket");
        return Mapping(data, size);
    }
    Mapping(Mapping&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Mapping& operator=(Mapping&&) = delete;
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() {
        if (data_ != nullptr) ::munmap(data_, size_);
    }

    [[nodiscard]] std::uint8_t* data() const { return static_cast<std::uint8_t*>(data_); }

  private:
    Mapping(void* data, std::size_t size) : data_(data), size_(size) {}
    void* data_;
    std::size_t size_;
};

template <typename Entry>
class Ring {
  public:
    /// `entries` is a power of two, as the socket was told before.
    static Result<Ring> map(int fd, off_t offset, const xdp_ring_offset& parts, std::uint32_t entries) {
        auto memory = Mapping::map(parts.desc + entries * sizeof(Entry), fd, offset);
        if (!memory) return fail(std::move(memory.error()));
        return Ring(std::move(*memory), parts, entries);
    }

    // Where this side produces.

    /// Not seen by the other side before publish(); false: no room.
    bool put(const Entry& entry) {
        if (cursor_ - load(consumer_) > mask_) return false;
        entries_[cursor_++ & mask_] = entry;
        return true;
    }
    void publish() { store(producer_, cursor_); }
    /// Published, and not taken yet.
    [[nodiscard]] std::uint32_t waiting() const { return load(producer_) - load(consumer_); }
    /// Whether the kernel asks for a system call before it goes on.
    [[nodiscard]] bool sleeps() const { return (load(flags_) & XDP_RING_NEED_WAKEUP) != 0; }

    // Where this side consumes.

    /// The place is not free for the other side before give_back(); false: nothing there.
    bool take(Entry& entry) {
        if (cursor_ == load(producer_)) return false;
        entry = entries_[cursor_++ & mask_];
        return true;
    }
    void give_back() { store(consumer_, cursor_); }

  private:
    Ring(Mapping memory, const xdp_ring_offset& parts, std::uint32_t entries)
        : memory_(std::move(memory)),
          producer_(word(parts.producer)),
          consumer_(word(parts.consumer)),
          flags_(word(parts.flags)),
          entries_(reinterpret_cast<Entry*>(memory_.data() + parts.desc)),
          mask_(entries - 1) {}

    std::uint32_t* word(std::uint64_t offset) { return reinterpret_cast<std::uint32_t*>(memory_.data() + offset); }
    // What was written before an index moved is seen by who sees the index moved.
    static std::uint32_t load(std::uint32_t* index) { return std::atomic_ref(*index).load(std::memory_order_acquire); }
    static void store(std::uint32_t* index, std::uint32_t value) {
        std::atomic_ref(*index).store(value, std::memory_order_release);
    }

    Mapping memory_;
    std::uint32_t* producer_;
    std::uint32_t* consumer_;
    std::uint32_t* flags_;
    Entry* entries_;
    std::uint32_t mask_;
    std::uint32_t cursor_ = 0;  ///< this side's index, ahead of what the other side was shown
};

}  // namespace xdemux
