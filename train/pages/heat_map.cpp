#include <algorithm>
#include <cstdio>

#include "autograd/error.h"
#include "train/pages/chart.h"
#include "train/pages/sheet.h"
#include "train/pages/visible_html.h"

namespace primer::train {

using namespace plot;

namespace {

constexpr std::size_t most_cells = 4800, most_side = 450;  // of rows, and of columns
constexpr std::size_t most_values = 2400;                  // under the mouse
constexpr std::size_t most_numbers = 1200;
constexpr double largest_cell = 60, tallest_cell = 34, most_height = 560;
constexpr double label_size = 12, label_step = 14, widest_row_name = 130, widest_column_name = 90;
constexpr double dark = 0.58;  // from this share of the colour on, a number is as light as the paper
constexpr const char* dark_number = " class=\"ink\" fill=\"#1c2024\"";
constexpr const char* light_number = " class=\"paper\" fill=\"#ffffff\"";
constexpr const char* heat = "class=\"heat\" color=\"#08306b\"";

// How much of the colour a share of the scale has. 0 has a little: a cell without a number has none.
double shade(double share) { return 0.05 + 0.95 * share; }

// A table of which blocks of `down` x `across` values are one: their mean.
struct Blocks {
  const Table& table;
  std::size_t down = 1, across = 1;

  std::size_t rows() const { return (table.rows.size() + down - 1) / down; }
  std::size_t columns() const { return (table.columns.size() + across - 1) / across; }

  // The mean of the values that are numbers, NaN without one.
  double at(std::size_t row, std::size_t column) const {
    const std::size_t C = table.columns.size();
    double sum = 0, count = 0;
    for (std::size_t r = row * down; r < std::min((row + 1) * down, table.rows.size()); ++r) {
      for (std::size_t c = column * across; c < std::min((column + 1) * across, C); ++c) {
        const double value = table.values[r * C + c];
        if (Scale{}.has(value)) sum += value, count += 1;
      }
    }
    return count > 0 ? sum / count : NAN;
  }

