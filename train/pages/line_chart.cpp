#include <algorithm>
#include <cstdio>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "train/pages/chart.h"
#include "train/pages/sheet.h"
#include "train/pages/visible_html.h"

namespace primer::train {

using namespace plot;

namespace {

constexpr double least_height = 270;        // of the area
constexpr double name_height = 17;          // of a name at a curve's end
constexpr double sample = 26, leader = 14;  // a piece of line before a name, and what leads to it
constexpr double widest_name = 130;
constexpr std::size_t few = 24;     // points of a curve that are marked
constexpr std::size_t most = 1000;  // points of all curves that show their value under the mouse

struct Place {
  double x, y;
};

void check(const std::vector<Curve>& curves) {
  for (const Curve& curve : curves) {
    const std::size_t size = curve.x.size();
    const auto expect = [&](const char* what, std::size_t got) {
      if (got == size) return;
      autograd::refuse("line_chart", "curve '" + data::printable(curve.name) + "': expected " + std::to_string(size) +
                                         " values of " + what + ", as many as of x, got " + std::to_string(got));
    };
    expect("y", curve.y.size());
    if (curve.low.empty() && curve.high.empty()) continue;
    expect("low", curve.low.size());
    expect("high", curve.high.size());
  }
}

Lines data_of(const Axis& x, const Axis& y, const std::vector<Curve>& curves) {
  const bool banded = std::any_of(curves.begin(), curves.end(), [](const Curve& curve) { return !curve.low.empty(); });
  std::vector<std::string> names = {"curve", x.name.empty() ? "x" : x.name, y.name.empty() ? "y" : y.name};
  if (banded) names.insert(names.end(), {"low", "high"});
  Lines lines(names);
  for (const Curve& curve : curves) {
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      std::vector<double> values = {curve.x[i], curve.y[i]};
      if (banded && curve.low.empty()) values.insert(values.end(), {NAN, NAN});
      if (banded && !curve.low.empty()) values.insert(values.end(), {curve.low[i], curve.high[i]});
      lines.add({curve.name}, values);
    }
  }
  return lines;
}

// The places of the values, cut where one has none.
std::vector<std::vector<Place>> pieces_of(const std::vector<double>& xs, const std::vector<double>& ys, const Scale& x,
                                          const Scale& y) {
  std::vector<std::vector<Place>> pieces(1);
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (x.has(xs[i]) && y.has(ys[i])) {
      pieces.back().push_back({x.at(xs[i]), y.at(ys[i])});
    } else if (!pieces.back().empty()) {
      pieces.emplace_back();
    }
  }
  if (pieces.back().empty()) pieces.pop_back();
  return pieces;
}

// A piece that looks the same with fewer places: of neighbours within half a unit of x the first, the lowest, the
// highest and the last.
std::vector<Place> thinned(const std::vector<Place>& piece) {
  std::vector<Place> kept;
  for (std::size_t begin = 0, end = 0; begin < piece.size(); begin = end) {
    while (end < piece.size() && std::abs(piece[end].x - piece[begin].x) < 0.5) ++end;
    const auto lower = [](const Place& a, const Place& b) { return a.y < b.y; };
    const auto first = piece.begin() + static_cast<long>(begin), past = piece.begin() + static_cast<long>(end);
    auto [least, largest] = std::minmax_element(first, past, lower);
    if (largest < least) std::swap(least, largest);
    for (auto place : {first, least, largest, past - 1}) {
      if (place == first || kept.back().x != place->x || kept.back().y != place->y) kept.push_back(*place);
    }
  }
  return kept;
}

std::string path_of(const std::vector<Place>& places) {
  std::string path;
  char step[48];
  for (const Place& place : places) {
    std::snprintf(step, sizeof step, "%c%.1f %.1f", path.empty() ? 'M' : 'L', place.x, place.y);
    path += step;
  }
  return path;
}

// From one side of the band to its end and back on the other.
void draw_band(Sheet& sheet, const Curve& curve, const Scale& x, const Scale& y) {
  if (curve.low.empty()) return;
  std::vector<double> low = curve.low, high = curve.high;
  for (std::size_t i = 0; i < low.size(); ++i) {
    if (!y.has(low[i]) || !y.has(high[i])) low[i] = high[i] = NAN;
  }
  const auto below = pieces_of(curve.x, low, x, y), above = pieces_of(curve.x, high, x, y);
  for (std::size_t i = 0; i < below.size(); ++i) {
    std::vector<Place> around = thinned(below[i]);
    const std::vector<Place> back = thinned(above[i]);
    around.insert(around.end(), back.rbegin(), back.rend());
    sheet.path(path_of(around) + "Z", "class=\"band\" fill=\"currentColor\" fill-opacity=\"0.14\"");
  }
}

