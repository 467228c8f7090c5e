// The fused cross entropy where it differs from other ops: a root, in chunks, with weights and with targets that do not
// count; and the log-probabilities that it sums.
#include "autograd/ops/cross_entropy.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "autograd/ops/elementwise.h"
#include "tests/autograd/check.h"

using namespace primer::test;

namespace {

/// Loss, both gradients and the score of one call on fixed numbers. The inputs carry from row `begin` on.
struct Result {
  double loss;
  Numbers dx, dw;
  Score score;
};

template <class T>
std::vector<T> numbers_of(long n, const char* purpose) {
  const Numbers numbers = random_numbers(n, -1, 1, purpose);
  return {numbers.begin(), numbers.end()};
}

template <class T>
Result run_cross_entropy(long begin, const std::vector<int>& targets, long V, long C, double scale,
                         const std::vector<T>& weights = {}, bool wants_x = true) {
  const long rows = static_cast<long>(targets.size());
  Tape<T> tape;
  Result result;
  std::vector<T> x = numbers_of<T>((begin + rows) * C, "x"), w = numbers_of<T>(V * C, "w");
  x.erase(x.begin(), x.begin() + begin * C);
  const auto xt = wants_x ? tape.input({rows, C}, x) : tape.constant({rows, C}, x), wt = tape.input({V, C}, w);
  const auto loss = cross_entropy<T>(xt, wt, targets, scale, &result.score, {}, weights);
  result.loss = loss.item();
  tape.backward(loss);
  if (wants_x) result.dx.assign(xt.grad(), xt.grad() + xt.size());
  result.dw.assign(wt.grad(), wt.grad() + wt.size());
  return result;
}

constexpr long V = 7, C = 3;

/// On the same numbers, row by row: log_probs[r] = ln p(targets[r]), and the gradients of the sum of slopes[r] times
/// it.
struct ByHand {
  Numbers log_probs, dx, dw;
  double nll = 0;
  long correct = 0;

  ByHand(const std::vector<int>& targets, const Numbers& slopes)
      : log_probs(targets.size(), 0), dx(targets.size() * C, 0), dw(V * C, 0) {
    const Numbers xs = random_numbers(std::ssize(dx), -1, 1, "x"), ws = random_numbers(V * C, -1, 1, "w");
    for (std::size_t r = 0; r < targets.size(); ++r) {
      if (targets[r] < 0) continue;
      Numbers z(V, 0);
      double total = 0;
      for (long v = 0; v < V; ++v)
        for (long c = 0; c < C; ++c) z[v] += xs[r * C + c] * ws[v * C + c];
      for (const double logit : z) total += std::exp(logit);
      log_probs[r] = z[targets[r]] - std::log(total);
      nll -= log_probs[r];
      correct += std::max_element(z.begin(), z.end()) - z.begin() == targets[r];
      for (long v = 0; v < V; ++v) {
        const double dz = slopes[r] * ((v == targets[r]) - std::exp(z[v]) / total);
        for (long c = 0; c < C; ++c) {
          dx[r * C + c] += dz * ws[v * C + c];
          dw[v * C + c] += dz * xs[r * C + c];
        }
      }
    }
  }
};

/// Rows whose logits need more than one chunk of 26 million, against the same rows in two calls of one chunk.
template <class T>
void check_chunks(double bound) {
  constexpr long vocabulary = 406'300, first = 64, rows = 66;  // chunks of 64 rows
  std::vector<int> targets(rows);
  for (long r = 0; r < rows; ++r) targets[r] = static_cast<int>(r * 6007 % vocabulary);
  targets[3] = targets[65] = -1;
  const auto whole = run_cross_entropy<T>(0, targets, vocabulary, 2, 0.5);
  const auto head = run_cross_entropy<T>(0, {targets.begin(), targets.begin() + first}, vocabulary, 2, 0.5);
  const auto tail = run_cross_entropy<T>(first, {targets.begin() + first, targets.end()}, vocabulary, 2, 0.5);
  CHECK(whole.score.targets == 64);
  CHECK(whole.score.nll == doctest::Approx(head.score.nll + tail.score.nll).epsilon(1e-12));
  CHECK(whole.loss == doctest::Approx(head.loss + tail.loss).epsilon(bound));
  Numbers dx = head.dx, dw = head.dw;
  dx.insert(dx.end(), tail.dx.begin(), tail.dx.end());
  for (long i = 0; i < vocabulary * 2; ++i) dw[i] += tail.dw[i];
  CHECK(distance(whole.dx, dx) < bound);
  CHECK(distance(whole.dw, dw) < bound);
}

}  // namespace

