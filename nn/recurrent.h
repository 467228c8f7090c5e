// A recurrent network: embeddings, then layers of cells, each of which reads a sequence step by step and carries a
// state. Elman 1990; of language Mikolov et al. 2010; dropout on what goes up and never on the state, Zaremba,
// Sutskever & Vinyals 2014, also of embeddings and the last layer, as in PyTorch's word_language_model.
//
// A window begins with a state of 0, and gradients go back to its beginning: truncated back-propagation through time is
// the window. With a State a text goes on for ever, since the state is of one size.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "autograd/options.h"
#include "nn/body.h"
#include "nn/embedding.h"

namespace primer::nn {

/// Room for rows of up to `most` sequences, which have no gradient: what a state keeps from call to call.
template <class T>
struct KeptRows {
  long width;  // numbers of a sequence: fewer, once keep() was given fewer
  autograd::FlatBlock<T> block;
  autograd::Node<T> node;

  KeptRows(long most, long width_) : width(width_), block(std::max(1L, most * width)) { node.value = block.data(); }
  Tensor<T> rows(Tape<T>& tape, Shape shape) { return {&tape, &node, shape}; }

  /// x [B, ...], B <= most, with no more numbers of a sequence than there is room for.
  void keep(Tensor<T> x) {
    width = x.size() / std::max(x.shape[0], 1L);
    std::copy_n(x.data(), x.size(), block.data());
  }
  void copy(long from, long to) { std::copy_n(block.data() + from * width, width, block.data() + to * width); }
};

/// The matrices begin normal, with the deviation of PyTorch's uniform numbers within 1 / sqrt(C); biases with 0, and
/// that of an LSTM's forget gate with 1: Gers, Schmidhuber & Cummins 2000.
template <class T>
struct RecurrentLayer {
  std::string path;
  autograd::Cell cell;
  Linear<T> input;   // [G C, in], the G gates as in autograd/ops/recurrent.h
  Tensor<T> weight;  // [G C, C], of the state
  Tensor<T> inner;   // [C], a GRU's bias beside the state's part of its new state; or none
  Dropout dropout;   // of what it hands on

  /// in: channels of what it reads.
  RecurrentLayer(Parameters<T>& parameters, const std::string& path, autograd::Cell cell, const ModelConfig& c,
                 long in);

  /// S, numbers of a state: C, of an LSTM h and c.
  long state_width() const { return weight.shape[1] * (cell == autograd::Cell::lstm ? 2 : 1); }

  /// Of x [B, T, in], or of the gates [B, T, G C] that `input` has made of it: the states [B, T, S] after every step,
  /// or [B, T, C], h alone, without options.cells. The sequences begin with `begin` [B, S], or with 0.
  Tensor<T> operator()(Tensor<T> x, Tensor<T> begin = {}, const autograd::RecurrentOptions& options = {}) const;
  Tensor<T> of_gates(Tensor<T> gates, Tensor<T> begin, const autograd::RecurrentOptions& options = {}) const;

  /// h of states [B, T, S]: [B, T, C].
  Tensor<T> h(Tensor<T> states) const;

  /// What the layer hands on: h of operator(), after dropout, watched as its output. `state` [B, S] becomes the last
  /// state, if it is wanted: T of 1 or more.
  Tensor<T> go_on(Tensor<T> x, Tensor<T>& state, bool wanted) const;
};

// Of the token rows. A cell's input should be about 1 in size, as torch.nn.Embedding's is, but from rows of 1 a tied
// output begins far above ln V. GPT-2's 0.02 is too little: on 380 kB of text an LSTM of 2 layers and 128 channels has
// a validation loss of 3.32 after 600 steps (the frequencies alone: 3.47), with 0.3 2.18, with 0.5 2.06, with 1 1.98.
inline constexpr double recurrent_row_deviation = 0.5;

template <class T>
struct Recurrent final : Body<T> {
  using Body<T>::config, Body<T>::expect_state;
  Embedding<T> token;  // [V, C]
  Dropout embedding_dropout;
  std::vector<RecurrentLayer<T>> layers;

  /// Declares all parameters. Throws Error(usage) on a configuration that makes no model.
  Recurrent(Parameters<T>& parameters, autograd::Cell cell, const ModelConfig& c);

  /// in.lengths are not needed: what follows a sequence's real tokens changes nothing before.
  Tensor<T> hidden(Tape<T>& tape, const Sequences& in, State<T>* state = nullptr) const override;
  std::unique_ptr<State<T>> state(long most) const override;
  bool is_bounded() const override { return false; }
  Tensor<T> token_rows() const override { return token.weight; }
};

}  // namespace primer::nn
