// BERT: a transformer that reads in both directions, with a head that fills gaps and one that tells sequences apart.
// Devlin, Chang, Lee, Toutanova: BERT (2019), section 3.
#pragma once

#include <span>
#include <string>

#include "autograd/score.h"
#include "nn/transformer.h"

namespace primer::nn {

using autograd::Score;

/// The path of the head on what a sequence is summed up in: whether B follows A, or a class of the user's.
inline constexpr const char* label_head = "label";

/// What the losses of one micro-batch are asked for. Targets and labels that are -1 do not count.
struct BertTargets {
  std::span<const int> tokens = {};  // [B, T], what stands at the masked places; none: no such loss
  double token_scale = 0;            // 1 / (tokens that count in the whole step)
  std::span<const int> labels = {};  // [B], in 0 ... K-1; none: no such loss
  double label_scale = 0;            // 1 / (labels that count in the whole step)
};

/// x [B, T, C] -> [B, C], the mean over each sequence's real places; lengths [B], none: all are.
template <class T>
Tensor<T> mean_of_real(Tensor<T> x, std::span<const int> lengths);

template <class T>
struct Bert : Transformer<T> {
  using Transformer<T>::config, Transformer<T>::token, Transformer<T>::hidden;
  Linear<T> transform;  // [C, C]   the masked head: logits = norm(f(transform(x))) decoder^T + decoder_bias
  LayerNorm<T> transform_norm;
  Tensor<T> decoder;       // [V, C], the token embedding itself if tied
  Tensor<T> decoder_bias;  // [V]
  Linear<T> pooler;        // [C, C]   tanh of it, on the first output
  Linear<T> labels;        // [K, C]

  /// Declares all parameters, as the configuration wants them; biases in the heads even in a model without.
  Bert(Parameters<T>& parameters, const ModelConfig& c) : Transformer<T>(parameters, c) {
    const long C = c.channels, V = c.vocabulary;
    const double deviation = c.deviation();
    if (c.masked_head) {
      transform = {parameters, "masked.transform", C, C, true, deviation};
      transform_norm = {parameters, "masked.norm", C, true, c.norm_epsilon};
      decoder = c.tie ? token.weight : parameters.declare("masked.decoder.weight", {V, C}, {deviation}, true);
      decoder_bias = parameters.declare("masked.decoder.bias", {V}, {}, false);
    }
    if (c.pooling == Pooling::cls) pooler = {parameters, "pooler", C, C, true, deviation};
    if (c.labels > 0) labels = {parameters, label_head, C, c.labels, true, deviation};
  }

  /// What the masked head makes of hidden rows before the projection: [..., C] -> [..., C].
  Tensor<T> transformed(Tensor<T> x) const;

  /// The logits of rows of hidden, for every token: [..., C] -> [..., V].
  Tensor<T> logits(Tensor<T> x) const;

  /// One vector for each sequence, of hidden x [B, T, C]: [B, C]. Throws Error(usage) if the model has no pooling.
  Tensor<T> pooled(Tensor<T> x, std::span<const int> lengths = {}) const;

  /// The logits of the classes, from pooled [B, C]: [B, K].
  Tensor<T> label_logits(Tensor<T> pooled) const;

  /// token_scale times the sum of -ln p(token) over the tokens that count, plus label_scale times that over the labels.
  /// Adds the sums to the scores, if given. Devlin et al., appendix A.2: each loss is a mean, and their sum is trained.
  Tensor<T> loss(Tape<T>& tape, const Sequences& in, const BertTargets& wanted, Score* tokens = nullptr,
                 Score* label_score = nullptr) const;
};

}  // namespace primer::nn
