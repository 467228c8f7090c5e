// Optimizers against loops over single numbers, written from the papers.
#include <doctest/doctest.h>
#include <omp.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "autograd/parameters.h"
#include "autograd/random.h"
#include "optim/adam.h"
#include "optim/clip.h"
#include "optim/sgd.h"

using namespace primer::autograd;
namespace optim = primer::optim;

namespace {

/// One decayed and one other parameter, with gradients that change from step to step.
template <class T>
struct Trained {
  Parameters<T> parameters;
  Trained() {
    parameters.declare("matrix", {7, 5}, {1}, true);
    parameters.declare("bias", {11}, {1}, false);
    parameters.build(4);
  }
  static double gradient(long element, long step) { return 3 * Random(9, 1, step).normal(element); }
  void set_gradients(long step) {
    for (long i = 0; i < parameters.size(); ++i) parameters.grads()[i] = static_cast<T>(gradient(i, step));
  }
  std::vector<T> values() const { return {parameters.values(), parameters.values() + parameters.size()}; }
};

/// The state of one number, stepped by hand: w, two moments, and how often.
struct Number {
  double w, first = 0, second = 0;
  long t = 0;
};
using Rule = std::function<void(Number&, double gradient, double lr, bool decayed)>;

/// Ten steps of the optimizer and of the rule, with changing rates and factors.
template <class T>
void compare(optim::Optimizer<T>& optimizer, Trained<T>& trained, const Rule& rule) {
  std::vector<Number> numbers;
  for (const T w : trained.values()) numbers.push_back({w});
  for (long step = 0; step < 10; ++step) {
    const double lr = 0.1 / static_cast<double>(step + 1), factor = step % 3 == 0 ? 0.5 : 1;
    trained.set_gradients(step);
    optimizer.update(lr, factor);
    for (long i = 0; i < trained.parameters.size(); ++i)
      rule(numbers[i], factor * static_cast<T>(Trained<T>::gradient(i, step)), lr, i < trained.parameters.decayed());
    CHECK(optimizer.updates() == step + 1);
    for (long i = 0; i < trained.parameters.size(); ++i)
      CHECK(trained.parameters.values()[i] == doctest::Approx(numbers[i].w).epsilon(sizeof(T) == 4 ? 2e-5 : 1e-12));
  }
}

Rule adam_rule(double beta1, double beta2, double epsilon, double decay, bool decoupled) {
  return [=](Number& n, double g, double lr, bool decayed) {
    const double lambda = decayed ? decay : 0;
    if (!decoupled) g += lambda * n.w;
    n.t += 1;
    n.first = beta1 * n.first + (1 - beta1) * g;
    n.second = beta2 * n.second + (1 - beta2) * g * g;
    const double m = n.first / (1 - std::pow(beta1, n.t)), v = n.second / (1 - std::pow(beta2, n.t));
    n.w -= lr * m / (std::sqrt(v) + epsilon) + (decoupled ? lr * lambda * n.w : 0);
  };
}

template <class T>
std::vector<std::unique_ptr<optim::Optimizer<T>>> all_optimizers(Parameters<T>& parameters, double decay) {
  std::vector<std::unique_ptr<optim::Optimizer<T>>> all;
  for (const bool decoupled : {true, false}) {
    const optim::AdamOptions options{.weight_decay = decay, .decoupled = decoupled};
    all.push_back(std::make_unique<optim::Adam<T>>(parameters, options));
  }
  all.push_back(std::make_unique<optim::Sgd<T>>(parameters, 0.9, decay));
  all.push_back(std::make_unique<optim::Sgd<T>>(parameters, 0, decay));
  return all;
}

}  // namespace

TEST_CASE_TEMPLATE("AdamW is Loshchilov and Hutter's", T, float, double) {
  Trained<T> trained;
  optim::Adam<T> adam(trained.parameters, {.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .weight_decay = 0.3});
  compare<T>(adam, trained, adam_rule(0.8, 0.95, 1e-3, 0.3, true));
}

TEST_CASE_TEMPLATE("Adam is Kingma and Ba's, its decay a part of the gradient", T, float, double) {
  Trained<T> trained;
  const optim::AdamOptions options{.beta2 = 0.99, .weight_decay = 0.3, .decoupled = false};
  optim::Adam<T> adam(trained.parameters, options);
  compare<T>(adam, trained, adam_rule(0.9, 0.99, 1e-8, 0.3, false));
}

TEST_CASE_TEMPLATE("SGD goes downhill with momentum", T, float, double) {
  for (const double momentum : {0.0, 0.9}) {
    Trained<T> trained;
    optim::Sgd<T> sgd(trained.parameters, momentum, 0.2);
    compare<T>(sgd, trained, [momentum](Number& n, double g, double lr, bool decayed) {
      n.first = momentum * n.first + g + (decayed ? 0.2 * n.w : 0);
      n.w -= lr * n.first;
    });
  }
}

TEST_CASE("decay alone shrinks the decayed parameters, and no zero gradient makes a NaN") {
  for (std::size_t which = 0; which < 4; ++which) {
    CAPTURE(which);
    Trained<double> trained;
    const auto before = trained.values();
    const auto optimizer = std::move(all_optimizers(trained.parameters, 0.1)[which]);
    std::fill_n(trained.parameters.grads(), trained.parameters.size(), 0.0);
    for (int step = 0; step < 3; ++step) optimizer->update(0.01);
    const auto after = trained.values();
    for (long i = 0; i < trained.parameters.size(); ++i) {
      CHECK(std::isfinite(after[i]));
      if (i >= trained.parameters.decayed()) CHECK(after[i] == before[i]);
      else if (before[i] != 0) CHECK(std::abs(after[i]) < std::abs(before[i]));
      else CHECK(after[i] == 0);
    }
  }
}

