#include "nn/model.h"

#include <algorithm>
#include <string>
#include <utility>

#include "autograd/expect.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/recurrent.h"
#include "nn/encoder_decoder.h"
#include "nn/recurrent_encoder_decoder.h"

namespace primer::nn {

using autograd::Cell, autograd::Fault;

template <class T>
static std::unique_ptr<Body<T>> recurrent_body(Parameters<T>& parameters, Cell cell, const ModelConfig& config) {
  if (config.decoder_layers > 0) return std::make_unique<RecurrentEncoderDecoder<T>>(parameters, cell, config);
  return std::make_unique<Recurrent<T>>(parameters, cell, config);
}

template <class T>
std::unique_ptr<Body<T>> make_body(Parameters<T>& parameters, const ModelConfig& config) {
  switch (config.body) {
    case BodyKind::transformer:
      if (config.decoder_layers > 0) return std::make_unique<EncoderDecoder<T>>(parameters, config);
      return std::make_unique<Transformer<T>>(parameters, config);
    case BodyKind::rnn: return recurrent_body(parameters, Cell::rnn, config);
    case BodyKind::gru: return recurrent_body(parameters, Cell::gru, config);
    case BodyKind::lstm: return recurrent_body(parameters, Cell::lstm, config);
  }
  autograd::refuse("model", "no such body", Fault::bug);
}

template <class T>
Model<T>::Model(Parameters<T>& parameters, const ModelConfig& config)
    : Model(parameters, make_body(parameters, config)) {}

template <class T>
Model<T>::Model(Parameters<T>& parameters, std::unique_ptr<Body<T>> body_) : body(std::move(body_)) {
  const ModelConfig& c = config();
  if (c.output.token) token.emplace(parameters, c, body->token_rows());
  if (c.output.masked) masked.emplace(parameters, c, body->token_rows());
  if (c.output.labels > 0) label.emplace(parameters, c);
}

template <class T>
Tensor<T> Model<T>::logits(Tape<T>& tape, const Sequences& in) const {
  if (!token) autograd::refuse("model", "this model has no head that predicts every token");
  return (*token)(hidden(tape, in)).logits();
}

template <class T>
Tensor<T> Model<T>::decode(Tape<T>& tape, State<T>& state, std::span<const int> tokens, const Source& source) const {
  const long B = state.sequences(), count = static_cast<long>(tokens.size());
  if (!token) autograd::refuse("model", "this model has no head that predicts every token");
  if (count == 0 || B == 0 || count % B != 0)
    autograd::refuse("model", "expected tokens, as many for each of " + std::to_string(B) + " sequences, got " +
                                  std::to_string(count));
  const long n = count / B;
  const long past = state.past();
  const Tensor<T> x = body->hidden(tape, {tokens, B, n, {}, {}, source}, &state);
  if (state.past() != past + n) autograd::refuse("model", "the body's state does not say what it has read", Fault::bug);
  const std::span<int> last(tape.template keep<int>(B), B);
  for (long b = 0; b < B; ++b) last[b] = static_cast<int>((b + 1) * n - 1);
  return (*token)(gather<T>(tape, reshape(x, {count, config().channels}), last)).logits();
}

// Of x [B, T, C] and targets [B, T] the rows whose target is not -1, so that where few have one, as when a model fills
// gaps, only these are worked on; all rows where these are more than half.
template <class T>
static std::pair<Tensor<T>, std::span<const int>> counted_rows(Tensor<T> x, std::span<const int> targets) {
  const auto counts = [](int target) { return target != -1; };
  const long count = std::count_if(targets.begin(), targets.end(), counts);
  const Tensor<T> flat = reshape(x, {x.shape.rows(), x.shape.last()});
  if (count * 2 > static_cast<long>(targets.size())) return {flat, targets};
  autograd::Tape<T>& tape = *x.tape;
  const std::span<int> rows(tape.template keep<int>(count), count), chosen(tape.template keep<int>(count), count);
  for (std::size_t i = 0, k = 0; i < targets.size(); ++i)
    if (counts(targets[i])) {
      rows[k] = static_cast<int>(i);
      chosen[k++] = targets[i];
    }
  return {gather<T>(tape, flat, rows), chosen};
}

template <class T>
Tensor<T> Model<T>::loss(Tape<T>& tape, const Sequences& in, const Targets& wanted, Scores* scores) const {
  if (!wanted.tokens.empty()) {
    if (!token && !masked) autograd::refuse("model", "this model has no head that predicts tokens");
    autograd::expect_count("model", "targets, one a token", wanted.tokens.size(), static_cast<long>(in.tokens.size()));
  }
  if (!wanted.labels.empty() && !label) autograd::refuse("model", "this model has no classes");
  const Tensor<T> x = hidden(tape, in);
  Tensor<T> total;
  const auto join = [&](Tensor<T> loss) { total = total ? add(total, loss) : loss; };
  if (!wanted.tokens.empty()) {
    const auto [rows, targets] = counted_rows(x, wanted.tokens);  // [R, C], [R]
    Score* const score = scores ? &scores->tokens : nullptr;
    if (token) join((*token)(rows).loss(targets, wanted.token_scale, score, wanted.smoothing));
    if (masked) join((*masked)(rows).loss(targets, wanted.token_scale, score, wanted.smoothing));
  }
  if (!wanted.labels.empty()) {
    const std::span<const double> of_label = wanted.label_weights;
    const long B = of_label.empty() ? 0 : std::ssize(wanted.labels);
    if (B > 0) autograd::expect_ids("model", wanted.labels, std::ssize(of_label));
    const std::span<T> weights(tape.template keep<T>(B), B);
    for (long b = 0; b < B && tape.computes(); ++b) weights[b] = static_cast<T>(of_label[wanted.labels[b]]);
    join((*label)(x, in.lengths)
             .loss(wanted.labels, wanted.label_scale, scores ? &scores->labels : nullptr, wanted.smoothing, weights));
  }
  if (!total) autograd::refuse("model", "a loss needs targets or labels");
  return total;
}

template std::unique_ptr<Body<float>> make_body(Parameters<float>&, const ModelConfig&);
template std::unique_ptr<Body<double>> make_body(Parameters<double>&, const ModelConfig&);
template struct Model<float>;
template struct Model<double>;

}  // namespace primer::nn
