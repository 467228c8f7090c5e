// Pictures as text: that they are XML whatever they are given, that they hold the numbers, and that what must be told
// apart differs.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <regex>
#include <set>
#include <sstream>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "tests/train/read_page.h"
#include "train/pages/chart.h"
#include "train/pages/plot.h"
#include "train/pages/visible_html.h"

using namespace primer::train;
using primer::autograd::Error;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const std::string hostile =
    "</svg><script>alert(1)</script>\"' onload='a\"&amp;]]>\n\t\xFF\u202E\uFFFE" + std::string("\0", 1) + "banana";

/// The tags of a text that is well-formed XML, but for entities other than HTML's five; fails at what is not.
std::vector<std::string> tags_of(const std::string& xml) {
  std::vector<std::string> open, all;
  primer::data::each_symbol(xml, [](primer::data::Symbol symbol, int) {
    const bool fit =
        symbol == '\n' || (symbol >= 0x20 && !primer::data::is_stray(symbol) && (symbol & 0xFFFE) != 0xFFFE);
    if (!fit) FAIL_CHECK("symbol " << symbol);
  });
  std::size_t end = 0;
  for (auto at = xml.find('<'); at != xml.npos; at = xml.find('<', end)) {
    const std::string inside = xml.substr(end, at - end);
    CHECK(inside.find('>') == inside.npos);
    if (open.empty()) CHECK(inside.find_first_not_of('\n') == inside.npos);
    end = xml.find('>', at) + 1;
    REQUIRE(end != 0);
    std::string tag = xml.substr(at + 1, end - at - 2);
    CHECK(tag.find('<') == tag.npos);
    CHECK(std::count(tag.begin(), tag.end(), '"') % 2 == 0);
    const std::string name = tag.substr(0, tag.find_first_of(" /", 1));
    all.push_back(tag);
    if (tag.starts_with('/')) {
      REQUIRE(!open.empty());
      CHECK(tag.substr(1) == open.back());
      open.pop_back();
    } else if (!tag.ends_with('/')) {
      open.push_back(name);
    }
  }
  CHECK(open.empty());
  for (const std::string& entity : between(xml, "&", ";")) {
    CAPTURE(entity);
    CHECK(std::set<std::string>{"amp", "lt", "gt", "quot", "#39"}.contains(entity));
  }
  return all;
}

/// The numbers of an attribute, in their order.
std::vector<double> numbers_of(const std::string& svg, const std::string& attribute) {
  std::vector<double> found;
  for (const std::string& text : between(svg, " " + attribute + "=\"", "\"")) found.push_back(std::stod(text));
  return found;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Whether the text has "nan" or "inf" as a word.
bool writes_no_number(const std::string& svg) {
  static const std::regex word("(^|[^a-zA-Z])(nan|inf)([^a-zA-Z]|$)");
  return std::regex_search(svg, word);
}

/// One of each chart, with these names and numbers.
std::vector<Picture> one_of_each(const std::string& name, const std::vector<double>& values) {
  std::vector<Curve> curves = {{.name = name, .y = values, .low = values, .high = values}};
  std::vector<Bar> bars;
  std::vector<Point> points;
  Table table{.columns = {name, name}};
  for (const double value : values) {
    curves[0].x.push_back(static_cast<double>(curves[0].x.size()));
    bars.push_back({name, value, value, value, {value, value}, value, value});
    points.push_back({value, value, name, static_cast<int>(points.size())});
    table.rows.push_back(name);
    table.values.insert(table.values.end(), {value, value});
  }
  const Words words{name, name};
  std::vector<Picture> all;
  for (const bool log : {false, true}) {
    const Axis axis{.name = name, .log = log};
    all.push_back(line_chart(words, axis, axis, curves));
    all.push_back(bar_chart(words, axis, bars));
    all.push_back(scatter(words, axis, axis, points));
  }
  all.push_back(heat_map(words, table));
  return all;
}

}  // namespace