void draw_points(Sheet& sheet, const Curve& curve, const Axis& x_axis, const Axis& y_axis, const Scale& x,
                 const Scale& y, std::size_t every) {
  const std::string name = curve.name.empty() ? "" : visible_text(curve.name) + ": ";
  const std::string x_name = x_axis.name.empty() ? "x" : visible_text(x_axis.name);
  const std::string y_name = y_axis.name.empty() ? "y" : visible_text(y_axis.name);
  const auto shown = [&](std::size_t i) { return i < curve.x.size() && x.has(curve.x[i]) && y.has(curve.y[i]); };
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    const bool alone = shown(i) && !(i > 0 && shown(i - 1)) && !shown(i + 1);
    if (!shown(i) || (!alone && i % every != 0)) continue;
    const bool marked = alone || curve.x.size() <= few;
    sheet.add(
        "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"currentColor\" fill-opacity=\"%d\" "
        "stroke=\"currentColor\" stroke-opacity=\"0\" stroke-width=\"8\">",
        x.at(curve.x[i]), y.at(curve.y[i]), marked ? 1 : 0);
    sheet.value(name + x_name + " " + number_text(curve.x[i]) + ", " + y_name + " " + number_text(curve.y[i]));
    sheet.add("</circle>\n");
  }
}

}  // namespace

Picture line_chart(const Words& words, const Axis& x_axis, const Axis& y_axis, const std::vector<Curve>& curves) {
  check(curves);
  Extent xs{.log = x_axis.log}, ys{.log = y_axis.log};
  double widest = 0;
  std::size_t named = 0, points = 0;
  for (const Curve& curve : curves) {
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      if (Scale{.log = y_axis.log}.has(curve.y[i])) xs.add(curve.x[i]);
      if (Scale{.log = x_axis.log}.has(curve.x[i])) ys.add(curve.y[i]);
    }
    ys.add(curve.low);
    ys.add(curve.high);
    widest = std::max(widest, text_width(visible_text(curve.name)));
    named += curve.name.empty() ? 0 : 1;
    points += curve.x.size();
  }
  Scale x = scale_of("line_chart", x_axis, xs, 0), y = scale_of("line_chart", y_axis, ys, 0.05);
  const double name_width = std::min(widest, widest_name);

  Sheet sheet(words);
  const double height = std::max(least_height, name_height * static_cast<double>(named));
  const double left = Sheet::left_room(y), top = sheet.top() + (y_axis.name.empty() ? 8 : 26);
  const Area area{left, top, width - margin - (named > 0 ? leader + sample + 6 + name_width : 0), top + height};
  x.from = area.left, x.to = area.right, y.from = area.bottom, y.to = area.top;
  sheet.axis_left(y_axis.name, y, area);
  sheet.axis_below(x_axis.name, x, area);

  sheet.clip(area);
  std::vector<Place> ends;  // of the curves that have a name
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const Curve& curve = curves[i];
    sheet.add("<g %s>\n", series(i).c_str());
    draw_band(sheet, curve, x, y);
    Place end{NAN, area.bottom};
    for (const std::vector<Place>& piece : pieces_of(curve.x, curve.y, x, y)) {
      sheet.path(path_of(thinned(piece)),
                 "fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linejoin=\"round\" " + dash(i));
      end = piece.back();
    }
    draw_points(sheet, curve, x_axis, y_axis, x, y, std::max<std::size_t>(1, (points + most - 1) / most));
    sheet.add("</g>\n");
    if (!curve.name.empty()) ends.push_back({end.x, std::clamp(end.y, area.top, area.bottom)});
  }
  sheet.end_clip();

  std::vector<double> wanted;
  for (const Place& end : ends) wanted.push_back(end.y);
  const std::vector<double> places = spread(wanted, name_height, area.top + 2, area.bottom - 4);
  for (std::size_t i = 0, k = 0; i < curves.size(); ++i) {
    if (curves[i].name.empty()) continue;
    const double begin = area.right + leader;
    const std::string name = visible_text(curves[i].name);
    sheet.add("<g %s>", series(i).c_str());
    if (std::isfinite(ends[k].x)) {
      sheet.add("<path fill=\"none\" stroke=\"currentColor\" stroke-opacity=\"0.4\" d=\"M%.1f %.1fL%.1f %.1f\"/>",
                std::clamp(ends[k].x, area.left, area.right), ends[k].y, begin - 2, places[k]);
    }
    sheet.add("<path stroke=\"currentColor\" stroke-width=\"2\" %s d=\"M%.1f %.1fH%.1f\"/>", dash(i).c_str(), begin,
              places[k], begin + sample);
    sheet.text(begin + sample + 6, places[k] + 4.5, "start", shortened(name, name_width));
    sheet.add("</g>\n");
    ++k;
  }
  return sheet.finish(area.bottom + (x_axis.name.empty() ? 28 : 48), data_of(x_axis, y_axis, curves));
}

}  // namespace primer::train
