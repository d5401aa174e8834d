// SPDX-License-Identifier: BSD-2-Clause
// Which places of a range are taken towards one destination. There may be a million destinations with one connection,
// or one with all of them, so it grows with its content: four places in itself, then a sorted list, then a bitmap.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <xdemux/policy/port_bitmap.h>

namespace xdemux {

class PortBook {
  public:
    PortBook() = default;
    explicit PortBook(std::uint32_t cursor) : cursor_(static_cast<std::uint16_t>(cursor)) {}

    [[nodiscard]] std::uint32_t taken() const { return taken_; }
    [[nodiscard]] bool is_taken(std::uint32_t place) const;
    /// Whether it was free. `size` is the number of places, always the same.
    bool take(std::uint32_t place, std::uint32_t size);
    /// Whether it was taken.
    bool free(std::uint32_t place);
    /// The first free place from `from` on, past the last going on at 0; none where all of `size` are taken.
    [[nodiscard]] std::optional<std::uint32_t> next_free(std::uint32_t from, std::uint32_t size) const;

    /// Where the search goes on.
    [[nodiscard]] std::uint32_t cursor() const { return cursor_; }
    void move_cursor(std::uint32_t place) { cursor_ = static_cast<std::uint16_t>(place); }

    /// Notes that a place, which is taken, was taken by others: who may have given it back without telling.
    void note_foreign(std::uint32_t place);
    /// Frees all that were noted; whether there were any.
    bool forget_foreign();

    /// What it has allocated beside itself.
    [[nodiscard]] std::size_t bytes() const;

  private:
    struct More {
        std::vector<std::uint16_t> list;   ///< ascending; empty where there is a bitmap
        std::optional<PortBitmap> bitmap;  ///< from list_limit places on
        std::vector<std::uint16_t> foreign;
    };
    static constexpr std::uint32_t few_limit = 4;
    static constexpr std::uint32_t list_limit = 512;

    [[nodiscard]] std::optional<std::uint32_t> next_free_in_list(std::uint32_t from, std::uint32_t size) const;
    More& more();

    std::uint32_t taken_ = 0;
    std::uint16_t cursor_ = 0;
    std::array<std::uint16_t, few_limit> few_{};  ///< the first `taken_` of them count, where there is no more_
    std::unique_ptr<More> more_;
};

}  // namespace xdemux