  static std::string name(const std::vector<std::string>& names, std::size_t i, std::size_t size) {
    const std::size_t first = i * size, last = std::min(first + size, names.size()) - 1;
    return visible_text(names[first]) + (last > first ? " to " + visible_text(names[last]) : "");
  }
  std::string row_name(std::size_t row) const { return name(table.rows, row, down); }
  std::string column_name(std::size_t column) const { return name(table.columns, column, across); }
};

Blocks blocks_of(const Table& table) {
  Blocks blocks{table};
  while (true) {
    const std::size_t rows = blocks.rows(), columns = blocks.columns();
    const bool many = rows * columns > most_cells;
    if (rows > most_side || (many && rows > columns)) {
      ++blocks.down;
    } else if (columns > most_side || many) {
      ++blocks.across;
    } else {
      return blocks;
    }
  }
}

struct Layout {
  Area area;
  double across, down;  // of a cell
  double column_room;   // of the columns' names, above
  bool upright;         // the columns' names
  double name_width;    // of the rows' names
};

Layout layout_of(const Blocks& blocks, double top) {
  double row_width = 0, column_width = 0;
  for (std::size_t r = 0; r < blocks.rows(); ++r) {
    row_width = std::max(row_width, text_width(visible_text(blocks.table.rows[r * blocks.down]), label_size));
  }
  for (std::size_t c = 0; c < blocks.columns(); ++c) {
    column_width =
        std::max(column_width, text_width(visible_text(blocks.table.columns[c * blocks.across]), label_size));
  }
  const double rows = static_cast<double>(blocks.rows()), columns = static_cast<double>(blocks.columns());
  Layout layout{};
  layout.name_width = std::min(row_width, widest_row_name);
  const double left = margin + layout.name_width + 8;
  layout.across = std::min((width - margin - left) / columns, largest_cell);
  const double least = rows <= 20 ? label_step : 0;
  layout.down = std::min(std::max(std::min(layout.across, tallest_cell), least), most_height / rows);
  layout.upright = column_width + 4 > layout.across;
  layout.column_room = layout.upright ? std::min(column_width, widest_column_name) : label_size;
  const double area_top = top + layout.column_room + 8;
  layout.area = {left, area_top, left + layout.across * columns, area_top + layout.down * rows};
  return layout;
}

// Every name for which there is room, beginning with the first.
void draw_names(Sheet& sheet, const Blocks& blocks, const Layout& layout) {
  const auto step = [](double cell) { return static_cast<std::size_t>(std::ceil(label_step / cell - 1e-9)); };
  for (std::size_t r = 0; r < blocks.rows(); r += step(layout.down)) {
    const std::string name = visible_text(blocks.table.rows[r * blocks.down]);
    const double y = layout.area.top + layout.down * (static_cast<double>(r) + 0.5);
    sheet.text(layout.area.left - 6, std::max(y, layout.area.top + 5) + 4, "end",
               shortened(name, layout.name_width, label_size), "font-size=\"12\"");
  }
  const std::size_t columns = blocks.columns();
  for (std::size_t c = 0; c < columns; c += layout.upright ? step(layout.across) : 1) {
    const std::string name = visible_text(blocks.table.columns[c * blocks.across]);
    const double x = layout.area.left + layout.across * (static_cast<double>(c) + 0.5), y = layout.area.top - 6;
    if (!layout.upright) {
      sheet.text(x, y, "middle", name, "font-size=\"12\"");
      continue;
    }
    char turn[96];
    std::snprintf(turn, sizeof turn, "font-size=\"12\" transform=\"rotate(-90 %.1f %.1f)\"", x + 4, y);
    sheet.text(x + 4, y, "start", shortened(name, layout.column_room, label_size), turn);
  }
}

// How numbers are written into cells: in steps of which the largest has so many digits.
struct Numbers {
  int digits = 0;  // 0: they do not fit
  double size = 0, step = 1;

