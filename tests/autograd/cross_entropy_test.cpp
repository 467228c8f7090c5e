// The fused cross entropy where it differs from other ops: a root, in chunks, with targets that do not count.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/elementwise.h"
#include "tests/autograd/check.h"

using namespace primer::test;

namespace {

/// Loss, both gradients and the score of one call on fixed numbers. The inputs carry from row `begin` on.
template <class T>
struct Result {
  double loss;
  Numbers dx, dw;
  Score score;
};

template <class T>
Result<T> run_cross_entropy(long begin, const std::vector<int>& targets, long V, long C, double scale,
                            bool wants_x = true) {
  const long rows = static_cast<long>(targets.size());
  const Numbers xs = random_numbers((begin + rows) * C, -1, 1, "x"), ws = random_numbers(V * C, -1, 1, "w");
  Tape<T> tape;
  Result<T> result;
  const std::vector<T> x(xs.begin() + begin * C, xs.end()), w(ws.begin(), ws.end());
  const auto xt = wants_x ? tape.input({rows, C}, x) : tape.constant({rows, C}, x), wt = tape.input({V, C}, w);
  const auto loss = cross_entropy<T>(xt, wt, targets, scale, &result.score);
  result.loss = loss.item();
  tape.backward(loss);
  if (wants_x) result.dx.assign(xt.grad(), xt.grad() + xt.size());
  result.dw.assign(wt.grad(), wt.grad() + wt.size());
  return result;
}

/// Rows whose logits need more than one chunk of 26 million, against the same rows in two calls of one chunk.
template <class T>
void check_chunks(double bound) {
  constexpr long V = 406'300, first = 64, rows = 66;  // chunks of 64 rows
  std::vector<int> targets(rows);
  for (long r = 0; r < rows; ++r) targets[r] = static_cast<int>(r * 6007 % V);
  targets[3] = targets[65] = -1;
  const auto whole = run_cross_entropy<T>(0, targets, V, 2, 0.5);
  const auto head = run_cross_entropy<T>(0, {targets.begin(), targets.begin() + first}, V, 2, 0.5);
  const auto tail = run_cross_entropy<T>(first, {targets.begin() + first, targets.end()}, V, 2, 0.5);
  CHECK(whole.score.targets == 64);
  CHECK(whole.score.nll == doctest::Approx(head.score.nll + tail.score.nll).epsilon(1e-12));
  CHECK(whole.loss == doctest::Approx(head.loss + tail.loss).epsilon(bound));
  Numbers dx = head.dx, dw = head.dw;
  dx.insert(dx.end(), tail.dx.begin(), tail.dx.end());
  for (long i = 0; i < V * 2; ++i) dw[i] += tail.dw[i];
  CHECK(distance(whole.dx, dx) < bound);
  CHECK(distance(whole.dw, dw) < bound);
}

}  // namespace

TEST_CASE("logits beyond one chunk give the loss and gradients of their parts") { check_chunks<float>(2e-6); }

TEST_CASE("logits beyond one chunk give their parts' loss and gradients, in double" * doctest::test_suite("long")) {
  check_chunks<double>(1e-14);
}

TEST_CASE_TEMPLATE("a target of -1 counts nowhere: not in the loss, the score, nor a gradient", T, float, double) {
  constexpr long V = 7, C = 3;
  const std::vector<int> some = {4, -1, 0, -1, -1, 6};
  const auto got = run_cross_entropy<T>(0, some, V, C, 0.25);
  // the same by hand, row by row
  const Numbers xs = random_numbers(6 * C, -1, 1, "x"), ws = random_numbers(V * C, -1, 1, "w");
  Numbers dx(6 * C, 0), dw(V * C, 0);
  double nll = 0;
  long correct = 0;
  for (long r = 0; r < 6; ++r) {
    if (some[r] < 0) continue;
    Numbers z(V, 0);
    double total = 0;
    for (long v = 0; v < V; ++v)
      for (long c = 0; c < C; ++c) z[v] += xs[r * C + c] * ws[v * C + c];
    for (const double logit : z) total += std::exp(logit);
    nll += std::log(total) - z[some[r]];
    correct += std::max_element(z.begin(), z.end()) - z.begin() == some[r];
    for (long v = 0; v < V; ++v) {
      const double dz = 0.25 * (std::exp(z[v]) / total - (v == some[r]));
      for (long c = 0; c < C; ++c) {
        dx[r * C + c] += dz * ws[v * C + c];
        dw[v * C + c] += dz * xs[r * C + c];
      }
    }
  }
  const double bound = sizeof(T) == 4 ? 1e-6 : 1e-14;
  CHECK(got.loss == doctest::Approx(0.25 * nll).epsilon(bound));
  CHECK(got.score.nll == doctest::Approx(nll).epsilon(bound));
  CHECK(got.score.correct == correct);
  CHECK(got.score.targets == 3);
  CHECK(distance(got.dx, dx) < bound);
  CHECK(distance(got.dw, dw) < bound);
  CHECK(distance(run_cross_entropy<T>(0, some, V, C, 0.25, false).dw, dw) < bound);

  const auto none = run_cross_entropy<T>(0, {-1, -1}, V, C, 1);
  CHECK(none.loss == 0);
  CHECK(none.score.targets == 0);
  CHECK(none.dx == Numbers(2 * C, 0));
  CHECK(none.dw == Numbers(V * C, 0));
  CHECK(run_cross_entropy<T>(0, {}, V, C, 1).dw == Numbers(V * C, 0));
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

TEST_CASE("of equal logits the first is the answer: a model that tells nothing apart is right once in V times") {
  Tape<float> tape;
  const auto pause = tape.pause();
  constexpr long V = 40;
  std::vector<int> targets(V);
  for (int v = 0; v < V; ++v) targets[v] = v;
  const auto x = tape.constant({V, 2}, std::vector<float>(2 * V, 1)), w = tape.constant({V, 2}, std::vector<float>(2 * V, 3));
  Score score;
  cross_entropy<float>(x, w, targets, 1, &score);
  CHECK(score.correct == 1);
  CHECK(score.nll == doctest::Approx(V * std::log(V)));
}
