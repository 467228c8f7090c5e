// What a model asks of a machine, beside closed forms and beside loops that multiply number by number.
#include "studies/meaning/cost.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "autograd/tape.h"
#include "studies/lab/fit.h"
#include "train/step/model.h"

using namespace primer::studies;
using primer::nn::BodyKind, primer::nn::ModelConfig;

namespace {

constexpr BodyKind bodies[]{BodyKind::rnn, BodyKind::lstm, BodyKind::transformer};

ModelConfig shape(BodyKind body, long layers = 2, long channels = 12) {
  return {.body = body,
          .vocabulary = 10,
          .context = 64,
          .layers = layers,
          .heads = 2,
          .channels = channels,
          .position = primer::nn::Position::rotary,
          .output = {.tie = false}};
}

/// A number that knows only how many sums of products stand one behind the other before it; what they multiply is
/// counted.
using Depth = long;
struct Multiplied {
  double count = 0;
  Depth sum_of(const std::vector<Depth>& a, const std::vector<Depth>& b) {
    count += static_cast<double>(a.size());
    return 1 + std::max(*std::max_element(a.begin(), a.end()), *std::max_element(b.begin(), b.end()));
  }
  /// W x, with known weights.
  std::vector<Depth> linear(const std::vector<Depth>& x, long out) {
    std::vector<Depth> y;
    for (long i = 0; i < out; ++i) y.push_back(sum_of(x, std::vector<Depth>(x.size(), 0)));
    return y;
  }
};

std::vector<Depth> later(std::vector<Depth> a, const std::vector<Depth>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::max(a[i], b[i]);
  return a;
}

/// One layer and the output over T tokens, forward, number by number: operations, and the longest chain.
Cost by_loops(const ModelConfig& c, long T) {
  Multiplied by;
  Depth deepest = 0;
  const auto show = [&](const std::vector<Depth>& x) {
    for (const Depth depth : by.linear(x, c.vocabulary)) deepest = std::max(deepest, depth);
  };
  const long C = c.channels, D = C / c.heads;
  const std::vector<Depth> token(C, 0);
  if (c.body == BodyKind::transformer) {
    std::vector<std::vector<Depth>> q, k, v;
    for (long t = 0; t < T; ++t) {
      for (auto* rows : {&q, &k, &v}) rows->push_back(by.linear(token, C));
      std::vector<Depth> z(C);
      for (long h = 0; h < c.heads; ++h) {
        const auto part = [&](const std::vector<Depth>& x) {
          return std::vector<Depth>(x.begin() + h * D, x.begin() + (h + 1) * D);
        };
        std::vector<Depth> scores;
        for (long s = 0; s <= t; ++s) scores.push_back(by.sum_of(part(q[t]), part(k[s])));
        std::fill(scores.begin(), scores.end(), *std::max_element(scores.begin(), scores.end()));  // softmax: of all
        for (long d = 0; d < D; ++d) {
          std::vector<Depth> column;
          for (long s = 0; s <= t; ++s) column.push_back(v[s][h * D + d]);
          z[h * D + d] = by.sum_of(scores, column);
        }
      }
      show(by.linear(by.linear(by.linear(z, C), 4 * C), C));
    }
  } else {
    std::vector<Depth> h(C, 0);
    for (long t = 0; t < T; ++t) {
      const long gates = c.body == BodyKind::lstm ? 4 : 1;
      const std::vector<Depth> sums = later(by.linear(token, gates * C), by.linear(h, gates * C));
      for (long i = 0; i < gates * C; ++i) h[i % C] = std::max(h[i % C], sums[i]);
      show(h);
    }
  }
  return {2 * by.count, 0, static_cast<double>(deepest)};
}

/// What a model really asks for, forward alone, where its products are made.
double operations_forward(const ModelConfig& c, long T) {
  const Net<float> net(c, 1);
  primer::autograd::Tape<float> tape;
  const auto pause = tape.pause();
  const auto batch = empty_batch(1, T);
  net.model.logits(tape, primer::train::part_of(batch, 0, 1).sequences);
  return tape.multiplier.work.flop;
}

}  // namespace

TEST_CASE("what is counted from a model is the closed form: operations, bytes and steps, of training and of a token") {
  for (const BodyKind body : bodies) {
    for (const long layers : {1L, 3L}) {
      const ModelConfig c = shape(body, layers);
      for (const long T : {1L, 2L, 17L, 64L}) {
        CAPTURE(T);
        for (const long B : {1L, 5L}) CHECK(cost_of_training(c, B, T) == training_formula(c, B, T));
        if (T < 64) CHECK(cost_of_next(c, T) == next_formula(c, T));
      }
    }
  }
}

TEST_CASE(
    "loops that multiply number by number make as many operations, in a chain as long as the text or not at all") {
  for (const BodyKind body : bodies) {
    for (const long T : {1L, 2L, 9L, 20L}) {
      const ModelConfig c = shape(body, 1);
      const Cost loops = by_loops(c, T), all = training_formula(c, 1, T);
      CHECK(loops.operations == operations_forward(c, T));
      // Backward makes twice as many, but for the gradient of the state of 0 before a tanh net's or LSTM's first token.
      const bool attends = body == BodyKind::transformer;
      const double gates = body == BodyKind::lstm ? 4 : 1, none = attends ? 0 : 2 * gates * 12 * 12;
      CHECK(all.operations == 3 * loops.operations - none);
      CHECK(loops.steps == (attends ? 7 : T + 1));
      // Of these the program makes W x before the first step, and goes all the way back but for that state.
      CHECK(all.steps == 2 * loops.steps + (attends ? 0 : 1));
    }
  }
}

TEST_CASE("what the next token costs is what one token more costs in a text that is read at once") {
  for (const BodyKind body : bodies) {
    const ModelConfig c = shape(body);
    const double difference = operations_forward(c, 21) - operations_forward(c, 20);
    CHECK(cost_of_next(c, 20).operations == difference);
    CHECK(cost_of_next(c, 1).operations == operations_forward(c, 2) - operations_forward(c, 1));
  }
}

TEST_CASE("the next token's bytes: all weights once, and what they and heads read and write, added by hand") {
  constexpr double output = 12 + 120 + 10;  // a row of 12 channels, [10, 12], 10 logits
  CHECK(cost_of_next(shape(BodyKind::rnn), 5).bytes == 4 * (4 * (12 + 144 + 12) + output));
  CHECK(cost_of_next(shape(BodyKind::lstm), 5).bytes == 4 * (4 * (12 + 576 + 48) + output));
  constexpr double dense = (12 + 432 + 36) + (12 + 144 + 12) + (12 + 576 + 48) + (48 + 576 + 12);
  constexpr double heads = 2 * ((6 + 36 + 6) + (6 + 36 + 6));  // a query and six keys, six weights and six values
  CHECK(cost_of_next(shape(BodyKind::transformer), 5).bytes == 4 * (2 * (dense + heads) + output));
}
