// SPDX-License-Identifier: BSD-2-Clause
// Which of up to 65536 places are taken, and where the next free one is, in three steps whatever the use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace xdemux {

/// Words of 64 places; above them a summary with a bit for each word that is full; above that one word with a bit for
/// each full word of the summary. Places past the last count as taken.
class PortBitmap {
  public:
    /// `size` is 1 to 65536; all free.
    explicit PortBitmap(std::uint32_t size);

    [[nodiscard]] std::uint32_t size() const { return size_; }
    [[nodiscard]] std::uint32_t taken() const { return taken_; }
    [[nodiscard]] bool is_taken(std::uint32_t place) const { return (words_[place / 64U] >> (place % 64U) & 1U) != 0; }
    /// Whether it was free.
    bool take(std::uint32_t place);
    /// Whether it was taken.
    bool free(std::uint32_t place);
    /// The first free place from `from` on, past the last going on at 0; none where all are taken.
    [[nodiscard]] std::optional<std::uint32_t> next_free(std::uint32_t from) const;
    [[nodiscard]] std::size_t bytes() const { return sizeof *this + words_.capacity() * 8 + summary_.capacity() * 8; }

  private:
    [[nodiscard]] std::optional<std::uint32_t> first_free_from(std::uint32_t from) const;

    std::uint32_t size_;
    std::uint32_t taken_ = 0;
    std::uint64_t top_;
    std::vector<std::uint64_t> words_;
    std::vector<std::uint64_t> summary_;
};

}  // namespace xdemux
