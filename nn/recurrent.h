// A recurrent network: embeddings, then layers of cells, each of which reads a sequence step by step and carries a
// state. Elman 1990; of language Mikolov et al. 2010; dropout on what goes up and never on the state, Zaremba,
// Sutskever & Vinyals 2014, also of embeddings and the last layer, as in PyTorch's word_language_model.
//
// A window begins with a state of 0, and gradients go back to its beginning: truncated back-propagation through time is
// the window. With a State a text goes on for ever, since the state is of one size.
#pragma once

#include <string>
#include <vector>

#include "autograd/options.h"
#include "nn/body.h"
#include "nn/embedding.h"

namespace primer::nn {

/// The matrices begin normal, with the deviation of PyTorch's uniform numbers within 1 / sqrt(C); biases with 0, and
/// that of an LSTM's forget gate with 1: Gers, Schmidhuber & Cummins 2000.
template <class T>
struct RecurrentLayer {
  std::string path;
  Linear<T> input;   // [G C, C], the G gates as in autograd/ops/recurrent.h
  Tensor<T> weight;  // [G C, C], of the state
  Tensor<T> inner;   // [C], a GRU's bias beside the state's part of its new state; or none
  Dropout dropout;   // of what it hands on

  RecurrentLayer(Parameters<T>& parameters, const std::string& path, autograd::Cell cell, const ModelConfig& c);
};

template <class T>
struct Recurrent final : Body<T> {
  using Body<T>::config, Body<T>::expect_state;
  autograd::Cell cell;
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
