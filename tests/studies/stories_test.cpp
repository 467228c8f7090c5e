// Stories with a question: what counts is counted, and words alone do not tell how many.
#include "studies/circuits/texts/stories.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace primer::studies;
using primer::autograd::Random;

TEST_CASE("of every answer's story the same words are told, and as many sentences count as the answer says") {
  const Random random(3, 1);
  for (std::uint64_t index = 0; index < 200; ++index) {
    const long sentences = 8 + static_cast<long>(index % 9);
    std::vector<int> words;
    for (int answer = 0; answer < Stories::answers; ++answer) {
      const std::vector<int> story = Stories::story(random, index, sentences, answer);
      REQUIRE(static_cast<long>(story.size()) == Stories::length(sentences));
      long counted = 0;
      for (long i = 0; i < sentences; ++i) counted += Stories::counts(story.data(), i);
      CHECK(counted == answer);
      std::vector<int> sorted = story;
      std::sort(sorted.begin(), sorted.end());
      if (answer == 0) words = sorted;
      CHECK(sorted == words);
      CHECK(story[0] == Stories::story(random, index, sentences, 0)[0]);
    }
  }
}

TEST_CASE("a batch of stories is a function of seed and step, its answers are even, and stand where they are read") {
  const auto batch = Stories::batch(1, 2, 2000, 9), end = Stories::batch(1, 2, 2000, 9, true);
  CHECK(batch.tokens == Stories::batch(1, 2, 2000, 9).tokens);
  CHECK(batch.tokens == end.tokens);
  CHECK(batch.tokens != Stories::batch(1, 3, 2000, 9).tokens);
  std::vector<long> seen(Stories::answers);
  for (long b = 0; b < batch.sequences; ++b) {
    const int* story = batch.tokens.data() + b * batch.length;
    long counted = 0;
    for (long i = 0; i < 9; ++i) counted += Stories::counts(story, i);
    const auto first = static_cast<std::size_t>(b * batch.length);
    CHECK(batch.targets[first] == Stories::first_answer + counted);
    CHECK(end.targets[first + static_cast<std::size_t>(batch.length) - 1] == batch.targets[first]);
    ++seen[static_cast<std::size_t>(counted)];
  }
  for (const long count : seen) CHECK(std::abs(count - 400) < 90);  // five deviations
  CHECK(batch.target_count() == 2000);
}

TEST_CASE("a plain story has its answer in sentences that count, too") {
  const Random random(4, 1);
  for (int answer = 0; answer < Stories::answers; ++answer) {
    const std::vector<int> story = Stories::story(random, 7, 10, answer, true);
    long counted = 0;
    for (long i = 0; i < 10; ++i) counted += Stories::counts(story.data(), i);
    CHECK(counted == answer);
  }
}

TEST_CASE("stories to learn from have several questions in front, each answered by the sentences that count for it") {
  constexpr long more = 3, sentences = 9;
  const auto batch = Stories::training(1, 2, 300, sentences, more),
             end = Stories::training(1, 2, 300, sentences, 0, true);
  CHECK(batch.tokens == Stories::training(1, 2, 300, sentences, more).tokens);
  CHECK(batch.length == more + 1 + 3 * sentences);
  long unlike = 0;
  for (long b = 0; b < batch.sequences; ++b) {
    const int *x = batch.tokens.data() + b * batch.length, *y = batch.targets.data() + b * batch.length;
    for (long q = 0; q <= more; ++q) {
      std::vector<int> asked{x[q]};
      asked.insert(asked.end(), x + more + 1, x + batch.length);
      CHECK(asked[0] >= Stories::first_question);
      long counted = 0;
      for (long i = 0; i < sentences; ++i) counted += Stories::counts(asked.data(), i);
      CHECK(y[q] == (counted < Stories::answers ? Stories::first_answer + counted : -1));
      unlike += q < more && x[0] != x[q];
    }
    CHECK(std::count(y, y + batch.length, -1) >= batch.length - more - 1);
    CHECK(end.targets[static_cast<std::size_t>((b + 1) * end.length - 1)] >= Stories::first_answer);
  }
  CHECK(unlike > 300);
}

TEST_CASE("every token has a word of its own") {
  std::set<std::string> words;
  for (int token = 0; token < Stories::vocabulary; ++token) words.insert(Stories::word(token));
  CHECK(words.size() == Stories::vocabulary);
  CHECK(Stories::word(Stories::enters) == "enters");
  CHECK(Stories::word(Stories::ask(Stories::first_person + 1, Stories::first_place + 2)) ==
        "how often was Ben at the shop?");
  CHECK(Stories::word(Stories::first_answer + 4) == "4");
}
