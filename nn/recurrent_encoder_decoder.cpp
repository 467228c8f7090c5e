#include "nn/recurrent_encoder_decoder.h"

#include <deque>
#include <string>

#include "autograd/expect.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/dropout.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/layout.h"

namespace primer::nn {

using autograd::Cell;

/// What the decoder goes on from.
template <class T>
struct RecurrentEncoderDecoder<T>::Reading {
  AlignedSource<T> source;        // if there is an alignment
  std::vector<Tensor<T>> states;  // [B, S] of every layer
  Tensor<T> fed;                  // [B, 1, C], y of the token before, with input feeding
};

/// The same, kept for up to `most` sequences.
template <class T>
struct TranslationState final : State<T> {
  const ModelConfig config;
  KeptRows<T> source, keys, fed;
  std::deque<KeptRows<T>> layers;
  long places = 0;           // S
  std::vector<int> lengths;  // [most]

  TranslationState(const RecurrentEncoderDecoder<T>& body, long most)
      : State<T>(most),
        config(body.config),
        source(most, body.alignment ? config.context * body.alignment->width() : 0),
        keys(most, body.alignment ? config.context * config.channels : 0),
        fed(most, config.input_feeding ? config.channels : 0),
        lengths(most) {
    for (const RecurrentLayer<T>& layer : body.decoder) layers.emplace_back(most, layer.state_width());
    this->clear(most);
  }
  bool fits(const ModelConfig& c) const {
    return c.body == config.body && c.channels == config.channels && c.context == config.context &&
           c.decoder_layers == config.decoder_layers && c.align == config.align &&
           c.input_feeding == config.input_feeding;
  }
  void clear(long sequences) override {
    source.width = keys.width = 0;  // until a source is read
    State<T>::clear(sequences);
  }
  void copy(long from, long to) override {
    for (KeptRows<T>* rows : {&source, &keys, &fed}) rows->copy(from, to);
    for (KeptRows<T>& layer : layers) layer.copy(from, to);
    lengths[to] = lengths[from];
  }
};

template <class T>
RecurrentEncoderDecoder<T>::RecurrentEncoderDecoder(Parameters<T>& parameters, Cell cell, const ModelConfig& c)
    : Body<T>(c),
      token(parameters, "token", {c.vocabulary, c.channels, recurrent_row_deviation}),
      token_dropout{c.dropout, autograd::hash("decoder.embedding.dropout")},
      source_dropout{c.dropout, autograd::hash("encoder.embedding.dropout")} {
  const long C = c.channels, gates = static_cast<long>(cell) * C;
  const auto matrix = [&](const std::string& path, long in, long out) {
    const double deviation = 1 / std::sqrt(3.0 * static_cast<double>(in));
    return Linear<T>(parameters, path, {.in = in, .out = out, .bias = false, .deviation = deviation});
  };
  if (c.source_vocabulary > 0)
    source_token.emplace(parameters, "encoder.token",
                         EmbeddingOptions{c.source_vocabulary, C, recurrent_row_deviation});
  for (long i = 0; i < c.layers; ++i) {
    const std::string path = "encoder.layers." + std::to_string(i);
    const long in = i == 0 ? C : 2 * C;
    encoder.push_back({{parameters, path + ".forwards", cell, c, in}, {parameters, path + ".backwards", cell, c, in}});
  }
  const bool additive = c.align == Align::additive;
  for (long i = 0; i < c.decoder_layers; ++i) {
    const std::string number = std::to_string(i);
    decoder.emplace_back(parameters, "decoder.layers." + number, cell, c, C);
    start.push_back(matrix("decoder.start." + number, additive ? C : 2 * C, decoder.back().state_width()));
  }
  if (c.align == Align::none) return;
  alignment.emplace(parameters, "alignment", AlignmentOptions{c.align, C, 2 * C, c.context, c.align_window});
  if (additive) {
    feed = matrix("decoder.feed", alignment->width(), gates);
    of_state = matrix("output.state", C, 2 * C);
    of_token = matrix("output.token", C, 2 * C);
    of_context = matrix("output.context", alignment->width(), 2 * C);
  } else {
    if (c.input_feeding) feed = matrix("decoder.feed", C, gates);
    output = matrix("output", alignment->width() + C, C);
  }
}

template <class T>
auto RecurrentEncoderDecoder<T>::read(Tape<T>& tape, const Source& source, long B) const -> Reading {
  const long S = source.length, C = config.channels;
  Tensor<T> x = (source_token ? *source_token : token)(tape, source.tokens, B, S), there, back;
  x = tape.watch(dropout(x, source_dropout), "encoder.embedding", "output");
  for (const BothWays& layer : encoder) {
    there = layer.forwards(x, {}, {.lengths = source.lengths});
    back = layer.backwards(x, {}, {.backwards = true, .lengths = source.lengths});
    const std::string path = layer.forwards.path.substr(0, layer.forwards.path.rfind('.'));
    x = tape.watch(dropout(concat(there, back, 2), layer.forwards.dropout), path, "output");
  }
  // the last state of either direction: of the last real place, and of the first
  const std::span<int> last(tape.template keep<int>(B), B), first(tape.template keep<int>(B), B);
  for (long b = 0; b < B; ++b) {
    first[b] = static_cast<int>(b * S);
    last[b] = first[b] + (source.lengths.empty() ? static_cast<int>(S) : source.lengths[b]) - 1;
  }
  Tensor<T> end = gather<T>(tape, reshape(back, {B * S, C}), first);  // [B, C]
  if (config.align != Align::additive) end = concat(gather<T>(tape, reshape(there, {B * S, C}), last), end, 1);
  Reading from;
  for (const Linear<T>& layer : start) from.states.push_back(tanh(layer(end)));
  if (alignment) from.source = alignment->read(x, source.lengths);
  if (config.input_feeding) {
    from.fed = tape.output({B, 1, C}, {});
    tape.each(B * C, [p = from.fed.data()](long i) { p[i] = 0; });
  }
  return from;
}

// max(a, b) of the two halves of every row [2 C]: Goodfellow et al. 2013, with two pieces.
template <class T>
static Tensor<T> maxout(Tensor<T> x) {
  const Tensor<T> a = slice(x, 2, 0, x.shape[2] / 2), b = slice(x, 2, x.shape[2] / 2, x.shape[2] / 2);
  return add(a, relu(subtract(b, a)));
}

/// y_t of the state and the context, [B, T, C].
template <class T>
static Tensor<T> attentional(const Linear<T>& output, Tensor<T> context, Tensor<T> s) {
  return tanh(output(concat(context, s, 2)));
}

// Steps of the first layer one by one; what stands above and behind needs no step's result, and runs at once.
template <class T>
Tensor<T> RecurrentEncoderDecoder<T>::decode_additive(Tensor<T> x, Reading& from, bool goes_on) const {
  const RecurrentLayer<T>& layer = decoder.front();
  const long B = x.shape[0], steps = x.shape[1], S = layer.state_width();
  const Tensor<T> of_tokens = layer.input(x);  // [B, T, G C]
  std::vector<Tensor<T>> states, contexts;     // [B, 1, C] and [B, 1, 2 C] of every step
  Tensor<T> state = reshape(from.states.front(), {B, 1, S}), s = layer.h(state);
  for (long t = 0; t < steps; ++t) {
    contexts.push_back((*alignment)(s, from.source).context);
    const Tensor<T> gates = feed.add_to(slice(of_tokens, 1, t, 1), contexts.back(), {});
    state = layer.of_gates(gates, reshape(state, {B, S}), {.cells = true});
    states.push_back(s = layer.h(state));
  }
  from.states.front() = reshape(state, {B, S});
  const Tensor<T> context = stack(contexts);
  Tensor<T> y = x.tape->watch(dropout(stack(states), layer.dropout), layer.path, "output");
  for (std::size_t i = 1; i < decoder.size(); ++i) y = decoder[i].go_on(y, from.states[i], goes_on);
  return maxout(of_context.add_to(of_token.add_to(of_state(y), x, {}), context, {}));
}

// Steps of all layers one by one.
template <class T>
Tensor<T> RecurrentEncoderDecoder<T>::decode_with_feeding(Tensor<T> x, Reading& from) const {
  const long B = x.shape[0], steps = x.shape[1];
  const Tensor<T> of_tokens = decoder.front().input(x);  // [B, T, G C]
  std::vector<Tensor<T>> rows;                           // [B, 1, C] of every step
  for (long t = 0; t < steps; ++t) {
    Tensor<T> y = feed.add_to(slice(of_tokens, 1, t, 1), from.fed, {});
    for (std::size_t i = 0; i < decoder.size(); ++i) {
      const RecurrentLayer<T>& layer = decoder[i];
      const autograd::RecurrentOptions all{.cells = true};
      const Tensor<T> states = i == 0 ? layer.of_gates(y, from.states[i], all) : layer(y, from.states[i], all);
      from.states[i] = reshape(states, {B, layer.state_width()});
      Dropout of_step = layer.dropout;  // every step drops others
      of_step.purpose = autograd::hash(layer.path + ".dropout." + std::to_string(t));
      y = x.tape->watch(dropout(layer.h(states), of_step), layer.path, "output");
    }
    from.fed = attentional(output, (*alignment)(y, from.source).context, y);
    rows.push_back(from.fed);
  }
  return stack(rows);
}

template <class T>
Tensor<T> RecurrentEncoderDecoder<T>::decode(Tensor<T> x, Reading& from, bool goes_on) const {
  if (x.shape[1] == 0) return x;
  if (config.align == Align::additive) return decode_additive(x, from, goes_on);
  if (config.input_feeding) return decode_with_feeding(x, from);
  for (std::size_t i = 0; i < decoder.size(); ++i) x = decoder[i].go_on(x, from.states[i], goes_on);
  return alignment ? attentional(output, (*alignment)(x, from.source).context, x) : x;
}

template <class T>
Tensor<T> RecurrentEncoderDecoder<T>::hidden(Tape<T>& tape, const Sequences& in, State<T>* state) const {
  const char* const name = "recurrent encoder-decoder";
  const long B = in.batch, C = config.channels;
  autograd::expect_count(name, "tokens", in.tokens.size(), B * in.length);
  auto* const kept = dynamic_cast<TranslationState<T>*>(state);
  expect_state(name, tape, in, state, kept && kept->fits(config));
  const bool begins = !kept || kept->past() == 0;
  const Source& source = in.source;
  Reading from;
  if (begins) {
    autograd::expect_count(name, "tokens of sources", source.tokens.size(), B * source.length);
    autograd::expect_lengths(name, source.lengths, B, source.length);
    autograd::expect_ids(name, source.lengths, source.length + 1, 1);
    if (source.length > config.context)
      autograd::refuse(name, "a source of " + std::to_string(source.length) + " tokens is longer than the context of " +
                                 std::to_string(config.context));
    from = read(tape, source, B);
  } else {
    if (alignment) {
      const Tensor<T> states = kept->source.rows(tape, {B, kept->places, alignment->width()});
      const bool by_units = config.align == Align::additive || config.align == Align::concat;
      Tensor<T> keys = kept->keys.rows(tape, by_units ? Shape{B, kept->places, C} : Shape{B, C, kept->places});
      if (config.align == Align::location) keys = {};
      from.source = alignment->reread(tape, states, keys, std::span(kept->lengths).first(B));
    }
    for (std::size_t i = 0; i < decoder.size(); ++i)
      from.states.push_back(kept->layers[i].rows(tape, {B, decoder[i].state_width()}));
    if (config.input_feeding) from.fed = kept->fed.rows(tape, {B, 1, C});
  }
  Tensor<T> x = token(tape, in.tokens, B, in.length);
  x = tape.watch(dropout(x, token_dropout), "decoder.embedding", "output");
  const Tensor<T> y = decode(x, from, kept != nullptr);
  if (!kept || in.length == 0) return y;
  if (begins) {
    kept->places = source.length;
    std::fill(kept->lengths.begin(), kept->lengths.end(), static_cast<int>(kept->places));
    std::copy(source.lengths.begin(), source.lengths.end(), kept->lengths.begin());
    if (alignment) kept->source.keep(from.source.states);
    if (from.source.keys) kept->keys.keep(from.source.keys);
  }
  for (std::size_t i = 0; i < decoder.size(); ++i) kept->layers[i].keep(from.states[i]);
  if (config.input_feeding) kept->fed.keep(from.fed);
  kept->advance(in.length);
  return y;
}

template <class T>
std::unique_ptr<State<T>> RecurrentEncoderDecoder<T>::state(long most) const {
  return std::make_unique<TranslationState<T>>(*this, most);
}

template struct RecurrentEncoderDecoder<float>;
template struct RecurrentEncoderDecoder<double>;

}  // namespace primer::nn
