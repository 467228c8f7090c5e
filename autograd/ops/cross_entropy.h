// cross_entropy: the loss of a language model together with its output projection.
#pragma once

#include <algorithm>
#include <span>

#include "autograd/expect.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/softmax.h"
#include "autograd/score.h"

namespace primer::autograd {

/// loss = scale * sum over r with targets[r] >= 0 of -ln softmax(x[r] weight^T + bias)[targets[r]], one number.
/// x [R, C] (or [..., C]), weight [V, C], targets [R] with -1 for "does not count", bias [V] or none. `score` gets the
/// sums, if given; to average over a step of several micro-batches, scale by 1 / (targets in the whole step).
///
/// The logits are never held whole: they are made in chunks of rows of about 26 million, and each chunk's part of the
/// gradient is made right after it, in forward. Hence the op is a root of the tape: its own gradient is 1 (use
/// `scale`), anything else throws; and the weight's and bias's gradients are written in forward, after zero_grad().
template <class T>
Tensor<T> cross_entropy(Tensor<T> x, Tensor<T> weight, std::span<const int> targets, double scale,
                        Score* score = nullptr, Tensor<T> bias = {}) {
  expect_linear("cross_entropy", x, weight, bias);
  const long rows = x.shape.rows(), C = x.shape.last(), V = weight.shape[0];
  if (static_cast<long>(targets.size()) != rows)
    refuse("cross_entropy", "expected " + std::to_string(rows) + " targets for x " + x.shape.text() + ", got " +
                                std::to_string(targets.size()));
  for (const int target : targets)
    if (target < -1 || target >= V)
      refuse("cross_entropy",
             "expected targets from -1 to " + std::to_string(V - 1) + ", got " + std::to_string(target));
  Tape<T>& tape = tape_of("cross_entropy", {x, weight, bias});
  Tensor<T> loss = tape.output({}, {x, weight, bias});

  const bool record = loss.node->needs_grad;
  const bool wants_dx = record && x.node->needs_grad;
  T* dx = wants_dx ? tape.early_gradient(rows * C) : nullptr;  // [rows, C]
  const auto dw = record ? tape.grad(weight) : Into<T>{};
  auto db = record ? tape.grad(bias) : Into<T>{};
  T dw_beta = dw.beta();
  if (dw && rows == 0 && !dw.add) std::fill_n(dw.data, V * C, T(0));
  if (db && rows == 0 && !db.add) std::fill_n(db.data, V, T(0));

  const long chunk = std::min(rows, std::max(26'000'000 / std::max(V, 1L), 64L));
  const auto logits = tape.scratch(chunk * V);    // [chunk, V], then their gradient
  const auto losses = tape.scratch(rows);         // [rows]
  const auto correct = tape.scratch(rows);        // [rows], 1 where the first largest logit is the target's
  for (long begin = 0; begin < rows; begin += chunk) {
    const long n = std::min(chunk, rows - begin);
    if (bias) tape.split(n, V, [=, z = logits.data(), b = bias.data()](long first, long last, int) {
      start_rows<T>(z + first * V, nullptr, b, last - first, V);
    });
    tape.product(n, V, C, as_is<T>(x.data() + begin * C, C), transposed<T>(weight.data(), C), bias ? 1 : 0, logits, V);
    tape.split(n, 20 * V,
          [=, z_all = logits.data(), l = losses.data() + begin, hit = correct.data() + begin](long b, long e, int) {
            for (long r = b; r < e; ++r) {
              T* z = z_all + r * V;  // [V]
              const int target = targets[begin + r];
              if (target < 0) {
                l[r] = hit[r] = 0;
                if (record) std::fill_n(z, V, T(0));
                continue;
              }
              const T largest = max_row(z, V), at_target = z[target];
              // Of equal logits the first is the answer: a model that tells nothing apart is not always right.
              hit[r] = at_target == largest && std::find(z, z + target, largest) == z + target;
              const T total = exp_row(z, largest, V, z);
              l[r] = std::log(total) - (at_target - largest);
              if (!record) continue;
              scale_row(z, static_cast<T>(scale) / total, V);  // d logits = scale (softmax - one-hot)
              z[target] -= static_cast<T>(scale);
            }
          });
    if (dx) tape.product(n, C, V, as_is<T>(logits, V), as_is<T>(weight.data(), C), 0, dx + begin * C, C);
    if (dw)
      tape.product(V, C, n, transposed<T>(logits, V), as_is<T>(x.data() + begin * C, C), std::exchange(dw_beta, 1),
                 dw.data, C);
    if (db) {
      add_columns<T>(tape, logits, n, V, db);
      db.add = true;
    }
  }
  if (tape.computes()) {
    Score total;
    for (long r = 0; r < rows; ++r) {
      total.nll += losses[r];
      total.correct += correct[r] > 0;
      total.targets += targets[r] >= 0;
    }
    if (score) *score = {score->nll + total.nll, score->correct + total.correct, score->targets + total.targets};
    *loss.data() = static_cast<T>(scale * total.nll);
  }

  return tape.record("cross_entropy", loss, [=, t = &tape](const T* dy) {
    if (t->computes() && *dy != 1)
      refuse("cross_entropy",
             "it is a root, whose own gradient is 1, got " + std::to_string(*dy) + "; use its scale argument");
    if (dx) t->deliver(dx, x);
  });
}

inline constexpr int example_targets[] = {4, 0, 1};

template <class Table>
void cross_entropy_examples(Table& table) {
  table.add(
      {"cross_entropy",
       {{{3, 5}, {7, 5}}, {{3, 1}, {5, 1}}, {{3, 17}, {67, 17}}, {{1, 3, 2}, {5, 2}}},
       {{{3, 5}, {7, 3}}, {{3, 5}, {3, 5}}, {{2, 5}, {7, 5}}}},
      [](auto& in) { return cross_entropy(in[0], in[1], std::span<const int>(example_targets), 0.5); },
      [](auto& in) {
        const auto logits = linear_textbook(reshape(in[0], {3, in[0].shape.last()}), in[1], {});
        return scale(sum(pick(log_softmax(logits), std::span<const int>(example_targets))), -0.5);
      });
  table.add({"cross_entropy", {{{3, 5}, {7, 5}, {7}}, {{3, 1}, {5, 1}, {5}}}, {{{3, 5}, {7, 5}, {5}}}},
            [](auto& in) {
              return cross_entropy(in[0], in[1], std::span<const int>(example_targets), 0.5, nullptr, in[2]);
            },
            [](auto& in) {
              const auto logits = linear_textbook(in[0], in[1], in[2]);
              return scale(sum(pick(log_softmax(logits), std::span<const int>(example_targets))), -0.5);
            });
}

}  // namespace primer::autograd
