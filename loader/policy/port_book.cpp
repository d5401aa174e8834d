// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include <xdemux/policy/port_book.h>

namespace xdemux {

PortBook::More& PortBook::more() {
    if (!more_) {
        more_ = std::make_unique<More>();
        more_->list.assign(few_.begin(), few_.begin() + taken_);
        std::sort(more_->list.begin(), more_->list.end());
    }
    return *more_;
}

bool PortBook::is_taken(std::uint32_t place) const {
    const auto number = static_cast<std::uint16_t>(place);
    if (!more_) return std::find(few_.begin(), few_.begin() + taken_, number) != few_.begin() + taken_;
    if (more_->bitmap) return more_->bitmap->is_taken(place);
    return std::binary_search(more_->list.begin(), more_->list.end(), number);
}

bool PortBook::take(std::uint32_t place, std::uint32_t size) {
    if (is_taken(place)) return false;
    const auto number = static_cast<std::uint16_t>(place);
    if (!more_ && taken_ < few_limit) {
        few_[taken_++] = number;
        return true;
    }
    More& more_places = more();
    if (!more_places.bitmap && taken_ == list_limit) {
        more_places.bitmap.emplace(size);
        for (const std::uint16_t each : more_places.list)
            more_places.bitmap->take(each);
        more_places.list = {};
    }
    if (more_places.bitmap) {
        more_places.bitmap->take(place);
    } else {
        auto& list = more_places.list;
        list.insert(std::lower_bound(list.begin(), list.end(), number), number);
    }
    ++taken_;
    return true;
}

bool PortBook::free(std::uint32_t place) {
    if (!is_taken(place)) return false;
    const auto number = static_cast<std::uint16_t>(place);
    --taken_;
    if (!more_) {
        *std::find(few_.begin(), few_.begin() + taken_, number) = few_[taken_];
        return true;
    }
    std::erase(more_->foreign, number);
    if (more_->bitmap) {
        more_->bitmap->free(place);
    } else {
        more_->list.erase(std::lower_bound(more_->list.begin(), more_->list.end(), number));
    }
    if (taken_ == 0) more_.reset();
    return true;
}

// Past the places of the list that follow each other without a gap; the list is short.
std::optional<std::uint32_t> PortBook::next_free_in_list(std::uint32_t from, std::uint32_t size) const {
    const auto& list = more_->list;
    auto next = std::lower_bound(list.begin(), list.end(), static_cast<std::uint16_t>(from));
    for (; next != list.end() && *next == from; ++next)
        ++from;
    if (from < size) return from;
    from = 0;
    for (const std::uint16_t each : list) {
        if (each != from) break;
        ++from;
    }
    return from;
}

std::optional<std::uint32_t> PortBook::next_free(std::uint32_t from, std::uint32_t size) const {
    if (taken_ >= size) return std::nullopt;
    if (from >= size) from = 0;
    if (!more_) {
        while (is_taken(from))
            from = from + 1 == size ? 0 : from + 1;
        return from;
    }
    return more_->bitmap ? more_->bitmap->next_free(from) : next_free_in_list(from, size);
}

void PortBook::note_foreign(std::uint32_t place) {
    more().foreign.push_back(static_cast<std::uint16_t>(place));
}

bool PortBook::forget_foreign() {
    if (!more_ || more_->foreign.empty()) return false;
    for (const std::uint16_t place : std::vector<std::uint16_t>(std::move(more_->foreign)))
        free(place);
    if (more_) more_->foreign.clear();
    return true;
}

std::size_t PortBook::bytes() const {
    if (!more_) return 0;
    std::size_t bytes = sizeof *more_ + 2 * (more_->list.capacity() + more_->foreign.capacity());
    if (more_->bitmap) bytes += more_->bitmap->bytes() - sizeof(PortBitmap);
    return bytes;
}

}  // namespace xdemux
