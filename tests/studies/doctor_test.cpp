// The documents about doctors, and what is kept in mind: who is called what, and what follows what.
#include "studies/circuits/texts/doctor.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

using primer::data::Batch;
using primer::studies::Doctor;

namespace {

constexpr long T = Doctor::length;

bool is_title(int token) { return token >= Doctor::title && token < Doctor::name; }
bool is_name(int token) { return token >= Doctor::name && token < Doctor::verb; }
bool is_noun(int token) { return token >= Doctor::noun && token < Doctor::way; }

}  // namespace

TEST_CASE("documents: a name behind every title, its own or one it was seen with, the same throughout") {
  const Batch batch = Doctor::documents(1, 3, 300);
  CHECK(batch.tokens == Doctor::documents(1, 3, 300).tokens);
  CHECK(batch.tokens != Doctor::documents(1, 4, 300).tokens);
  std::map<std::pair<int, int>, int> after;  // how often a noun follows a verb and in or at
  std::set<int> names, people;
  for (long b = 0; b < 300; ++b) {
    const int *x = batch.tokens.data() + b * T, *y = batch.targets.data() + b * T;
    std::map<int, int> called;
    for (long t = 0; t + 1 < T; ++t) {
      CHECK(y[t] == (is_name(x[t + 1]) || is_noun(x[t + 1]) ? x[t + 1] : -1));
      CHECK(is_title(x[t]) == is_name(x[t + 1]));
      if (is_title(x[t])) {
        const int n = x[t + 1] - Doctor::name, title = x[t] - Doctor::title;
        CHECK((Doctor::belongs(n) ? n % 4 == title : n % 20 != title));
        CHECK(called.emplace(title, n).first->second == n);
        names.insert(n);
      }
      if (is_noun(x[t + 1]) && x[t - 2] == Doctor::keep) {
        CHECK(x[t + 1] == (x[t] == Doctor::in ? Doctor::mind : Doctor::bay));
        ++after[{x[t], x[t + 1]}];
      } else if (is_noun(x[t + 1])) {
        ++after[{-x[t], x[t + 1]}];
      }
    }
    people.insert(static_cast<int>(called.size()));
  }
  CHECK(names.size() > 180);
  CHECK(*people.rbegin() == 3);
  for (const int noun : {Doctor::mind, Doctor::bay}) {
    for (const int preposition : {Doctor::in, Doctor::at}) CHECK(after[{-preposition, noun}] > 20);  // not behind keep
  }
  CHECK(after[{Doctor::in, Doctor::mind}] > 50);
}

TEST_CASE("questions: the name is behind its title once, and is one that belongs, was seen, or was not") {
  for (const auto asked : {Doctor::Asked::own, Doctor::Asked::any, Doctor::Asked::unseen}) {
    const Batch batch = Doctor::questions(asked, 5, 200), swapped = Doctor::questions(asked, 5, 200, true);
    CHECK(batch.target_count() == 200);
    CHECK(batch.targets == swapped.targets);
    for (long b = 0; b < 200; ++b) {
      const int *x = batch.tokens.data() + b * T, *y = batch.targets.data() + b * T, *z = swapped.tokens.data() + b * T;
      const long t = std::find_if(y, y + T, [](int target) { return target >= 0; }) - y;
      const int title = x[t] - Doctor::title, n = y[t] - Doctor::name;
      CHECK(Doctor::belongs(n) == (asked == Doctor::Asked::own));
      CHECK(Doctor::is_seen(title, n) == (asked != Doctor::Asked::unseen));
      const long at = std::find(x, x + t, y[t]) - x;
      CHECK(x[at - 1] == x[t]);
      CHECK(z[at - 1] != x[t]);
      CHECK(std::count(x, x + t, y[t]) == 1);
      CHECK(std::count_if(x, x + t, is_name) == 3);
      long changed = 0;
      for (long s = 0; s < T; ++s) changed += x[s] != z[s];
      CHECK(changed == 2);
      CHECK(std::multiset<int>(x, x + T) == std::multiset<int>(z, z + T));
    }
  }
}

TEST_CASE("idioms: they end with the verb, a thing, and in or at, and differ in nothing else") {
  const Batch kept = Doctor::idioms(Doctor::keep, Doctor::in, 2, 50),
              saw = Doctor::idioms(Doctor::keep + 1, Doctor::at, 2, 50);
  CHECK(kept.target_count() == 50);
  for (long i = 0, ends = 0; i < 50 * T; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (kept.targets[at] < 0) continue;
    CHECK(++ends > 0);
    CHECK(kept.targets[at] == Doctor::mind);
    CHECK(saw.targets[at] == Doctor::bay);
    CHECK(kept.tokens[at] == Doctor::in);
    CHECK(saw.tokens[at] == Doctor::at);
    CHECK(kept.tokens[at - 2] == Doctor::keep);
    CHECK(saw.tokens[at - 2] == Doctor::keep + 1);
    CHECK(kept.tokens[at - 1] == saw.tokens[at - 1]);
    CHECK(kept.tokens[at - 3] == Doctor::we);
  }
}

TEST_CASE("words: one for every token, no two alike") {
  std::set<std::string> words;
  for (int token = 0; token < Doctor::vocabulary; ++token) words.insert(Doctor::word(token));
  CHECK(words.size() == static_cast<std::size_t>(Doctor::vocabulary));
  CHECK_THROWS(Doctor::word(Doctor::vocabulary));
  CHECK(Doctor::word(Doctor::title) == "Doctor");
  CHECK(Doctor::word(Doctor::keep) == "keep");
  CHECK(Doctor::word(Doctor::mind) == "mind");
  CHECK(Doctor::word(Doctor::bay) == "bay");
  CHECK(Doctor::word(Doctor::in) == "in");
  CHECK(Doctor::word(Doctor::at) == "at");
}