TEST_CASE("logits beyond one chunk give the loss and gradients of their parts") { check_chunks<float>(2e-6); }

TEST_CASE("logits beyond one chunk give their parts' loss and gradients, in double" * doctest::test_suite("long")) {
  check_chunks<double>(1e-14);
}

TEST_CASE_TEMPLATE("a target of -1 counts nowhere: not in the loss, the score, nor a gradient", T, float, double) {
  const std::vector<int> some = {4, -1, 0, -1, -1, 6};
  const auto got = run_cross_entropy<T>(0, some, V, C, 0.25);
  const ByHand expected(some, Numbers(6, -0.25));
  const double bound = sizeof(T) == 4 ? 1e-6 : 1e-14;
  CHECK(got.loss == doctest::Approx(0.25 * expected.nll).epsilon(bound));
  CHECK(got.score.nll == doctest::Approx(expected.nll).epsilon(bound));
  CHECK(got.score.correct == expected.correct);
  CHECK(got.score.targets == 3);
  CHECK(distance(got.dx, expected.dx) < bound);
  CHECK(distance(got.dw, expected.dw) < bound);
  CHECK(distance(run_cross_entropy<T>(0, some, V, C, 0.25, {}, false).dw, expected.dw) < bound);

  const auto none = run_cross_entropy<T>(0, {-1, -1}, V, C, 1);
  CHECK(none.loss == 0);
  CHECK(none.score.targets == 0);
  CHECK(none.dx == Numbers(2 * C, 0));
  CHECK(none.dw == Numbers(V * C, 0));
  CHECK(run_cross_entropy<T>(0, {}, V, C, 1).dw == Numbers(V * C, 0));
}

TEST_CASE_TEMPLATE("a row's weight scales its part of the loss and of the gradients, and no score", T, float, double) {
  const std::vector<int> some = {4, -1, 0, 2, 5, 6};
  const std::vector<T> weights = {2, 3, 0, -0.5, 1, 0.25};
  const auto got = run_cross_entropy<T>(0, some, V, C, 0.25, weights);
  Numbers slopes;
  for (const T w : weights) slopes.push_back(-0.25 * w);
  const ByHand expected(some, slopes);
  double loss = 0;
  for (int r = 0; r < 6; ++r) loss += slopes[r] * expected.log_probs[r];
  const double bound = sizeof(T) == 4 ? 1e-6 : 1e-14;
  CHECK(got.loss == doctest::Approx(loss).epsilon(bound));
  CHECK(got.score.nll == doctest::Approx(expected.nll).epsilon(bound));
  CHECK(got.score.correct == expected.correct);
  CHECK(got.score.targets == 5);
  CHECK(distance(got.dx, expected.dx) < bound);
  CHECK(distance(got.dw, expected.dw) < bound);
}

TEST_CASE_TEMPLATE("weights of 1 are none, bit for bit; with weights of 0 alone nothing is learned", T, float, double) {
  const std::vector<int> some = {4, -1, 0, 2, 5, 6};
  const auto plain = run_cross_entropy<T>(0, some, V, C, 0.3);
  const auto ones = run_cross_entropy<T>(0, some, V, C, 0.3, std::vector<T>(6, 1));
  CHECK(ones.loss == plain.loss);
  CHECK(ones.dx == plain.dx);
  CHECK(ones.dw == plain.dw);
  const auto zeros = run_cross_entropy<T>(0, some, V, C, 0.3, std::vector<T>(6, 0));
  CHECK(zeros.loss == 0);
  CHECK(zeros.score.nll == plain.score.nll);
  CHECK(zeros.dx == Numbers(6 * C, 0));
  CHECK(zeros.dw == Numbers(V * C, 0));
  CHECK_THROWS_AS(run_cross_entropy<T>(0, some, V, C, 0.3, std::vector<T>(5, 1)), Error);
}

