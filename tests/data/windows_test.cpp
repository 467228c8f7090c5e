#include "data/examples/windows.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "data/examples/permutation.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

/// The tokens 0 ... n-1, so that a token says where it comes from.
TokenVector counted(int n) {
  std::vector<int> tokens(static_cast<std::size_t>(n));
  std::iota(tokens.begin(), tokens.end(), 0);
  return TokenVector(tokens);
}

std::unique_ptr<Windows> windows_of(const TokenSequence& tokens, long context, std::uint64_t seed,
                                    std::optional<Masking> masking = {}) {
  return std::make_unique<Windows>(tokens, context, seed, masking);
}

/// Batches of windows for training.
TrainingBatches training(const TokenSequence& tokens, long context, std::uint64_t seed,
                         std::optional<Masking> masking = {}) {
  return TrainingBatches(windows_of(tokens, context, seed, masking), seed);
}

EvaluationBatches evaluation(const TokenSequence& tokens, long context, std::optional<Masking> masking = {}) {
  return EvaluationBatches(windows_of(tokens, context, 0, masking));
}

/// The windows of a training epoch.
std::uint64_t windows_in(std::uint64_t epoch, const TokenSequence& tokens, long context, std::uint64_t seed,
                         std::optional<Masking> masking = {}) {
  const auto windows = windows_of(tokens, context, seed, masking);
  windows->begin(Purpose::training, epoch);
  return windows->count();
}

bool same(const Batch& a, const Batch& b) {
  return a.tokens == b.tokens && a.targets == b.targets && a.lengths == b.lengths && a.padded == b.padded;
}

}  // namespace

TEST_CASE("a permutation takes every place once, for every size") {
  for (const std::uint64_t size : {1u, 2u, 3u, 4u, 5u, 7u, 8u, 9u, 16u, 17u, 100u, 127u, 128u, 129u, 1000u, 65'537u}) {
    for (const std::uint64_t epoch : {0u, 1u}) {
      std::vector<char> taken(size, 0);
      const Permutation permutation(size, 42, epoch);
      for (std::uint64_t i = 0; i < size; ++i) {
        const std::uint64_t to = permutation(i);
        REQUIRE(to < size);
        CHECK(!taken[to]);
        taken[to] = 1;
      }
    }
  }
}

TEST_CASE("a permutation of a huge size stays inside, and close places go apart") {
  const std::uint64_t size = (std::uint64_t{1} << 40) + 12345;
  const Permutation permutation(size, 1, 0);
  std::set<std::uint64_t> seen;
  double mean = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const std::uint64_t to = permutation(i);
    CHECK(to < size);
    seen.insert(to);
    mean += static_cast<double>(to) / static_cast<double>(size) / 1000;
  }
  CHECK(seen.size() == 1000);
  CHECK(mean == doctest::Approx(0.5).epsilon(0.06));  // three standard errors
}

TEST_CASE("permutations differ by seed and by epoch, and every place is as likely") {
  for (const std::uint64_t size : {2u, 3u, 5u, 12u}) {
    std::vector<std::vector<int>> counts(size, std::vector<int>(size, 0));  // [from, to]
    const int trials = 6000;
    for (int trial = 0; trial < trials; ++trial) {
      const Permutation permutation(size, static_cast<std::uint64_t>(trial / 2), static_cast<std::uint64_t>(trial % 2));
      for (std::uint64_t i = 0; i < size; ++i) ++counts[i][permutation(i)];
    }
    const double expected = trials / static_cast<double>(size);
    for (const auto& row : counts) {
      for (const int count : row) CHECK(std::abs(count - expected) < 5 * std::sqrt(expected));
    }
  }
}

TEST_CASE("an epoch makes every token but the first a target exactly once") {
  for (const int n : {2, 3, 5, 16, 17, 18, 33, 100, 257}) {
    for (const long context : {1, 2, 7, 16, 300}) {
      CAPTURE(n);
      CAPTURE(context);
      const TokenVector tokens = counted(n);
      TrainingBatches windows = training(tokens, context, 5);
      Batch batch;
      for (std::uint64_t epoch = 0; epoch < 4; ++epoch) {
        std::map<int, int> targets;
        const std::uint64_t count = windows_in(epoch, tokens, context, 5);
        for (std::uint64_t i = 0; i < count; ++i) {
          windows.next(1, batch);
          REQUIRE(batch.tokens.size() == static_cast<std::size_t>(context));
          const int length = batch.lengths[0];
          CHECK(length >= 1);
          CHECK(batch.padded == (length < context));
          CHECK(batch.target_count() == length);
          for (int j = 0; j < context; ++j) {
            const auto at = static_cast<std::size_t>(j);
            if (j >= length) {
              CHECK(batch.tokens[at] == 0);
              CHECK(batch.targets[at] == -1);
              continue;
            }
            CHECK(batch.targets[at] == batch.tokens[at] + 1);
            if (j > 0) CHECK(batch.tokens[at] == batch.tokens[at - 1] + 1);
            ++targets[batch.targets[at]];
          }
        }
        CHECK(windows.cursor() == Cursor{epoch, count});
        CHECK(windows.epochs() == static_cast<double>(epoch + 1));
        CHECK(targets.size() == static_cast<std::size_t>(n - 1));
        for (const auto& [target, times] : targets) {
          CHECK(target >= 1);
          CHECK(times == 1);
        }
      }
    }
  }
}

