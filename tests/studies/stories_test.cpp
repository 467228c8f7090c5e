// Stories with questions: what counts is counted, and the words of a paired one do not tell how many.
#include "studies/circuits/texts/stories.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace primer::studies;
using primer::autograd::Random;

static long counted(const int* story, long sentences, long question = 0) {
  long count = 0;
  for (long i = 0; i < sentences; ++i) count += Stories::counts(story, i, question);
  return count;
}

TEST_CASE("of every answer's paired story the same words are told, and as many sentences count as the answer says") {
  const Random random(3, 1);
  for (std::uint64_t index = 0; index < 200; ++index) {
    const long sentences = 8 + static_cast<long>(index % 9);
    std::vector<int> words;
    for (int answer = 0; answer < Stories::answers; ++answer) {
      const std::vector<int> story = Stories::story(random, index, sentences, answer, true);
      REQUIRE(static_cast<long>(story.size()) == Stories::length(sentences));
      CHECK(counted(story.data(), sentences) == answer);
      std::vector<int> sorted = story;
      std::sort(sorted.begin(), sorted.end());
      if (answer == 0) words = sorted;
      CHECK(sorted == words);
    }
  }
}

TEST_CASE("a story is told of the person who is asked about, and asks about two places") {
  const Random random(4, 1);
  for (std::uint64_t index = 0; index < 100; ++index) {
    const std::vector<int> story = Stories::story(random, index, 10, static_cast<int>(index % 5), index % 2 == 0);
    for (std::size_t t = 0; t < story.size(); t += 3) {
      CHECK(story[t] == story[0]);
      CHECK((story[t + 1] == Stories::how_often) == (t < 6));
    }
    CHECK(story[2] != story[5]);
    CHECK(counted(story.data(), 10) == static_cast<long>(index % 5));
  }
}

TEST_CASE("a story that is too short for its answer has what there is room for") {
  const Random random(5, 1);
  const auto count = [&](long sentences, int answer, bool paired) {
    return counted(Stories::story(random, 7, sentences, answer, paired).data(), sentences);
  };
  CHECK(count(4, 4, false) == 4);
  CHECK(count(3, 4, false) == 3);
  CHECK(count(5, 4, true) == 2);
  CHECK(count(6, 2, true) == 2);
  CHECK(count(4, 0, true) == 0);
}

TEST_CASE("a batch of stories is a function of seed and step, its answers are even, and stand where they are read") {
  const auto batch = Stories::batch(1, 2, 2000, 9, true), end = Stories::batch(1, 2, 2000, 9, true, true);
  CHECK(batch.tokens == Stories::batch(1, 2, 2000, 9, true).tokens);
  CHECK(batch.tokens == end.tokens);
  CHECK(batch.tokens != Stories::batch(1, 3, 2000, 9, true).tokens);
  std::vector<long> seen(Stories::answers);
  for (long b = 0; b < batch.sequences; ++b) {
    const long count = counted(batch.tokens.data() + b * batch.length, 9);
    const auto first = static_cast<std::size_t>(b * batch.length);
    CHECK(batch.targets[first + 2] == Stories::first_answer + count);
    CHECK(end.targets[first + static_cast<std::size_t>(batch.length) - 1] == batch.targets[first + 2]);
    ++seen[static_cast<std::size_t>(count)];
  }
  for (const long count : seen) CHECK(std::abs(count - 400) < 90);  // five deviations
  CHECK(batch.target_count() == 2000);
  CHECK(end.target_count() == 2000);
}

TEST_CASE("what is learned from has both questions answered, unless more than 4 sentences count") {
  const auto batch = Stories::training(1, 0, 500, 10);
  std::vector<long> second(Stories::answers);  // of stories that are not paired
  for (long b = 0; b < batch.sequences; ++b) {
    const int* story = batch.tokens.data() + b * batch.length;
    for (long q = 0; q < Stories::questions; ++q) {
      const long count = counted(story, 10, q);
      const int target = batch.targets[static_cast<std::size_t>(b * batch.length + 3 * q + 2)];
      CHECK(target == (count > 4 ? -1 : Stories::first_answer + static_cast<int>(count)));
      if (q == 1 && b % 2 == 0) ++second[static_cast<std::size_t>(count)];
    }
  }
  for (const long count : second) CHECK(std::abs(count - 50) < 32);  // five deviations
  CHECK(Stories::training(1, 0, 500, 10, true).target_count() == 500);
}

TEST_CASE("every token has a word of its own") {
  std::set<std::string> words;
  for (int token = 0; token < Stories::vocabulary; ++token) words.insert(Stories::word(token));
  CHECK(words.size() == Stories::vocabulary);
  CHECK(Stories::word(Stories::enters) == "enters");
  CHECK(Stories::word(Stories::how_often) == "how often at");
  CHECK(Stories::word(Stories::first_place) == "park");
  CHECK(Stories::word(Stories::first_answer + 4) == "4");
}
