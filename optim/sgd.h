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
  void apply(double lr, double factor) override;

  double momentum_, weight_decay_;
  autograd::FlatBlock<T> m_;
};

}  // namespace primer::optim
