// SPDX-License-Identifier: BSD-2-Clause
// Typed access to BPF maps from user space. Sizes are checked once, when a map is opened; "not there" and "end of map"
// are answers, never errors. It knows no particular table.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>

namespace xdemux {

enum class PutMode : std::uint8_t {
    any,
    insert,   ///< only where there is none; else ErrorKind::in_use
    replace,  ///< only where there is one; else ErrorKind::not_found
};

/// A map of unknown types: a descriptor and what the kernel says of it.
class MapHandle {
  public:
    /// By pin. Errors: `not_loaded` where there is none.
    static Result<MapHandle> open(const std::string& path, std::string name);
    static Result<MapHandle> adopt(Fd fd, std::string name);

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] std::uint32_t id() const { return id_; }
    [[nodiscard]] std::uint32_t type() const { return type_; }              ///< enum bpf_map_type
    [[nodiscard]] std::uint32_t key_size() const { return key_size_; }      ///< bytes
    [[nodiscard]] std::uint32_t value_size() const { return value_size_; }  ///< bytes, of one CPU
    [[nodiscard]] std::uint32_t capacity() const { return capacity_; }      ///< entries
    [[nodiscard]] bool per_cpu() const;

    /// ErrorKind::failed where the sizes are others than ours: tables of another making.
    [[nodiscard]] Status check_sizes(std::size_t key_size, std::size_t value_size) const;

    /// false: not there.
    Result<bool> find(const void* key, void* value) const;
    /// ErrorKind::full names the table and its size.
    Status put(const void* key, const void* value, PutMode mode) const;
    /// false: was not there.
    Result<bool> erase(const void* key) const;
    /// Every entry, in batches where the map can, else key by key. `each` returns whether to go on. It may erase the
    /// entry that it is shown, and no other. `value_stride`: bytes of a value as the kernel hands it out.
    Status for_each(std::size_t value_stride,
                    const std::function<bool(const void* key, const void* value)>& each) const;

  private:
    Status for_each_batched(std::size_t value_stride, const std::function<bool(const void*, const void*)>& each,
                            bool& can_batch) const;
    Status for_each_key(std::size_t value_stride, const std::function<bool(const void*, const void*)>& each) const;

    Fd fd_;
    std::string name_;
    std::uint32_t id_ = 0;
    std::uint32_t type_ = 0;
    std::uint32_t key_size_ = 0;
    std::uint32_t value_size_ = 0;
    std::uint32_t capacity_ = 0;
};

/// Entries of one map that is not per CPU.
template <typename Key, typename Value>
class Map {
    static_assert(std::is_trivially_copyable_v<Key> && std::is_trivially_copyable_v<Value>);

  public:
    static Result<Map> open(MapHandle handle) {
        if (auto sizes = handle.check_sizes(sizeof(Key), sizeof(Value)); !sizes) return fail(sizes.error());
        return Map(std::move(handle));
    }

    [[nodiscard]] Result<std::optional<Value>> find(const Key& key) const {
        Value value{};
        const auto found = handle_.find(&key, &value);
        if (!found) return fail(found.error());
        return *found ? std::optional(value) : std::nullopt;
    }
    Status put(const Key& key, const Value& value, PutMode mode = PutMode::any) const {
        return handle_.put(&key, &value, mode);
    }
    Result<bool> erase(const Key& key) const { return handle_.erase(&key); }
    /// As MapHandle::for_each().
    template <typename Each>
    Status for_each(Each each) const {
        return handle_.for_each(sizeof(Value), [&](const void* key, const void* value) {
            return each(*static_cast<const Key*>(key), *static_cast<const Value*>(value));
        });
    }

    [[nodiscard]] const MapHandle& handle() const { return handle_; }
    [[nodiscard]] std::uint32_t capacity() const { return handle_.capacity(); }

  private:
    explicit Map(MapHandle handle) : handle_(std::move(handle)) {}
    MapHandle handle_;
};

/// CPUs that the kernel reckons with: per-CPU maps have a value for each.
Result<std::size_t> possible_cpus();

