#include "train/pages/sheet.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "train/pages/visible_html.h"

namespace primer::train::plot {

namespace {

constexpr double title_size = 15, title_line = 20, caption_line = 18;
constexpr const char* faint = "class=\"faint\" fill=\"#6b7280\"";

std::string root(double height) {
  char text[256];
  std::snprintf(text, sizeof text,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" viewBox=\"0 0 %.0f %.0f\" "
                "width=\"%.0f\" height=\"%.0f\" color=\"#1c2024\" font-family=\"system-ui, 'DejaVu Sans', "
                "sans-serif\" font-size=\"%.0f\"",
                width, height, width, height, font);
  return text;
}

constexpr const char* paper = "<rect class=\"paper\" width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";

std::string text_element(double x, double y, const char* anchor, std::string_view text, std::string_view attributes) {
  char begin[96];
  std::snprintf(begin, sizeof begin, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" ", x, y, anchor);
  const bool filled = attributes.find("fill=") != attributes.npos;
  return begin + std::string(filled ? "" : "fill=\"currentColor\" ") + std::string(attributes) + ">" +
         escape_html(text) + "</text>\n";
}

// The most ticks whose numbers do not overlap, from left to right.
std::vector<double> ticks_below(const Scale& scale) {
  for (int most = 9; most > 2; --most) {
    const std::vector<double> found = ticks(scale, most);
    double end = -INFINITY;
    bool fits = true;
    for (const double tick : found) {
      const double half = text_width(tick_text(tick)) / 2, x = scale.at(tick);
      fits = fits && x - half >= end;
      end = x + half + 8;
    }
    if (fits) return found;
  }
  return {};
}

}  // namespace

Sheet::Sheet(const Words& words) : words_(words), top_(margin) {
  for (const std::string& line : wrapped(visible_text(words.title), width - 2 * margin, title_size, 3)) {
    text(margin, top_ + 10, "start", line, "font-size=\"15\" font-weight=\"600\"");
    top_ += title_line;
  }
  top_ += 4;
}

Sheet& Sheet::add(const char* format, ...) {
  char text[512];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  body_ += text;
  return *this;
}

Sheet& Sheet::path(const std::string& places, const std::string& attributes) {
  body_ += "<path " + attributes + " d=\"" + places + "\"/>\n";
  return *this;
}

Sheet& Sheet::text(double x, double y, const char* anchor, std::string_view text, std::string_view attributes) {
  body_ += text_element(x, y, anchor, text, attributes);
  return *this;
}

Sheet& Sheet::value(std::string_view text) {
  body_ += "<title>" + escape_html(text) + "</title>";
  return *this;
}

void Sheet::axis_below(std::string_view name, const Scale& scale, const Area& area) {
  for (const double tick : ticks_below(scale)) {
    const double x = scale.at(tick), half = text_width(tick_text(tick)) / 2;
    add("<path class=\"grid\" stroke=\"#d7dce2\" d=\"M%.1f %.1fV%.1f\"/>\n", x, area.top, area.bottom + 4);
    text(std::clamp(x, half, width - half), area.bottom + 19, "middle", tick_text(tick), faint);
  }
  add("<path stroke=\"currentColor\" d=\"M%.1f %.1fH%.1f\"/>\n", area.left, area.bottom, area.right);
  const std::string shown = shortened(visible_text(name), width - 2 * margin);
  const double half = text_width(shown) / 2, middle = (area.left + area.right) / 2;
  text(std::clamp(middle, margin + half, width - margin - half), area.bottom + 38, "middle", shown);
}

void Sheet::axis_left(std::string_view name, const Scale& scale, const Area& area) {
  for (const double tick : ticks(scale)) {
    const double y = scale.at(tick);
    add("<path class=\"grid\" stroke=\"#d7dce2\" d=\"M%.1f %.1fH%.1f\"/>\n", area.left - 4, y, area.right);
    text(area.left - 8, y + 4.5, "end", tick_text(tick), faint);
  }
  add("<path stroke=\"currentColor\" d=\"M%.1f %.1fV%.1f\"/>\n", area.left, area.top, area.bottom);
  text(margin, area.top - 12, "start", shortened(visible_text(name), width - 2 * margin));
}

double Sheet::left_room(const Scale& scale) {
  double widest = 0;
  for (const double tick : ticks(scale)) widest = std::max(widest, text_width(tick_text(tick)));
  return margin + widest + 8;
}

void Sheet::clip(const Area& area) {
  constexpr double more = 2;
  const double x = area.left - more, y = area.top - more;
  const double across = area.right - area.left + 2 * more, down = area.bottom - area.top + 2 * more;
  add("<svg x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" viewBox=\"%.1f %.1f %.1f %.1f\">\n", x, y, across,
      down, x, y, across, down);
}

Picture Sheet::finish(double height, const Lines& lines) const {
  const std::string title = escape_html(visible_text(words_.title)),
                    caption = escape_html(visible_text(words_.caption));
  return {.title = words_.title,
          .caption = words_.caption,
          .svg = root(height) + " aria-label=\"" + title + "\">\n<desc>" + caption + "</desc>\n" + paper + body_ +
                 "</svg>\n",
          .tsv = lines.text()};
}

}  // namespace primer::train::plot

namespace primer::train {

std::string svg_file(const Picture& picture) {
  using namespace plot;
  const std::string begin = " height=\"";
  const double height = std::atof(picture.svg.c_str() + picture.svg.find(begin) + begin.size());
  const auto lines = wrapped(visible_text(picture.caption), width - 2 * margin, font, 20);
  const double more = lines.empty() ? 0 : caption_line * static_cast<double>(lines.size()) + 8;
  std::string svg = root(height + more) + ">\n" + paper + picture.svg;
  double y = height + 10;
  for (const std::string& line : lines) {
    svg += text_element(margin, y, "start", line, "");
    y += caption_line;
  }
  return svg + "</svg>\n";
}

}  // namespace primer::train
