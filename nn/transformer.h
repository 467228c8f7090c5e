// What every model of ours has in common: embeddings, then blocks. Heads on top of it make a GPT or a BERT.
#pragma once

#include <string>
#include <vector>

#include "nn/block.h"
#include "nn/embedding.h"
#include "nn/sequences.h"

namespace primer::nn {

template <class T>
struct Transformer {
  ModelConfig config;
  Embedding<T> token;              // [V, C]
  PositionalEncoding<T> position;  // [T, C]
  Embedding<T> segment;            // [S, C], if there are segments
  LayerNorm<T> embedding_norm;     // without parameters in most models
  Dropout embedding_dropout;
  std::vector<Block<T>> blocks;
  LayerNorm<T> norm;  // after the last block of a pre-norm model

  /// Declares all parameters; parameters.build(seed) then gives them numbers. Throws Error(usage) on a configuration
  /// that makes no model.
  Transformer(Parameters<T>& parameters, const ModelConfig& c)
      : config(c), embedding_dropout{c.dropout, autograd::hash("embedding.dropout")} {
    c.check();
    token = {parameters, "token", c.vocabulary, c.channels, c.deviation()};
    position = {parameters, "position", c.position, c.context, c.channels, c.deviation(), c.position_scale};
    if (c.segments > 0) segment = {parameters, "segment", c.segments, c.channels, c.deviation()};
    if (c.embedding_norm) embedding_norm = {parameters, "embedding_norm", c.channels, c.bias, c.norm_epsilon};
    for (long i = 0; i < c.layers; ++i) blocks.emplace_back(parameters, "blocks." + std::to_string(i), c);
    if (c.norm == Norm::pre) norm = {parameters, "norm", c.channels, c.bias, c.norm_epsilon};
  }

  /// What the blocks make of the tokens: [B, T, C]; `op` names the model in messages. With a cache, the tokens follow
  /// its past ones. Throws Error(usage): arrays of another size, an id that there is not, a sequence that is longer
  /// than the context.
  Tensor<T> hidden(Tape<T>& tape, const Sequences& in, KvCache<T>* cache = nullptr, const char* op = "model") const;

  /// Numbers of a learned table of positions, which nothing is multiplied by.
  long position_count() const { return position.learned.weight ? position.learned.weight.size() : 0; }

 private:
  Tensor<T> first_segment(Tape<T>& tape, const Sequences& in) const;
};

}  // namespace primer::nn
