// A tape without memory: what it counts is what a real one takes.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "autograd/ops.h"
#include "autograd/parameters.h"
#include "tests/autograd/check.h"

using namespace primer::autograd;
using primer::test::Call;
using primer::test::Inputs;

namespace {

struct Taken {
  std::size_t values, gradients, most_gradients;  // bytes
  double flop, bytes;
  bool operator==(const Taken&) const = default;
};

/// Of call and its backward, on inputs of these shapes; one of them may be held constant.
Taken taken(Memory memory, const Call<double>& call, const std::vector<Shape>& shapes, int constant = -1) {
  Tape<double> tape(memory);
  Inputs<double> inputs;
  for (std::size_t k = 0; k < shapes.size(); ++k) {
    const std::vector<double> x(shapes[k].size(), 0.5);
    inputs.push_back(static_cast<int>(k) == constant ? tape.constant(shapes[k], x) : tape.input(shapes[k], x));
  }
  const Tensor<double> y = call(inputs);
  tape.backward(y.shape.rank == 0 ? y : sum(y));
  return {tape.bytes_of_values(), tape.bytes_of_gradients(), tape.most_bytes_of_gradients(), tape.multiplier.work.flop,
          tape.multiplier.work.bytes};
}

/// FLOP of attention over x [B, T, C], forward and backward.
double attention_flop(Shape x, const AttentionOptions& options, int constant = -1) {
  const auto call = [&](auto& in) { return attention(in[0], in[1], in[2], options); };
  return taken(Memory::none, call, {x, x, x}, constant).flop;
}

}  // namespace

TEST_CASE("without memory every op and its textbook ask for what they ask for with it") {
  for (const primer::test::Case& c : primer::test::op_cases())
    for (const auto& call : {c.call, c.textbook}) {
      if (!call) continue;
      CAPTURE(c.example.op);
      for (const auto& shapes : c.example.shapes)
        for (int constant = -1; constant < static_cast<int>(shapes.size()); ++constant) {
          CAPTURE(shapes[0].text());
          CAPTURE(constant);
          CHECK(taken(Memory::none, call, shapes, constant) == taken(Memory::real, call, shapes, constant));
        }
    }
}

TEST_CASE("a fused op needs the arithmetic of its textbook, or less where that multiplies what is masked") {
  long fused_with_products = 0;
  for (const primer::test::Case& c : primer::test::op_cases()) {
    if (!c.textbook || std::string(c.example.op) == "linear_attention") continue;  // which multiplies something else
    CAPTURE(c.example.op);
    for (const auto& shapes : c.example.shapes) {
      const double fused = taken(Memory::none, c.call, shapes).flop;
      const double spelled = taken(Memory::none, c.textbook, shapes).flop;
      const std::string op = c.example.op;
      if (op == "attention" || op == "additive_scores") CHECK(fused <= spelled);
      else CHECK(fused == spelled);
      fused_with_products += fused > 0 ? 1 : 0;
    }
  }
  CHECK(fused_with_products > 10);
}

TEST_CASE("linear attention needs the products of a state with every token: as much again for as many again") {
  const auto flop = [](long T, int constant = -1) {
    const auto call = [](auto& in) { return linear_attention(in[0], in[1], in[2], {2, true}); };
    return taken(Memory::none, call, {{3, T, 2 * 5}, {3, T, 2 * 5}, {3, T, 2 * 4}}, constant).flop;
  };
  const double B = 3, H = 2, M = 5, D = 4, T = 7, one = 2 * B * H * T * M;
  CHECK(flop(7) == doctest::Approx(one * (5 * (D + 1) + D)));  // two forward; a state's, dq, dk and dv
  CHECK(flop(7, 0) == doctest::Approx(one * (4 * (D + 1) + D)));
  CHECK(flop(7, 2) == doctest::Approx(one * 5 * (D + 1)));
  CHECK(flop(700) == doctest::Approx(100 * flop(7)));
}

TEST_CASE("attention needs two products forward and four backward, of the pairs that are seen, fewer for constants") {
  const double B = 3, H = 2, T = 5, D = 4, one = 2 * B * H * D;  // of a pair of places
  const Shape x{3, 5, 8};
  CHECK(attention_flop(x, {2, false}) == doctest::Approx(6 * one * T * T));
  CHECK(attention_flop(x, {2, true}) == doctest::Approx(6 * one * T * (T + 1) / 2));
  CHECK(attention_flop(x, {2, true}, 0) == doctest::Approx(5 * one * T * (T + 1) / 2));  // no dq
  CHECK(attention_flop(x, {2, true}, 2) == doctest::Approx(5 * one * T * (T + 1) / 2));  // no dv
  static constexpr int lengths[] = {5, 1, 2};
  CHECK(attention_flop(x, {2, false, lengths}) == doctest::Approx(6 * one / B * T * (5 + 1 + 2)));
}

TEST_CASE("a frozen parameter needs no product for its gradient, and has none where no tape has memory") {
  for (const bool freeze : {false, true}) {
    Parameters<float> parameters;
    const auto first = parameters.declare("body.weight", {7, 5}, {1}, true);
    const auto second = parameters.declare("head.weight", {3, 7}, {1}, true);
    if (freeze) parameters.train_only([](std::string_view path) { return path.starts_with("head."); });
    parameters.lay_out(Memory::none);
    Tape<float> tape(Memory::none);
    const auto x = tape.constant({4, 5}, std::vector<float>(20));
    tape.backward(sum(linear(linear(x, first), second)));
    // forward of both; dW of the second; its dx and dW of the first
    CHECK(tape.multiplier.work.flop == 2 * 4 * (7 * 5 + 3 * 7 + 3 * 7 + (freeze ? 0 : 3 * 7 + 7 * 5)));
    CHECK(tape.multiplier.work.products.size() == (freeze ? 3 : 5));
  }
}

TEST_CASE("logits that are made again in backward are counted once") {
  Parameters<float> parameters;
  const auto weight = parameters.declare("weight", {7, 5}, {1}, true);
  parameters.lay_out(Memory::none);
  Tape<float> tape(Memory::none);
  const std::vector<int> targets(4, 0);
  tape.backward(
      sum(token_log_probs(tape.constant({4, 5}, std::vector<float>(20)), weight, std::span<const int>(targets))));
  CHECK(tape.multiplier.work.flop == 2 * 2 * 4 * 7 * 5);  // forward, and dW
}

TEST_CASE("a layer norm reads x and writes y, then reads x and dy and writes dx") {
  const Taken all = taken(Memory::none, [](auto& in) { return layer_norm(in[0], in[1]); }, {{3, 5}, {5}});
  CHECK(all.bytes == (2 + 3) * 15 * sizeof(double));
}

TEST_CASE("what no machine could hold can be measured, in no time and no memory") {
  Tape<float> tape(Memory::none);
  Parameters<float> parameters;
  const auto weight = parameters.declare("weight", {1L << 20, 1L << 20}, {1}, true);
  parameters.lay_out(Memory::none);
  const auto x = repeat(on(tape, weight), 1L << 10);  // [2^10, 2^20, 2^20]
  tape.backward(sum(linear(x, weight)));
  CHECK(tape.bytes_of_values() > 2 * 4 * std::ldexp(1.0, 50));
  CHECK(tape.multiplier.work.flop == 3 * 2 * std::ldexp(1.0, 70));
}
