// The gradient checker: compares what backward says with what forward does when one input element moves.
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "autograd/example.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/reduce.h"
#include "autograd/random.h"

namespace primer::test {

using namespace primer::autograd;

template <class T>
using Inputs = std::vector<Tensor<T>>;
template <class T>
using Call = std::function<Tensor<T>(Inputs<T>&)>;
using Numbers = std::vector<double>;

/// Reproducible numbers in [low, high], none within 0.02 of zero, where ReLU has its kink.
inline Numbers random_numbers(long n, double low, double high, std::string_view purpose) {
  const Random random(2026, hash(purpose));
  Numbers x(n);
  for (long i = 0; i < n; ++i) {
    x[i] = low + (high - low) * random.uniform(i);
    if (std::abs(x[i]) < 0.02) x[i] += x[i] < 0 ? -0.02 : 0.02;
  }
  return x;
}

inline std::vector<Numbers> random_inputs(const std::vector<Shape>& shapes, double low, double high) {
  std::vector<Numbers> values;
  for (std::size_t k = 0; k < shapes.size(); ++k)
    values.push_back(random_numbers(shapes[k].size(), low, high, "input " + std::to_string(k)));
  return values;
}

/// What one forward and backward gave.
struct Outcome {
  Numbers output;
  std::vector<Numbers> grads;  // of each input; empty for one that was held constant
};

/// How a run is varied.
struct Variation {
  int constant = -1;                          // this input is a constant
  enum { none, before, after } again = none;  // every input is also used on its own, before or after the op
};

/// The op's output turned into one number: itself if it is one, else projected on fixed random weights.
template <class T>
Tensor<T> project(Tensor<T> y) {
  if (y.shape.rank == 0) return y;
  const Numbers weights = random_numbers(y.size(), 0.5, 1.5, "projection");
  const std::vector<T> w(weights.begin(), weights.end());
  return sum(multiply(y, y.tape->constant(y.shape, w)));
}

/// Weight of input element i where an input is used on its own: the gradient grows by just this.
inline double own_weight(long i) { return 0.25 + static_cast<double>(i % 7); }

template <class T>
Outcome run(const Call<T>& call, const std::vector<Shape>& shapes, const std::vector<Numbers>& values,
            Variation vary = {}) {
  Tape<T> tape;
  tape.poison = true;
  tape.noise.seed = 5;
  Inputs<T> inputs;
  for (std::size_t k = 0; k < shapes.size(); ++k) {
    const std::vector<T> x(values[k].begin(), values[k].end());
    const bool constant = vary.constant == static_cast<int>(k);
    inputs.push_back(constant ? tape.constant(shapes[k], x) : tape.input(shapes[k], x));
  }
  const auto used_alone = [&]() {
    Tensor<T> total = tape.constant({}, std::vector<T>{T(0)});
    for (const Tensor<T>& x : inputs) {
      std::vector<T> w(x.size());
      for (long i = 0; i < x.size(); ++i) w[i] = static_cast<T>(own_weight(i));
      total = add(total, sum(multiply(x, tape.constant(x.shape, w))));
    }
    return total;
  };
  Tensor<T> alone;
  if (vary.again == Variation::before) alone = used_alone();
  const Tensor<T> y = call(inputs);
  if (vary.again == Variation::after) alone = used_alone();
  const Tensor<T> loss = alone ? add(project(y), alone) : project(y);
  tape.backward(loss);
  Outcome out;
  out.output.assign(y.data(), y.data() + y.size());
  for (const Tensor<T>& x : inputs) out.grads.push_back(x.grad() ? Numbers(x.grad(), x.grad() + x.size()) : Numbers());
  return out;
}

inline double projected(Tape<double>& tape, const Call<double>& call, const std::vector<Shape>& shapes,
                        const std::vector<Numbers>& values) {
  const auto pause = tape.pause();
  tape.training = true;  // dropout keeps its mask: it is a function of the index alone
  Inputs<double> inputs;
  for (std::size_t k = 0; k < shapes.size(); ++k) inputs.push_back(tape.constant(shapes[k], values[k]));
  return project(call(inputs)).item();
}

/// Empty if backward agrees with finite differences to 1e-7 relative in every element of every input; else the first
/// element that does not. Central differences with Richardson's extrapolation: an error of order h^4.
inline std::string check_gradient(const Call<double>& call, const std::vector<Shape>& shapes, double low, double high) {
  std::vector<Numbers> values = random_inputs(shapes, low, high);
  const Outcome analytic = run<double>(call, shapes, values);
  Tape<double> tape;
  tape.noise.seed = 5;
  for (const double y : analytic.output)
    if (!std::isfinite(y)) return "an element of the output was left unwritten";
  for (std::size_t k = 0; k < shapes.size(); ++k) {
    const Numbers& grad = analytic.grads[k];
    if (grad.empty() && shapes[k].size() > 0) return "input " + std::to_string(k) + " got no gradient";
    double largest = 0;
    for (const double g : grad) largest = std::max(largest, std::abs(g));
    for (long i = 0; i < shapes[k].size(); ++i) {
      const double x = values[k][i];
      const auto slope = [&](double h) {
        values[k][i] = x + h;
        const double up = projected(tape, call, shapes, values);
        values[k][i] = x - h;
        const double down = projected(tape, call, shapes, values);
        values[k][i] = x;
        return (up - down) / (2 * h);
      };
      constexpr double h = 2e-3;
      const double numeric = (4 * slope(h / 2) - slope(h)) / 3;
      // the second term is the noise of the differences themselves: 2^-52 / h of the function's value
      const double allowed = 1e-7 * std::abs(numeric) + 2e-11 * std::max(1.0, largest);
      if (!(std::abs(grad[i] - numeric) <= allowed))
        return "input " + std::to_string(k) + ", element " + std::to_string(i) + ": backward says " +
               std::to_string(grad[i]) + ", differences " + std::to_string(numeric) + ", apart by " +
               std::to_string(grad[i] - numeric);
    }
  }
  return "";
}

/// The largest difference, relative to the largest number of either (at least 1).
inline double distance(const Numbers& a, const Numbers& b) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 1, apart = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max({largest, std::abs(a[i]), std::abs(b[i])});
    apart = std::isfinite(a[i]) && std::isfinite(b[i]) ? std::max(apart, std::abs(a[i] - b[i])) : INFINITY;
  }
  return apart / largest;
}

inline double distance(const Outcome& a, const Outcome& b) {
  double worst = distance(a.output, b.output);
  for (std::size_t k = 0; k < a.grads.size(); ++k) worst = std::max(worst, distance(a.grads[k], b.grads[k]));
  return worst;
}

/// One example of an op, in both scalars.
struct Case {
  Example example;
  Call<double> call;
  Call<float> call_float;
  Call<double> textbook;  // empty for a primitive
};

/// The examples of every op. They are compiled once for all test programs: it takes long.
const std::vector<Case>& op_cases();

inline std::string describe(const Example& example, const std::vector<Shape>& shapes) {
  std::string text = example.op;
  for (const Shape& s : shapes) text += " " + s.text();
  return text;
}

}  // namespace primer::test