TEST_CASE("where the first window ends, and the order, change from epoch to epoch and with the seed") {
  const TokenVector tokens = counted(1000);
  std::set<std::uint64_t> firsts;
  for (std::uint64_t epoch = 0; epoch < 400; ++epoch) {
    Windows windows(tokens, 8, 1);
    windows.begin(Purpose::training, epoch);
    firsts.insert(windows.plan().first);
  }
  CHECK(firsts == std::set<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8});
  Batch one, two;
  training(tokens, 8, 1).next(50, one);
  training(tokens, 8, 2).next(50, two);
  CHECK(!same(one, two));
  training(tokens, 8, 1).next(50, two);
  CHECK(same(one, two));
}

TEST_CASE("the windows of an epoch come shuffled, in another order in each") {
  const TokenVector tokens = counted(1001);
  TrainingBatches windows = training(tokens, 10, 1);
  std::vector<std::vector<int>> orders;
  Batch batch;
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    windows.next(static_cast<long>(windows_in(epoch, tokens, 10, 1)), batch);
    std::vector<int> order;  // of the first tokens, in tens
    for (std::size_t row = 0; row < batch.lengths.size(); ++row) order.push_back(batch.tokens[row * 10] / 10);
    int rising = 0;
    for (std::size_t i = 1; i < order.size(); ++i) rising += order[i] > order[i - 1];
    CHECK(rising > 30);
    CHECK(rising < 70);
    orders.push_back(order);
  }
  CHECK(orders[0] != orders[1]);
  CHECK(orders[1] != orders[2]);
}

TEST_CASE("going on from any cursor is exactly going on") {
  const TokenVector tokens = counted(101);
  for (const bool masked : {false, true}) {
    const auto masking = masked ? std::optional<Masking>(Masking{3, 101, 102}) : std::nullopt;
    TrainingBatches unbroken = training(tokens, 16, 9, masking);
    Batch expected, resumed;
    for (int step = 0; step < 40; ++step) {
      const Cursor cursor = unbroken.cursor();
      TrainingBatches fresh = training(tokens, 16, 9, masking);
      fresh.seek(cursor);
      CHECK(fresh.epochs() == unbroken.epochs());
      unbroken.next(3, expected);
      fresh.next(3, resumed);
      CHECK(same(expected, resumed));
      CHECK(fresh.cursor() == unbroken.cursor());
    }
    CHECK(unbroken.cursor().epoch > 10);
    refused(Fault::checkpoint, [&] { unbroken.seek({0, 1000}); });
  }
}

TEST_CASE("one batch of six is two of three") {
  const TokenVector tokens = counted(50);
  TrainingBatches whole = training(tokens, 8, 4), halves = training(tokens, 8, 4);
  Batch six, first, second;
  for (int step = 0; step < 5; ++step) {
    whole.next(6, six);
    halves.next(3, first);
    halves.next(3, second);
    first.tokens.insert(first.tokens.end(), second.tokens.begin(), second.tokens.end());
    CHECK(six.tokens == first.tokens);
  }
}

TEST_CASE("a text of fewer windows than the batch fills it from several epochs") {
  const TokenVector tokens = counted(2);
  TrainingBatches windows = training(tokens, 4, 1);
  Batch batch;
  windows.next(5, batch);
  CHECK(batch.sequences == 5);
  CHECK(batch.target_count() == 5);
  CHECK(batch.lengths == std::vector<int>(5, 1));
  CHECK(windows.cursor() == Cursor{4, 1});
}

TEST_CASE("a batch that was filled before is filled again without new memory") {
  const TokenVector tokens = counted(1000);
  TrainingBatches windows = training(tokens, 16, 1);
  Batch batch;
  windows.next(4, batch);
  const int* const before = batch.tokens.data();
  for (int i = 0; i < 100; ++i) windows.next(4, batch);
  CHECK(batch.tokens.data() == before);
}

