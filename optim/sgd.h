// Stochastic gradient descent with momentum.
#pragma once

#include "optim/optimizer.h"

namespace primer::optim {

/// w -= lr m with m = momentum m + g, g = gradient + weight_decay w (on decayed parameters). Momentum 0: plain descent.
/// Polyak 1964; the form of Sutskever et al. 2013 with the rate outside of m.
template <class T>
class Sgd : public Optimizer<T> {
 public:
  explicit Sgd(autograd::Parameters<T>& parameters, double momentum = 0.9, double weight_decay = 0)
      : Optimizer<T>(parameters), momentum_(momentum), weight_decay_(weight_decay), m_(parameters.trained()) {}

  std::vector<Moment<T>> moments() override { return {{"momentum", m_.data()}}; }

 private:
  void apply(double lr, double factor) override {
    this->each_range(weight_decay_, [&](long begin, long end, double decay) {
      rows(this->parameters_.values() + begin, this->parameters_.grads() + begin, m_.data() + begin, end - begin,
           static_cast<T>(lr), static_cast<T>(factor), static_cast<T>(momentum_), static_cast<T>(decay));
    });
  }

  static void rows(T* w, const T* g, T* m, long n, T lr, T factor, T momentum, T decay) {
#pragma omp simd
    for (long i = 0; i < n; ++i) {
      const T moment = momentum * m[i] + (factor * g[i] + decay * w[i]);
      m[i] = moment;
      w[i] -= lr * moment;
    }
  }

  double momentum_, weight_decay_;
  autograd::FlatBlock<T> m_;
};

}  // namespace primer::optim
