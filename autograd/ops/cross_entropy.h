// cross_entropy: the loss of a language model together with its output projection; token_log_probs: its terms, for
// objectives that are no sum of them. Neither ever holds all logits.
#pragma once

#include <algorithm>
#include <span>

#include "autograd/expect.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/softmax.h"
#include "autograd/score.h"

namespace primer::autograd::PRIMER_COMPILED {

/// Throws Error(usage) unless weight and bias fit x, and there is a target a row, from -1 to V - 1.
template <class T>
void expect_targets(const char* op, Tensor<T> x, Tensor<T> weight, std::span<const int> targets, Tensor<T> bias) {
  expect_linear(op, x, weight, bias);
  expect_count(op, "targets, one a row of x", targets.size(), x.shape.rows());
  expect_ids(op, targets, weight.shape[0], -1);
}

/// Calls row(r, z) with the logits z [V] of each row r of x weight^T + bias, in parallel. They are made in chunks of
/// rows of about 26 million. What row leaves in z is the gradient of the logits, if one of db, dw and dx is wanted.
template <class T, class Row>
void each_row_of_logits(Tape<T>& tape, Tensor<T> x, Tensor<T> weight, Tensor<T> bias, Row row, Into<T> db = {},
                        Into<T> dw = {}, Into<T> dx = {}) {
  const long rows = x.shape.rows(), C = x.shape.last(), V = weight.shape[0];
  const long chunk = std::min(rows, std::max(26'000'000 / std::max(V, 1L), 64L));
  const auto logits = tape.scratch(chunk * V);  // [chunk, V], then their gradient
  long begin = 0;
  do {  // once without rows too: a gradient of nothing is zero
    const long n = std::min(chunk, rows - begin);
    linear_rows<T>(tape, n, x.data() + begin * C, weight, bias, logits);
    tape.split(n, 20 * V, [=, z = logits.data()](long first, long last, int) {
      for (long r = first; r < last; ++r) row(begin + r, z + r * V);
    });
    if (db) add_columns<T>(tape, logits, n, V, db);
    if (dw) tape.product(V, C, n, transposed<T>(logits, V), as_is<T>(x.data() + begin * C, C), dw.beta(), dw.data, C);
    if (dx) tape.product(n, C, V, as_is<T>(logits, V), as_is<T>(weight.data(), C), dx.beta(), dx.data + begin * C, C);
    db.add = dw.add = true;
    begin += n;
  } while (begin < rows);
}

/// ln softmax(z)[target] of one row of logits, z [V]; 0 for a target of -1. With a slope, z becomes slope times the
/// gradient of that. `hit`, if given, gets 1 where the target is the answer: the first of the largest logits, so that a
/// model that tells nothing apart is not always right. With smoothing e > 0 the gradient is that of `smoothed`, which
/// gets (1 - e) ln p[target] + e / V sum over v of ln p[v], p = softmax(z).
template <class T>
T log_prob_row(T* z, long V, int target, const T* slope, T* hit = nullptr, T smoothing = 0, T* smoothed = nullptr) {
  if (hit) *hit = 0;
  if (smoothing > 0) *smoothed = 0;
  if (target < 0) {
    if (slope) std::fill_n(z, V, T(0));
    return 0;
  }
  const T largest = max_row(z, V), at_target = z[target];
  if (hit) *hit = at_target == largest && std::find(z, z + target, largest) == z + target;
  const T mean = smoothing > 0 ? sum_row(z, V) / static_cast<T>(V) : T(0);
  const T total = exp_row(z, largest, V, z);
  if (slope) {
    scale_row(z, -*slope / total, V);  // slope ((1 - e) one-hot + e / V - softmax)
    if (smoothing > 0) shift_row(z, *slope * smoothing / static_cast<T>(V), V);
    z[target] += *slope * (1 - smoothing);
  }
  const T log_total = std::log(total), log_prob = (at_target - largest) - log_total;
  if (smoothing > 0) *smoothed = (1 - smoothing) * log_prob + smoothing * ((mean - largest) - log_total);
  return log_prob;
}

/// y[r] = ln softmax(x[r] weight^T + bias)[targets[r]], y [R]. x [R, C] (or [..., C]), weight [V, C], bias [V] or none;
/// targets [R] with -1 for a row that is 0 and has no gradient. For objectives that are functions of probabilities,
/// such as preferences (Rafailov et al. 2023, equation 7). Backward makes the logits once more, chunk by chunk.
template <class T>
Tensor<T> token_log_probs(Tensor<T> x, Tensor<T> weight, std::span<const int> targets, Tensor<T> bias = {}) {
  expect_targets("token_log_probs", x, weight, targets, bias);
  const long V = weight.shape[0];
  Tape<T>& tape = tape_of("token_log_probs", {x, weight, bias});
  Tensor<T> y = tape.output({x.shape.rows()}, {x, weight, bias});
  const int* kept = tape.keep(targets);  // [R]
  each_row_of_logits(tape, x, weight, bias,
                     [=, p = y.data()](long r, T* z) { p[r] = log_prob_row<T>(z, V, kept[r], nullptr); });
  return tape.record("token_log_probs", y, [=, t = &tape](const T* dy) {
    const auto db = t->grad(bias), dw = t->grad(weight), dx = t->grad(x);
    each_row_of_logits(
        *t, x, weight, bias, [=](long r, T* z) { log_prob_row(z, V, kept[r], dy + r); }, db, dw, dx);
    t->multiplier.count({x.shape.rows(), V, x.shape.last(), false, true, -1});  // the logits, which were counted before
  });
}

/// loss = scale * sum over r with targets[r] >= 0 of -weights[r] ln softmax(x[r] weight^T + bias)[targets[r]], one
/// number. x [R, C] (or [..., C]), weight [V, C], targets [R] with -1 for "does not count", bias [V] or none, weights
/// [R] of any sign or none, which is 1 for all. `score` gets the sums, if given, without weights; to average over a
/// step of several micro-batches, scale by 1 / (targets in the whole step).
///
/// With smoothing e the target's distribution is (1 - e) one-hot + e / V: in place of ln p[target] stands
/// (1 - e) ln p[target] + e / V sum over v of ln p[v]. Szegedy et al. 2016, section 7; Vaswani et al. 2017,
/// section 5.4.
///
/// Each row's part of the gradient is made right after its logits, in forward. Hence the op is a root of the tape: its
/// own gradient is 1 (use `scale`), anything else throws; and the weight's and bias's gradients are written in forward,
/// after zero_grad(). What is no weighted sum needs token_log_probs, which makes the logits twice.
template <class T>
Tensor<T> cross_entropy(Tensor<T> x, Tensor<T> weight, std::span<const int> targets, double scale,
                        Score* score = nullptr, Tensor<T> bias = {}, std::span<const T> weights = {},
                        double smoothing = 0) {
  expect_targets("cross_entropy", x, weight, targets, bias);
  if (!weights.empty()) expect_count("cross_entropy", "weights, one a target", weights.size(), x.shape.rows());
  expect_probability("cross_entropy", smoothing, "label smoothing");
  const long rows = x.shape.rows(), V = weight.shape[0];
  Tape<T>& tape = tape_of("cross_entropy", {x, weight, bias});
  Tensor<T> loss = tape.output({}, {x, weight, bias});

  const bool record = loss.node->needs_grad;
  T* dx = record && x.node->needs_grad ? tape.early_gradient(x.size()) : nullptr;  // as x
  const auto db = record ? tape.grad(bias) : Into<T>{}, dw = record ? tape.grad(weight) : Into<T>{};
  const auto losses = tape.scratch(rows);                                  // [rows]
  const auto hits = tape.scratch(rows);                                    // [rows], 1 where the target is the answer
  const auto smooth = tape.scratch(smoothing > 0 ? rows : 0);              // [rows], losses with smoothing
  const T* const trained = smoothing > 0 ? smooth.data() : losses.data();  // [rows]
  const auto weight_of = [=](long r) { return weights.empty() ? T(1) : weights[r]; };
  each_row_of_logits<T>(tape, x, weight, bias,
                        [=, l = losses.data(), hit = hits.data(), s = smooth.data()](long r, T* z) {
                          const T slope = static_cast<T>(-scale * weight_of(r)), e = static_cast<T>(smoothing);
                          T log_prob = 0;
                          l[r] = -log_prob_row(z, V, targets[r], record ? &slope : nullptr, hit + r, e, &log_prob);
                          if (e > 0) s[r] = -log_prob;
                        },
                        db, dw, {dx, false});
  if (tape.computes()) {
    Score total;
    double weighted = 0;
    for (long r = 0; r < rows; ++r) {
      weighted += static_cast<double>(weight_of(r)) * trained[r];
      total.nll += losses[r];
      total.smoothed += trained[r];
      total.correct += hits[r] > 0;
      total.targets += targets[r] >= 0;
    }
    if (score) *score += total;
    *loss.data() = static_cast<T>(scale * weighted);
  }

  return tape.record("cross_entropy", loss, [=, t = &tape](const T* dy) {
    if (t->computes() && *dy != 1)
      refuse("cross_entropy",
             "it is a root, whose own gradient is 1, got " + std::to_string(*dy) + "; use its scale argument");
    if (dx) t->deliver(dx, x);
  });
}

inline constexpr int example_targets[] = {4, 0, 1};
template <class T>
inline constexpr T example_weights[] = {T(2.5), T(-0.75), T(0)};

template <class Table>
void cross_entropy_examples(Table& table) {
  static constexpr std::span<const int> targets(example_targets);
  const auto textbook = [](auto x, auto weight, decltype(x) bias = {}) {
    return pick(log_softmax(linear_textbook(reshape(x, {3, x.shape.last()}), weight, bias)), targets);
  };
  const std::vector<std::vector<Shape>> without = {
      {{3, 5}, {7, 5}}, {{3, 1}, {5, 1}}, {{3, 17}, {67, 17}}, {{1, 3, 2}, {5, 2}}};
  const std::vector<std::vector<Shape>> with_bias = {{{3, 5}, {7, 5}, {7}}, {{3, 1}, {5, 1}, {5}}};
  const std::vector<std::vector<Shape>> wrong = {{{3, 5}, {7, 3}}, {{3, 5}, {3, 5}}, {{2, 5}, {7, 5}}};

  table.add(
      {"token_log_probs", without, wrong}, [](auto& in) { return token_log_probs(in[0], in[1], targets); },
      [=](auto& in) { return textbook(in[0], in[1]); });
  table.add(
      {"token_log_probs", with_bias, {{{3, 5}, {7, 5}, {5}}}},
      [](auto& in) { return token_log_probs(in[0], in[1], targets, in[2]); },
      [=](auto& in) { return textbook(in[0], in[1], in[2]); });
  table.add(
      {"token_log_probs", {{{3, 5}, {7, 5}}}},
      [](auto& in) {
        static constexpr int some[] = {4, -1, 1};
        return token_log_probs(in[0], in[1], std::span<const int>(some));
      },
      [=]<class T>(std::vector<Tensor<T>>& in) {
        return multiply(textbook(in[0], in[1]), in[0].tape->constant({3}, std::vector<T>{1, 0, 1}));
      });

  table.add(
      {"cross_entropy", without, wrong}, [](auto& in) { return cross_entropy(in[0], in[1], targets, 0.5); },
      [=](auto& in) { return scale(sum(textbook(in[0], in[1])), -0.5); });
  table.add(
      {"cross_entropy", with_bias, {{{3, 5}, {7, 5}, {5}}}},
      [](auto& in) { return cross_entropy(in[0], in[1], targets, 0.5, nullptr, in[2]); },
      [=](auto& in) { return scale(sum(textbook(in[0], in[1], in[2])), -0.5); });
  table.add(
      {"cross_entropy", with_bias},
      []<class T>(std::vector<Tensor<T>>& in) {
        return cross_entropy<T>(in[0], in[1], targets, 0.5, nullptr, in[2], example_weights<T>);
      },
      [=]<class T>(std::vector<Tensor<T>>& in) {
        const auto weights = in[0].tape->constant({3}, example_weights<T>);
        return scale(sum(multiply(weights, textbook(in[0], in[1], in[2]))), -0.5);
      });
  table.add(
      {"cross_entropy", with_bias},
      []<class T>(std::vector<Tensor<T>>& in) {
        return cross_entropy<T>(in[0], in[1], targets, 0.5, nullptr, in[2], example_weights<T>, 0.1);
      },
      []<class T>(std::vector<Tensor<T>>& in) {
        const Tensor<T> log_probs = log_softmax(linear_textbook(in[0], in[1], in[2]));  // [3, V]
        const Tensor<T> mean = scale(sum_last(log_probs), 1 / static_cast<double>(in[1].shape[0]));
        const Tensor<T> smoothed = add(scale(pick(log_probs, targets), 0.9), scale(mean, 0.1));
        return scale(sum(multiply(in[0].tape->constant({3}, example_weights<T>), smoothed)), -0.5);
      });
}

}  // namespace primer::autograd::PRIMER_COMPILED
