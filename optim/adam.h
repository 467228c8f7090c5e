// Adam, and AdamW, which takes the weight decay out of the gradient.
#pragma once

#include <cmath>

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
  struct Rates {
    T factor, decay, keep, beta1, beta2, step, root, epsilon;
  };

  void apply(double lr, double factor) override {
    const auto t = static_cast<double>(this->updates_);
    const double step = lr / (1 - std::pow(options_.beta1, t));
    const double root = 1 / std::sqrt(1 - std::pow(options_.beta2, t));
    this->each_range(options_.weight_decay, [&](long begin, long end, double decay) {
      const Rates r{static_cast<T>(factor),
                    static_cast<T>(options_.decoupled ? 0 : decay),
                    static_cast<T>(options_.decoupled ? 1 - lr * decay : 1),
                    static_cast<T>(options_.beta1),
                    static_cast<T>(options_.beta2),
                    static_cast<T>(step),
                    static_cast<T>(root),
                    static_cast<T>(options_.epsilon)};
      rows(this->parameters_.values() + begin, this->parameters_.grads() + begin, m_.data() + begin, v_.data() + begin,
           end - begin, r);
    });
  }

  static void rows(T* w, const T* grad, T* m, T* v, long n, Rates r) {
#pragma omp simd
    for (long i = 0; i < n; ++i) {
      const T g = r.factor * grad[i] + r.decay * w[i];
      const T first = r.beta1 * m[i] + (1 - r.beta1) * g;
      const T second = r.beta2 * v[i] + (1 - r.beta2) * g * g;
      m[i] = first;
      v[i] = second;
      w[i] = r.keep * w[i] - r.step * first / (std::sqrt(second) * r.root + r.epsilon);
    }
  }

  AdamOptions options_;
  autograd::FlatBlock<T> m_, v_;
};

}  // namespace primer::optim