/// An array of counters, per CPU or shared: values are words of 64 bits, and reading adds up what the CPUs have.
template <typename Value>
class CounterMap {
    static_assert(std::is_trivially_copyable_v<Value> && sizeof(Value) % sizeof(std::uint64_t) == 0);

  public:
    static Result<CounterMap> open(MapHandle handle) {
        if (auto sizes = handle.check_sizes(sizeof(std::uint32_t), sizeof(Value)); !sizes) return fail(sizes.error());
        std::size_t copies = 1;
        if (handle.per_cpu()) {
            const auto cpus = possible_cpus();
            if (!cpus) return fail(cpus.error());
            copies = *cpus;
        }
        return CounterMap(std::move(handle), copies);
    }

    [[nodiscard]] Result<Value> read(std::uint32_t index) const {
        std::vector<Value> values(copies_);
        const auto found = handle_.find(&index, values.data());
        if (!found) return fail(found.error());
        return sum(values.data());
    }
    /// Every index, ascending.
    template <typename Each>
    Status for_each(Each each) const {
        return handle_.for_each(sizeof(Value) * copies_, [&](const void* key, const void* values) {
            return each(*static_cast<const std::uint32_t*>(key), sum(static_cast<const Value*>(values)));
        });
    }
    Status zero(std::uint32_t index) const {
        const std::vector<Value> values(copies_);
        return handle_.put(&index, values.data(), PutMode::any);
    }
    [[nodiscard]] const MapHandle& handle() const { return handle_; }
    [[nodiscard]] std::uint32_t capacity() const { return handle_.capacity(); }

  private:
    CounterMap(MapHandle handle, std::size_t copies) : handle_(std::move(handle)), copies_(copies) {}

    Value sum(const Value* values) const {
        using Words = std::array<std::uint64_t, sizeof(Value) / sizeof(std::uint64_t)>;
        Words total{};
        for (std::size_t copy = 0; copy < copies_; ++copy) {
            const auto words = std::bit_cast<Words>(values[copy]);
            for (std::size_t i = 0; i < words.size(); ++i)
                total[i] += words[i];
        }
        return std::bit_cast<Value>(total);
    }

    MapHandle handle_;
    std::size_t copies_;
};

/// An mmapable array, mapped for reading and writing. The data path reads it meanwhile, so it is written by whole
/// words.
class MappedMemory {
  public:
    static Result<MappedMemory> map(const MapHandle& handle);

    MappedMemory(MappedMemory&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    MappedMemory& operator=(MappedMemory&&) = delete;
    MappedMemory(const MappedMemory&) = delete;
    MappedMemory& operator=(const MappedMemory&) = delete;
    ~MappedMemory();

    [[nodiscard]] void* data() const { return data_; }

  private:
    MappedMemory(void* data, std::size_t size) : data_(data), size_(size) {}
    void* data_;
    std::size_t size_;  ///< bytes
};

template <typename Value>
class MappedArray {
    static_assert(std::is_trivially_copyable_v<Value> && sizeof(Value) % 8 == 0, "else the kernel pads the elements");

  public:
    static Result<MappedArray> open(MapHandle handle) {
        if (auto sizes = handle.check_sizes(sizeof(std::uint32_t), sizeof(Value)); !sizes) return fail(sizes.error());
        auto memory = MappedMemory::map(handle);
        if (!memory) return fail(memory.error());
        return MappedArray(std::move(handle), std::move(*memory));
    }

    /// Shared with the data path: access its fields through std::atomic_ref.
    [[nodiscard]] Value& operator[](std::size_t index) const { return static_cast<Value*>(memory_.data())[index]; }
    [[nodiscard]] const MapHandle& handle() const { return handle_; }
    [[nodiscard]] std::uint32_t capacity() const { return handle_.capacity(); }

  private:
    MappedArray(MapHandle handle, MappedMemory memory) : handle_(std::move(handle)), memory_(std::move(memory)) {}
    MapHandle handle_;
    MappedMemory memory_;
};

}  // namespace xdemux
