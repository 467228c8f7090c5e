// Parameters: how they are laid out, how they start, and how their gradients gather.
#include "autograd/parameters.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "autograd/ops.h"

using namespace primer::autograd;

namespace {

Fault fault_of(auto&& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.fault();
  }
  return Fault{};
}

template <class T>
std::vector<T> values_of(Parameters<T>& parameters, const char* path) {
  const Tensor<T> x = parameters.at(path);
  return {x.data(), x.data() + x.size()};
}

}  // namespace

TEST_CASE("parameters that are laid out, not built, are zero") {
  Parameters<float> parameters;
  parameters.declare("up.weight", {3, 7}, {1, 5}, true);
  parameters.lay_out();
  CHECK(values_of(parameters, "up.weight") == std::vector<float>(21, 0));
}

TEST_CASE_TEMPLATE("decayed parameters come first, each on a line of its own, with zeros between", T, float, double) {
  Parameters<T> parameters;
  parameters.declare("norm.weight", {5}, {0, 1}, false);
  parameters.declare("up.weight", {3, 7}, {0.02}, true);
  parameters.declare("empty", {0, 4}, {0.02}, true);
  parameters.declare("up.bias", {1}, {}, false);
  parameters.declare("down.weight", {7, 3}, {0.02}, true);
  parameters.build(1);
  CHECK(parameters.count() == 5 + 21 + 0 + 1 + 21);
  std::vector<bool> owned(parameters.size(), false);
  for (const auto& e : parameters.entries()) {
    CAPTURE(e.path);
    const auto address = reinterpret_cast<std::uintptr_t>(parameters.values() + e.offset);
    CHECK(address % 64 == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(parameters.grads() + e.offset) % 64 == 0);
    CHECK(e.offset >= (e.decay ? 0 : parameters.decayed()));
    CHECK(e.offset + e.shape.size() <= (e.decay ? parameters.decayed() : parameters.size()));
    CHECK(parameters.at(e.path).data() == parameters.values() + e.offset);
    for (long i = 0; i < e.shape.size(); ++i) {
      CHECK(!owned[e.offset + i]);
      owned[e.offset + i] = true;
    }
  }
  for (long i = 0; i < parameters.size(); ++i) {
    CHECK(parameters.grads()[i] == 0);
    if (!owned[i]) CHECK(parameters.values()[i] == 0);
  }
  CHECK(values_of(parameters, "norm.weight") == std::vector<T>(5, 1));
  CHECK(values_of(parameters, "up.bias") == std::vector<T>(1, 0));
}

TEST_CASE("what is frozen lies behind what is trained, starts with the same numbers and has no gradient") {
  const auto declare = [](Parameters<double>& parameters) {
    for (const char* path : {"a.weight", "a.bias", "b.weight", "b.bias"})
      parameters.declare(path, {3, 7}, {0.5}, std::string(path).ends_with("weight"));
  };
  Parameters<double> all, half, none;
  for (Parameters<double>* parameters : {&all, &half, &none}) declare(*parameters);
  half.train_only([](const std::string& path) { return path == "a.bias" || path == "b.weight"; });
  none.train_only([](const std::string&) { return false; });
  for (Parameters<double>* parameters : {&all, &half, &none}) parameters->build(1);
  CHECK(all.trained() == all.size());
  CHECK(half.size() == all.size());
  CHECK(half.trained() == all.size() / 2);
  CHECK(half.decayed() == all.size() / 4);
  CHECK(none.trained() == 0);
  for (const auto& e : half.entries()) {
    CAPTURE(e.path);
    CHECK(e.frozen == (e.path == "a.weight" || e.path == "b.bias"));
    CHECK((e.offset >= half.trained()) == e.frozen);
    CHECK((half.at(e.path).grad() == nullptr) == e.frozen);
    CHECK(values_of(half, e.path.c_str()) == values_of(all, e.path.c_str()));
    CHECK(none.at(e.path).grad() == nullptr);
  }
  CHECK(fault_of([&] { half.train_only([](const std::string&) { return true; }); }) == Fault::bug);
}

TEST_CASE("what is fixed is drawn like the rest and never trained, whichever paths are chosen") {
  for (const bool chosen : {false, true}) {
    Parameters<double> parameters;
    parameters.declare("fixed", {4, 3}, {.deviation = 1, .fixed = true}, false);
    parameters.declare("free", {4, 3}, {.deviation = 1}, false);
    if (chosen) parameters.train_only([](const std::string&) { return true; });
    parameters.build(1);
    CHECK(parameters.trained() == parameters.size() / 2);
    CHECK(parameters.at("fixed").grad() == nullptr);
    CHECK(parameters.at("free").grad() != nullptr);
    CHECK(values_of(parameters, "fixed")[0] != 0);
  }
}

