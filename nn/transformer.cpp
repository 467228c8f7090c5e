#include "nn/transformer.h"

#include <algorithm>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/dropout.h"

namespace primer::nn {

template <class T>
Tensor<T> Transformer<T>::hidden(Tape<T>& tape, const Sequences& in, KvCache<T>* cache, const char* op) const {
  autograd::expect_count(op, "tokens", in.tokens.size(), in.batch * in.length);
  const long past = cache ? cache->past() : 0;
  if (past + in.length > config.context)
    autograd::refuse(op, "a sequence of " + std::to_string(past + in.length) + " is longer than the context of " +
                             std::to_string(config.context));
  Tensor<T> x = position(token(tape, in.tokens, in.batch, in.length), past);
  if (segment.weight) {
    if (!in.segments.empty()) autograd::expect_count(op, "segments", in.segments.size(), in.batch * in.length);
    x = add(x, in.segments.empty() ? first_segment(tape, in) : segment(tape, in.segments, in.batch, in.length));
  }
  x = tape.watch(dropout(embedding_norm(x), embedding_dropout), "embedding", "output");
  for (long i = 0; i < config.layers; ++i) x = blocks[i](x, in.lengths, cache ? cache->layer(i) : LayerCache<T>{});
  if (cache) cache->advance(in.length);
  return norm(x);
}

template <class T>
Tensor<T> Transformer<T>::first_segment(Tape<T>& tape, const Sequences& in) const {
  const std::span<int> zeros(tape.template keep<int>(in.batch * in.length), in.batch * in.length);
  std::fill(zeros.begin(), zeros.end(), 0);
  return segment(tape, zeros, in.batch, in.length);
}

template struct Transformer<float>;
template struct Transformer<double>;

}  // namespace primer::nn
