#include "nn/recurrent.h"

#include <deque>

#include "autograd/expect.h"
#include "autograd/ops/dropout.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/recurrent.h"

namespace primer::nn {

using autograd::Cell, autograd::RecurrentOptions;

/// The states of every layer, of up to `most` sequences.
template <class T>
struct CellStates final : State<T> {
  std::deque<KeptRows<T>> layers;  // [B, S] each

  CellStates(const std::vector<RecurrentLayer<T>>& of, long most) : State<T>(most) {
    for (const RecurrentLayer<T>& layer : of) layers.emplace_back(most, layer.state_width());
    clear(most);
  }
  bool fits(const std::vector<RecurrentLayer<T>>& of) const {
    return std::equal(of.begin(), of.end(), layers.begin(), layers.end(),
                      [](const auto& layer, const auto& kept) { return layer.state_width() == kept.width; });
  }
  void clear(long sequences) override {
    for (KeptRows<T>& layer : layers) std::fill_n(layer.block.data(), this->most_ * layer.width, T(0));
    State<T>::clear(sequences);
  }
  void copy(long from, long to) override {
    for (KeptRows<T>& layer : layers) layer.copy(from, to);
  }
};

template <class T>
RecurrentLayer<T>::RecurrentLayer(Parameters<T>& parameters, const std::string& path_, Cell cell_, const ModelConfig& c,
                                  long in)
    : path(path_), cell(cell_), dropout{c.dropout, autograd::hash(path + ".dropout")} {
  const long C = c.channels, wide = static_cast<long>(cell) * C;
  const auto deviation = [](long n) { return 1 / std::sqrt(3.0 * static_cast<double>(n)); };
  input = {parameters, path + ".input", {.in = in, .out = wide, .bias = false, .deviation = deviation(in)}};
  weight = parameters.declare(path + ".recurrent.weight", {wide, C}, {deviation(C)}, true);
  if (!c.bias) return;
  const autograd::Init forget{.mean = 1, .from = C, .to = 2 * C};
  input.bias = parameters.declare(path + ".input.bias", {wide}, cell == Cell::lstm ? forget : autograd::Init{}, false);
  if (cell == Cell::gru) inner = parameters.declare(path + ".recurrent.bias", {C}, {}, false);
}

template <class T>
Tensor<T> RecurrentLayer<T>::operator()(Tensor<T> x, Tensor<T> begin, const RecurrentOptions& options) const {
  return recurrent(cell, x, input.weight, input.bias, weight, inner, begin, options);
}

template <class T>
Tensor<T> RecurrentLayer<T>::of_gates(Tensor<T> gates, Tensor<T> begin, const RecurrentOptions& options) const {
  return recurrent<T>(cell, gates, {}, {}, weight, inner, begin, options);
}

template <class T>
Tensor<T> RecurrentLayer<T>::h(Tensor<T> states) const {
  return cell == Cell::lstm ? slice(states, 2, 0, weight.shape[1]) : states;
}

template <class T>
Tensor<T> RecurrentLayer<T>::go_on(Tensor<T> x, Tensor<T>& state, bool wanted) const {
  Tensor<T> y = (*this)(x, state, {.cells = wanted});
  if (wanted) state = reshape(slice(y, 1, x.shape[1] - 1, 1), {x.shape[0], state_width()});
  if (wanted) y = h(y);
  return x.tape->watch(autograd::dropout(y, dropout), path, "output");
}

template <class T>
Recurrent<T>::Recurrent(Parameters<T>& parameters, Cell cell, const ModelConfig& c)
    : Body<T>(c),
      token(parameters, "token", {c.vocabulary, c.channels, recurrent_row_deviation}),
      embedding_dropout{c.dropout, autograd::hash("embedding.dropout")} {
  for (long i = 0; i < c.layers; ++i)
    layers.emplace_back(parameters, "layers." + std::to_string(i), cell, c, c.channels);
}

template <class T>
Tensor<T> Recurrent<T>::hidden(Tape<T>& tape, const Sequences& in, State<T>* state) const {
  autograd::expect_count("recurrent", "tokens", in.tokens.size(), in.batch * in.length);
  auto* const kept = dynamic_cast<CellStates<T>*>(state);
  expect_state("recurrent", tape, in, state, kept && kept->fits(layers));
  const bool goes_on = kept && in.length > 0;
  Tensor<T> x = token(tape, in.tokens, in.batch, in.length);
  x = tape.watch(dropout(x, embedding_dropout), "embedding", "output");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const RecurrentLayer<T>& layer = layers[i];
    Tensor<T> states = kept ? kept->layers[i].rows(tape, {in.batch, layer.state_width()}) : Tensor<T>();
    x = layer.go_on(x, states, goes_on);
    if (goes_on) kept->layers[i].keep(states);
  }
  if (kept) kept->advance(in.length);
  return x;
}

template <class T>
std::unique_ptr<State<T>> Recurrent<T>::state(long most) const {
  return std::make_unique<CellStates<T>>(layers, most);
}

template struct RecurrentLayer<float>;
template struct RecurrentLayer<double>;
template struct Recurrent<float>;
template struct Recurrent<double>;

}  // namespace primer::nn