TEST_CASE("ticks are 1, 2 or 5 times a power of ten apart, within the scale, and few") {
  const auto expect = [](plot::Scale scale, const std::vector<double>& expected) {
    const std::vector<double> found = plot::ticks(scale, 6);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-12));
  };
  expect({.low = 0, .high = 1}, {0, 0.2, 0.4, 0.6, 0.8, 1});
  expect({.low = -3, .high = 7}, {-2, 0, 2, 4, 6});
  expect({.low = 0.012, .high = 0.0155}, {0.012, 0.013, 0.014, 0.015});
  expect({.low = 0, .high = 1234567}, {0, 5e5, 1e6});
  expect({.log = true, .low = 1, .high = 100}, {1, 10, 100});
  expect({.log = true, .low = 0.09, .high = 2.1}, {0.1, 0.2, 0.5, 1, 2});
  expect({.log = true, .low = 1e-8, .high = 1e8}, {1e-5, 1, 1e5});
  expect({.log = true, .low = 11, .high = 18}, {12, 14, 16, 18});
  for (const double low : {-1e300, -7.0, -1e-9, 0.0, 1e-12, 3.0, 999999.0}) {
    for (const double span : {1e-10, 1e-3, 0.7, 1.0, 33.0, 1e12, 1e300}) {
      for (const int most : {2, 3, 8}) {
        const plot::Scale scale = plot::scale_of("test", {}, {.low = low, .high = low + span}, 0);
        const std::vector<double> found = plot::ticks(scale, most);
        CHECK(static_cast<int>(found.size()) <= most);
        CHECK(std::is_sorted(found.begin(), found.end()));
        std::set<std::string> texts;
        for (const double tick : found) texts.insert(plot::tick_text(tick));
        CHECK(texts.size() == found.size());
      }
    }
  }
}

TEST_CASE("numbers are written as people write them") {
  CHECK(plot::tick_text(3 * 0.1) == "0.3");
  CHECK(plot::tick_text(1e-5) == "1e-5");
  CHECK(plot::tick_text(2e6) == "2e6");
  CHECK(plot::tick_text(1000002) == "1000002");
  CHECK(plot::number_text(0.123456, 3) == "0.123");
  CHECK(plot::number_text(-1.5e-12) == "-1.5e-12");
  CHECK(plot::number_text(NAN) == "\u2013");
  CHECK(plot::number_text(-infinity) == "\u2013");
}

TEST_CASE("a scale is never empty, and an axis whose ends make no sense is refused") {
  for (const bool log : {false, true}) {
    for (const std::vector<double>& values :
         std::vector<std::vector<double>>{{}, {0}, {5}, {-5}, {1e-300}, {1e300}, {-1e300, 1e300}, {5, 5 + 1e-14}}) {
      plot::Extent extent{.log = log};
      extent.add(values);
      for (const double low : {static_cast<double>(NAN), 2.0, 100.0}) {
        const plot::Scale scale = plot::scale_of("test", {.log = log, .low = low}, extent, 0.05);
        CHECK(scale.low < scale.high);
        CHECK(plot::ticks(scale, 8).size() >= 1);
        CHECK(std::isfinite(scale.at(scale.low)));
        CHECK(std::isfinite(scale.at(scale.high)));
      }
    }
  }
  CHECK_THROWS_WITH_AS(plot::scale_of("test", {.name = "a", .low = 2, .high = 1}, {}, 0),
                       "[test] axis 'a': expected a low below its high, got 2 and 1", Error);
  CHECK_THROWS_AS(plot::scale_of("test", {.log = true, .low = 0}, {}, 0), Error);
  CHECK_THROWS_AS(plot::scale_of("test", {.high = infinity}, {}, 0), Error);
}

TEST_CASE("labels are moved apart, in their order, and stay within") {
  CHECK(plot::spread({5, 5, 5}, 2, 0, 10) == std::vector<double>{5, 7, 9});
  CHECK(plot::spread({9, 10, 1}, 2, 0, 10) == std::vector<double>{8, 10, 1});
  CHECK(plot::spread({9, 9, 9, -4}, 2, 0, 10) == std::vector<double>{6, 8, 10, 0});
}

TEST_CASE("text is cut to the room that there is, at symbols") {
  CHECK(plot::shortened("short", 100) == "short");
  const std::string cut = plot::shortened("\u0416\u0416\u0416\u0416\u0416\u0416", 60);
  CHECK(cut == "\u0416\u0416\u0416\u2026");
  CHECK(plot::shortened("x", 1).empty());
  CHECK(plot::wrapped("aa bb cc dd", plot::text_width("aa bb "), plot::font, 3) ==
        std::vector<std::string>{"aa bb", "cc dd"});
  CHECK(plot::wrapped("aa bb cc dd", plot::text_width("aa bb "), plot::font, 1) ==
        std::vector<std::string>{"aa b\u2026"});
  CHECK(plot::wrapped("", 100, plot::font, 3).empty());
  for (const std::string& line : plot::wrapped(std::string(500, 'm') + " " + std::string(90, ' '), 200, 13, 3)) {
    CHECK(plot::text_width(line) <= 200);
  }
}

