// SPDX-License-Identifier: BSD-2-Clause
// A table of text with aligned columns. It knows nothing of what stands in the cells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "render/sink.h"

namespace xdemux {

enum class Align : std::uint8_t { left, right };

struct Column {
    std::string_view title;
    Align align = Align::left;
};

class TextTable {
  public:
    TextTable(std::initializer_list<Column> columns);

    /// One cell a column. An empty one is printed as nothing.
    void add(std::vector<std::string> cells);
    /// The titles, then the rows; columns two blanks apart, no blanks at the end of a line.
    void print(const Sink& sink) const;
    /// For more rows than there is room for: prints what was added since the last time, the titles first of all. A
    /// column is as wide as any cell of it was till then.
    void print_part(const Sink& sink);

  private:
    void print_titles(const Sink& sink) const;
    void print_rows(const Sink& sink) const;
    [[nodiscard]] std::string line(const std::vector<std::string_view>& cells) const;

    std::vector<Column> columns_;
    std::vector<std::size_t> widths_;
    std::vector<std::vector<std::string>> rows_;
    bool titled_ = false;
};

}  // namespace xdemux
