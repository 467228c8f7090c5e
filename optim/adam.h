// Adam, and AdamW, which takes the weight decay out of the gradient.
#pragma once

#include "optim/optimizer.h"

namespace primer::optim {

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;  // on decayed parameters
  bool decoupled = true;    // AdamW: w shrinks by lr weight_decay; else the decay is part of the gradient
};

/// m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,
/// w = (1 - lr decay) w - lr m' / (sqrt(v') + epsilon),  m' = m / (1 - beta1^t),  v' = v / (1 - beta2^t).
/// Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019, algorithm 2.
template <class T>
class Adam : public Optimizer<T> {
 public:
  explicit Adam(autograd::Parameters<T>& parameters, AdamOptions options = {})
      : Optimizer<T>(parameters), options_(options), m_(parameters.trained()), v_(parameters.trained()) {}

  std::vector<Moment<T>> moments() override { return {{"first", m_.data()}, {"second", v_.data()}}; }

 private:
  void apply(double lr, double factor) override;

  AdamOptions options_;
  autograd::FlatBlock<T> m_, v_;
};

}  // namespace primer::optim
