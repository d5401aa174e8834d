// SPDX-License-Identifier: BSD-2-Clause
// A flow table in memory that processes share, with keys for it. It asserts nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <vector>

#include <sys/mman.h>

#include <xdemux/kernel/flow_store.h>

namespace xdemux::test {

inline contract::flow_seeds some_seeds() {
    contract::flow_seeds seeds{};
    seeds.mix = 0x9e37'79b9'7f4a'7c15;
    std::uint32_t word = 0;
    for (auto& each : seeds.words)
        each = word += 0x85eb'ca6b;
    return seeds;
}

constexpr std::size_t words_of(contract::family family) {
    return (family == contract::FAMILY_IPV6 ? sizeof(contract::flow_ipv6) : sizeof(contract::flow_ipv4)) / 8;
}

/// Bytes shared with the processes that are forked later.
class SharedMemory {
  public:
    explicit SharedMemory(std::size_t size)
        : size_(size), data_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
        if (data_ == MAP_FAILED) throw std::runtime_error("cannot share memory");
    }
    SharedMemory(SharedMemory&&) = delete;
    ~SharedMemory() { ::munmap(data_, size_); }
    [[nodiscard]] void* data() const { return data_; }
    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    std::size_t size_;
    void* data_;
};

class FlowWorld {
  public:
    FlowWorld(contract::family family, std::uint32_t lines)
        : family_(family),
          memory_(lines * (sizeof(contract::flow_line) + contract::FLOW_LINE_PLACES * words_of(family) * 8)),
          lines_(static_cast<contract::flow_line*>(memory_.data()), lines),
          entries_(reinterpret_cast<std::uint64_t*>(lines_.data() + lines),
                   lines * contract::FLOW_LINE_PLACES * words_of(family)),
          store_(family, seeds_, {lines_, entries_}) {}

    [[nodiscard]] const FlowStore& store() const { return store_; }
    [[nodiscard]] const contract::flow_seeds& seeds() const { return seeds_; }
    [[nodiscard]] std::span<contract::flow_line> lines() const { return lines_; }
    [[nodiscard]] const SharedMemory& memory() const { return memory_; }

    /// The nth of many keys, all different.
    [[nodiscard]] contract::flow_key key(std::uint32_t number) const {
        return key(number, static_cast<std::uint16_t>(number % 60'000 + 1));
    }
    [[nodiscard]] contract::flow_key key(std::uint32_t address, std::uint16_t port) const {
        contract::flow_key key{};
        key.family = static_cast<__u8>(family_);
        key.proto = contract::PROTO_UDP;
        key.local_addr[0] = 192;
        // In each word of the addresses.
        for (unsigned byte = 0; byte < 4; ++byte) {
            const auto part = static_cast<std::uint8_t>(address >> 8U * byte);
            key.remote_addr[byte] = part;
            if (family_ != contract::FAMILY_IPV6) continue;
            key.remote_addr[12 + byte] = part;
            key.local_addr[4 + byte] = part;
            key.local_addr[12 + byte] = part;
        }
        key.local_port = 53;
        key.remote_port = port;
        return key;
    }
    [[nodiscard]] std::uint64_t hash(const contract::flow_key& key) const;
    /// Line, word and tag of a key, in one number.
    [[nodiscard]] std::uint64_t home(const contract::flow_key& key) const;

  private:
    contract::family family_;
    contract::flow_seeds seeds_ = some_seeds();
    SharedMemory memory_;
    std::span<contract::flow_line> lines_;
    std::span<std::uint64_t> entries_;
    FlowStore store_;
};

inline std::uint64_t FlowWorld::hash(const contract::flow_key& key) const {
    __u64 words[4] = {};
    const std::uint32_t ports = key.local_port | static_cast<std::uint32_t>(key.remote_port) << 16U;
    if (family_ == contract::FAMILY_IPV6) {
        __builtin_memcpy(words, key.local_addr, 16);
        __builtin_memcpy(words + 2, key.remote_addr, 16);
        return contract::flow_hash_ipv6(&seeds_, words, words + 2, ports, key.proto);
    }
    __builtin_memcpy(words, key.local_addr, 4);
    __builtin_memcpy(reinterpret_cast<char*>(words) + 4, key.remote_addr, 4);
    return contract::flow_hash_ipv4(&seeds_, words[0], ports, key.proto);
}

inline std::uint64_t FlowWorld::home(const contract::flow_key& key) const {
    const std::uint64_t of_key = hash(key);
    const auto lines = static_cast<std::uint32_t>(lines_.size());
    return std::uint64_t{contract::flow_line_of(of_key, lines)} << 32U | contract::flow_word_of(of_key) << 8U |
           contract::flow_tag_of(of_key);
}

}  // namespace xdemux::test
