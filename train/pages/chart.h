// Pictures of numbers: curves, bars, tables as colours, points. Each is an SVG that needs no script and no other file,
// and comes with its numbers.
//
// In a page (page.h) the colours are the page's, light or dark; elsewhere they are dark on white. What tells two curves
// or groups apart is never colour alone: a dash or a shape, and a name. The value under the mouse is shown. Names may
// be any bytes: they are shown as visible_text (visible_html.h) has them, and cut where they do not fit.
//
// A value that is NaN, infinite or beyond 1e300, and on a logarithmic axis one that is not above 0, has no place: it
// leaves a gap. Sizes that do not fit together, and an axis whose low is not below its high: Fault::usage.
#pragma once

#include <cmath>
#include <string>
#include <vector>

namespace primer::train {

/// A picture and its numbers: an SVG that is legible in black and white, and the same data as tab-separated lines, the
/// first of which names the columns. Numbers there are exact; without a value the cell is empty, and a tab in a name is
/// \x09.
struct Picture {
  std::string title = {}, caption = {};  // caption: what to see
  std::string svg = {}, tsv = {};
};

/// What stands above a picture, and below it.
struct Words {
  std::string title = {}, caption = {};
};

/// NaN: an end is found from the data.
struct Axis {
  std::string name = {};
  bool log = false;
  double low = NAN, high = NAN;
};

struct Curve {
  std::string name = {};
  std::vector<double> x = {}, y = {};       // [N]
  std::vector<double> low = {}, high = {};  // [N], a band around y, or empty

  void add(double at, double value) { x.push_back(at), y.push_back(value); }
};

struct Bar {
  std::string name = {};
  double value = 0, low = NAN, high = NAN;     // low, high: how far it may be off
  std::vector<double> points = {};             // what the value is the mean of
  double wanted_low = NAN, wanted_high = NAN;  // where it should lie; NaN: no bound on this side
};

struct Point {
  double x = 0, y = 0;
  std::string name = {};
  int group = 0;
};

struct Table {
  std::vector<std::string> rows = {}, columns = {};
  std::vector<double> values = {};  // [rows, columns]
};

/// Lines through the points of each curve in their order, each with its name at its end and its band behind it; points
/// themselves are marked where a curve has few. TSV: curve, x, y, and low and high if a curve has a band.
Picture line_chart(const Words& words, const Axis& x, const Axis& y, const std::vector<Curve>& curves);

/// Bars that lie one below the other, the name on the left and the value on the right: from 0, on a logarithmic axis
/// from its low. A dot is one of the points, a whisker reaches from low to high, a dashed frame is what is wanted.
/// TSV: name, value, low, high, wanted_low, wanted_high, and the points separated by spaces.
Picture bar_chart(const Words& words, const Axis& values, const std::vector<Bar>& bars);

/// A table as shades of one colour, none at `low` or below and full at `high` or above; NaN: the table's least and
/// largest. Numbers stand in the cells where they fit. A picture has at most 4,800 cells, 450 a side, and above 2,400
/// no value under the mouse: of a larger table a cell is the mean of a block, and the caption says of how many. TSV:
/// the whole table.
Picture heat_map(const Words& words, const Table& table, double low = NAN, double high = NAN);

/// Points, of each group in its own shape, with their names where there is room. Above 2,000 points no value under the
/// mouse. TSV: name, group, x, y.
Picture scatter(const Words& words, const Axis& x, const Axis& y, const std::vector<Point>& points);

/// A picture as a file of its own, with its caption below it.
std::string svg_file(const Picture& picture);

}  // namespace primer::train
