// The GPT: a transformer whose every output predicts a token. Radford et al. 2018, 2019.
#pragma once

#include <algorithm>
#include <span>
#include <string>

#include "autograd/expect.h"
#include "autograd/ops/cross_entropy.h"
#include "nn/counted_rows.h"
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
                   std::span<const int> lengths = {}) const {
    return linear(hidden(tape, tokens, batch, length, lengths), head);
  }

  /// The logits of one position of each sequence, positions [B]: [B, V].
  Tensor<T> logits_at(Tape<T>& tape, std::span<const int> tokens, long batch, long length, std::span<const int> lengths,
                      std::span<const int> positions, KvCache<T>* cache = nullptr) const {
    const Tensor<T> x = hidden(tape, tokens, batch, length, lengths, cache);
    if (static_cast<long>(positions.size()) != batch)
      autograd::refuse("gpt", "expected " + std::to_string(batch) + " positions, one a sequence, got " +
                                  std::to_string(positions.size()));
    autograd::expect_ids("gpt", positions, length);
    const std::span<int> rows(tape.template keep<int>(batch), batch);
    for (long b = 0; b < batch; ++b) rows[b] = static_cast<int>(b * length + positions[b]);
    return linear(gather<T>(tape, reshape(x, {batch * length, config.channels}), rows), head);
  }

  /// For generation: tokens [B, n], n >= 1, are what follows the past ones of the cache's B sequences; they join these.
  /// Returns the logits of the last of each, [B, V]: up to rounding those of the whole text, however it is cut into
  /// calls. An observer sees the new positions. The tape must be paused, and past + n <= context: Error(usage).
  Tensor<T> decode(Tape<T>& tape, KvCache<T>& cache, std::span<const int> tokens) const {
    const long B = cache.sequences(), count = static_cast<long>(tokens.size());
    if (!config.causal)
      autograd::refuse("gpt", "a model that reads in both directions fills gaps; it cannot go on with a text");
    if (!cache.fits(config)) autograd::refuse("gpt", "the cache was made for a model of another shape");
    if (count == 0 || B == 0 || count % B != 0)
      autograd::refuse("gpt", "expected tokens, as many for each of " + std::to_string(B) + " sequences, got " +
                                  std::to_string(count));
    const std::span<int> last(tape.template keep<int>(B), B);
    std::fill(last.begin(), last.end(), static_cast<int>(count / B - 1));
    return logits_at(tape, tokens, B, count / B, {}, last, &cache);
  }

  /// scale * sum of -ln p(target) over the targets that are not -1; targets as tokens. Adds the sums to score, if
  /// given.
  Tensor<T> loss(Tape<T>& tape, std::span<const int> tokens, std::span<const int> targets, long batch, long length,
                 std::span<const int> lengths, double scale, Score* score = nullptr) const {
    if (targets.size() != tokens.size())
      autograd::refuse("gpt", "expected " + std::to_string(tokens.size()) + " targets, one a token, got " +
                                  std::to_string(targets.size()));
    const Tensor<T> x = hidden(tape, tokens, batch, length, lengths);
    const Counted<T> at = counted_rows(x, targets);
    return cross_entropy(at.x, head, at.targets, scale, score);
  }
};

}  // namespace primer::nn
