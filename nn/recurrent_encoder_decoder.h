// The recurrent encoder-decoder: cells read a source in both directions, and others, which predict a text token by
// token, attend to what came of it. With the encoder's states h_j = [forwards_j; backwards_j], [2 C], and the rows e of
// the tokens, three ways (autograd/ops/recurrent.h has the cells, nn/attention/alignment.h the weights):
//   additive   c_t = align(s_{t-1}, h), s_t = cell(s_{t-1}, [e_t; c_t]), y_t = maxout(Uo s_t + Vo e_t + Co c_t)
//              Bahdanau, Cho & Bengio 2015, equation 4 and appendix A.2.2 (which reads s_{t-1} in y_t); s_0 = tanh(Ws
//              backwards_1). Of several layers the first one aligns; those above read its s, and the last one makes y.
//   Luong's    s_t = cell(s_{t-1}, e_t), c_t = align(s_t, h), y_t = tanh(Wc [c_t; s_t])      Luong, Pham & Manning
//              2015, equation 5; with input feeding the first cell reads [e_t; y_{t-1}], section 3.3. The last layer
//              aligns; s_0 = tanh(Ws [forwards_S; backwards_1]).
//   none       y_t = s_t, and s_0 as Luong's: all of the source is in it. Sutskever, Vinyals & Le 2014.
// Ws makes all that a layer's cells keep, of an LSTM c too. Where no step needs what another one read, all run at once.
#pragma once

#include <optional>
#include <vector>

#include "nn/attention/alignment.h"
#include "nn/recurrent.h"

namespace primer::nn {

template <class T>
struct RecurrentEncoderDecoder final : Body<T> {
  using Body<T>::config, Body<T>::expect_state;

  /// A layer of the encoder: [B, S, in] -> [B, S, 2 C].
  struct BothWays {
    RecurrentLayer<T> forwards, backwards;
  };
  Embedding<T> token;                        // [V, C], of the text, and of the source
  std::optional<Embedding<T>> source_token;  // [source_vocabulary, C], if that has rows of its own
  Dropout token_dropout, source_dropout;     // of the rows
  std::vector<BothWays> encoder;             // `encoder.layers.N`
  std::vector<RecurrentLayer<T>> decoder;    // `decoder.layers.N`
  std::vector<Linear<T>> start;              // Ws of every layer of the decoder, [S, C] or [S, 2 C]
  std::optional<Alignment<T>> alignment;     // `alignment`; without none
  Linear<T> feed;                            // [G C, 2 C or C], what the first cell makes of c_t, or of y_{t-1}
  Linear<T> of_state, of_token, of_context;  // additive's Uo, Vo [2 C, C] and Co [2 C, 2 C]
  Linear<T> output;                          // Luong's Wc, [C, width + C]

  /// Declares all parameters. Throws Error(usage) on a configuration that makes no model.
  RecurrentEncoderDecoder(Parameters<T>& parameters, autograd::Cell cell, const ModelConfig& c);

  /// A text has no bound, a source that of the context; each source has 1 token or more. Where steps follow one
  /// another, additive's and those with input feeding, alignment.pattern comes once a token, in their order, and T is 1
  /// in it, as when a text is decoded token by token.
  Tensor<T> hidden(Tape<T>& tape, const Sequences& in, State<T>* state = nullptr) const override;
  std::unique_ptr<State<T>> state(long most) const override;
  bool is_bounded() const override { return false; }
  long attention_layers() const override { return alignment ? 1 : 0; }  // one, without heads: alignment.pattern
  Tensor<T> token_rows() const override { return token.weight; }

 private:
  struct Reading;
  Reading read(Tape<T>& tape, const Source& source, long B) const;
  Tensor<T> decode(Tensor<T> x, Reading& from, bool goes_on) const;
  Tensor<T> decode_additive(Tensor<T> x, Reading& from, bool goes_on) const;
  Tensor<T> decode_with_feeding(Tensor<T> x, Reading& from) const;
};

}  // namespace primer::nn
