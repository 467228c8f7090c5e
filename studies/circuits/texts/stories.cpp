#include "studies/circuits/texts/stories.h"

#include <algorithm>
#include <array>
#include <utility>

#include "studies/lab/fit.h"

namespace primer::studies {

std::vector<int> Stories::story(const autograd::Random& random, std::uint64_t index, long sentences, int answer,
                                bool plain) {
  std::uint64_t drawn = index * 65536;
  const auto below = [&](long count) {
    return static_cast<int>(random.below(static_cast<std::uint64_t>(count), drawn++));
  };
  const auto other = [&](int first, int count, int than) {  // any but one
    const int one = first + below(count - 1);
    return one + (one >= than ? 1 : 0);
  };
  const int x = first_person + below(people), p = first_place + below(places);
  std::vector<std::array<int, 3>> told;
  for (int i = 0; plain && i < answer; ++i) told.push_back({x, enters, p});
  for (int pair = 0; !plain && pair < pairs; ++pair) {
    const int y = other(first_person, people, x), v = other(first_verb, verbs, enters),
              q = other(first_place, places, p);
    const int way = below(3);
    if (pair < answer) {
      told.insert(told.end(), {{x, enters, p}, {y, v, q}});
    } else if (way == 0) {
      told.insert(told.end(), {{y, enters, p}, {x, v, q}});
    } else if (way == 1) {
      told.insert(told.end(), {{x, v, p}, {y, enters, q}});
    } else {
      told.insert(told.end(), {{x, enters, q}, {y, v, p}});
    }
  }
  while (static_cast<long>(told.size()) < sentences) {
    const std::array<int, 3> any{first_person + below(people), first_verb + below(verbs), first_place + below(places)};
    if (any != std::array{x, enters, p}) told.push_back(any);
  }
  std::vector<int> tokens{ask(x, p)};
  for (std::size_t i = told.size(); i > 0; --i) {  // Fisher & Yates
    std::swap(told[i - 1], told[static_cast<std::size_t>(below(static_cast<long>(i)))]);
    tokens.insert(tokens.end(), told[i - 1].begin(), told[i - 1].end());
  }
  return tokens;
}

data::Batch Stories::batch(std::uint64_t seed, long step, long sequences, long sentences, bool at_end) {
  const autograd::Random random(seed, autograd::hash("stories"), static_cast<std::uint64_t>(step));
  const autograd::Random answer(seed, autograd::hash("answers"), static_cast<std::uint64_t>(step));
  data::Batch batch = empty_batch(sequences, length(sentences));
  for (long b = 0; b < sequences; ++b) {
    const auto index = static_cast<std::uint64_t>(b);
    const int k = static_cast<int>(answer.below(answers, index));
    const std::vector<int> tokens = story(random, index, sentences, k);
    std::copy(tokens.begin(), tokens.end(), batch.tokens.begin() + b * batch.length);
    batch.targets[static_cast<std::size_t>(b * batch.length + (at_end ? batch.length - 1 : 0))] = first_answer + k;
  }
  return batch;
}

data::Batch Stories::training(std::uint64_t seed, long step, long sequences, long sentences, long more, bool at_end) {
  const autograd::Random random(seed, autograd::hash("training"), static_cast<std::uint64_t>(step));
  const autograd::Random questions(seed, autograd::hash("questions"), static_cast<std::uint64_t>(step));
  data::Batch batch = empty_batch(sequences, more * question + length(sentences));
  for (long b = 0; b < sequences; ++b) {
    std::uint64_t drawn = static_cast<std::uint64_t>(b) * 4096;
    const auto below = [&](long count) {
      return static_cast<long>(questions.below(static_cast<std::uint64_t>(count), drawn++));
    };
    const std::vector<int> told =
        story(random, static_cast<std::uint64_t>(b), sentences, static_cast<int>(below(answers)), b % 2 == 0);
    std::vector<int> asked(told);  // mark, person, place, and the story again
    int *x = batch.tokens.data() + b * batch.length, *y = batch.targets.data() + b * batch.length;
    for (long i = 0; i <= more; ++i) {
      if (i < more) {  // the question of the story itself stands right before it
        const int* words = told.data() + question + below(sentences) * sentence;
        asked[0] = ask(words[0], words[2]);
      } else {
        asked = told;
      }
      long count = 0;
      for (long s = 0; s < sentences; ++s) count += counts(asked.data(), s);
      std::copy_n(asked.begin(), question, x + i * question);
      if (count < answers) y[at_end ? batch.length - 1 : i * question] = first_answer + static_cast<int>(count);
    }
    std::copy(told.begin() + question, told.end(), x + (more + 1) * question);
  }
  return batch;
}

std::string Stories::word(int token) {
  static const std::array<const char*, first_question> words{
      "Ann",    "Ben",  "Cleo",    "Dan",  "Eve",   "Finn", "enters", "decides to go to",
      "leaves", "park", "station", "shop", "tower", "mill", "inn",    "0",
      "1",      "2",    "3",       "4"};
  if (token < first_question) return words[static_cast<std::size_t>(token)];
  const int asked = token - first_question;
  return "how often was " + word(first_person + asked / places) + " at the " + word(first_place + asked % places) + "?";
}

}  // namespace primer::studies