TEST_CASE("a parameter's start is a function of seed and path alone") {
  const auto build = [](std::uint64_t seed, std::vector<std::string> order) {
    auto parameters = std::make_unique<Parameters<double>>();
    for (const std::string& path : order) parameters->declare(path, {11, 13}, {0.5}, path != "c");
    parameters->build(seed);
    return parameters;
  };
  const auto one = build(1, {"a", "b", "c"}), other = build(2, {"a", "b", "c"});
  const auto reordered = build(1, {"c", "b", "more", "a"});
  for (const char* path : {"a", "b", "c"}) {
    CHECK(values_of(*one, path) == values_of(*reordered, path));
    CHECK(values_of(*one, path) != values_of(*other, path));
  }
  CHECK(values_of(*one, "a") != values_of(*one, "b"));
}

TEST_CASE("a parameter starts normal with its deviation around its mean") {
  Parameters<float> parameters;
  parameters.declare("w", {300, 400}, {0.02, 3}, true);
  parameters.build(9);
  constexpr double n = 120'000;
  double mean = 0, variance = 0;
  for (const float w : values_of(parameters, "w")) mean += w / n;
  for (const float w : values_of(parameters, "w")) variance += (w - mean) * (w - mean) / n;
  CHECK(std::abs(mean - 3) < 5 * 0.02 / std::sqrt(n));
  CHECK(std::abs(std::sqrt(variance) / 0.02 - 1) < 5 / std::sqrt(2 * n));
}

TEST_CASE("a path declared twice, or after the layout, is a bug that says its name") {
  Parameters<float> parameters;
  parameters.declare("w", {2}, {}, true);
  CHECK(fault_of([&] { parameters.declare("w", {3}, {}, true); }) == Fault::bug);
  parameters.build(1);
  CHECK(fault_of([&] { parameters.declare("late", {3}, {}, true); }) == Fault::bug);
  CHECK(fault_of([&] { parameters.at("nobody"); }) == Fault::usage);
  CHECK_THROWS_WITH_AS(parameters.at("nobody"), doctest::Contains("nobody"), Error);
}

// An embedding that is also the head: both uses write into one gradient. With L = L(token, head),
// d/dw L(w, w) is the sum of both partial derivatives, which an untied copy of the model gives one by one.
TEST_CASE("a tied parameter's gradient is the sum of both uses'") {
  const std::vector<int> ids = {2, 0, 2, 4}, targets = {0, 2, 4, 1};
  const auto gradients = [&](bool tied, bool primitives) {
    Parameters<double> parameters;
    const Tensor<double> token = parameters.declare("token", {5, 3}, {1}, true);
    const Tensor<double> head = tied ? token : parameters.declare("head", {5, 3}, {1}, true);
    parameters.build(3);
    if (!tied) std::copy_n(token.data(), 15, head.data());
    Tape<double> tape;
    parameters.zero_grad();
    const auto x = gather<double>(tape, token, ids);
    const auto textbook = [&] {
      return scale(sum(pick<double>(log_softmax(linear_textbook(x, head, {})), targets)), -1);
    };
    tape.backward(primitives ? textbook() : cross_entropy<double>(x, head, targets, 1));
    parameters.settle();
    std::vector<double> total(token.grad(), token.grad() + 15);
    if (!tied)
      for (long i = 0; i < 15; ++i) total[i] += head.grad()[i];
    return total;
  };
  for (const bool primitives : {false, true}) {
    const auto tied = gradients(true, primitives), apart = gradients(false, primitives);
    double largest = 0;
    for (long i = 0; i < 15; ++i) {
      CHECK(tied[i] == doctest::Approx(apart[i]).epsilon(1e-13));
      largest = std::max(largest, std::abs(tied[i]));
    }
    CHECK(largest > 0.1);
  }
}

TEST_CASE("gradients add up over recordings until they are zeroed, and a parameter nobody used settles at zero") {
  Parameters<double> parameters;
  const Tensor<double> used = parameters.declare("used", {2}, {1}, true);
  const Tensor<double> idle = parameters.declare("idle", {3}, {1}, false);
  parameters.build(5);
  Tape<double> tape;
  tape.poison = true;
  const auto backward = [&](double factor) {
    tape.reset();
    tape.backward(sum(scale(multiply(tape.constant({2}, std::vector<double>{2, 3}), used), factor)));
  };
  std::fill_n(parameters.grads(), parameters.size(), std::nan(""));  // what was there must not be read
  parameters.zero_grad();
  backward(1);
  backward(10);
  backward(100);
  parameters.settle();
  CHECK(used.grad()[0] == 222);
  CHECK(used.grad()[1] == 333);
  for (long i = 0; i < 3; ++i) CHECK(idle.grad()[i] == 0);
  parameters.zero_grad();
  backward(1);
  CHECK(used.grad()[0] == 2);
}
