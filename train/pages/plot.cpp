#include "train/pages/plot.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "train/pages/visible_html.h"

namespace primer::train::plot {

namespace {

constexpr double too_large = 1e300;  // differences of what is smaller do not overflow

bool has_place(double value, bool log) {
  return std::isfinite(value) && std::abs(value) <= too_large && (!log || value > 1 / too_large);
}

// Whether ticks between the two are told apart.
bool is_wide(double low, double high) {
  return high - low > std::max(1e-9 * std::max(std::abs(low), std::abs(high)), 1 / too_large);
}

// How wide a symbol is at size 1, in DejaVu Sans, which is a wide font.
double ems_of(data::Symbol symbol) {
  const auto is_one_of = [&](const char* all) { return symbol < 0x80 && std::strchr(all, static_cast<int>(symbol)); };
  if (symbol >= 0x400 || is_one_of("mwMW%@=+<>#&~")) return 1;
  if (is_one_of("fijlrtI.,:;'|!()[]/\\ -\"")) return 0.42;
  return symbol >= 'A' && symbol <= 'Z' ? 0.77 : 0.64;
}

std::vector<double> linear_ticks(double low, double high, int most) {
  const double least = (high - low) / (most - 1);
  const double power = std::pow(10, std::floor(std::log10(least)));
  double step = power;
  for (const double factor : {2, 5, 10}) {
    if (step < least * (1 - 1e-9)) step = factor * power;
  }
  std::vector<double> found;
  const double first = std::ceil(low / step - 1e-6), last = std::floor(high / step + 1e-6);
  for (double k = first; k <= last; ++k) found.push_back(k * step + 0.0);  // + 0.0: no -0
  return found;
}

// What of `factors` times 10^(a multiple of `every`) lies between.
std::vector<double> log_ticks(double low, double high, int every, std::initializer_list<int> factors) {
  std::vector<double> found;
  const int first = static_cast<int>(std::floor(std::log10(low) / every + 1e-9)) * every;
  for (int power = first; power <= std::log10(high) + 1e-9; power += every) {
    for (const int factor : factors) {
      const double tick = factor * std::pow(10, power);
      if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) found.push_back(tick);
    }
  }
  return found;
}

}  // namespace

void Extent::add(double value) {
  if (!has_place(value, log)) return;
  low = std::min(low, value);
  high = std::max(high, value);
}

bool Scale::has(double value) const { return has_place(value, log); }

double Scale::at(double value) const {
  const double share =
      log ? (std::log(value) - std::log(low)) / (std::log(high) - std::log(low)) : (value - low) / (high - low);
  return std::clamp(from + share * (to - from), -9999.0, 9999.0);
}

Scale scale_of(std::string_view chart, const Axis& axis, const Extent& data, double room) {
  const bool low_given = !std::isnan(axis.low), high_given = !std::isnan(axis.high);
  const auto refuse_ends = [&](const std::string& why) {
    autograd::refuse(chart, "axis '" + data::printable(axis.name) + "': " + why);
  };
  for (const double end : {axis.low, axis.high}) {
    if (!std::isnan(end) && !has_place(end, axis.log)) {
      refuse_ends("it cannot end at " + Lines::exact(end) + (axis.log ? ", being logarithmic" : ""));
    }
  }
  if (low_given && high_given && !is_wide(axis.low, axis.high)) {
    refuse_ends("expected a low below its high, got " + Lines::exact(axis.low) + " and " + Lines::exact(axis.high));
  }
  Scale scale{.log = axis.log, .low = data.low, .high = data.high};
  if (data.low > data.high) scale.low = axis.log ? 1 : 0, scale.high = axis.log ? 10 : 1;
  if (axis.log) {
    const double factor = std::exp(room * (std::log(scale.high) - std::log(scale.low)));
    scale.low /= factor, scale.high *= factor;
  } else {
    const double more = (scale.high - scale.low) * room;
    const bool above = scale.low >= 0, below = scale.high <= 0;  // room does not reach across 0
    scale.low = above ? std::max(0.0, scale.low - more) : scale.low - more;
    scale.high = below ? std::min(0.0, scale.high + more) : scale.high + more;
  }
  if (low_given) scale.low = axis.low;
  if (high_given) scale.high = axis.high;
  if (is_wide(scale.low, scale.high)) return scale;
  const double size = std::abs(low_given ? scale.low : scale.high), more = size > 1e-290 ? 0.1 * size : 1;
  if (!high_given) scale.high = axis.log ? 2 * std::max(scale.low, scale.high) : std::max(scale.low, scale.high) + more;
  if (!low_given && (high_given || size > 0))
    scale.low = axis.log ? scale.high / 4 : std::min(scale.low, scale.high) - more;
  return scale;
}

