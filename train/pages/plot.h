// What the charts share: places, ticks, text that fits, and lines of data. Lengths are in the units of a picture, which
// is 600 wide.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "train/pages/chart.h"

namespace primer::train::plot {

inline constexpr double width = 600, margin = 16, font = 13;

/// The least and the largest of the values that have a place.
struct Extent {
  bool log = false;
  double low = INFINITY, high = -INFINITY;

  void add(double value);
  void add(const std::vector<double>& values) {
    for (const double value : values) add(value);
  }
};

/// Where the values of an axis lie.
struct Scale {
  bool log = false;
  double low = 0, high = 1;  // low < high
  double from = 0, to = 1;   // their places

  bool has(double value) const;   // whether it has a place
  double at(double value) const;  // of one that has; may lie beyond both ends
};

/// The scale of an axis, without places. What the axis does not say comes from the data, and `room` of it beside, as a
/// share. Never empty, whatever the data.
Scale scale_of(std::string_view chart, const Axis& axis, const Extent& data, double room);

/// The ticks of a scale, at most `most` (2 or more) of them: 1, 2 or 5 times a power of ten apart. On a logarithmic
/// scale powers of ten, and 2 and 5 times those where there is room.
std::vector<double> ticks(const Scale& scale, int most = 8);

/// The numbers beside ticks, and other numbers of at most so many digits: 0.25, 1e-5.
std::string tick_text(double value);
std::string number_text(double value, int digits = 6);

/// About how wide a text is: rather more than less, whatever the font without serifs.
double text_width(std::string_view text, double size = font);

/// The text in lines no wider than `room`, broken at spaces; a line that is too wide for itself, and the last of
/// `most` lines if text is left, is cut and ends with an ellipsis.
std::vector<std::string> wrapped(std::string_view text, double room, double size, std::size_t most);
std::string shortened(std::string_view text, double room, double size = font);

/// Moves places apart until neighbours are `gap` apart, all between low and high. Their order stays.
std::vector<double> spread(const std::vector<double>& places, double gap, double low, double high);

/// Attributes of what belongs to the curve or group i: its colour, which `currentColor` is then, and its dash.
std::string series(std::size_t i);
std::string dash(std::size_t i);

/// Lines of tab-separated cells.
class Lines {
 public:
  explicit Lines(const std::vector<std::string>& names);
  void add(const std::vector<std::string>& names, const std::vector<double>& values = {});
  const std::string& text() const { return text_; }
  static std::string exact(double value);

 private:
  std::string text_;
};

}  // namespace primer::train::plot
