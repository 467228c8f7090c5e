#include "train/bench/bench_ops.h"

#include <functional>

#include "autograd/ops.h"
#include "train/bench/bench_measure.h"
#include "train/step/stopwatch.h"
#include "train/step/timing.h"

namespace primer::train {
namespace {

using autograd::Shape;
using Tensor = autograd::Tensor<float>;
using Inputs = std::vector<Tensor>;
using Op = std::function<Tensor(const Inputs&)>;

/// Milliseconds of op and its backward on inputs of these shapes.
double milliseconds(const std::vector<Shape>& shapes, const Op& op) {
  std::vector<std::vector<float>> numbers;
  for (const Shape& shape : shapes) {
    const autograd::Random random(numbers.size(), autograd::hash("bench op"));
    std::vector<float>& x = numbers.emplace_back(shape.size());
    const double size = shape.rank == 2 ? 0.05 : 1;  // weights are small
    for (long i = 0; i < shape.size(); ++i) x[i] = static_cast<float>(size * random.normal(i));
  }
  autograd::Tape<float> tape;
  std::vector<double> seconds;
  for (int run = 0; run < 8; ++run) {
    tape.reset();
    Inputs inputs;
    for (std::size_t i = 0; i < shapes.size(); ++i) inputs.push_back(tape.input(shapes[i], numbers[i]));
    const Stopwatch watch;
    const Tensor y = op(inputs);
    tape.backward(y.size() == 1 ? y : sum(y));
    if (run > 1) seconds.push_back(watch.seconds());
  }
  return result_of("", seconds, 0).ms;
}

}  // namespace

std::vector<OpResult> run_ops(double peak, double bandwidth) {
  const long B = 8, T = 256, H = 6, C = 384, F = 4 * C, V = 65, rows = B * T;
  const auto kind = autograd::Activation::gelu_erf;
  const autograd::AttentionOptions causal{H, true};
  std::vector<int> targets = random_tokens(rows, V);
  std::vector<OpResult> results;
  const auto add_op = [&](const char* name, const std::vector<Shape>& shapes, double flop, double floats,
                          const Op& fused, const Op& textbook) {
    results.push_back({name, milliseconds(shapes, fused), milliseconds(shapes, textbook),
                       1e-6 * flop / peak + 1e-6 * sizeof(float) * floats / bandwidth});
  };
  const auto number = [](long value) { return static_cast<double>(value); };
  const Shape x{B, T, C}, wide{B, T, F};
  add_op(
      "activate", {wide}, 0, 5 * number(rows * F), [&](const Inputs& in) { return activate(in[0], kind); },
      [&](const Inputs& in) { return activate_textbook(in[0], kind); });
  add_op(
      "layer_norm", {x, {C}, {C}}, 0, 5 * number(rows * C),
      [](const Inputs& in) { return layer_norm(in[0], in[1], in[2]); },
      [](const Inputs& in) { return layer_norm_textbook(in[0], in[1], in[2]); });
  add_op(
      "linear", {x, {3 * C, C}, {3 * C}}, 6 * number(rows * 3 * C * C), 0,
      [](const Inputs& in) { return linear(in[0], in[1], in[2]); },
      [](const Inputs& in) { return linear_textbook(in[0], in[1], in[2]); });
  add_op(
      "linear_residual", {x, x, {C, C}, {C}}, 6 * number(rows * C * C), 0,
      [](const Inputs& in) { return linear_residual(in[0], in[1], in[2], in[3]); },
      [](const Inputs& in) { return add(in[0], linear_textbook(in[1], in[2], in[3])); });
  add_op(
      "attention", {x, x, x}, 6 * number(B * T * (T + 1) * C), 0,  // half of the scores
      [&](const Inputs& in) { return attention(in[0], in[1], in[2], causal); },
      [&](const Inputs& in) { return attention_apply(attention_pattern(in[0], in[1], causal), in[2], causal); });
  add_op(
      "feed_forward", {x, x, {F, C}, {F}, {C, F}, {C}}, 12 * number(rows * C * F), 0,
      [&](const Inputs& in) {
        return feed_forward(in[0], in[1], {in[2], in[3], in[4], in[5]}, kind);
      },
      [&](const Inputs& in) {
        const Tensor hidden = activate_textbook(linear_textbook(in[1], in[2], in[3]), kind);
        return add(in[0], linear_textbook(hidden, in[4], in[5]));
      });
  add_op(
      "cross_entropy", {{rows, C}, {V, C}}, 6 * number(rows * C * V), 0,
      [&](const Inputs& in) { return cross_entropy<float>(in[0], in[1], targets, 1.0 / number(rows)); },
      [&](const Inputs& in) {
        return scale(sum(pick<float>(log_softmax(linear_textbook(in[0], in[1], {})), targets)), -1.0 / number(rows));
      });
  return results;
}

}  // namespace primer::train