  std::string text(double value) const { return number_text(std::round(value / step) * step + 0.0, digits); }
};

Numbers fitting(const Blocks& blocks, const Layout& layout) {
  double largest = 0;
  const auto each = [&](auto visit) {
    for (std::size_t r = 0; r < blocks.rows(); ++r) {
      for (std::size_t c = 0; c < blocks.columns(); ++c) {
        if (const double value = blocks.at(r, c); std::isfinite(value)) visit(value);
      }
    }
  };
  if (blocks.rows() * blocks.columns() > most_numbers) return {};
  each([&](double value) { largest = std::max(largest, std::abs(value)); });
  for (const int digits : {3, 2}) {
    Numbers numbers{.digits = digits};
    if (largest > 1e-290) numbers.step = std::pow(10, std::floor(std::log10(largest)) + 1 - digits);
    double widest = 0;
    each([&](double value) { widest = std::max(widest, text_width(numbers.text(value), 1)); });
    for (const double size : {12, 10}) {
      numbers.size = size;
      if (size * widest + 4 <= layout.across && size + 3 <= layout.down) return numbers;
    }
  }
  return {};
}

// A cell's place. Neighbours end and begin at the same hundredth, so that no seam is seen between them.
double edge(double begin, double cell, std::size_t i) {
  return std::round(100 * (begin + cell * static_cast<double>(i))) / 100;
}

void draw_cells(Sheet& sheet, const Blocks& blocks, const Layout& layout, const Scale& scale) {
  const bool valued = blocks.rows() * blocks.columns() <= most_values;
  const Numbers numbers = fitting(blocks, layout);
  const double gap = std::min(layout.across, layout.down) >= 8 ? 1 : 0;
  const std::string size = "font-size=\"" + number_text(numbers.size) + "\"";
  sheet.add("<g %s shape-rendering=\"crispEdges\">\n", heat);
  for (std::size_t r = 0; r < blocks.rows(); ++r) {
    for (std::size_t c = 0; c < blocks.columns(); ++c) {
      const double value = blocks.at(r, c);
      const double x = edge(layout.area.left, layout.across, c), y = edge(layout.area.top, layout.down, r);
      const double across = edge(layout.area.left, layout.across, c + 1) - x - gap;
      const double down = edge(layout.area.top, layout.down, r + 1) - y - gap;
      const bool has = scale.has(value);
      const double share = has ? std::clamp(scale.at(value), 0.0, 1.0) : 0;
      sheet.add("<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" ", x, y, across, down);
      if (has) {
        sheet.add("fill=\"currentColor\" fill-opacity=\"%.3f\"", shade(share));
      } else {
        sheet.add("fill=\"none\" pointer-events=\"all\"");
      }
      if (valued) {
        sheet.add(">").value(blocks.row_name(r) + ", " + blocks.column_name(c) + ": " +
                             (has ? number_text(value) : "no number"));
        sheet.add("</rect>\n");
      } else {
        sheet.add("/>\n");
      }
      if (numbers.digits > 0 && has) {
        sheet.text(x + across / 2, y + down / 2 + 0.36 * numbers.size, "middle", numbers.text(value),
                   size + (share >= dark ? light_number : dark_number));
      }
    }
  }
  sheet.add("</g>\n");
}

// The shades from low to high, with numbers.
void draw_legend(Sheet& sheet, const Scale& scale, double x, double y) {
  constexpr double across = 180, steps = 36;
  sheet.add("<g %s>\n", heat);
  for (double i = 0; i < steps; ++i) {
    sheet.add(
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"10\" fill=\"currentColor\" fill-opacity=\"%.3f\"/>\n",
        x + across / steps * i, y, across / steps, shade(i / (steps - 1)));
  }
  sheet.add("</g>\n");
  sheet.text(x, y + 25, "start", number_text(scale.low, 4), "font-size=\"12\"");
  sheet.text(x + across, y + 25, "end", number_text(scale.high, 4), "font-size=\"12\"");
}

}  // namespace

Picture heat_map(const Words& words, const Table& table, double low, double high) {
  const std::size_t R = table.rows.size(), C = table.columns.size();
  if (table.values.size() != R * C || R * C == 0) {
    autograd::refuse("heat_map", "expected " + std::to_string(R) + " x " + std::to_string(C) +
                                     " values, one or more, got " + std::to_string(table.values.size()));
  }
  std::vector<std::string> names = {"row"};
  names.insert(names.end(), table.columns.begin(), table.columns.end());
  Lines lines(names);
  for (std::size_t r = 0; r < R; ++r) {
    const auto first = table.values.begin() + static_cast<long>(r * C);
    lines.add({table.rows[r]}, {first, first + static_cast<long>(C)});
  }

  const Blocks blocks = blocks_of(table);
  Extent extent;
  for (std::size_t r = 0; r < blocks.rows(); ++r) {
    for (std::size_t c = 0; c < blocks.columns(); ++c) extent.add(blocks.at(r, c));
  }
  const Scale scale = scale_of("heat_map", {.name = "colour", .low = low, .high = high}, extent, 0);

  Words said = words;
  if (blocks.down > 1 || blocks.across > 1) {
    said.caption += (said.caption.empty() ? "" : " ") + std::string("A cell is the mean of ") +
                    std::to_string(blocks.down) + " x " + std::to_string(blocks.across) + " values.";
  }
  Sheet sheet(said);
  const Layout layout = layout_of(blocks, sheet.top());
  draw_names(sheet, blocks, layout);
  draw_cells(sheet, blocks, layout, scale);
  draw_legend(sheet, scale, layout.area.left, layout.area.bottom + 16);
  return sheet.finish(layout.area.bottom + 50, lines);
}

}  // namespace primer::train
