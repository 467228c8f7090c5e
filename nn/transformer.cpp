#include "nn/transformer.h"

#include <algorithm>
#include <string>

#include "autograd/expect.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/dropout.h"

namespace primer::nn {

template <class T>
Transformer<T>::Transformer(Parameters<T>& parameters, const ModelConfig& c, const std::string& path_,
                            Tensor<T> token_rows)
    : Body<T>(c),
      path(path_),
      token(token_rows ? Embedding<T>(token_rows)
                       : Embedding<T>(parameters, path + "token", {c.vocabulary, c.channels, c.token_deviation()})),
      embedding_dropout{c.dropout, autograd::hash(path + "embedding.dropout")} {
  switch (c.position) {
    case Position::learned:
    case Position::sinusoidal:
      position.emplace(parameters, path + "position",
                       PositionOptions{c.position, c.context, c.channels, c.deviation, c.position_scale});
      break;
    case Position::qk:
      qk_position.emplace(parameters, path + "position", EmbeddingOptions{c.context, c.channels, c.deviation});
      break;
    case Position::rotary:
    case Position::none: break;
  }
  if (c.segments > 0)
    segment.emplace(parameters, path + "segment", EmbeddingOptions{c.segments, c.channels, c.deviation});
  if (c.embedding_norm) embedding_norm.emplace(parameters, path + "embedding_norm", norm_options(c));
  for (long i = 0; i < c.layers; ++i) blocks.emplace_back(parameters, path + "blocks." + std::to_string(i), c);
  if (qk_position)
    for (Block<T>& block : blocks) block.attention.positions = qk_position->weight;
  if (c.norm == NormPlace::pre) norm.emplace(parameters, path + "norm", norm_options(c));
}

template <class T>
Tensor<T> Transformer<T>::hidden(Tape<T>& tape, const Sequences& in, State<T>* state) const {
  auto* const cache = dynamic_cast<KvCache<T>*>(state);
  if (config.decoder_layers > 0) autograd::refuse("transformer", "a decoder needs its encoder", autograd::Fault::bug);
  expect_state("transformer", tape, in, state, cache && cache->fits(config));
  return hidden(tape, in, cache, {});
}

template <class T>
Tensor<T> Transformer<T>::hidden(Tape<T>& tape, const Sequences& in, KvCache<T>* cache, const Memory<T>& memory) const {
  autograd::expect_count("transformer", "tokens", in.tokens.size(), in.batch * in.length);
  const long past = cache ? cache->past() : 0;
  if (past + in.length > config.context)
    autograd::refuse("transformer", "a sequence of " + std::to_string(past + in.length) +
                                        " is longer than the context of " + std::to_string(config.context));
  Tensor<T> x = token(tape, in.tokens, in.batch, in.length);
  if (config.scale_tokens) x = scale(x, std::sqrt(static_cast<double>(config.channels)));
  if (position) x = (*position)(x, past);
  if (segment) {
    const long places = in.batch * in.length;
    std::span<const int> segments = in.segments;
    if (segments.empty())
      segments = {std::fill_n(tape.template keep<int>(places), places, 0) - places, in.tokens.size()};
    autograd::expect_count("transformer", "segments", segments.size(), places);
    x = add(x, (*segment)(tape, segments, in.batch, in.length));
  }
  if (embedding_norm) x = (*embedding_norm)(x);
  x = tape.watch(dropout(x, embedding_dropout), path + "embedding", "output");
  for (long i = 0; i < config.layers; ++i) {
    Memory<T> read = memory;
    if (cache && config.decoder_layers > 0) read.cache = cache->source(i);
    x = blocks[i](x, in.lengths, cache ? cache->layer(i) : LayerCache<T>{}, read);
  }
  if (cache) cache->advance(in.length);
  return norm ? (*norm)(x) : x;
}

template <class T>
std::unique_ptr<State<T>> Transformer<T>::state(long most) const {
  if (!config.causal)
    autograd::refuse("transformer", "a model that reads in both directions fills gaps; it cannot go on with a text");
  return std::make_unique<KvCache<T>>(config, most);
}

template <class T>
long Transformer<T>::position_count() const {
  if (qk_position) return qk_position->weight.size();
  return position && position->learned ? position->learned->weight.size() : 0;
}

template struct Transformer<float>;
template struct Transformer<double>;

}  // namespace primer::nn