TEST_CASE_TEMPLATE("a rate of 0 leaves every bit as it was", T, float, double) {
  for (std::size_t which = 0; which < 4; ++which) {
    Trained<T> trained;
    const auto before = trained.values();
    const auto optimizer = std::move(all_optimizers(trained.parameters, 0.1)[which]);
    for (long step = 0; step < 3; ++step) {
      trained.set_gradients(step);
      optimizer->update(0);
    }
    const auto after = trained.values();
    CHECK(std::memcmp(before.data(), after.data(), before.size() * sizeof(T)) == 0);
  }
}

TEST_CASE("the padding between parameters stays zero, and a NaN gradient stays visible") {
  for (std::size_t which = 0; which < 4; ++which) {
    Trained<float> trained;
    const auto optimizer = std::move(all_optimizers(trained.parameters, 0.1)[which]);
    std::fill_n(trained.parameters.grads(), trained.parameters.size(), 0.0f);
    trained.parameters.at("bias").node->grad[3] = std::numeric_limits<float>::quiet_NaN();
    optimizer->update(0.1);
    long bad = 0;
    for (const float w : trained.values()) bad += std::isnan(w);
    CHECK(bad == 1);
    CHECK(std::isnan(trained.parameters.at("bias").data()[3]));
    for (long i = 35; i < trained.parameters.decayed(); ++i) CHECK(trained.parameters.values()[i] == 0);
  }
}

TEST_CASE("moments and the count are all there is to save: a copy goes on in the same bits") {
  for (std::size_t which = 0; which < 4; ++which) {
    Trained<float> one, other;
    const auto first = std::move(all_optimizers(one.parameters, 0.1)[which]);
    const auto second = std::move(all_optimizers(other.parameters, 0.1)[which]);
    for (long step = 0; step < 3; ++step) {
      one.set_gradients(step);
      first->update(0.1);
    }
    const long n = one.parameters.size();
    std::copy_n(one.parameters.values(), n, other.parameters.values());
    const auto from = first->moments(), to = second->moments();
    REQUIRE(from.size() == to.size());
    for (std::size_t k = 0; k < from.size(); ++k) {
      CHECK(from[k].name == to[k].name);
      std::copy_n(from[k].data, n, to[k].data);
    }
    second->set_updates(first->updates());
    for (long step = 3; step < 6; ++step) {
      one.set_gradients(step);
      other.set_gradients(step);
      first->update(0.1);
      second->update(0.1);
    }
    CHECK(one.values() == other.values());
  }
}

TEST_CASE("what is frozen keeps its numbers, and the rest steps and is clipped as if it were alone") {
  for (std::size_t which = 0; which < 4; ++which) {
    Parameters<float> alone, half;
    alone.declare("matrix", {7, 5}, {1}, true);
    alone.build(4);
    half.declare("bias", {11}, {1}, false);
    half.declare("matrix", {7, 5}, {1}, true);
    half.declare("frozen", {5, 5}, {1}, true);
    half.train_only([](const std::string& path) { return path == "matrix"; });
    half.build(4);
    const std::vector<float> frozen(half.values() + half.trained(), half.values() + half.size());
    const auto first = std::move(all_optimizers(alone, 0.1)[which]);
    const auto second = std::move(all_optimizers(half, 0.1)[which]);
    REQUIRE(half.trained() == alone.size());
    for (long step = 0; step < 3; ++step) {
      for (Parameters<float>* parameters : {&alone, &half})
        for (long i = 0; i < 35; ++i) parameters->grads()[i] = static_cast<float>(Trained<float>::gradient(i, step));
      CHECK(optim::gradient_norm(half) == optim::gradient_norm(alone));
      first->update(0.1);
      second->update(0.1);
    }
    CHECK(std::equal(alone.values(), alone.values() + alone.size(), half.values()));
    CHECK(std::equal(frozen.begin(), frozen.end(), half.values() + half.trained()));
  }
}

TEST_CASE("an update gives the same bits for any number of threads") {
  const auto trained_with = [](int count, std::size_t which) {
    const int before = threads();
    omp_set_num_threads(count);
    Parameters<float> parameters;
    parameters.declare("matrix", {1001, 37}, {1}, true);
    parameters.declare("bias", {30'011}, {1}, false);
    parameters.build(4);
    const auto optimizer = std::move(all_optimizers(parameters, 0.1)[which]);
    for (long step = 0; step < 2; ++step) {
      for (long i = 0; i < parameters.size(); ++i)
        parameters.grads()[i] = static_cast<float>(Trained<float>::gradient(i, step));
      optimizer->update(0.1, 0.7);
    }
    omp_set_num_threads(before);
    return std::vector<float>(parameters.values(), parameters.values() + parameters.size());
  };
  for (const std::size_t which : {0u, 2u}) {
    const auto one = trained_with(1, which);
    CHECK(one == trained_with(2, which));
    CHECK(one == trained_with(3, which));
  }
}
