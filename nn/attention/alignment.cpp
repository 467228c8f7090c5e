#include "nn/attention/alignment.h"

#include <cmath>
#include <limits>

#include "autograd/ops/additive_scores.h"
#include "autograd/ops/attention.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/reduce.h"

namespace primer::nn {

template <class T>
Alignment<T>::Alignment(Parameters<T>& parameters, const std::string& path_, const AlignmentOptions& o)
    : path(path_), options(o) {
  const long n = o.query, m = o.states;
  const auto matrix = [&](const char* name, long in, long out) {
    const double deviation = 1 / std::sqrt(3.0 * static_cast<double>(in));
    return Linear<T>(parameters, path + name, {.in = in, .out = out, .bias = false, .deviation = deviation});
  };
  switch (o.kind) {
    case Align::additive:
      query = matrix(".query", n, n);
      key = matrix(".key", m, n);
      break;
    case Align::dot:
    case Align::scaled_dot:
      if (n != m) key = matrix(".key", m, n);
      break;
    case Align::local:
      place = matrix(".place", n, n);
      centre = matrix(".centre", n, 1);
      [[fallthrough]];
    case Align::general: key = matrix(".key", m, n); break;
    case Align::concat: key = matrix(".key", n + m, n); break;
    case Align::location: query = matrix(".query", n, o.longest); break;
    case Align::none: autograd::refuse("alignment", "there is no layer for none", autograd::Fault::bug);
  }
  if (o.kind == Align::additive || o.kind == Align::concat)
    score = parameters.declare(path + ".score", {n}, {1 / std::sqrt(3.0 * static_cast<double>(n))}, false);
}

static bool is_dot(Align kind) { return kind == Align::dot || kind == Align::scaled_dot; }

template <class T>
long Alignment<T>::width() const {
  return is_dot(options.kind) ? options.query : options.states;
}

template <class T>
AlignedSource<T> Alignment<T>::reread(Tape<T>& tape, Tensor<T> states, Tensor<T> keys,
                                      std::span<const int> lengths) const {
  AlignedSource<T> source{states, keys, {}, lengths};
  if (options.kind == Align::concat) source.query = slice(on(tape, key.weight), 1, 0, options.query);
  return source;
}

template <class T>
AlignedSource<T> Alignment<T>::read(Tensor<T> states, std::span<const int> lengths) const {
  Tensor<T> keys;
  switch (options.kind) {
    case Align::additive: keys = key(states); break;
    case Align::concat: {
      const Tensor<T> of_states = slice(on(*states.tape, key.weight), 1, options.query, options.states);
      keys = linear(states, of_states);
      break;
    }
    case Align::dot:
    case Align::scaled_dot:
      if (key.weight) states = key(states);
      keys = permute(states, {0, 2, 1});
      break;
    case Align::general:
    case Align::local: keys = permute(key(states), {0, 2, 1}); break;
    case Align::location:
    case Align::none: break;
  }
  return reread(*states.tape, states, keys, lengths);
}

// The distance j - p of every place j from where local alignment looks: [B, T, S].
template <class T>
static Tensor<T> distances(const Alignment<T>& a, Tensor<T> s, const AlignedSource<T>& source) {
  Tape<T>& tape = *s.tape;
  const long B = s.shape[0], steps = s.shape[1], places = source.states.shape[1];
  const Tensor<T> share = sigmoid(a.centre(tanh(a.place(s))));  // [B, T, 1]
  const Tensor<T> real = tape.output(share.shape, {}), at = tape.output({B, steps, places}, {});
  tape.each(real.size(), [&](long i) {
    real.data()[i] = static_cast<T>(source.lengths.empty() ? places : source.lengths[i / steps]);
  });
  tape.each(at.size(), [&](long i) { at.data()[i] = static_cast<T>(i % places); });
  return subtract(at, spread(reshape(multiply(share, real), {B, steps}), places));
}

template <class T>
static Tensor<T> weights_of(const Alignment<T>& a, Tensor<T> s, const AlignedSource<T>& source) {
  Tape<T>& tape = *s.tape;
  const long B = s.shape[0], steps = s.shape[1], places = source.states.shape[1];
  const auto real = [&](Tensor<T> scores) {
    return reshape(hide(reshape(scores, {B, 1, steps, places}), {1, false, source.lengths}), {B, steps, places});
  };
  switch (a.options.kind) {
    case Align::additive: return softmax(additive_scores(a.query(s), source.keys, a.score, source.lengths));
    case Align::concat: return softmax(additive_scores(linear(s, source.query), source.keys, a.score, source.lengths));
    case Align::dot:
    case Align::general: return softmax(real(matmul(s, source.keys)));
    case Align::scaled_dot:
      return softmax(real(scale(matmul(s, source.keys), 1 / std::sqrt(static_cast<double>(a.options.query)))));
    case Align::location: return softmax(real(slice(a.query(s), 2, 0, places)));
    case Align::local: {
      const Tensor<T> distance = distances(a, s, source), window = tape.output(distance.shape, {});
      const T D = static_cast<T>(a.options.window);
      tape.each(window.size(), [&](long i) {
        window.data()[i] = std::abs(distance.data()[i]) <= D ? T(0) : -std::numeric_limits<T>::infinity();
      });
      const Tensor<T> content = softmax(add(real(matmul(s, source.keys)), window));
      return multiply(content, exp(scale(multiply(distance, distance), -2 / static_cast<double>(D * D))));
    }
    case Align::none: break;
  }
  autograd::refuse("alignment", "no such kind", autograd::Fault::bug);
}

template <class T>
Aligned<T> Alignment<T>::operator()(Tensor<T> s, const AlignedSource<T>& source) const {
  const long B = s.shape[0], steps = s.shape[1], places = source.states.shape[1];
  const Tensor<T> shown = reshape(weights_of(*this, s, source), {B, 1, steps, places});
  const Tensor<T> weights = reshape(s.tape->watch(shown, path, "pattern"), {B, steps, places});
  return {matmul(weights, source.states), weights};
}

template struct Alignment<float>;
template struct Alignment<double>;

}  // namespace primer::nn