TEST_CASE("a name is seen whatever its bytes, and a space stays a space inside") {
  CHECK(visible_text("fine tuned") == "fine tuned");
  CHECK(visible_text(" the") == "\u00B7the");
  CHECK(visible_text("a \n") == "a \u21B5");
  CHECK(visible_text(" ") == "\u00B7");
  CHECK(visible_text(std::string("\0<\xFF", 3)) == "\\x00<\\xFF");
  CHECK(visible_text("\uFFFE\u202E") == "U+FFFEU+202E");
  CHECK(visible_text("").empty());
}

TEST_CASE("every chart is well-formed XML without a script, whatever its names and numbers") {
  const std::vector<std::vector<double>> numbers = {
      {}, {0}, {NAN}, {infinity, -infinity}, {1, NAN, 2}, {-1, 0, 1}, {1e300, -1e300, 1e301}, {5e-324, 1e-300}};
  for (const std::vector<double>& values : numbers) {
    for (const std::string& name :
         {std::string("a"), std::string(), hostile, std::string(3000, 'W'), std::string(300, ' ') + "\u0301"}) {
      CAPTURE(name);
      CAPTURE(values.size());
      if (values.empty()) {
        CHECK_THROWS_AS(heat_map({}, {.columns = {name}}), Error);
        continue;
      }
      for (const Picture& picture : one_of_each(name, values)) {
        for (const std::string& svg : {picture.svg, svg_file(picture)}) {
          for (const std::string& tag : tags_of(svg)) {
            CHECK(!tag.starts_with("script"));
            CHECK(tag.find(" style=") == tag.npos);
            CHECK(tag.find(" id=") == tag.npos);
          }
          CHECK(!writes_no_number(svg));
        }
        CHECK(picture.title == name);
        CHECK(picture.caption == name);
      }
    }
  }
}

TEST_CASE("a chart without anything is a chart") {
  for (const Picture& picture : {line_chart({}, {}, {}, {}), bar_chart({}, {}, {}), scatter({}, {}, {}, {})}) {
    CHECK(tags_of(picture.svg).size() > 5);
    CHECK(lines_of(picture.tsv).size() == 1);
  }
}

TEST_CASE("no text of a chart begins or ends outside of it") {
  for (const std::string& name : {std::string("validation loss of a rather long name"), std::string(90, 'M')}) {
    for (const Picture& picture : one_of_each(name, {-1e-7, 2, 12345678, 3})) {
      const double height = numbers_of(picture.svg, "height").at(0);
      for (const std::string& element : between(picture.svg, "<text", "</text>")) {
        CAPTURE(element);
        const double x = numbers_of(element, "x").at(0), y = numbers_of(element, "y").at(0);
        const std::vector<double> sizes = numbers_of(element, "font-size");
        const double size = sizes.empty() ? plot::font : sizes[0];
        const double wide = plot::text_width(element.substr(element.find('>') + 1), size);
        const bool upright = element.find("rotate(") != element.npos;
        const std::string anchor = between(element, "text-anchor=\"", "\"").at(0);
        const double left = anchor == "end" ? x - wide : anchor == "middle" ? x - wide / 2 : x;
        CHECK(y <= height - 4);
        CHECK(y >= 10);
        if (upright) {
          CHECK(y - wide >= 0);
        } else {
          CHECK(left >= 0);
          CHECK(left + wide <= plot::width);
        }
      }
    }
  }
}

TEST_CASE("eight curves differ in colour, in dash and in name, and the next eight in one of both") {
  std::vector<Curve> curves;
  for (int i = 0; i < 16; ++i) curves.push_back({.name = "curve " + std::to_string(i), .x = {0, 1}, .y = {1.0 * i, 2}});
  const Picture picture = line_chart({}, {}, {}, curves);
  std::set<std::string> colours, dashes, both, names;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i < 8) colours.insert(plot::series(i));
    if (i < 8) dashes.insert(plot::dash(i));
    both.insert(plot::series(i) + plot::dash(i));
    CHECK(picture.svg.find(">curve " + std::to_string(i) + "</text>") != std::string::npos);
  }
  CHECK(colours.size() == 8);
  CHECK(dashes.size() == 8);
  CHECK(both.size() == 16);
}

