// A small GPT with its parameters and tape, for tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "autograd/random.h"
#include "nn/model.h"

namespace primer::test {

using namespace primer::autograd;
using nn::BodyKind;
using nn::Model;
using nn::ModelConfig;
using nn::NormKind;
using nn::NormPlace;
using nn::Position;

using Ids = std::vector<int>;

/// n reproducible ids below `vocabulary`.
inline Ids random_ids(long n, long vocabulary, std::string_view purpose) {
  const Random random(6, hash(purpose));
  Ids ids(n);
  for (long i = 0; i < n; ++i) ids[i] = static_cast<int>(random.below(vocabulary, i));
  return ids;
}

/// Rows 'from' ... of an array of rows, `count` of them.
template <class V>
V rows_of(const V& all, long from, long count, long width) {
  return V(all.begin() + from * width, all.begin() + (from + count) * width);
}

/// The largest difference, relative to the largest number of either; infinite where one is not finite.
template <class T>
double apart(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 1e-30, difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    largest = std::max({largest, std::abs(x), std::abs(y)});
    difference = std::isfinite(x) && std::isfinite(y) ? std::max(difference, std::abs(x - y)) : INFINITY;
  }
  return difference / largest;
}

/// Targets that count.
inline double count_of(const Ids& targets) {
  return static_cast<double>(std::count_if(targets.begin(), targets.end(), [](int t) { return t >= 0; }));
}

template <class T>
struct SmallModel {
  Parameters<T> parameters;
  Model<T> gpt;
  Tape<T> tape;
  nn::Source source = {};  // what every text is made from, if the model has an encoder
  double smoothing = 0;    // of the loss

  explicit SmallModel(const ModelConfig& config, std::uint64_t seed = 1) : gpt(parameters, config) {
    parameters.build(seed);
    tape.poison = true;
  }

  /// Large random numbers instead of GPT-2's small ones: every part of the model then matters to every result.
  void stir() {
    for (const auto& e : parameters.entries()) {
      const Random random(8, hash(e.path));
      const double deviation = e.path.starts_with("token") ? 1
                               : e.shape.rank == 2         ? 0.8 / std::sqrt(static_cast<double>(e.shape.last()))
                                                           : 0.2;
      for (long i = 0; i < e.shape.size(); ++i)
        parameters.values()[e.offset + i] = static_cast<T>(e.init.mean + deviation * random.normal(i));
    }
  }

  /// [B, T, V], as numbers
  std::vector<T> logits(const Ids& tokens, long batch, const Ids& lengths = {}) {
    const auto pause = tape.pause();
    const auto y = gpt.logits(tape, sequences(tokens, batch, lengths));
    return {y.data(), y.data() + y.size()};
  }

  nn::Sequences sequences(const Ids& tokens, long batch, const Ids& lengths) const {
    return {tokens, batch, static_cast<long>(tokens.size()) / batch, lengths, {}, source};
  }

  /// The loss; adds to the gradients.
  double accumulate(const Ids& tokens, const Ids& targets, long batch, const Ids& lengths, double scale) {
    tape.reset();
    const auto loss = gpt.loss(tape, sequences(tokens, batch, lengths), {targets, scale, {}, 0, smoothing});
    tape.backward(loss);
    return loss.item();
  }

  /// The loss, with fresh gradients; scale 0: the mean over the targets that count.
  double run(const Ids& tokens, const Ids& targets, long batch, const Ids& lengths = {}, double scale = 0) {
    parameters.zero_grad();
    const double loss = accumulate(tokens, targets, batch, lengths, scale > 0 ? scale : 1 / count_of(targets));
    parameters.settle();
    return loss;
  }

  std::vector<T> gradients() const { return {parameters.grads(), parameters.grads() + parameters.trained()}; }
};

/// Two blocks with everything that a GPT-2 has, and an untied head.
inline ModelConfig small_config() {
  return {
      .vocabulary = 17, .context = 150, .layers = 2, .heads = 2, .channels = 8, .bias = true, .output = {.tie = false}};
}

}  // namespace primer::test
