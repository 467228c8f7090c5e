// What every optimizer is: a loop over the flat block of parameters, with moments in flat blocks beside it.
#pragma once

#include <string>
#include <vector>

#include "autograd/parameters.h"
#include "autograd/words.h"

namespace primer::optim {

/// The update rules there are; each is a class of its own.
enum class Rule { adamw, adam, sgd };
constexpr auto words(Rule) { return autograd::word_list("adamw", "adam", "sgd"); }

/// A flat block of optimizer state, laid out like the parameters that are trained.
template <class T>
struct Moment {
  std::string name;  // "first", "second", "momentum"
  T* data;           // [parameters.trained()]
};

template <class T>
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// One step against the gradients times `gradient_factor` (from clipping). Gradients must be settled.
  void update(double lr, double gradient_factor = 1) {
    ++updates_;
    apply(lr, gradient_factor);
  }

  /// How many updates were made; with the moments, all there is to save.
  long updates() const { return updates_; }
  void set_updates(long updates) { updates_ = updates; }
  virtual std::vector<Moment<T>> moments() = 0;

 protected:
  explicit Optimizer(autograd::Parameters<T>& parameters) : parameters_(parameters) {}

  autograd::Parameters<T>& parameters_;
  long updates_ = 0;

  /// Calls f(begin, end, weight_decay) over parallel ranges of what is trained: decayed ones first, then the others.
  template <class F>
  void each_range(double weight_decay, F f) const {
    const long border = parameters_.decayed();
    autograd::split(border, 10, 64, [&](long begin, long end, int) { f(begin, end, weight_decay); });
    autograd::split(parameters_.trained() - border, 10, 64,
                    [&](long begin, long end, int) { f(border + begin, border + end, 0.0); });
  }

 private:
  virtual void apply(double lr, double gradient_factor) = 0;
};

}  // namespace primer::optim
