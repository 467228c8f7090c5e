// Every op in the table, checked from its own examples.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "tests/autograd/check.h"

using namespace primer::test;

namespace {
template <class F>
void each_example(F f) {
  for (const Case& c : op_cases())
    for (const auto& shapes : c.example.shapes) {
      INFO(describe(c.example, shapes));
      f(c, shapes);
    }
}
}  // namespace

TEST_CASE("every op's gradient agrees with finite differences to 1e-7") {
  each_example([](const Case& c, const std::vector<Shape>& shapes) {
    CHECK(check_gradient(c.call, shapes, c.example.low, c.example.high) == "");
  });
}

TEST_CASE("a fused op equals its textbook of primitives, value and gradient, to 1e-10") {
  long compared = 0;
  each_example([&](const Case& c, const std::vector<Shape>& shapes) {
    if (!c.textbook) return;
    const auto values = random_inputs(shapes, c.example.low, c.example.high);
    CHECK(distance(run(c.call, shapes, values), run(c.textbook, shapes, values)) < 1e-10);
    ++compared;
  });
  CHECK(compared > 30);
}

// The bound: 4e-6 of the largest number, which is 32 roundings of float; sums here have at most 67 terms.
TEST_CASE("the float path equals the double composition to 4e-6") {
  each_example([](const Case& c, const std::vector<Shape>& shapes) {
    const auto values = random_inputs(shapes, c.example.low, c.example.high);
    const Call<double>& reference = c.textbook ? c.textbook : c.call;
    CHECK(distance(run(c.call_float, shapes, values), run(reference, shapes, values)) < 4e-6);
  });
}

TEST_CASE("an input held constant gets no gradient and changes no other one's") {
  each_example([](const Case& c, const std::vector<Shape>& shapes) {
    const auto values = random_inputs(shapes, c.example.low, c.example.high);
    const Outcome all = run(c.call, shapes, values);
    for (std::size_t k = 0; k < shapes.size(); ++k) {
      const Outcome one = run(c.call, shapes, values, {static_cast<int>(k)});
      CHECK(one.grads[k].empty());
      for (std::size_t j = 0; j < shapes.size(); ++j)
        if (j != k) CHECK(distance(one.grads[j], all.grads[j]) == 0);
    }
  });
}

TEST_CASE("a gradient is assigned when it is first and added when it is not") {
  each_example([](const Case& c, const std::vector<Shape>& shapes) {
    const auto values = random_inputs(shapes, c.example.low, c.example.high);
    Outcome once = run(c.call, shapes, values);
    for (Numbers& grad : once.grads)
      for (std::size_t i = 0; i < grad.size(); ++i) grad[i] += own_weight(static_cast<long>(i));
    // backward goes from the newest step: what is used after the op writes its gradient before it
    CHECK(distance(run(c.call, shapes, values, {-1, Variation::before}), once) < 1e-13);
    CHECK(distance(run(c.call, shapes, values, {-1, Variation::after}), once) < 1e-13);
  });
}

TEST_CASE("wrong shapes are refused by name") {
  for (const Case& c : op_cases())
    for (const auto& shapes : c.example.wrong) {
      INFO(describe(c.example, shapes));
      std::string message;
      try {
        run(c.call, shapes, random_inputs(shapes, c.example.low, c.example.high));
      } catch (const Error& e) {
        message = e.what();
      }
      CHECK(message.starts_with("["));
      const bool says_why =
          message.find("expected ") != std::string::npos || message.find("no elements ") != std::string::npos;
      CHECK(says_why);
    }
}

TEST_CASE("every op says what it refuses; one that takes any shape does take it") {
  std::set<std::string> all, refusing;
  for (const Case& c : op_cases()) {
    all.insert(c.example.op);
    if (!c.example.wrong.empty()) refusing.insert(c.example.op);
    if (!c.example.of_any_shape) continue;
    refusing.insert(c.example.op);
    CHECK(c.example.wrong.empty());
    for (const Shape& shape : {Shape{}, {3}, {2, 0}, {2, 3}, {3, 1, 2}, {2, 1, 3, 2}}) {
      INFO(describe(c.example, {shape}));
      CHECK_NOTHROW(run(c.call, {shape}, random_inputs({shape}, c.example.low, c.example.high)));
    }
  }
  for (const std::string& op : all) {
    CAPTURE(op);
    CHECK(refusing.contains(op));
  }
}