TEST_CASE("a limited evaluation reads examples that are spread evenly over all") {
  const TokenVector tokens = counted(101);  // 10 windows of 10 targets
  for (const std::uint64_t most : {1, 3, 4, 10, 99}) {
    EvaluationBatches windows(windows_of(tokens, 10, 0, {}), most);
    const std::uint64_t count = std::min<std::uint64_t>(most, 10);
    CHECK(windows.examples() == count);
    std::vector<int> first, expected;  // tokens
    for (std::uint64_t i = 0; i < count; ++i) expected.push_back(static_cast<int>(10 * (i * 10 / count)));
    Batch batch;
    while (windows.next(2, batch)) {
      for (long row = 0; row < batch.sequences; ++row)
        first.push_back(batch.tokens[static_cast<std::size_t>(row * batch.length)]);
    }
    CHECK(first == expected);
  }
}

TEST_CASE("evaluation counts every target once, in order, the last window padded") {
  for (const int n : {2, 3, 9, 16, 17, 18, 100}) {
    for (const long context : {1, 5, 16, 200}) {
      for (const long sequences : {1, 3, 50}) {
        const TokenVector tokens = counted(n);
        EvaluationBatches windows = evaluation(tokens, context);
        Batch batch;
        for (int round = 0; round < 2; ++round) {
          int next = 1;
          std::uint64_t rows = 0;
          while (windows.next(sequences, batch)) {
            rows += static_cast<std::uint64_t>(batch.sequences);
            CHECK(batch.sequences <= sequences);
            for (std::size_t i = 0; i < batch.targets.size(); ++i) {
              if (batch.targets[i] < 0) continue;
              CHECK(batch.targets[i] == next);
              CHECK(batch.tokens[i] == next - 1);
              ++next;
            }
          }
          CHECK(next == n);
          CHECK(rows == windows.examples());
          CHECK(rows == (static_cast<std::uint64_t>(n - 1) + static_cast<std::uint64_t>(context) - 1) /
                            static_cast<std::uint64_t>(context));
          CHECK(batch.sequences == 0);
          windows.restart();
        }
      }
    }
  }
}

TEST_CASE("too few tokens and impossible sizes are refused") {
  const TokenVector one = counted(1), none = counted(0), two = counted(2);
  CHECK(contains(refused(Fault::input, [&] { training(one, 4, 1); }), "has 1 token"));
  refused(Fault::input, [&] { evaluation(one, 4); });
  refused(Fault::input, [&] { training(none, 4, 1, Masking{1, 1, 2}); });
  training(one, 4, 1, Masking{1, 1, 2});
  refused(Fault::usage, [&] { training(two, 0, 1); });
  refused(Fault::usage, [&] { training(two, -5, 1); });
  Batch batch;
  refused(Fault::usage, [&] { training(two, 4, 1).next(0, batch); });
}

TEST_CASE("masked windows cover every token once an epoch and hide what the targets say") {
  const int n = 103, mask = n;
  const TokenVector tokens = counted(n);
  const Masking masking{5, mask, n + 1};
  TrainingBatches windows = training(tokens, 16, 5, masking);
  Batch batch;
  for (std::uint64_t epoch = 0; epoch < 5; ++epoch) {
    std::vector<int> covered;
    for (std::uint64_t i = windows_in(epoch, tokens, 16, 5, masking); i > 0; --i) {
      windows.next(1, batch);
      const int length = batch.lengths[0];
      CHECK(batch.target_count() == std::max(1L, std::lround(0.15 * length)));
      int first = -1;  // the token that stands at the window's beginning
      for (int j = 0; j < length && first < 0; ++j) {
        if (batch.targets[static_cast<std::size_t>(j)] < 0) first = batch.tokens[static_cast<std::size_t>(j)] - j;
      }
      if (first < 0) first = batch.targets[0];  // a window of one token, which is chosen
      for (int j = 0; j < length; ++j) {
        const int target = batch.targets[static_cast<std::size_t>(j)];
        CHECK((target >= 0 ? target : batch.tokens[static_cast<std::size_t>(j)]) == first + j);
        covered.push_back(first + j);
      }
    }
    std::sort(covered.begin(), covered.end());
    std::vector<int> all(static_cast<std::size_t>(n));
    std::iota(all.begin(), all.end(), 0);
    CHECK(covered == all);
  }
}

TEST_CASE("masked evaluation is the same every time") {
  const TokenVector tokens = counted(100);
  EvaluationBatches windows = evaluation(tokens, 16, Masking{5, 100, 101});
  std::vector<Batch> rounds[2];
  for (auto& round : rounds) {
    Batch batch;
    while (windows.next(3, batch)) round.push_back(batch);
    windows.restart();
  }
  REQUIRE(rounds[0].size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(same(rounds[0][i], rounds[1][i]));
  std::vector<int> inputs(16), targets(16);
  std::iota(inputs.begin(), inputs.end(), 16);
  Masking{5, 100, 101}.apply(Purpose::evaluation, 0, 1, inputs, targets);
  CHECK(std::equal(inputs.begin(), inputs.end(), rounds[0][0].tokens.begin() + 16));
  CHECK(std::equal(targets.begin(), targets.end(), rounds[0][0].targets.begin() + 16));
}

}  // namespace primer::data