TEST_CASE("a value that is no number cuts a curve, and a point between two such is seen") {
  const Picture picture = line_chart({}, {}, {}, {{.x = {0, 1, 2, 3, 4, 5}, .y = {1, 2, NAN, 3, infinity, 2}}});
  CHECK(between(picture.svg, "stroke-width=\"2\" stroke-linejoin", "/>").size() == 3);
  CHECK(between(picture.svg, "<circle", "</circle>").size() == 4);
  std::vector<double> x, y;
  for (int i = 0; i < 30000; ++i) x.push_back(i), y.push_back(i == 777 ? 50 : i % 7);
  y[20000] = NAN;
  const Picture large = line_chart({}, {}, {}, {{.x = x, .y = y}});
  CHECK(large.svg.size() < 600'000);
  CHECK(between(large.svg, "<circle", "</circle>").size() <= 1001);
  CHECK(lines_of(large.tsv).size() == 30001);
}

TEST_CASE("the lines of a chart are its data, exactly") {
  CHECK(line_chart({}, {.name = "step"}, {.name = "loss"},
                   {{.name = "a\tb", .x = {1, 2}, .y = {0.1, NAN}},
                    {.name = "c", .x = {3}, .y = {1.0 / 3}, .low = {-infinity}, .high = {1e300}}})
            .tsv ==
        "curve\tstep\tloss\tlow\thigh\na\\x09b\t1\t0.1\t\t\na\\x09b\t2\t\t\t\n"
        "c\t3\t0.3333333333333333\t-inf\t1e+300\n");
  CHECK(bar_chart({}, {}, {{.name = "a", .value = 2, .low = 1, .points = {1, 3}, .wanted_high = 4}}).tsv ==
        "name\tvalue\tlow\thigh\twanted_low\twanted_high\tpoints\na\t2\t1\t\t\t4\t1 3\n");
  CHECK(heat_map({}, {.rows = {"a", "b"}, .columns = {"c", "d"}, .values = {1, 2, 3, -NAN}}).tsv ==
        "row\tc\td\na\t1\t2\nb\t3\t\n");
  CHECK(scatter({}, {}, {.name = "u"}, {{1, 2, "p", 7}}).tsv == "name\tgroup\tx\tu\np\t7\t1\t2\n");
}

TEST_CASE("sizes that do not fit together are refused") {
  CHECK_THROWS_WITH_AS(line_chart({}, {}, {}, {{.name = "a", .x = {1, 2}, .y = {1}}}),
                       "[line_chart] curve 'a': expected 2 values of y, as many as of x, got 1", Error);
  CHECK_THROWS_AS(line_chart({}, {}, {}, {{.x = {1}, .y = {1}, .low = {1}}}), Error);
  CHECK_THROWS_WITH_AS(heat_map({}, {.rows = {"a"}, .columns = {"b", "c"}, .values = {1}}),
                       "[heat_map] expected 1 x 2 values, one or more, got 1", Error);
  CHECK_THROWS_AS(heat_map({}, {.rows = {"a"}, .columns = {"b"}, .values = {1}}, 2, 1), Error);
}

TEST_CASE("a large table is drawn by blocks, which its caption says; a smaller one cell by cell") {
  const auto drawn = [](std::size_t rows, std::size_t columns) {
    Table table{.rows = std::vector<std::string>(rows, "r"), .columns = std::vector<std::string>(columns, "c")};
    table.values.resize(rows * columns, 0.5);
    table.values[0] = 1;
    return heat_map({.caption = "Means."}, table);
  };
  for (const auto& [rows, columns] : std::vector<std::pair<std::size_t, std::size_t>>{
           {3, 4}, {64, 64}, {300, 300}, {1, 20000}, {9000, 2}, {600, 40}}) {
    CAPTURE(rows);
    CAPTURE(columns);
    const Picture picture = drawn(rows, columns);
    CHECK(tags_of(picture.svg).size() < 12000);  // an element has two
    CHECK((picture.caption == "Means.") == (rows * columns <= 4800));
    CHECK(lines_of(picture.tsv).size() == rows + 1);
  }
  CHECK(drawn(300, 300).caption == "Means. A cell is the mean of 4 x 5 values.");
}

TEST_CASE("many points are few elements") {
  std::vector<Point> points;
  for (int i = 0; i < 5000; ++i) points.push_back({1.0 * i, 1.0 * (i % 91), "", i % 3});
  CHECK(tags_of(scatter({}, {}, {}, points).svg).size() < 300);
}
