#include "studies/circuits/texts/stories.h"

#include <algorithm>
#include <array>
#include <utility>

#include "studies/lab/fit.h"

namespace primer::studies {

std::vector<int> Stories::story(const autograd::Random& random, std::uint64_t index, long sentences, int answer,
                                bool paired) {
  std::uint64_t drawn = index * 65536;
  const auto below = [&](long count) { return static_cast<int>(random.below(count, drawn++)); };
  const auto other = [&](int first, int count, int than) {  // any but one
    const int one = first + below(count - 1);
    return one + (one >= than ? 1 : 0);
  };
  const int x = first_person + below(people), p = first_place + below(places), second = other(first_place, places, p);
  std::vector<std::array<int, 2>> told;  // verb, place
  if (paired) {
    for (long pair = 0; pair < std::min<long>(pairs, sentences / 2); ++pair) {
      const int v = other(enters, verbs, enters), q = other(first_place, places, p);
      if (pair < answer) {
        told.insert(told.end(), {{enters, p}, {v, q}});
      } else {
        told.insert(told.end(), {{v, p}, {enters, q}});
      }
    }
  } else {
    told.assign(std::min<long>(answer, sentences), {enters, p});
    const long left = sentences - static_cast<long>(told.size());
    told.insert(told.end(), std::min<long>(below(answers), left), {enters, second});
  }
  while (static_cast<long>(told.size()) < sentences) {
    const std::array<int, 2> any{enters + below(verbs), first_place + below(places)};
    if (any[0] != enters || (any[1] != p && (paired || any[1] != second))) told.push_back(any);
  }
  std::vector<int> tokens{x, how_often, p, x, how_often, second};
  for (std::size_t i = told.size(); i > 0; --i) {  // Fisher & Yates
    std::swap(told[i - 1], told[below(i)]);
    tokens.insert(tokens.end(), {x, told[i - 1][0], told[i - 1][1]});
  }
  return tokens;
}

bool Stories::counts(const int* story, long i, long q) {
  const int* words = story + (questions + i) * sentence;
  return words[1] == enters && words[2] == story[q * sentence + 2];
}

/// The first `asked` questions are to be answered, where their answer is one.
static void fill(data::Batch& batch, long b, const std::vector<int>& story, long asked, bool at_end) {
  const long T = batch.length;
  std::copy_n(story.begin(), T, batch.tokens.begin() + b * T);
  for (long q = 0; q < asked; ++q) {
    long count = 0;
    for (long i = 0; i < T / Stories::sentence - Stories::questions; ++i) count += Stories::counts(story.data(), i, q);
    const long place = at_end ? T - 1 : (q + 1) * Stories::sentence - 1;
    if (count < Stories::answers) {
      batch.targets[b * T + place] = Stories::first_answer + static_cast<int>(count);
    }
  }
}

data::Batch Stories::batch(std::uint64_t seed, long step, long sequences, long sentences, bool paired, bool at_end) {
  const autograd::Random random(seed, autograd::hash("stories"), step);
  const autograd::Random answer(seed, autograd::hash("answers"), step);
  data::Batch batch = empty_batch(sequences, length(sentences));
  for (long b = 0; b < sequences; ++b) {
    const int k = static_cast<int>(answer.below(answers, b));
    fill(batch, b, story(random, b, sentences, k, paired), 1, at_end);
  }
  return batch;
}

data::Batch Stories::training(std::uint64_t seed, long step, long sequences, long sentences, bool at_end) {
  const autograd::Random random(seed, autograd::hash("training"), step);
  const autograd::Random answer(seed, autograd::hash("trained answers"), step);
  data::Batch batch = empty_batch(sequences, length(sentences));
  for (long b = 0; b < sequences; ++b) {
    const int k = static_cast<int>(answer.below(answers, b));
    fill(batch, b, story(random, b, sentences, k, b % 2 == 1), at_end ? 1 : questions, at_end);
  }
  return batch;
}

std::string Stories::word(int token) {
  static const std::array<const char*, vocabulary> words{
      "Ann",  "Ben",     "Cleo", "Dan",   "Eve",  "Finn", "enters", "decides on", "leaves", "how often at",
      "park", "station", "shop", "tower", "mill", "0",    "1",      "2",          "3",      "4"};
  return words[token];
}

}  // namespace primer::studies