TEST_CASE_TEMPLATE("log-probabilities of tokens take a gradient of its own for each row", T, float, double) {
  const std::vector<int> some = {4, -1, 0, 2, 5, 6};
  const Numbers slopes = {2, 3, 0, -0.5, 1, 0.25};
  const ByHand expected(some, slopes);
  Tape<T> tape;
  tape.poison = true;
  const auto x = tape.input({6, C}, numbers_of<T>(6 * C, "x")), w = tape.input({V, C}, numbers_of<T>(V * C, "w"));
  const auto y = token_log_probs<T>(x, w, some);
  tape.backward(sum(multiply(y, tape.constant({6}, std::vector<T>(slopes.begin(), slopes.end())))));
  const double bound = sizeof(T) == 4 ? 1e-6 : 1e-14;
  CHECK(y.data()[1] == 0);
  CHECK(distance(Numbers(y.data(), y.data() + 6), expected.log_probs) < bound);
  CHECK(distance(Numbers(x.grad(), x.grad() + 6 * C), expected.dx) < bound);
  CHECK(distance(Numbers(w.grad(), w.grad() + V * C), expected.dw) < bound);
}

TEST_CASE("log-probabilities beyond one chunk are those of the cross entropy, and so are their gradients") {
  constexpr long vocabulary = 406'300, rows = 66;  // chunks of 64 rows
  std::vector<int> targets(rows);
  for (long r = 0; r < rows; ++r) targets[r] = static_cast<int>(r * 6007 % vocabulary);
  targets[3] = targets[65] = -1;
  const auto expected = run_cross_entropy<float>(0, targets, vocabulary, 2, 0.5);
  Tape<float> tape;
  const auto x = tape.input({rows, 2}, numbers_of<float>(rows * 2, "x"));
  const auto w = tape.input({vocabulary, 2}, numbers_of<float>(vocabulary * 2, "w"));
  const std::size_t before = tape.bytes_of_values();
  const auto loss = scale(sum(token_log_probs<float>(x, w, targets)), -0.5);
  CHECK(tape.bytes_of_values() - before < 4096);  // and no logits
  tape.backward(loss);
  CHECK(loss.item() == doctest::Approx(expected.loss).epsilon(2e-6));
  CHECK(distance(Numbers(x.grad(), x.grad() + x.size()), expected.dx) < 2e-6);
  CHECK(distance(Numbers(w.grad(), w.grad() + w.size()), expected.dw) < 2e-6);
}

TEST_CASE("log-probabilities of no rows, and of rows that are the weight itself, have their gradients") {
  Tape<double> tape;
  tape.poison = true;
  const auto x = tape.input({0, 3}, {}), w = tape.input({2, 3}, Numbers(6, 1));
  tape.backward(sum(token_log_probs<double>(x, w, {})));
  CHECK(Numbers(w.grad(), w.grad() + 6) == Numbers(6, 0));
  const std::vector<int> targets = {1, 0, 4, -1, 2};
  const Call<double> itself = [&](auto& in) { return token_log_probs<double>(in[0], in[0], targets); };
  CHECK(check_gradient(itself, {{5, 3}}, -1, 1) == "");
}

TEST_CASE("the score adds up over calls and counts what was guessed right") {
  Tape<double> tape;
  const auto pause = tape.pause();
  const auto x = tape.constant({3, 2}, Numbers{1, 0, 0, 1, 1, 0}), w = tape.constant({2, 2}, Numbers{5, 0, 0, 5});
  Score score{10, 2, 3};
  const std::vector<int> targets = {0, 0, -1};
  const double loss = cross_entropy<double>(x, w, targets, 2, &score).item();
  const double right = std::log1p(std::exp(-5.0)), wrong = right + 5;
  CHECK(loss == doctest::Approx(2 * (right + wrong)).epsilon(1e-14));
  CHECK(score.nll == doctest::Approx(10 + right + wrong).epsilon(1e-14));
  CHECK(score.correct == 3);
  CHECK(score.targets == 5);
}