std::vector<double> ticks(const Scale& scale, int most) {
  if (scale.log) {
    const auto fit = [&](const std::vector<double>& found) { return static_cast<int>(found.size()) <= most; };
    std::vector<double> found = log_ticks(scale.low, scale.high, 1, {1, 2, 5});
    if (!fit(found)) found = log_ticks(scale.low, scale.high, 1, {1});
    for (const int every : {2, 5, 10, 20, 50, 100, 200, 500}) {
      if (!fit(found)) found = log_ticks(scale.low, scale.high, every, {1});
    }
    if (found.size() >= 2) return found;
  }
  return linear_ticks(scale.low, scale.high, most);
}

std::string number_text(double value, int digits) {
  if (!std::isfinite(value)) return "\u2013";
  char text[40];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  std::string number = text;
  const auto exponent = number.find('e');
  if (exponent == number.npos) return number;
  const int power = std::atoi(text + exponent + 1);
  return number.substr(0, exponent + 1) + std::to_string(power);
}

std::string tick_text(double value) {
  for (const int digits : {6, 10}) {
    const std::string text = number_text(value, digits);
    if (std::abs(std::strtod(text.c_str(), nullptr) - value) <= 1e-12 * std::abs(value)) return text;
  }
  return number_text(value, 15);
}

double text_width(std::string_view text, double size) {
  double ems = 0;
  data::each_symbol(text, [&](data::Symbol symbol, int) { ems += ems_of(symbol); });
  return ems * size;
}

std::string shortened(std::string_view text, double room, double size) {
  const std::string ellipsis = "\u2026";
  std::string begin, cut;
  double used = 0;
  room += 1e-6;  // sums of the same widths may differ
  const double left = room - text_width(ellipsis, size);
  data::each_symbol(text, [&](data::Symbol symbol, int) {
    used += size * ems_of(symbol);
    if (used > room) return;
    data::append_symbol(begin, symbol);
    if (used <= left) cut = begin + ellipsis;
  });
  return used <= room ? begin : cut;
}

std::vector<std::string> wrapped(std::string_view text, double room, double size, std::size_t most) {
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < most) {
    std::size_t end = 0;  // of this line
    for (std::size_t at = 0; at != text.npos;) {
      at = text.find(' ', at + 1);
      if (lines.size() + 1 == most || text_width(text.substr(0, at), size) > room) break;
      end = std::min(at, text.size());
    }
    if (end == 0 && lines.size() + 1 < most)
      end = std::min(text.find(' ', 1), text.size());  // a word wider than a line
    lines.push_back(shortened(end == 0 ? text : text.substr(0, end), room, size));
    text.remove_prefix(end == 0 ? text.size() : std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<double> spread(const std::vector<double>& places, double gap, double low, double high) {
  std::vector<std::size_t> order(places.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return places[a] < places[b]; });
  std::vector<double> found = places;
  double least = low;
  for (const std::size_t i : order) {
    found[i] = std::max(found[i], least);
    least = found[i] + gap;
  }
  double most = high;
  for (auto i = order.rbegin(); i != order.rend(); ++i) {
    found[*i] = std::min(found[*i], most);
    most = found[*i] - gap;
  }
  return found;
}

std::string series(std::size_t i) {
  constexpr const char* colours[] = {"#0b62a8", "#c2410c", "#15803d", "#9333ea",
                                     "#0e7490", "#a16207", "#be185d", "#4b5563"};
  return "class=\"s" + std::to_string(i % 8) + "\" color=\"" + colours[i % 8] + "\"";
}

std::string dash(std::size_t i) {
  constexpr const char* dashes[] = {"none", "7 3", "2 3", "10 3 2 3", "14 4", "5 2 2 2 2 2", "1 5", "16 3 4 3"};
  return std::string("stroke-dasharray=\"") + dashes[(i + i / 8) % 8] + "\"";
}

Lines::Lines(const std::vector<std::string>& names) { add(names, {}); }

void Lines::add(const std::vector<std::string>& names, const std::vector<double>& values) {
  for (const std::string& name : names) text_ += data::printable(name) + "\t";
  for (const double value : values) text_ += exact(value) + "\t";
  text_.back() = '\n';
}

std::string Lines::exact(double value) {
  if (std::isnan(value)) return "";
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

}  // namespace primer::train::plot
