#include "nn/gpt.h"

#include <algorithm>

#include "autograd/expect.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/linear.h"
#include "nn/counted_rows.h"

namespace primer::nn {

template <class T>
Tensor<T> Gpt<T>::logits(Tape<T>& tape, std::span<const int> tokens, long batch, long length,
                         std::span<const int> lengths) const {
  return linear(hidden(tape, tokens, batch, length, lengths), head);
}

template <class T>
Tensor<T> Gpt<T>::logits_at(Tape<T>& tape, std::span<const int> tokens, long batch, long length,
                            std::span<const int> lengths, std::span<const int> positions, KvCache<T>* cache) const {
  const Tensor<T> x = hidden(tape, tokens, batch, length, lengths, cache);
  autograd::expect_count("gpt", "positions, one a sequence", positions.size(), batch);
  autograd::expect_ids("gpt", positions, length);
  const std::span<int> rows(tape.template keep<int>(batch), batch);
  for (long b = 0; b < batch; ++b) rows[b] = static_cast<int>(b * length + positions[b]);
  return linear(gather<T>(tape, reshape(x, {batch * length, config.channels}), rows), head);
}

template <class T>
Tensor<T> Gpt<T>::decode(Tape<T>& tape, KvCache<T>& cache, std::span<const int> tokens) const {
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

template <class T>
Tensor<T> Gpt<T>::loss(Tape<T>& tape, std::span<const int> tokens, std::span<const int> targets, long batch,
                       long length, std::span<const int> lengths, double scale, Score* score) const {
  autograd::expect_count("gpt", "targets, one a token", targets.size(), static_cast<long>(tokens.size()));
  const Tensor<T> x = hidden(tape, tokens, batch, length, lengths);
  const Counted<T> at = counted_rows(x, targets);
  return cross_entropy(at.x, head, at.targets, scale, score);
}

template struct Gpt<float>;
template struct Gpt<double>;

}  // namespace primer::nn
