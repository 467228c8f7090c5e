// The GPT: a transformer whose every output predicts a token. Radford et al. 2018, 2019.
#pragma once

#include <span>
#include <string>

#include "autograd/score.h"
#include "nn/transformer.h"

namespace primer::nn {

using autograd::Score;

template <class T>
struct Gpt : Transformer<T> {
  using Transformer<T>::config, Transformer<T>::token;
  Tensor<T> head;  // [V, C]: the token embedding itself if tied

  /// Declares all parameters; parameters.build(seed) then gives them numbers. Throws Error(usage) on a
  /// configuration that makes no model.
  Gpt(Parameters<T>& parameters, const ModelConfig& c) : Transformer<T>(parameters, c) {
    head = c.tie ? token.weight : parameters.declare("head.weight", {c.vocabulary, c.channels}, {c.deviation()}, true);
  }

  /// What the blocks make of the tokens: [B, T, C]. tokens, batch * length of them, row by row; length <= context;
  /// lengths [B], how many tokens of each sequence are real, or none for all. With a cache, the tokens follow its past
  /// ones; see decode. Throws Error(usage).
  Tensor<T> hidden(Tape<T>& tape, std::span<const int> tokens, long batch, long length,
                   std::span<const int> lengths = {}, KvCache<T>* cache = nullptr) const {
    return Transformer<T>::hidden(tape, {tokens, batch, length, lengths}, cache, "gpt");
  }

  /// The logits of every position: [B, T, V].
  Tensor<T> logits(Tape<T>& tape, std::span<const int> tokens, long batch, long length,
                   std::span<const int> lengths = {}) const;

  /// The logits of one position of each sequence, positions [B]: [B, V].
  Tensor<T> logits_at(Tape<T>& tape, std::span<const int> tokens, long batch, long length, std::span<const int> lengths,
                      std::span<const int> positions, KvCache<T>* cache = nullptr) const;

  /// For generation: tokens [B, n], n >= 1, are what follows the past ones of the cache's B sequences; they join these.
  /// Returns the logits of the last of each, [B, V]: up to rounding those of the whole text, however it is cut into
  /// calls. An observer sees the new positions. The tape must be paused, and past + n <= context: Error(usage).
  Tensor<T> decode(Tape<T>& tape, KvCache<T>& cache, std::span<const int> tokens) const;

  /// scale * sum of -ln p(target) over the targets that are not -1; targets as tokens. Adds the sums to score, if
  /// given.
  Tensor<T> loss(Tape<T>& tape, std::span<const int> tokens, std::span<const int> targets, long batch, long length,
                 std::span<const int> lengths, double scale, Score* score = nullptr) const;
};

}  // namespace primer::nn
