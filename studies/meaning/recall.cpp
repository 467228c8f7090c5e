#include "studies/meaning/recall.h"

#include <algorithm>
#include <cmath>

#include "studies/circuits/texts/draws.h"
#include "studies/lab/estimate.h"
#include "train/circuits/linear_algebra.h"
#include "train/step/model.h"

namespace primer::studies {

namespace {

/// Keeps the gradient of what enters the first layer.
template <class T>
struct Entrance : autograd::Observer<T> {
  autograd::Tensor<T> x;  // [B, T, C]

  bool wants(std::string_view path, std::string_view leaf) override { return path == "embedding" && leaf == "output"; }
  autograd::Tensor<T> see(std::string_view, std::string_view, autograd::Tensor<T> seen) override {
    seen.tape->keep_gradient(seen);
    return x = seen;
  }
};

}  // namespace

data::Batch Recall::batch(std::uint64_t seed, long step, long sequences) const {
  Draws draws("recall", seed, step);
  data::Batch batch = empty_batch(sequences, length());
  for (long b = 0; b < sequences; ++b) {
    int* x = batch.tokens.data() + b * length();
    x[0] = first_symbol + draws.below(symbols);
    for (long t = 1; t <= distractors; ++t) x[t] = first_distractor + draws.below(symbols);
    x[distractors + 1] = mark;
    batch.targets[(b + 1) * length() - 1] = x[0];
  }
  return batch;
}

template <class T>
std::vector<double> gradients_back(Net<T>& net, const data::Batch& batch) {
  autograd::Tape<T> tape;
  Entrance<T> entrance;
  tape.observer = &entrance;
  nn::Scores scores;
  net.parameters.zero_grad();
  tape.backward(train::loss_of(net.model, tape, train::part_of(batch, 0, batch.sequences), {}, scores));
  const long steps = batch.length, C = entrance.x.shape[2];
  std::vector<double> norms(steps, 0);
  for (long i = 0; i < entrance.x.size(); ++i) {
    const double dx = entrance.x.grad()[i];
    norms[steps - 1 - i / C % steps] += dx * dx;
  }
  for (double& norm : norms) norm = std::sqrt(norm);
  return norms;
}

double log_slope(const std::vector<double>& y) {
  std::vector<double> places, logs;
  for (std::size_t d = 1; d < y.size(); ++d) {
    if (y[d] > 1e-30) places.push_back(static_cast<double>(d)), logs.push_back(std::log(y[d]));
  }
  const double middle = mean_of(places, "places").mean;
  double above = 0, below = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    above += (places[i] - middle) * logs[i], below += (places[i] - middle) * (places[i] - middle);
  }
  return above / below;
}

template <class T>
void set_radius(Net<T>& net, double radius, bool orthogonal) {
  const autograd::Tensor<T> u = net.parameters.at("layers.0.recurrent.weight");  // [C, C]
  train::Matrix matrix{u.shape[0], u.shape[1], {u.data(), u.data() + u.size()}};
  if (orthogonal) matrix = train::qr(matrix).q;
  const double factor = radius / std::abs(train::eigenvalues(matrix)[0]);
  std::transform(matrix.values.begin(), matrix.values.end(), u.data(),
                 [=](double value) { return static_cast<T>(factor * value); });
}

template <class T>
void set_forget_bias(Net<T>& net, double bias) {
  const autograd::Tensor<T> all = net.parameters.at("layers.0.input.bias");  // [4 C], of i, f, o and g
  const long C = all.size() / 4;
  std::fill_n(all.data() + C, C, static_cast<T>(bias));
}

#define PRIMER_RECALL(T)                                                    \
  template std::vector<double> gradients_back(Net<T>&, const data::Batch&); \
  template void set_radius(Net<T>&, double, bool);                          \
  template void set_forget_bias(Net<T>&, double)
PRIMER_RECALL(float);
PRIMER_RECALL(double);
#undef PRIMER_RECALL

}  // namespace primer::studies