TEST_CASE("a cross entropy that is not a root says so, and one among summed losses works") {
  Tape<double> tape;
  const std::vector<int> targets = {1, 0};
  const auto x = tape.input({2, 2}, Numbers{1, 2, 3, 4}), w = tape.input({3, 2}, Numbers{1, 0, 0, 1, 1, 1});
  CHECK_THROWS_WITH_AS(tape.backward(scale(cross_entropy<double>(x, w, targets, 1), 0.5)),
                       doctest::Contains("[cross_entropy] it is a root, whose own gradient is 1, got 0.5"), Error);
  // two losses that share x: the second one's gradient is added to the first one's
  const Call<double> both = [&](auto& in) {
    const auto first = cross_entropy<double>(in[0], in[1], targets, 0.5);
    return add(first, cross_entropy<double>(tanh(in[0]), in[1], targets, 2));
  };
  CHECK(check_gradient(both, {{2, 2}, {3, 2}}, -1, 1) == "");
}

TEST_CASE("large logits neither overflow nor lose the loss") {
  Tape<float> tape;
  const auto w = tape.input({3, 1}, std::vector<float>{1e4f, -1e4f, 0});
  const auto x = tape.input({2, 1}, std::vector<float>{1, 1});
  const std::vector<int> targets = {0, 1};
  const auto loss = cross_entropy<float>(x, w, targets, 1);
  CHECK(loss.item() == doctest::Approx(2e4).epsilon(1e-6));
  tape.backward(loss);
  for (const float g : {w.grad()[0], w.grad()[1], w.grad()[2], x.grad()[0], x.grad()[1]}) CHECK(std::isfinite(g));
  CHECK(x.grad()[1] == doctest::Approx(2e4).epsilon(1e-6));
}

TEST_CASE("targets that make no sense are refused") {
  Tape<float> tape;
  const auto x = tape.input({2, 1}, std::vector<float>{1, 1}), w = tape.input({3, 1}, std::vector<float>{1, 2, 3});
  for (const std::vector<int>& targets : {std::vector<int>{0}, {0, 3}, {0, -2}, {0, 1, 2}})
    CHECK_THROWS_AS(cross_entropy<float>(x, w, targets, 1), Error);
}

TEST_CASE("a smoothed loss is least where the model's distribution is the smoothed target's, and -1 counts nowhere") {
  constexpr double e = 0.3, other = e / 4, right = 1 - e + e / 4;
  Tape<double> tape;
  const auto w = tape.input({4, 1}, Numbers{std::log(right), std::log(other), std::log(other), std::log(other)});
  const auto x = tape.input({2, 1}, Numbers{1, 1});
  Score score;
  const auto loss = cross_entropy<double>(x, w, std::vector<int>{0, -1}, 1, &score, {}, {}, e);
  CHECK(loss.item() == doctest::Approx(-right * std::log(right) - 3 * other * std::log(other)).epsilon(1e-14));
  CHECK(score.nll == doctest::Approx(-std::log(right)).epsilon(1e-14));
  CHECK(score.smoothed == loss.item());
  CHECK(score.targets == 1);
  tape.backward(loss);
  for (long v = 0; v < 4; ++v) CHECK(std::abs(w.grad()[v]) < 1e-15);
  for (const double refused : {-0.1, 1.0, std::nan("")})
    CHECK_THROWS_WITH_AS(cross_entropy<double>(x, w, std::vector<int>{0, 1}, 1, nullptr, {}, {}, refused),
                         doctest::Contains("[cross_entropy] expected label smoothing in [0, 1), got"), Error);
}

TEST_CASE("of equal logits the first is the answer: a model that tells nothing apart is right once in V times") {
  Tape<float> tape;
  const auto pause = tape.pause();
  constexpr long V = 40;
  std::vector<int> targets(V);
  for (int v = 0; v < V; ++v) targets[v] = v;
  const auto x = tape.constant({V, 2}, std::vector<float>(2 * V, 1)),
             w = tape.constant({V, 2}, std::vector<float>(2 * V, 3));
  Score score;
  cross_entropy<float>(x, w, targets, 1, &score);
  CHECK(score.correct == 1);
  CHECK(score.nll == doctest::Approx(V * std::log(V)));
}
