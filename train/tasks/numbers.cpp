#include "train/tasks/numbers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace primer::train {

bool read_whole(std::string_view text, long& value) {
  const char* const last = text.data() + text.size();
  if (const auto read = std::from_chars(text.data(), last, value); read.ec == std::errc() && read.ptr == last)
    return true;
  double number = 0;
  const auto read = std::from_chars(text.data(), last, number);
  if (read.ec != std::errc() || read.ptr != last || text.find_first_of("eE") == std::string_view::npos) return false;
  if (!(std::fabs(number) < 1e15) || std::nearbyint(number) != number) return false;
  value = static_cast<long>(number);
  return true;
}

std::string number_text(double value) {
  char buffer[64];
  // Small whole numbers as people write them: 1000 rather than to_chars' 1e+03.
  const bool whole = std::nearbyint(value) == value && std::fabs(value) < 1e15;
  const auto end = whole ? std::to_chars(buffer, buffer + sizeof buffer, static_cast<long>(value))
                         : std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, end.ptr};
}

std::string short_number(double value) {
  const char* const units[] = {"", "k", "M", "G", "T", "P", "E"};
  int unit = 0;
  while (value >= 999.5 && unit < 6) {
    value /= 1000;
    ++unit;
  }
  char buffer[32];
  std::snprintf(buffer, sizeof buffer,
                value >= 99.95 || unit == 0 ? "%.0f%s"
                : value >= 9.995            ? "%.1f%s"
                                            : "%.2f%s",
                value, units[unit]);
  return buffer;
}

std::string short_duration(double seconds) {
  const long s = std::lround(std::min(std::max(seconds, 0.0), 3.2e9));
  const auto parts = [](long large, const char* unit, long small, const char* smaller) {
    return std::to_string(large) + unit + (small < 10 ? "0" : "") + std::to_string(small) + smaller;
  };
  if (s < 60) return std::to_string(s) + "s";
  if (s < 3600) return parts(s / 60, "m", s % 60, "s");
  if (s < 86400) return parts(s / 3600, "h", s % 3600 / 60, "m");
  return parts(s / 86400, "d", s % 86400 / 3600, "h");
}

}  // namespace primer::train
