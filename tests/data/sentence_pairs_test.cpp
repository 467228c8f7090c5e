#include "data/examples/sentence_pairs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "tests/data/fixture.h"

namespace primer::data {

namespace {

constexpr int mask = 1000, cls = 1001, sep = 1002, vocabulary = 1003;

Masking masking(std::uint64_t seed = 5) {
  Masking m;
  m.seed = seed;
  m.mask = mask;
  m.vocabulary = vocabulary;
  m.begin = cls;
  m.end = sep;
  return m;
}

/// Documents of sentences of tokens d * 100 + s * 10 + place, so that a token says where it comes from.
TokenVector documents(const std::vector<std::vector<int>>& lengths) {
  std::vector<int> tokens;
  std::vector<Example> sentences;
  for (std::size_t d = 0; d < lengths.size(); ++d) {
    for (std::size_t s = 0; s < lengths[d].size(); ++s) {
      const auto length = static_cast<std::uint64_t>(lengths[d][s]);
      sentences.push_back({tokens.size(), length, -1, static_cast<std::uint32_t>(d)});
      for (int i = 0; i < lengths[d][s]; ++i) tokens.push_back(static_cast<int>(d * 100 + s * 10) + i);
    }
  }
  return TokenVector(tokens, sentences);
}

TokenVector ten_documents() { return documents(std::vector<std::vector<int>>(10, {3, 5, 2, 4, 6, 3, 1, 2, 4, 5})); }

struct Written {
  std::vector<int> tokens, targets, segments;  // [length]; tokens as they were before masking
  int label = -1;
  long length = 0;
};

Written write(const SentencePairs& pairs, std::uint64_t index) {
  const auto places = static_cast<std::size_t>(pairs.context());
  std::vector<int> tokens(places, 0), targets(places, -1), segments(places, 0);
  ExampleRow row{tokens, targets, segments};
  Written out;
  out.length = pairs.write(index, row);
  out.label = row.label;
  for (long i = out.length; i < pairs.context(); ++i) {
    CHECK((tokens[i] == 0 && targets[i] == -1 && segments[i] == 0));
  }
  for (auto* all : {&tokens, &targets, &segments}) all->resize(static_cast<std::size_t>(out.length));
  for (std::size_t i = 0; i < tokens.size(); ++i) out.tokens.push_back(targets[i] >= 0 ? targets[i] : tokens[i]);
  out.targets = targets;
  out.segments = segments;
  return out;
}

}  // namespace

TEST_CASE("a pair is [CLS] A [SEP] B [SEP]: B follows A, or comes from another document") {
  const TokenVector tokens = ten_documents();
  SentencePairs pairs(tokens, 24, masking());
  CHECK(pairs.documents() == 10);
  CHECK(pairs.sentences() == 100);
  long following = 0, labelled = 0;
  std::set<int> others;
  for (std::uint64_t epoch = 0; epoch < 40; ++epoch) {
    pairs.begin(Purpose::training, epoch);
    for (std::uint64_t i = 0; i < pairs.count(); ++i) {
      const Written w = write(pairs, i);
      CHECK(w.length == pairs.length(i));
      CHECK(w.length <= 24);
      CHECK(w.tokens.front() == cls);
      CHECK(w.tokens.back() == sep);
      CHECK(std::count(w.tokens.begin(), w.tokens.end(), cls) == 1);
      const long parts = std::count(w.tokens.begin(), w.tokens.end(), sep);
      CHECK(parts == (w.label < 0 ? 1 : 2));
      CHECK(std::is_sorted(w.segments.begin(), w.segments.end()));
      const auto middle = std::find(w.tokens.begin(), w.tokens.end(), sep) - w.tokens.begin();
      for (long k = 0; k < w.length; ++k) CHECK(w.segments[k] == (k > middle));
      const long chosen = std::count_if(w.targets.begin(), w.targets.end(), [](int t) { return t >= 0; });
      CHECK(chosen == std::max(1L, std::lround(0.15 * static_cast<double>(w.length))));
      for (const int target : w.targets) CHECK((target != cls && target != sep));
      if (w.label < 0) continue;
      ++labelled;
      following += w.label == SentencePairs::follows;
      const int a = w.tokens[middle - 1], b = w.tokens[middle + 1];
      CHECK((a / 100 == b / 100) == (w.label == SentencePairs::follows));
      if (w.label == SentencePairs::follows) CHECK(b > a);
      else others.insert(a / 100 * 10 + b / 100);
    }
  }
  CHECK(labelled > 1000);
  CHECK(std::abs(static_cast<double>(following) - labelled / 2.0) < 4 * std::sqrt(labelled / 4.0));
  CHECK(others.size() == 90);  // every document with every other one
}

TEST_CASE("in an epoch every sentence is in A or in a following B once") {
  const TokenVector tokens = ten_documents();
  SentencePairs pairs(tokens, 100, masking());
  for (std::uint64_t epoch = 0; epoch < 10; ++epoch) {
    pairs.begin(Purpose::training, epoch);
    std::map<int, int> seen;  // the first token of each sentence
    for (std::uint64_t i = 0; i < pairs.count(); ++i) {
      const Written w = write(pairs, i);
      for (long k = 0; k < w.length; ++k) {
        const bool own = w.segments[k] == 0 || w.label == SentencePairs::follows;
        if (w.tokens[k] < mask && w.tokens[k] % 10 == 0 && own) ++seen[w.tokens[k]];
      }
    }
    CHECK(seen.size() == 100);
    for (const auto& [token, times] : seen) CHECK(times == 1);
  }
}

TEST_CASE("pairs are a pure function of seed, epoch and number, and an evaluation's never change") {
  const TokenVector tokens = ten_documents();
  const auto all = [&](std::uint64_t seed, Purpose purpose, std::uint64_t epoch) {
    SentencePairs pairs(tokens, 24, masking(seed));
    pairs.begin(Purpose::training, 17);  // what was before does not matter
    pairs.begin(purpose, epoch);
    std::vector<std::vector<int>> ids;
    for (std::uint64_t i = pairs.count(); i-- > 0;) ids.push_back(write(pairs, i).tokens);
    return ids;
  };
  const auto ids = all(5, Purpose::training, 3);
  CHECK(all(5, Purpose::training, 3) == ids);
  CHECK(all(5, Purpose::training, 4) != ids);
  CHECK(all(6, Purpose::training, 3) != ids);
  CHECK(all(5, Purpose::evaluation, 3) != ids);
}

TEST_CASE("a pair that is too long loses tokens of the longer part, at either end") {
  const TokenVector tokens = documents({{9, 9}, {9, 9}, {9, 9}});
  SentencePairs pairs(tokens, 13, masking());
  std::set<int> first;
  for (std::uint64_t epoch = 0; epoch < 50; ++epoch) {
    pairs.begin(Purpose::training, epoch);
    for (std::uint64_t i = 0; i < pairs.count(); ++i) {
      const Written w = write(pairs, i);
      if (w.label < 0) continue;
      CHECK(w.length == 13);
      const long a = std::count(w.segments.begin(), w.segments.end(), 0) - 2;
      CHECK(a == 5);
      first.insert(w.tokens[1] % 10);
      for (long k = 2; k <= a; ++k) CHECK(w.tokens[k] == w.tokens[k - 1] + 1);
    }
  }
  CHECK(first == std::set<int>{0, 1, 2, 3, 4});
}

TEST_CASE("batches of pairs are as long as their longest, and going on is exactly going on") {
  const TokenVector tokens = ten_documents();
  const auto fresh = [&] { return TrainingBatches(std::make_unique<SentencePairs>(tokens, 40, masking()), 5); };
  TrainingBatches unbroken = fresh();
  Batch expected, resumed;
  for (int step = 0; step < 60; ++step) {
    const Cursor cursor = unbroken.cursor();
    TrainingBatches again = fresh();
    again.seek(cursor);
    unbroken.next(4, expected);
    again.next(4, resumed);
    CHECK(expected.tokens == resumed.tokens);
    CHECK(expected.targets == resumed.targets);
    CHECK(expected.segments == resumed.segments);
    CHECK(expected.labels == resumed.labels);
    CHECK(expected.length == *std::max_element(expected.lengths.begin(), expected.lengths.end()));
    CHECK(expected.tokens.size() == static_cast<std::size_t>(4 * expected.length));
  }
  CHECK(unbroken.cursor().epoch > 2);
}

TEST_CASE("texts without two documents, or without two sentences in one, are refused") {
  const auto refusal = [](const TokenVector& tokens) {
    return refused(Fault::input, [&] { SentencePairs(tokens, 24, masking()); });
  };
  CHECK(contains(refusal(documents({{3, 4, 5}})), "found 1 document, 3 sentences"));
  CHECK(contains(refusal(documents({{3}, {4}})), "found 2 documents, 2 sentences"));
  refusal(TokenVector({}));
  refusal(TokenVector({1, 2, 3}));
  refused(Fault::usage, [] { SentencePairs(ten_documents(), 4, masking()); });
}

}  // namespace primer::data
