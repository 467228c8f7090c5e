// Heads: what is read from the hidden rows of a body.
#pragma once

#include <optional>
#include <span>

#include "autograd/score.h"
#include "nn/linear.h"
#include "nn/model_config.h"
#include "nn/norm.h"

namespace primer::nn {

using autograd::Score;

/// What a head makes of rows, before it is projected: logits = x weight^T + bias. The loss never holds all logits.
template <class T>
struct Projection {
  Tensor<T> x;       // [..., C]
  Tensor<T> weight;  // [V, C]
  Tensor<T> bias;    // [V], or none

  Tensor<T> logits() const;  // [..., V]

  /// scale * sum of -ln p(target) over the rows of x [R, C] whose target is not -1, with label smoothing where that is
  /// not 0, and a weight [R] for each row where there are any: see cross_entropy. Adds the sums to score, if given.
  Tensor<T> loss(std::span<const int> targets, double scale, Score* score = nullptr, double smoothing = 0,
                 std::span<const T> weights = {}) const;
};

/// Every output predicts a token. Radford et al. 2018, 2019.
template <class T>
struct TokenHead {
  Tensor<T> weight;  // [V, C]

  /// `rows` [V, C] are the body's, and the head's own if the output is tied.
  TokenHead(Parameters<T>& parameters, const ModelConfig& c, Tensor<T> rows);

  /// On x [..., C].
  Projection<T> operator()(Tensor<T> x) const { return {x, weight, {}}; }
};

/// Fills gaps: logits = norm(f(transform(x))) decoder^T + bias. Devlin, Chang, Lee, Toutanova: BERT (2019),
/// section 3.1, and the authors' run_pretraining.py. Biases are there even in a model without.
template <class T>
struct MaskedHead {
  Activation activation;
  Linear<T> transform;  // [C, C]
  Norm<T> norm;
  Tensor<T> decoder;  // [V, C]
  Tensor<T> bias;     // [V]

  MaskedHead(Parameters<T>& parameters, const ModelConfig& c, Tensor<T> rows);

  /// On x [..., C].
  Projection<T> operator()(Tensor<T> x) const;
};

/// The path of the head on what a sequence is summed up in: whether B follows A, or a class of the user's.
inline constexpr const char* label_head = "label";

/// Tells sequences apart. Devlin et al. 2019, section 3.1, task 2, and section 4.1.
template <class T>
struct LabelHead {
  std::optional<Linear<T>> pooler;  // [C, C], tanh of it, on the first output; without: the mean of the real outputs
  Linear<T> labels;                 // [K, C]
  Dropout dropout;

  LabelHead(Parameters<T>& parameters, const ModelConfig& c);

  /// One vector for each sequence, of x [B, T, C]: [B, C]. lengths [B], none: all places are real.
  Tensor<T> pooled(Tensor<T> x, std::span<const int> lengths = {}) const;

  /// On x [B, T, C]: a row for each sequence.
  Projection<T> operator()(Tensor<T> x, std::span<const int> lengths = {}) const;
};

/// x [B, T, C] -> [B, C], the mean over each sequence's real places; lengths [B], none: all are.
template <class T>
Tensor<T> mean_of_real(Tensor<T> x, std::span<const int> lengths);

}  // namespace primer::nn
