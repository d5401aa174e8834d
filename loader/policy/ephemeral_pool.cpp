// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <cstring>

#include <xdemux/policy/ephemeral_pool.h>

namespace xdemux {

EphemeralPool::EphemeralPool(std::shared_ptr<const std::vector<std::uint16_t>> ports,
                             std::shared_ptr<PortSelector> selector, const SipKey& source)
    : ports_(std::move(ports)),
      selector_(std::move(selector)),
      source_(source),
      order_(static_cast<std::uint32_t>(ports_->size())),
      shards_(std::make_unique<std::array<Shard, shard_count>>()) {
    assert(!ports_->empty());
    // A million destinations with a connection each: links cost less than buckets.
    constexpr float books_per_bucket = 3;
    for (Shard& shard : *shards_)
        shard.books.max_load_factor(books_per_bucket);
}

std::uint64_t EphemeralPool::hash(const SocketAddress& remote) const {
    constexpr std::size_t address_bytes = 16;
    std::array<std::uint8_t, address_bytes + 3> bytes{};
    std::memcpy(bytes.data(), remote.address.bytes().data(), address_bytes);
    bytes[address_bytes] = static_cast<std::uint8_t>(remote.port >> 8U);
    bytes[address_bytes + 1] = static_cast<std::uint8_t>(remote.port & 0xffU);
    bytes[address_bytes + 2] = static_cast<std::uint8_t>(remote.address.family());
    return siphash(source_, bytes);
}

std::optional<std::uint32_t> EphemeralPool::place_of(std::uint64_t hash, std::uint16_t port) const {
    // Without a gap before it, which is the rule, it is so many places from the first one.
    std::size_t index = static_cast<std::size_t>(port) - ports_->front();
    if (index >= ports_->size() || (*ports_)[index] != port) {
        const auto found = std::ranges::lower_bound(*ports_, port);
        if (found == ports_->end() || *found != port) return std::nullopt;
        index = static_cast<std::size_t>(found - ports_->begin());
    }
    return permutes() ? order_.place_of(selector_->key_for(hash), static_cast<std::uint32_t>(index))
                      : static_cast<std::uint32_t>(index);
}

/// One that is new begins at random: it may have been there before, and been forgotten.
PortBook& EphemeralPool::book_of(Shard& shard, std::uint64_t hash) {
    const auto found = shard.books.find(hash);
    if (found != shard.books.end()) return found->second;
    ++shard.idle;
    return shard.books.try_emplace(hash, permutes() ? scale(selector_->random(), size()) : 0).first->second;
}

/// Forgets what has nothing to remember, and all idle destinations where there are too many.
void EphemeralPool::settle(Shard& shard, std::uint64_t hash) {
    if (!permutes()) {
        const auto entry = shard.books.find(hash);
        if (entry != shard.books.end() && entry->second.taken() == 0) {
            shard.books.erase(entry);
            --shard.idle;
        }
    } else if (shard.idle > idle_limit) {
        std::erase_if(shard.books, [](const auto& entry) { return entry.second.taken() == 0; });
        shard.idle = 0;
    }
}

Result<PortChoice> EphemeralPool::by_offers(PortBook& book, std::uint64_t hash, const Claim& claim) {
    auto offers = selector_->offers(hash, size());
    while (const auto place = offers.next()) {
        if (book.is_taken(*place)) continue;
        const auto claimed = claim((*ports_)[*place]);
        if (!claimed) return fail(claimed.error());
        if (!*claimed) continue;
        book.take(*place, size());
        return PortChoice{(*ports_)[*place], offers.tries()};
    }
    return PortChoice{std::nullopt, offers.tries()};
}

Result<PortChoice> EphemeralPool::by_permutation(PortBook& book, std::uint64_t hash, const Claim& claim) {
    const SipKey key = selector_->key_for(hash);
    PortChoice choice;
    bool again = true;
    while (true) {
        const auto place = book.next_free(book.cursor(), size());
        if (!place) {
            // What others held may be free by now; once, so that it ends.
            if (!again || !book.forget_foreign()) return choice;
            again = false;
            continue;
        }
        ++choice.tries;
        const std::uint16_t port = (*ports_)[order_.at(key, *place)];
        const auto claimed = claim(port);
        if (!claimed) return fail(claimed.error());
        book.take(*place, size());
        book.move_cursor(*place + 1 == size() ? 0 : *place + 1);
        if (*claimed) {
            choice.port = port;
            return choice;
        }
        book.note_foreign(*place);
    }
}

Result<PortChoice> EphemeralPool::allocate(const SocketAddress& remote, const Claim& claim) {
    const std::uint64_t destination = hash(remote);
    Shard& shard = shard_of(destination);
    const std::scoped_lock lock(shard.mutex);
    PortBook& book = book_of(shard, destination);
    const bool idle = book.taken() == 0;
    auto choice = permutes() ? by_permutation(book, destination, claim) : by_offers(book, destination, claim);
    if (idle && book.taken() != 0) --shard.idle;
    if (!choice || !choice->port) settle(shard, destination);
    return choice;
}

bool EphemeralPool::release(const SocketAddress& remote, std::uint16_t port) {
    const std::uint64_t destination = hash(remote);
    Shard& shard = shard_of(destination);
    const std::scoped_lock lock(shard.mutex);
    const auto entry = shard.books.find(destination);
    if (entry == shard.books.end()) return false;
    const auto place = place_of(destination, port);
    if (!place || !entry->second.free(*place)) return false;
    if (entry->second.taken() == 0) {
        ++shard.idle;
        settle(shard, destination);
    }
    return true;
}

void EphemeralPool::forget(const SocketAddress& remote) {
    const std::uint64_t destination = hash(remote);
    Shard& shard = shard_of(destination);
    const std::scoped_lock lock(shard.mutex);
    const auto entry = shard.books.find(destination);
    if (entry == shard.books.end()) return;
    if (entry->second.taken() == 0) --shard.idle;
    shard.books.erase(entry);
}

bool EphemeralPool::adopt(const SocketAddress& remote, std::uint16_t port) {
    const std::uint64_t destination = hash(remote);
    Shard& shard = shard_of(destination);
    const std::scoped_lock lock(shard.mutex);
    const auto place = place_of(destination, port);
    if (!place) return false;
    PortBook& book = book_of(shard, destination);
    const bool idle = book.taken() == 0;
    const bool taken = book.take(*place, size());
    if (idle && taken) --shard.idle;
    return taken;
}

std::uint32_t EphemeralPool::taken(const SocketAddress& remote) const {
    const std::uint64_t destination = hash(remote);
    const Shard& shard = shard_of(destination);
    const std::scoped_lock lock(shard.mutex);
    const auto entry = shard.books.find(destination);
    return entry == shard.books.end() ? 0 : entry->second.taken();
}

std::size_t EphemeralPool::bytes() const {
    // A node of the hash table is the pair and a link; malloc adds a word and rounds up to 16.
    constexpr std::size_t node = (sizeof(std::pair<const std::uint64_t, PortBook>) + 2 * sizeof(void*) + 15) / 16 * 16;
    std::size_t bytes = sizeof *this + ports_->capacity() * 2;
    for (const Shard& shard : *shards_) {
        const std::scoped_lock lock(shard.mutex);
        bytes += sizeof shard + shard.books.bucket_count() * sizeof(void*) + shard.books.size() * node;
        for (const auto& [destination, book] : shard.books)
            bytes += book.bytes();
    }
    return bytes;
}

}  // namespace xdemux
