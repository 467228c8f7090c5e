// The transformer: embeddings, then blocks. Vaswani et al. 2017; Radford et al. 2018; Devlin et al. 2019.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nn/block.h"
#include "nn/body.h"
#include "nn/embedding.h"

namespace primer::nn {

template <class T>
struct Transformer final : Body<T> {
  using Body<T>::config, Body<T>::expect_state;
  std::string path;                               // what its parameters' paths begin with: "", "encoder.", "decoder."
  Embedding<T> token;                             // [V, C]
  std::optional<PositionalEncoding<T>> position;  // [T, C], added to the tokens
  std::optional<Embedding<T>> qk_position;        // [T, C], which every attention has of its queries and keys
  std::optional<Embedding<T>> segment;            // [S, C]
  std::optional<Norm<T>> embedding_norm;
  Dropout embedding_dropout;
  std::vector<Block<T>> blocks;
  std::optional<Norm<T>> norm;  // after the last block of a pre-norm model

  /// Declares all parameters, but not `token_rows` [V, C], if given: the tokens begin as these of another one. Throws
  /// Error(usage) on a configuration that makes no model.
  Transformer(Parameters<T>& parameters, const ModelConfig& c, const std::string& path = "", Tensor<T> token_rows = {});

  Tensor<T> hidden(Tape<T>& tape, const Sequences& in, State<T>* state = nullptr) const override;
  /// The same as a half of an EncoderDecoder, which has checked in.source: a decoder reads `memory`.
  Tensor<T> hidden(Tape<T>& tape, const Sequences& in, KvCache<T>* cache, const Memory<T>& memory) const;
  std::unique_ptr<State<T>> state(long most) const override;
  Tensor<T> token_rows() const override { return token.weight; }
  long position_count() const override;
  long attention_layers() const override { return config.layers; }
};

}  // namespace primer::nn
