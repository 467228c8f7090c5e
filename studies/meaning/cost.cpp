#include "studies/meaning/cost.h"

#include <cmath>
#include <memory>
#include <vector>

#include "autograd/tape.h"
#include "studies/lab/fit.h"
#include "train/step/model.h"

namespace primer::studies {

using autograd::Memory, autograd::ProductShape;

namespace {

/// A product of which so many are made, `follow` of them one after the other; less of it where that is below 0.
Cost of(double m, double n, double k, double times, double follow) {
  return {2 * times * m * n * k, 4 * times * (m * k + k * n + m * n), follow};
}

Cost operator+(const Cost& a, const Cost& b) {
  return {a.operations + b.operations, a.bytes + b.bytes, a.steps + b.steps};
}

/// A recurrent layer's product by U is listed once, as many times as there are steps, and each needs the one before;
/// heads of attention, likewise listed once, need each other not. With a first factor that is transposed a product sums
/// over rows: a gradient of weights, or of keys and values, which is beside the chain.
Cost counted(const nn::ModelConfig& shape, const autograd::Work& work) {
  Cost all;
  for (const ProductShape& p : work.products) {
    const double chain = shape.body == nn::BodyKind::transformer ? std::copysign(1, p.times) : p.times;
    const auto number = [](long value) { return static_cast<double>(value); };
    all = all + of(number(p.m), number(p.n), number(p.k), p.times, p.a_transposed ? 0 : chain);
  }
  return all;
}

}  // namespace

Cost cost_of_training(const nn::ModelConfig& shape, long sequences, long length) {
  autograd::Parameters<float> parameters;
  const nn::Model<float> model(parameters, shape);
  parameters.lay_out(Memory::none);
  parameters.zero_grad();
  data::Batch batch = empty_batch(sequences, length);
  batch.targets = batch.tokens;
  autograd::Tape<float> tape(Memory::none);
  nn::Scores scores;
  tape.backward(train::loss_of(model, tape, train::part_of(batch, 0, sequences), {}, scores));
  return counted(shape, tape.multiplier.work);
}

Cost cost_of_next(const nn::ModelConfig& shape, long read) {
  const Net<float> net(shape, 1);
  const std::vector<int> tokens(read, 0);
  autograd::Tape<float> tape;
  const auto pause = tape.pause();
  const auto state = net.model.body->state(1);
  net.model.decode(tape, *state, tokens);
  std::destroy_at(&tape.multiplier);
  std::construct_at(&tape.multiplier, Memory::none);  // one that lists products and makes none
  net.model.decode(tape, *state, std::span(tokens).first(1));
  return counted(shape, tape.multiplier.work);
}

Cost training_formula(const nn::ModelConfig& shape, long sequences, long length) {
  const auto B = static_cast<double>(sequences), T = static_cast<double>(length), R = B * T;
  const auto C = static_cast<double>(shape.channels), V = static_cast<double>(shape.vocabulary);
  const auto H = static_cast<double>(shape.heads), F = static_cast<double>(shape.hidden());
  // y = x W' of all rows, and the gradients of x and W
  const auto linear = [=](double in, double out) {
    return of(R, out, in, 1, 1) + of(R, in, out, 1, 1) + of(out, in, R, 1, 0);
  };
  Cost layer;
  if (shape.body == nn::BodyKind::transformer) {
    const double seen = B * H * (T + 1) / (2 * T), D = C / H;  // of all pairs of places a head looks at so many
    layer = linear(C, 3 * C) + linear(C, C) + linear(C, F) + linear(F, C);
    layer = layer + of(T, T, D, seen, 1) + of(T, D, T, seen, 1);                             // scores, what they bring
    layer = layer + of(T, T, D, seen, 1) + of(T, D, T, seen, 1) + of(T, D, T, 2 * seen, 0);  // d pattern, dq; dk, dv
  } else {
    const double G = shape.body == nn::BodyKind::lstm ? 4 : 1;
    layer = linear(C, G * C) + of(B, G * C, C, T, T) + of(B, C, G * C, T - 1, T - 1) + of(G * C, C, R, 1, 0);
  }
  Cost all = linear(C, V);
  for (long i = 0; i < shape.layers; ++i) all = all + layer;
  return all;
}

Cost next_formula(const nn::ModelConfig& shape, long read) {
  const auto C = static_cast<double>(shape.channels), V = static_cast<double>(shape.vocabulary);
  const auto H = static_cast<double>(shape.heads), F = static_cast<double>(shape.hidden());
  const auto seen = static_cast<double>(read + 1), D = C / H;
  const auto row = [](double in, double out) { return of(1, out, in, 1, 1); };
  Cost layer;
  if (shape.body == nn::BodyKind::transformer) {
    layer = row(C, 3 * C) + row(C, C) + row(C, F) + row(F, C) + of(1, seen, D, H, 1) + of(1, D, seen, H, 1);
  } else {
    const double G = shape.body == nn::BodyKind::lstm ? 4 : 1;
    layer = row(C, G * C) + row(C, G * C);
  }
  Cost all = row(C, V);
  for (long i = 0; i < shape.layers; ++i) all = all + layer;
  return all;
}

}  // namespace primer::studies
