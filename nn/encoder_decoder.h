// The encoder-decoder: a transformer reads a source in both directions, and another one, which predicts a text token by
// token, attends to what that made of it. Vaswani et al. 2017, section 3.1.
#pragma once

#include "nn/transformer.h"

namespace primer::nn {

template <class T>
struct EncoderDecoder final : Body<T> {
  using Body<T>::config, Body<T>::expect_state;
  Embedding<T> token;      // [V, C], of the text, and of the source unless it has a vocabulary of its own
  Transformer<T> encoder;  // `encoder.`, reads in.source
  Transformer<T> decoder;  // `decoder.`, reads in.tokens

  /// Declares all parameters. Throws Error(usage) on a configuration that makes no model.
  EncoderDecoder(Parameters<T>& parameters, const ModelConfig& c);

  Tensor<T> hidden(Tape<T>& tape, const Sequences& in, State<T>* state = nullptr) const override;
  std::unique_ptr<State<T>> state(long most) const override { return decoder.state(most); }
  Tensor<T> token_rows() const override { return token.weight; }
  long position_count() const override { return encoder.position_count() + decoder.position_count(); }
};

}  // namespace primer::nn
