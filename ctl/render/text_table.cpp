// SPDX-License-Identifier: BSD-2-Clause
#include "render/text_table.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace xdemux {

TextTable::TextTable(std::initializer_list<Column> columns) : columns_(columns) {
    for (const Column& column : columns_)
        widths_.push_back(column.title.size());
}

void TextTable::add(std::vector<std::string> cells) {
    assert(cells.size() == columns_.size());
    for (std::size_t i = 0; i < cells.size(); ++i)
        widths_[i] = std::max(widths_[i], cells[i].size());
    rows_.push_back(std::move(cells));
}

std::string TextTable::line(const std::vector<std::string_view>& cells) const {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const std::string padding(widths_[i] - cells[i].size(), ' ');
        if (i != 0) text += "  ";
        if (columns_[i].align == Align::right) text += padding;
        text += cells[i];
        if (columns_[i].align == Align::left) text += padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
    return text;
}

void TextTable::print_titles(const Sink& sink) const {
    std::vector<std::string_view> cells;
    for (const Column& column : columns_)
        cells.push_back(column.title);
    sink(line(cells));
}

void TextTable::print_rows(const Sink& sink) const {
    for (const auto& row : rows_)
        sink(line({row.begin(), row.end()}));
}

void TextTable::print(const Sink& sink) const {
    print_titles(sink);
    print_rows(sink);
}

void TextTable::print_part(const Sink& sink) {
    if (!titled_) print_titles(sink);
    titled_ = true;
    print_rows(sink);
    rows_.clear();
}

}  // namespace xdemux
