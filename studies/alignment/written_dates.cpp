#include "studies/alignment/written_dates.h"

#include <chrono>
#include <string_view>

namespace primer::studies {

namespace {

using namespace std::chrono;

constexpr std::string_view source_letters = " ,./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view target_letters = "-0123456789";
constexpr const char* months[]{"January", "February", "March",     "April",   "May",      "June",
                               "July",    "August",   "September", "October", "November", "December"};
constexpr const char* weekdays[]{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

std::string shown(std::string_view letters, int id) {
  return id < PairTask::first_word ? "|" : std::string(1, letters[static_cast<std::size_t>(id - PairTask::first_word)]);
}

/// What is written, and which places of it the ten characters of the target are made of.
struct Written {
  std::string text = {};
  std::vector<long> from = std::vector<long>(10, -1);

  void say(const std::string& more) { text += more; }
  /// A number whose digits end at the target's place `last`.
  void number(unsigned value, long last, bool two_digits = false) {
    const std::string digits = (two_digits && value < 10 ? "0" : "") + std::to_string(value);
    const auto count = static_cast<long>(digits.size()), begin = static_cast<long>(text.size());
    for (long i = 0; i < count; ++i) from[static_cast<std::size_t>(last - count + 1 + i)] = begin + i;
    text += digits;
  }
};

const char* ordinal(unsigned day) {
  const unsigned last = day / 10 == 1 ? 0 : day % 10;
  return last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th";
}

Written written(const year_month_day& date, const std::string& weekday, int form) {
  const auto y = static_cast<unsigned>(int(date.year())), m = unsigned(date.month()), d = unsigned(date.day());
  const std::string month = months[m - 1];
  constexpr long year_at = 3, month_at = 6, day_at = 9;  // last places in the target
  Written w;
  const auto day_month_year = [&](const std::string& before, const std::string& behind_day) {
    w.say(before), w.number(d, day_at), w.say(behind_day + month + " "), w.number(y, year_at);
  };
  const auto month_day_year = [&](const std::string& before, const std::string& behind_day) {
    w.say(before + month + " "), w.number(d, day_at), w.say(behind_day), w.number(y, year_at);
  };
  switch (form) {
    case 0: day_month_year("", " "); break;
    case 1: month_day_year("", ", "); break;
    case 2: month_day_year(weekday + " ", " "); break;
    case 3: day_month_year("", std::string(ordinal(d)) + " of "); break;
    case 4: w.number(m, month_at, true), w.say("/"), w.number(d, day_at, true), w.say("/"), w.number(y, year_at); break;
    case 5: day_month_year(weekday.substr(0, 3) + " ", " "); break;
    case 6: w.number(d, day_at), w.say("."), w.number(m, month_at), w.say("."), w.number(y, year_at); break;
    default: w.number(y, year_at), w.say(" " + month + " "), w.number(d, day_at);
  }
  return w;
}

Pair draw_date(Draws& draws) {
  constexpr sys_days first = 1900y / 1 / 1, behind = 2100y / 1 / 1;
  const sys_days day = first + days(draws.below((behind - first).count()));
  const year_month_day date(day);
  Pair pair;
  pair.form = draws.below(static_cast<int>(std::size(date_forms)));
  Written w = written(date, weekdays[weekday(day).c_encoding()], pair.form);
  const auto two = [](unsigned x) { return (x < 10 ? "0" : "") + std::to_string(x); };
  const auto ids = [](std::string_view letters, const std::string& text) {
    std::vector<int> found;
    for (const char c : text) found.push_back(PairTask::first_word + static_cast<int>(letters.find(c)));
    return found;
  };
  pair.source = ids(source_letters, w.text);
  pair.target = ids(target_letters, std::to_string(int(date.year())) + "-" + two(unsigned(date.month())) + "-" +
                                        two(unsigned(date.day())));
  pair.from = std::move(w.from);
  return pair;
}

}  // namespace

const PairTask written_dates{
    PairTask::first_word + std::ssize(source_letters), PairTask::first_word + std::ssize(target_letters), 28, draw_date,
    [](int id) { return shown(source_letters, id); },  [](int id) { return shown(target_letters, id); }};

}  // namespace primer::studies
