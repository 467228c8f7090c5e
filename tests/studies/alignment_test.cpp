// Pairs whose alignment is known, and what is measured of a model that learns them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "autograd/ops/cross_entropy.h"
#include "studies/alignment/learner.h"
#include "studies/alignment/written_dates.h"

using namespace primer::studies;

namespace {

std::vector<std::string> words(const std::vector<int>& ids, std::string (*word)(int)) {
  std::vector<std::string> all;
  for (const int id : ids) all.push_back(word(id));
  return all;
}

std::string text(const std::vector<int>& ids, std::string (*letter)(int)) {
  std::string all;
  for (const int id : ids) all += letter(id);
  return all;
}

/// The kinds of words, a letter each.
std::string kinds(const std::vector<std::string>& all) {
  std::string letters;
  for (const std::string& word : all) letters += word[0];
  return letters;
}

class Never : public primer::train::Interruption {
 public:
  int stop() override { return 0; }
};

/// Two letters, and the same two.
const PairTask copies{4,
                      4,
                      3,
                      [](Draws& draws) {
                        const std::vector<int> two{2 + draws.below(2), 2 + draws.below(2)};
                        return Pair{two, two, {0, 1}};
                      },
                      [](int id) { return std::to_string(id); },
                      [](int id) { return std::to_string(id); }};

}  // namespace

TEST_CASE("pairs are a function of seed and step, and no target that is learned from is tested") {
  for (const PairTask* task : {&reversal, &sentences, &written_dates}) {
    std::set<std::vector<int>> learned, kept;
    std::size_t longest = 0;
    for (long step = 0; step < 40; ++step)
      for (const Pair& pair : pairs_of(*task, 3, step, 64, false)) {
        learned.insert(pair.target);
        CHECK(!is_kept(pair));
        CHECK(pair.from.size() == pair.target.size());
        longest = std::max({longest, pair.source.size() + 1, pair.target.size() + 1});
        for (const int id : pair.source) CHECK((id >= PairTask::first_word && id < task->source_words));
        for (const int id : pair.target) CHECK((id >= PairTask::first_word && id < task->target_words));
      }
    for (const Pair& pair : pairs_of(*task, 3, 0, 500, true)) kept.insert(pair.target);
    for (const auto& target : kept) CHECK(!learned.contains(target));
    CHECK(longest == static_cast<std::size_t>(task->longest));
    const auto first = [&](std::uint64_t seed, long step) { return pairs_of(*task, seed, step, 5, false)[4].source; };
    CHECK(first(3, 7) == first(3, 7));
    CHECK(first(3, 7) != first(3, 8));
    CHECK(first(3, 7) != first(4, 7));
  }
  double all = 0, kept = 0;
  Draws draws("test", 1);
  for (; all < 5000; ++all) kept += is_kept(sentences.draw(draws));
  CHECK(std::abs(kept / all - 0.1) < 0.02);
}

TEST_CASE("a sentence's verb moves to its end, adjectives and prepositions behind nouns, and every word has its own") {
  const std::map<std::string, std::string> orders{
      {"dnvdn", "NNV"},        {"dnvdan", "NNAV"},        {"danvdn", "NANV"},        {"danvdan", "NANAV"},
      {"dnvdnpdn", "NNNPV"},   {"dnvdnpdan", "NNNAPV"},   {"dnvdanpdn", "NNANPV"},   {"dnvdanpdan", "NNANAPV"},
      {"danvdnpdn", "NANNPV"}, {"danvdnpdan", "NANNAPV"}, {"danvdanpdn", "NANANPV"}, {"danvdanpdan", "NANANAPV"}};
  std::map<std::string, long> seen;
  std::map<int, std::set<int>> translations;
  const std::vector<Pair> pairs = pairs_of(sentences, 1, 0, 4000, false);
  for (const Pair& pair : pairs) {
    const auto source = words(pair.source, sentences.source_word), target = words(pair.target, sentences.target_word);
    const std::string order = kinds(source);
    REQUIRE(orders.contains(order));
    CHECK(kinds(target) == orders.at(order));
    ++seen[order];
    for (std::size_t t = 0; t < target.size(); ++t) {
      std::string from = source[static_cast<std::size_t>(pair.from[t])];
      from[0] = static_cast<char>(std::toupper(from[0]));
      CHECK(from == target[t]);
      CHECK(is_content(pair.target[t]) == (target[t][0] != 'P'));
      CHECK(is_verb(pair.target[t]) == (target[t][0] == 'V'));
      translations[pair.source[static_cast<std::size_t>(pair.from[t])]].insert(pair.target[t]);
    }
    CHECK(std::set(pair.from.begin(), pair.from.end()).size() == pair.from.size());
  }
  for (const auto& [order, count] : seen)  // 1/2 for each part in brackets
    CHECK(static_cast<double>(count) / 4000 ==
          doctest::Approx(order.find('p') == std::string::npos ? 1.0 / 8 : 1.0 / 16).epsilon(0.2));
  CHECK(seen.size() == orders.size());
  std::set<int> found;
  long same = 0;
  for (const auto& [source, target] : translations) {
    CHECK(target.size() == 1);
    found.insert(*target.begin());
    same += *target.begin() == source;
  }
  CHECK(translations.size() == 80);
  CHECK(found.size() == 80);
  CHECK(same < 10);
}

