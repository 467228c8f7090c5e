#include "nn/recurrent.h"

#include "autograd/expect.h"
#include "autograd/ops/dropout.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/recurrent.h"

namespace primer::nn {

using autograd::Cell;

/// The states of every layer, [h, c] of an LSTM, of up to `most` sequences.
template <class T>
struct CellStates final : State<T> {
  const long layers, width;
  autograd::FlatBlock<T> block;          // [layers, most, width]
  std::vector<autograd::Node<T>> nodes;  // [layers]

  CellStates(long layers_, long most, long width_)
      : State<T>(most), layers(layers_), width(width_), block(std::max(1L, layers * most * width)), nodes(layers) {
    for (long i = 0; i < layers; ++i) nodes[i].value = block.data() + i * most * width;
    clear(most);
  }
  Tensor<T> layer(long i) { return {nullptr, &nodes[i], {this->sequences_, width}}; }

  void clear(long sequences) override {
    std::fill_n(block.data(), layers * this->most_ * width, T(0));
    State<T>::clear(sequences);
  }
  void copy(long from, long to) override {
    for (const autograd::Node<T>& node : nodes) std::copy_n(node.value + from * width, width, node.value + to * width);
  }
};

static long state_width(Cell cell, const ModelConfig& c) { return c.channels * (cell == Cell::lstm ? 2 : 1); }

template <class T>
RecurrentLayer<T>::RecurrentLayer(Parameters<T>& parameters, const std::string& path_, Cell cell, const ModelConfig& c)
    : path(path_), dropout{c.dropout, autograd::hash(path + ".dropout")} {
  const long C = c.channels, wide = static_cast<long>(cell) * C;
  const double deviation = 1 / std::sqrt(3.0 * static_cast<double>(C));
  input = {parameters, path + ".input", {.in = C, .out = wide, .bias = false, .deviation = deviation}};
  weight = parameters.declare(path + ".recurrent.weight", {wide, C}, {deviation}, true);
  if (!c.bias) return;
  const autograd::Init forget{.mean = 1, .from = C, .to = 2 * C};
  input.bias = parameters.declare(path + ".input.bias", {wide}, cell == Cell::lstm ? forget : autograd::Init{}, false);
  if (cell == Cell::gru) inner = parameters.declare(path + ".recurrent.bias", {C}, {}, false);
}

// Of the token rows. A cell's input should be about 1 in size, as torch.nn.Embedding's is, but from rows of 1 a tied
// output begins far above ln V. GPT-2's 0.02 is too little: on 380 kB of text an LSTM of 2 layers and 128 channels has
// a validation loss of 3.32 after 600 steps (the frequencies alone: 3.47), with 0.3 2.18, with 0.5 2.06, with 1 1.98.
static constexpr double row_deviation = 0.5;

template <class T>
Recurrent<T>::Recurrent(Parameters<T>& parameters, Cell cell_, const ModelConfig& c)
    : Body<T>(c),
      cell(cell_),
      token(parameters, "token", {c.vocabulary, c.channels, row_deviation}),
      embedding_dropout{c.dropout, autograd::hash("embedding.dropout")} {
  for (long i = 0; i < c.layers; ++i) layers.emplace_back(parameters, "layers." + std::to_string(i), cell, c);
}

/// The last of the states y [B, T, S] takes the place of what they began with, [B, S].
template <class T>
static void keep_last(Tensor<T> y, Tensor<T> kept) {
  const long steps = y.shape[1], S = y.shape[2];
  for (long b = 0; b < y.shape[0] && steps > 0; ++b)
    std::copy_n(y.data() + ((b + 1) * steps - 1) * S, S, kept.data() + b * S);
}

template <class T>
Tensor<T> Recurrent<T>::hidden(Tape<T>& tape, const Sequences& in, State<T>* state) const {
  autograd::expect_count("recurrent", "tokens", in.tokens.size(), in.batch * in.length);
  auto* const kept = dynamic_cast<CellStates<T>*>(state);
  expect_state("recurrent", tape, in, state,
               kept && kept->layers == config.layers && kept->width == state_width(cell, config));
  Tensor<T> x = token(tape, in.tokens, in.batch, in.length);
  x = tape.watch(dropout(x, embedding_dropout), "embedding", "output");
  for (long i = 0; i < config.layers; ++i) {
    const RecurrentLayer<T>& layer = layers[i];
    const Tensor<T> begin = kept ? kept->layer(i) : Tensor<T>();
    x = recurrent(cell, x, layer.input.weight, layer.input.bias, layer.weight, layer.inner, begin,
                  {.cells = kept != nullptr});
    if (kept) keep_last(x, begin);
    if (kept && cell == Cell::lstm) x = slice(x, 2, 0, config.channels);
    x = tape.watch(dropout(x, layer.dropout), layer.path, "output");
  }
  if (kept) kept->advance(in.length);
  return x;
}

template <class T>
std::unique_ptr<State<T>> Recurrent<T>::state(long most) const {
  return std::make_unique<CellStates<T>>(config.layers, most, state_width(cell, config));
}

template struct RecurrentLayer<float>;
template struct RecurrentLayer<double>;
template struct Recurrent<float>;
template struct Recurrent<double>;

}  // namespace primer::nn
