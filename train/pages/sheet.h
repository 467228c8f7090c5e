// The sheet that a chart is drawn on: an SVG in its making.
#pragma once

#include <string>
#include <string_view>

#include "train/pages/plot.h"

namespace primer::train::plot {

struct Area {
  double left, top, right, bottom;
};

/// A picture as it is drawn, from its title down. Colours stand in attributes, so that every viewer knows them;
/// page.css puts those of a page in their place, by the classes. No style, no identifier and no script: several
/// pictures share a page whatever its policy.
class Sheet {
 public:
  explicit Sheet(const Words& words);

  double top() const { return top_; }  // below the title

  /// As printf. Text goes through text() or value(), which escape it.
  [[gnu::format(printf, 2, 3)]] Sheet& add(const char* format, ...);
  Sheet& path(const std::string& places, const std::string& attributes);

  /// anchor: start, middle or end. What is given to these must be visible_text.
  Sheet& text(double x, double y, const char* anchor, std::string_view text, std::string_view attributes = "");
  Sheet& value(std::string_view text);  // shown under the mouse; stands within an element

  /// Grid, ticks, their numbers and the axis' name, around the area. Numbers that would overlap are left out.
  void axis_below(std::string_view name, const Scale& scale, const Area& area);
  void axis_left(std::string_view name, const Scale& scale, const Area& area);
  static double left_room(const Scale& scale);  // how wide the numbers on the left are, with what surrounds them

  /// What is drawn in between does not leave the area by more than the width of a line.
  void clip(const Area& area);
  void end_clip() { body_ += "</svg>\n"; }

  Picture finish(double height, const Lines& lines) const;

 private:
  Words words_;
  std::string body_;
  double top_;
};

}  // namespace primer::train::plot
