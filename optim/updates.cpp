// What the optimizers compute. It is compiled once, here: the numbers of a training do not depend on a caller's flags.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "optim/adam.h"
#include "optim/clip.h"
#include "optim/schedule.h"
#include "optim/sgd.h"

namespace primer::optim {
namespace {

/// sum of x[i]^2, added in double.
template <class T>
double sum_of_squares(const T* x, long n) {
  double total = 0;
#pragma omp simd reduction(+ : total)
  for (long i = 0; i < n; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total;
}

}  // namespace

template <class T>
void Adam<T>::apply(double lr, double factor) {
  const auto t = static_cast<double>(this->updates_);
  const T beta1 = T(options_.beta1), beta2 = T(options_.beta2), epsilon = T(options_.epsilon), f = T(factor);
  const T step = T(lr / (1 - std::pow(options_.beta1, t))), root = T(1 / std::sqrt(1 - std::pow(options_.beta2, t)));
  T *w = this->parameters_.values(), *m = m_.data(), *v = v_.data();
  const T* grad = this->parameters_.grads();
  this->each_range(options_.weight_decay, [=, this](long begin, long end, double decay) {
    const T added = T(options_.decoupled ? 0 : decay), keep = T(options_.decoupled ? 1 - lr * decay : 1);
#pragma omp simd
    for (long i = begin; i < end; ++i) {
      const T g = f * grad[i] + added * w[i];
      const T first = beta1 * m[i] + (1 - beta1) * g;
      const T second = beta2 * v[i] + (1 - beta2) * g * g;
      m[i] = first;
      v[i] = second;
      w[i] = keep * w[i] - step * first / (std::sqrt(second) * root + epsilon);
    }
  });
}

template <class T>
void Sgd<T>::apply(double lr, double factor) {
  const T rate = T(lr), f = T(factor), momentum = T(momentum_);
  T *w = this->parameters_.values(), *m = m_.data();
  const T* g = this->parameters_.grads();
  this->each_range(weight_decay_, [=](long begin, long end, double decay) {
    const T added = T(decay);
#pragma omp simd
    for (long i = begin; i < end; ++i) {
      m[i] = momentum * m[i] + (f * g[i] + added * w[i]);
      w[i] -= rate * m[i];
    }
  });
}

template <class T>
double gradient_norm(const autograd::Parameters<T>& parameters) {
  constexpr long parts = 64;
  std::array<double, parts> sums{};
  const long n = parameters.trained(), part = (n + parts - 1) / parts;
  autograd::split(parts, part, [&](long begin, long end, int) {
    for (long p = begin; p < end; ++p)
      if (p * part < n) sums[p] = sum_of_squares(parameters.grads() + p * part, std::min(part, n - p * part));
  });
  double total = 0;
  for (const double s : sums) total += s;
  return std::sqrt(total);
}

double Schedule::rate(long step) const {
  const auto t = static_cast<double>(step), w = static_cast<double>(warmup);
  const double rise = lr * (t + 1) / (w + 1);                         // in the warmup
  const double done = (t - w) / static_cast<double>(steps - warmup);  // after it, 0 ... 1
  const auto fall = [&](double high) {                                // from lr, where high is 1, to min_lr
    return step < warmup ? rise : step >= steps ? min_lr : min_lr + high * (lr - min_lr);
  };
  switch (decay) {
    case Decay::cosine: return fall(0.5 * (1 + std::cos(std::numbers::pi * done)));
    case Decay::linear: return fall(1 - done);
    case Decay::constant: return step < warmup ? rise : lr;
    case Decay::noam:  // Vaswani et al. 2017, equation 3, whose steps count from 1
      return lr / std::sqrt(static_cast<double>(channels)) *
             (warmup > 0 ? std::min(1 / std::sqrt(t + 1), (t + 1) * std::pow(w, -1.5)) : 1 / std::sqrt(t + 1));
  }
  return lr;
}

template class Adam<float>;
template class Adam<double>;
template class Sgd<float>;
template class Sgd<double>;
template double gradient_norm(const autograd::Parameters<float>&);
template double gradient_norm(const autograd::Parameters<double>&);

}  // namespace primer::optim