TEST_CASE("a string's reversal is made of it from the end") {
  std::set<std::size_t> lengths;
  for (const Pair& pair : pairs_of(reversal, 2, 0, 1000, true)) {
    CHECK(std::equal(pair.source.rbegin(), pair.source.rend(), pair.target.begin(), pair.target.end()));
    lengths.insert(pair.source.size());
    for (std::size_t t = 0; t < pair.from.size(); ++t)
      CHECK(pair.from[t] == static_cast<long>(pair.source.size() - 1 - t));
  }
  CHECK(lengths.size() == 17);
}

TEST_CASE("a written date is that of its target, in each form, and its digits stand where they are made from") {
  const char* months[]{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const char* days[]{"Sat", "Sun", "Mon", "Tue", "Wed", "Thu", "Fri"};
  std::map<int, long> seen;
  std::map<int, std::set<std::string>> of_example;
  for (const Pair& pair : pairs_of(written_dates, 5, 0, 4000, false)) {
    const std::string source = text(pair.source, written_dates.source_word);
    const std::string target = text(pair.target, written_dates.target_word);
    CAPTURE(source);
    CAPTURE(target);
    REQUIRE(target.size() == 10);
    const int y = std::stoi(target), m = std::stoi(target.substr(5)), d = std::stoi(target.substr(8));
    const std::string month = months[m - 1], number = std::to_string(d);
    const bool named = pair.form != 4 && pair.form != 6;
    CHECK((source.find(month) != std::string::npos) == named);
    CHECK(source.find(std::to_string(y)) != std::string::npos);
    // Zeller's congruence: 0 is a Saturday
    const int q = m < 3 ? y - 1 : y, k = q % 100, j = q / 100, w = m < 3 ? m + 12 : m;
    const std::string day = days[(d + 13 * (w + 1) / 5 + k + k / 4 + j / 4 + 5 * j) % 7];
    if (pair.form == 2 || pair.form == 5) CHECK(source.starts_with(day));
    if (pair.form == 3)
      CHECK(source.starts_with(number +
                               (d % 10 == 1 && d != 11   ? "st"
                                : d % 10 == 2 && d != 12 ? "nd"
                                : d % 10 == 3 && d != 13 ? "rd"
                                                         : "th") +
                               " of "));
    if (pair.form == 4) CHECK(source == target.substr(5, 2) + "/" + target.substr(8, 2) + "/" + target.substr(0, 4));
    if (pair.form == 6) CHECK(source == number + "." + std::to_string(m) + "." + std::to_string(y));
    const bool two = d >= 10 || pair.form == 4;
    for (std::size_t t = 0; t < 10; ++t) {
      const long from = pair.from[t];
      const bool written =
          t < 4 || (t == 5 && !named && (m >= 10 || pair.form == 4)) || (t == 6 && !named) || (t == 8 && two) || t == 9;
      CHECK((from >= 0) == written);
      if (from >= 0) CHECK(source[static_cast<std::size_t>(from)] == target[t]);
    }
    ++seen[pair.form];
    if (m == 5 && d == 3) {  // as the list of forms has it, with its year's weekday
      std::string example = date_forms[pair.form];
      example.replace(example.find("1979"), 4, std::to_string(y));
      const std::size_t at = example.find("Thu");
      if (at != std::string::npos) example.replace(at, 3, day);
      CHECK(source.size() + 8 >= example.size());
      CHECK(source.substr(source.size() - 4) == example.substr(example.size() - 4));
      if (at == std::string::npos) CHECK(source == example);
    }
  }
  CHECK(seen.size() == std::size(date_forms));
  for (const auto& [form, count] : seen) CHECK(count == doctest::Approx(500).epsilon(0.2));
}

TEST_CASE("a batch reads a mark and the target, and asks for the target and a mark; what is short is padded") {
  const Pair pairs[]{{{5, 6, 7}, {8, 9}, {0, 2}}, {{5}, {7, 8, 9, 10}, {0, -1, -1, -1}}};
  const auto batch = batch_of(pairs);
  CHECK(batch.sequences == 2);
  CHECK(batch.length == 5);
  CHECK(batch.source_length == 4);
  CHECK(batch.tokens == std::vector{0, 8, 9, 0, 0, 0, 7, 8, 9, 10});
  CHECK(batch.targets == std::vector{8, 9, 1, -1, -1, 7, 8, 9, 10, 1});
  CHECK(batch.lengths == std::vector{3, 5});
  CHECK(batch.sources == std::vector{5, 6, 7, 1, 5, 1, 0, 0});
  CHECK(batch.source_lengths == std::vector{4, 2});
  CHECK(batch.padded);
}

TEST_CASE("agreement is the share of words whose most looked at place is theirs, of the heads that are asked") {
  const Pair pairs[]{{{2, 3, 4}, {5, 6, 7}, {2, 0, -1}}};
  Looks looks{1, 2, 4, 5};
  looks.pattern = {.1f, .2f, .5f, .2f, 0, .3f, .4f, .3f, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0,   // head 0
                   .1f, .7f, .1f, .1f, 0, .9f, .1f, 0,   0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0};  // head 1
  CHECK(agreement(looks, pairs, every_word) == std::vector{0.5});
  CHECK(agreement(looks, pairs, every_word, {.off = 1}) == std::vector{1.0});
  CHECK(agreement(looks, pairs, every_word, {.first = 1, .last = 1}) == std::vector{0.5});
  CHECK(agreement(looks, pairs, every_word, {.end = true}) == std::vector{0.0});
  const Pair shorter[]{{{2, 3}, {5, 6}, {0, 0}}};  // the end mark is at 2
  CHECK(agreement(looks, shorter, every_word, {.end = true}) == std::vector{0.5});
  CHECK(looks.most(0, 0, 0, 1, 4) == 1);  // 0.9 of both, beside 0.6
  CHECK(agreement(looks, pairs, [](int word) { return word == 5; }) == std::vector{1.0});
  CHECK(agreement(looks, pairs, [](int word) { return word == 7; }).empty());
}

TEST_CASE(
    "a model's own words are right where each is the most probable one behind the right ones, and it looks at real "
    "places") {
  using primer::nn::Align;
  Never never;
  Lab lab({}, never);
  for (const Align align : {Align::additive, Align::general}) {
    Net<float> net(recurrent_shape(copies, align, 8), 1);
    const Lesson lesson{.fit = {.steps = 30, .lr = 1e-2, .warmup = 5}, .batch = 16};
    learn(net, copies, lesson, lab);
    std::vector<Pair> all;
    for (const int a : {2, 3})
      for (const int b : {2, 3}) all.push_back({{a, b}, {a, b}, {0, 1}}), all.push_back({{a}, {a}, {0}});
    const std::vector<double> right = exactly_right(net, all), shares = correct(net.model, batch_of(all));
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(right[i] == (shares[i] == 1));
    CHECK(std::ranges::count(right, 1.0) > 0);
    CHECK(std::ranges::count(right, 0.0) > 0);

    const Looks looks = looks_of(net, all, "alignment");
    CHECK(looks.B == 8);
    CHECK(looks.H == 1);
    CHECK(looks.T == 3);
    CHECK(looks.S == 3);
    REQUIRE(looks.pattern.size() == 8 * 3 * 3);
    for (long row = 0; row < 24; ++row) {
      const float* x = &looks.pattern[static_cast<std::size_t>(row * 3)];
      CHECK(x[0] + x[1] + x[2] == doctest::Approx(1));
      CHECK((x[2] == 0) == (row / 3 % 2 == 1));  // a source of one letter and a mark
    }
    const std::vector<Pair> one(all.begin() + 2, all.begin() + 3);  // alone as among others
    const Looks alone = looks_of(net, one, "alignment");
    for (std::size_t i = 0; i < 9; ++i)
      CHECK(alone.pattern[i] == doctest::Approx(looks.pattern[2 * 9 + i]).epsilon(1e-5));
  }
}

TEST_CASE("the operations of a lesson are those that its steps make, and grow with them") {
  Net<float> net(recurrent_shape(sentences, primer::nn::Align::general, 8), 1);
  Lesson lesson{.fit = {.steps = 1}, .batch = 4};
  const double one = operations(net, sentences, lesson);
  // the output alone: 2 operations a weight, three times, at each place of a target
  const auto batch = batch_of(pairs_of(sentences, 1, 0, 4, false));
  const double output = 3 * 2.0 * 8 * static_cast<double>(sentences.target_words * batch.length * 4);
  CHECK(one > output);
  CHECK(one < 20 * output);
  lesson.fit.steps = 3;
  CHECK(operations(net, sentences, lesson) == 3 * one);
}

TEST_CASE("the floor of a smoothed loss is what the smoothed target itself loses, and any other distribution more") {
  constexpr int V = 11;
  constexpr double e = 0.1;
  std::vector<double> best(V, std::log(e / V)), other(V, std::log(e / V / 2));
  best[3] = std::log(1 - e + e / V);
  other[3] = std::log(1 - (V - 1) * e / V / 2);
  const auto loss = [&](std::vector<double> logits) {
    primer::autograd::Tape<double> tape;
    const auto x = tape.constant({1, 1}, std::vector<double>{1}), w = tape.input({V, 1}, logits);
    return primer::autograd::cross_entropy<double>(x, w, std::vector<int>{3}, 1, nullptr, {}, {}, e).item();
  };
  CHECK(std::abs(loss(best) - smoothed_floor(e, V)) < 1e-14);
  CHECK(loss(other) > smoothed_floor(e, V) + 0.001);
  CHECK(smoothed_floor(e, V) == doctest::Approx(0.51396).epsilon(1e-5));
}
