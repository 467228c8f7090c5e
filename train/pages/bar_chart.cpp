#include <algorithm>

#include "train/pages/chart.h"
#include "train/pages/sheet.h"
#include "train/pages/visible_html.h"

namespace primer::train {

using namespace plot;

namespace {

constexpr double row_height = 32, bar_height = 14, frame_height = 26;
constexpr double widest_name = 180;
constexpr const char* outline = "fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.3\"";
constexpr const char* frame = "class=\"mark\" color=\"#d9480f\"";
constexpr const char* frame_line =
    "fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\" stroke-dasharray=\"4 3\"";

// A name in a line or two beside its bar.
void draw_name(Sheet& sheet, const std::string& name, double room, double y) {
  const std::vector<std::string> lines = wrapped(visible_text(name), room, font, 2);
  double base = y + 4.5 - 7.5 * (static_cast<double>(lines.size()) - 1);
  for (const std::string& line : lines) {
    sheet.text(margin + room, base, "end", line);
    base += 15;
  }
}

// Ends that lie outside of the area are cut off there: a side without a bound, or beyond the axis, is left open.
void draw_wanted(Sheet& sheet, const Bar& bar, const Scale& scale, double y) {
  const bool has_low = scale.has(bar.wanted_low), has_high = scale.has(bar.wanted_high);
  if (!has_low && !has_high) return;
  const double left = has_low ? scale.at(bar.wanted_low) : scale.from - 10;
  const double right = has_high ? scale.at(bar.wanted_high) : scale.to + 10;
  sheet.add("<rect %s %s x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", frame, frame_line, left,
            y - frame_height / 2, std::max(0.0, right - left), frame_height);
}

std::string range(double low, double high) { return number_text(low) + " to " + number_text(high); }

std::string about(const Bar& bar) {
  std::string text = visible_text(bar.name) + ": " + number_text(bar.value);
  if (std::isfinite(bar.low) && std::isfinite(bar.high)) text += ", " + range(bar.low, bar.high);
  const bool above = std::isfinite(bar.wanted_low), below = std::isfinite(bar.wanted_high);
  if (above && below) text += "; wanted " + range(bar.wanted_low, bar.wanted_high);
  if (above && !below) text += "; wanted at least " + number_text(bar.wanted_low);
  if (!above && below) text += "; wanted at most " + number_text(bar.wanted_high);
  return text;
}

void draw_bar(Sheet& sheet, const Bar& bar, const Scale& scale, double y) {
  sheet.add("<g>");
  sheet.value(about(bar));
  sheet.add("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" pointer-events=\"all\"/>\n",
            scale.from, y - row_height / 2, scale.to - scale.from, row_height);
  if (scale.has(bar.value)) {
    const double zero = scale.log ? scale.from : scale.at(0), end = scale.at(bar.value);
    sheet.add(
        "<rect %s stroke=\"currentColor\" fill=\"currentColor\" fill-opacity=\"0.45\" x=\"%.1f\" y=\"%.1f\" "
        "width=\"%.1f\" height=\"%.1f\"/>\n",
        series(0).c_str(), std::min(zero, end), y - bar_height / 2, std::abs(end - zero), bar_height);
  }
  draw_wanted(sheet, bar, scale, y);
  if (scale.has(bar.low) && scale.has(bar.high)) {
    const double low = scale.at(bar.low), high = scale.at(bar.high);
    sheet.add("<path %s d=\"M%.1f %.1fv8M%.1f %.1fH%.1fM%.1f %.1fv8\"/>\n", outline, low, y - 4, low, y, high, high,
              y - 4);
  }
  for (const double point : bar.points) {
    if (!scale.has(point)) continue;
    sheet.add(
        "<circle class=\"paper\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"#ffffff\" fill-opacity=\"0.6\" "
        "stroke=\"currentColor\" stroke-width=\"1.3\"/>\n",
        scale.at(point), y);
  }
  sheet.add("</g>\n");
}

// What the signs mean that occur.
void draw_legend(Sheet& sheet, const std::vector<Bar>& bars, double x, double y) {
  const auto occurs = [&](auto has) { return std::any_of(bars.begin(), bars.end(), has); };
  const auto word = [&](const char* text) {
    sheet.text(x + 28, y + 4.5, "start", text);
    x += 28 + text_width(text) + 22;
  };
  if (occurs([](const Bar& bar) { return !bar.points.empty(); })) {
    sheet.add(
        "<circle class=\"paper\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"#ffffff\" stroke=\"currentColor\" "
        "stroke-width=\"1.3\"/>\n",
        x + 16, y);
    word("each");
  }
  if (occurs([](const Bar& bar) { return std::isfinite(bar.low) && std::isfinite(bar.high); })) {
    sheet.add("<path %s d=\"M%.1f %.1fv8M%.1f %.1fh20M%.1f %.1fv8\"/>\n", outline, x, y - 4, x, y, x + 20, y - 4);
    word("may be off by");
  }
  if (occurs([](const Bar& bar) { return std::isfinite(bar.wanted_low) || std::isfinite(bar.wanted_high); })) {
    sheet.add("<rect %s %s x=\"%.1f\" y=\"%.1f\" width=\"20\" height=\"12\"/>\n", frame, frame_line, x, y - 6);
    word("wanted");
  }
}

Lines data_of(const Axis& axis, const std::vector<Bar>& bars) {
  Lines lines({"name", axis.name.empty() ? "value" : axis.name, "low", "high", "wanted_low", "wanted_high", "points"});
  for (const Bar& bar : bars) {
    std::string points;
    for (const double point : bar.points) points += (points.empty() ? "" : " ") + Lines::exact(point);
    std::vector<std::string> cells = {bar.name};
    for (const double value : {bar.value, bar.low, bar.high, bar.wanted_low, bar.wanted_high}) {
      cells.push_back(Lines::exact(value));
    }
    cells.push_back(points);
    lines.add(cells);
  }
  return lines;
}

}  // namespace

Picture bar_chart(const Words& words, const Axis& axis, const std::vector<Bar>& bars) {
  Extent extent{.log = axis.log};
  double widest = 0, value_width = 0;
  bool signs = false;
  if (!axis.log) extent.add(0);
  for (const Bar& bar : bars) {
    extent.add({bar.value, bar.low, bar.high, bar.wanted_low, bar.wanted_high});
    extent.add(bar.points);
    widest = std::max(widest, text_width(visible_text(bar.name)));
    value_width = std::max(value_width, text_width(number_text(bar.value, 4)));
    signs = signs || !bar.points.empty() || std::isfinite(bar.low + bar.high) || std::isfinite(bar.wanted_low) ||
            std::isfinite(bar.wanted_high);
  }
  Scale scale = scale_of("bar_chart", axis, extent, 0.05);

  Sheet sheet(words);
  const double name_width = std::min(widest, widest_name), top = sheet.top() + 4;
  const double height = row_height * std::max<double>(1, static_cast<double>(bars.size()));
  const Area area{margin + name_width + 10, top, width - margin - value_width - 12, top + height};
  scale.from = area.left, scale.to = area.right;
  sheet.axis_below(axis.name, scale, area);
  const auto middle = [&](std::size_t i) { return area.top + row_height * (static_cast<double>(i) + 0.5); };
  sheet.clip(area);
  for (std::size_t i = 0; i < bars.size(); ++i) draw_bar(sheet, bars[i], scale, middle(i));
  sheet.end_clip();
  if (!axis.log && scale.low < 0 && scale.high > 0) {
    sheet.add("<path stroke=\"currentColor\" d=\"M%.1f %.1fV%.1f\"/>\n", scale.at(0), area.top, area.bottom);
  }
  for (std::size_t i = 0; i < bars.size(); ++i) {
    draw_name(sheet, bars[i].name, name_width, middle(i));
    sheet.text(width - margin, middle(i) + 4.5, "end", number_text(bars[i].value, 4));
  }
  const double below = area.bottom + (axis.name.empty() ? 28 : 48);
  if (signs) draw_legend(sheet, bars, area.left, below + 10);
  return sheet.finish(below + (signs ? 26 : 0), data_of(axis, bars));
}

}  // namespace primer::train
