#include <algorithm>
#include <cstdio>
#include <set>

#include "train/pages/chart.h"
#include "train/pages/sheet.h"
#include "train/pages/visible_html.h"

namespace primer::train {

using namespace plot;

namespace {

constexpr double least_height = 340, name_size = 11, group_height = 18;
constexpr std::size_t most_values = 2000;  // points that show their value under the mouse
constexpr std::size_t most_names = 400;

// A shape around a place, as the data of a path: circle, square, triangle, diamond, plus, cross, triangle down, star.
std::string shape(std::size_t i, double x, double y) {
  constexpr const char* shapes[] = {"m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",
                                    "m-3.2 -3.2h6.4v6.4h-6.4z",
                                    "m0 -4.4l4.2 7.4h-8.4z",
                                    "m0 -4.8l4.4 4.8l-4.4 4.8l-4.4 -4.8z",
                                    "m-4.4 0h8.8m-4.4 -4.4v8.8",
                                    "m-3.4 -3.4l6.8 6.8m0 -6.8l-6.8 6.8",
                                    "m0 4.4l4.2 -7.4h-8.4z",
                                    "m-4.4 0h8.8m-6.6 -3.8l4.4 7.6m0 -7.6l-4.4 7.6"};
  char place[64];
  std::snprintf(place, sizeof place, "M%.1f %.1f", x, y);
  return place + std::string(shapes[(i + i / 8) % 8]);
}

std::string outline(std::size_t group) {
  return series(group) + " stroke=\"currentColor\" stroke-width=\"1.5\" fill=\"currentColor\" fill-opacity=\"0.25\"";
}

struct Box {
  double left, top, right, bottom;
  bool meets(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

// Names beside their points, on the first of four sides where they meet neither a point nor another name.
void draw_names(Sheet& sheet, const std::vector<Point>& points, const Scale& x, const Scale& y, const Area& area) {
  std::vector<Box> taken;
  const auto place_of = [&](const Point& point) { return std::pair(x.at(point.x), y.at(point.y)); };
  const Box inside{area.left, area.top, area.right, area.bottom};
  for (const Point& point : points) {
    const auto [px, py] = place_of(point);
    if (taken.size() < 2000) taken.push_back({px - 4, py - 4, px + 4, py + 4});
  }
  for (std::size_t i = 0; i < std::min(points.size(), most_names); ++i) {
    const std::string name = shortened(visible_text(points[i].name), 120, name_size);
    if (name.empty()) continue;
    const auto [px, py] = place_of(points[i]);
    const double wide = text_width(name, name_size);
    const std::pair<double, double> begins[] = {
        {px + 7, py + 4}, {px - 7 - wide, py + 4}, {px - wide / 2, py - 8}, {px - wide / 2, py + 16}};
    for (const auto& [left, base] : begins) {
      const Box box{left, base - 9, left + wide, base + 3};
      const bool fits =
          box.left >= inside.left && box.right <= inside.right && box.top >= inside.top && box.bottom <= inside.bottom;
      if (!fits || std::any_of(taken.begin(), taken.end(), [&](const Box& other) { return box.meets(other); }))
        continue;
      sheet.text(left, base, "start", name, "font-size=\"11\"");
      taken.push_back(box);
      break;
    }
  }
}

}  // namespace

Picture scatter(const Words& words, const Axis& x_axis, const Axis& y_axis, const std::vector<Point>& points) {
  const std::string x_name = x_axis.name.empty() ? "x" : x_axis.name, y_name = y_axis.name.empty() ? "y" : y_axis.name;
  Lines lines({"name", "group", x_name, y_name});
  Extent xs{.log = x_axis.log}, ys{.log = y_axis.log};
  std::set<int> groups;
  std::vector<Point> shown;
  for (const Point& point : points) {
    lines.add({point.name, std::to_string(point.group)}, {point.x, point.y});
    groups.insert(point.group);
    if (!Scale{.log = x_axis.log}.has(point.x) || !Scale{.log = y_axis.log}.has(point.y)) continue;
    xs.add(point.x);
    ys.add(point.y);
    shown.push_back(point);
  }
  Scale x = scale_of("scatter", x_axis, xs, 0.05), y = scale_of("scatter", y_axis, ys, 0.05);

  Sheet sheet(words);
  const bool grouped = groups.size() > 1;
  const double left = Sheet::left_room(y), top = sheet.top() + (y_axis.name.empty() ? 8 : 26);
  const double height = std::max(least_height, grouped ? group_height * static_cast<double>(groups.size()) : 0);
  const Area area{left, top, width - margin - (grouped ? 90 : 8), top + height};
  x.from = area.left, x.to = area.right, y.from = area.bottom, y.to = area.top;
  std::erase_if(shown, [&](const Point& point) {  // what lies outside of the axes that were asked for
    return point.x < x.low || point.x > x.high || point.y < y.low || point.y > y.high;
  });
  sheet.axis_left(y_axis.name, y, area);
  sheet.axis_below(x_axis.name, x, area);

  std::size_t at = 0;  // of the groups
  for (const int group : groups) {
    sheet.add("<g %s>\n", outline(at).c_str());
    std::string all;
    for (const Point& point : shown) {
      if (point.group != group) continue;
      const std::string path = shape(at, x.at(point.x), y.at(point.y));
      if (shown.size() > most_values) {
        all += path;
        continue;
      }
      sheet.add("<path d=\"%s\">", path.c_str());
      sheet.value((point.name.empty() ? "" : visible_text(point.name) + ": ") + visible_text(x_name) + " " +
                  number_text(point.x) + ", " + visible_text(y_name) + " " + number_text(point.y) +
                  (grouped ? ", group " + std::to_string(group) : ""));
      sheet.add("</path>\n");
    }
    const double place = area.top + 8 + group_height * static_cast<double>(at);
    if (grouped) all += shape(at, area.right + 18, place);
    if (!all.empty()) sheet.path(all, "");
    sheet.add("</g>\n");
    if (grouped) {
      sheet.text(area.right + 30, place + 4.5, "start", shortened("group " + std::to_string(group), 74));
    }
    ++at;
  }
  draw_names(sheet, shown, x, y, area);
  return sheet.finish(area.bottom + (x_axis.name.empty() ? 28 : 48), lines);
}

}  // namespace primer::train
