#include "studies/context/regressor.h"

#include <cmath>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "studies/lab/fit.h"

namespace primer::studies {

using autograd::Tape, autograd::Tensor;

static nn::ModelConfig config_of(const RegressorShape& shape) {
  return {.layers = shape.layers,
          .heads = shape.heads,
          .channels = shape.channels,
          .ffn_channels = 2 * shape.channels,
          .position = nn::Position::rotary,
          .deviation = 0.1};
}

template <class T>
Regressor<T>::Regressor(const RegressorShape& shape, std::uint64_t seed)
    : config(config_of(shape)),
      in(parameters, "in", {shape.inputs + 1, shape.channels, true, 0.3}),
      norm(parameters, "norm", nn::norm_options(config)),
      out(parameters, "out", {shape.channels, 1, true, 0.02}) {
  for (long i = 0; i < shape.layers; ++i) blocks.emplace_back(parameters, "blocks." + std::to_string(i), config);
  parameters.build(seed);
}

template <class T>
Tensor<T> Regressor<T>::operator()(Tape<T>& tape, const Tasks& tasks) const {
  const long B = tasks.count, n = tasks.points, d = tasks.inputs;
  std::vector<T> tokens;  // [B, n, 2, d + 1]: (x, 0), (x, y)
  for (long i = 0; i < B * n; ++i) {
    for (const double y : {0.0, tasks.y[i]}) {
      tokens.insert(tokens.end(), tasks.x.begin() + i * d, tasks.x.begin() + (i + 1) * d);
      tokens.push_back(static_cast<T>(y));
    }
  }
  Tensor<T> h = in(tape.constant({B, 2 * n, d + 1}, tokens));  // [B, 2 n, C]
  for (const nn::Block<T>& block : blocks) h = block(h, {});
  return reshape(slice(reshape(out(norm(h)), {B, n, 2}), 2, 0, 1), {B, n});
}

std::vector<double> predictions(const Regressor<float>& model, const Tasks& tasks,
                                autograd::Observer<float>* observer) {
  Tape<float> tape;
  const auto pause = tape.pause();
  tape.observer = observer;
  const Tensor<float> y = model(tape, tasks);
  return {y.data(), y.data() + y.size()};
}

void learn(Regressor<float>& model, const Regression& source, long steps, std::uint64_t seed, Lab& lab,
           autograd::Observer<float>* observer) {
  const auto loss = [&](Tape<float>& tape, long step) {
    const Tasks tasks = source.draw(seed, step, 64);
    const std::vector<float> y(tasks.y.begin(), tasks.y.end());
    const Tensor<float> off = subtract(model(tape, tasks), tape.constant({tasks.count, tasks.points}, y));
    return scale(sum(multiply(off, off)), 1.0 / off.size());
  };
  const Fit how{.steps = steps, .lr = 3e-3, .warmup = 200, .weight_decay = 0, .seed = seed};
  fit<float>(model.parameters, how, lab.interruption, loss, observer);
}

template <class T>
Tensor<T> Momentum<T>::see(std::string_view, std::string_view leaf, Tensor<T> x) {
  if (leaf == "v") return values_ = x;  // [B, n, C]
  const long n = x.shape[1];
  std::vector<T> decay(n * n, 0);  // [n, n]: eta^(t - i), i < t
  for (long t = 0; t < n; ++t) {
    for (long i = 0; i < t; ++i) decay[t * n + i] = static_cast<T>(std::pow(eta_, t - i));
  }
  return add(x, matmul(repeat(x.tape->constant({n, n}, decay), x.shape[0]), values_));
}

template struct Regressor<float>;
template struct Regressor<double>;
template class Momentum<float>;
template class Momentum<double>;

}  // namespace primer::studies
