// The tape: what it records, what it plays, who gets a gradient, and what it refuses.
#include <doctest/doctest.h>
#include <pthread.h>

#include <cmath>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "autograd/parameters.h"
#include "tests/autograd/check.h"

using namespace primer::test;

namespace {

using Vector = std::vector<double>;

/// A tape that fills new memory with NaN, so that whoever reads too early shows.
struct Poisoned : Tape<double> {
  Poisoned() { poison = true; }
};

Vector grad_of(Tensor<double> x) {
  REQUIRE(x.grad() != nullptr);
  return {x.grad(), x.grad() + x.size()};
}

/// sum of w[i] y[i]: the gradient of y is w.
Tensor<double> weigh(Tensor<double> y, const Vector& w) { return sum(multiply(y, y.tape->constant(y.shape, w))); }

template <class T>
long steps_of(const Tape<T>& tape) {
  long n = 0;
  tape.each_recorded([&n](std::string_view) { ++n; });
  return n;
}

std::string refusal(auto&& call) {
  try {
    call();
  } catch (const Error& e) {
    CHECK(e.fault() == Fault::usage);
    return e.what();
  }
  return "not refused";
}

}  // namespace

TEST_CASE("a tensor used twice gets both gradients") {
  const auto agrees = [](const std::vector<Shape>& shapes, const Call<double>& call) {
    CHECK(check_gradient(call, shapes, -1.5, 1.5) == "");
  };
  agrees({{3}}, [](auto& in) { return multiply(in[0], in[0]); });
  agrees({{3}}, [](auto& in) { return add(in[0], in[0]); });
  agrees({{3}}, [](auto& in) { return subtract(scale(in[0], 3), in[0]); });
  agrees({{3}}, [](auto& in) { return subtract(in[0], in[0]); });
  agrees({{3, 3}}, [](auto& in) { return matmul(in[0], in[0]); });
  agrees({{3, 2}}, [](auto& in) { return concat(in[0], in[0], 0); });
  agrees({{3, 3}, {3, 3}, {3}}, [](auto& in) { return linear_residual(in[0], in[0], in[1], in[2]); });
  agrees({{3, 3}}, [](auto& in) { return linear(in[0], in[0]); });
  agrees({{2, 3}, {5, 3}, {3, 5}},
         [](auto& in) { return feed_forward(in[0], in[0], {.up = in[1], .down = in[2]}, Activation::gelu); });
}

TEST_CASE("an addition hands its gradient on, and whoever adds to it later copies it first") {
  const Vector w = {1, 2, 3}, twice = {2, 4, 6};
  SUBCASE("add(a, a)") {
    Poisoned tape;
    const auto a = tape.input({3}, w), y = add(a, a);
    tape.keep_gradient(y);
    tape.backward(weigh(y, w));
    CHECK(grad_of(y) == w);
    CHECK(grad_of(a) == twice);
  }
  SUBCASE("add(add(a, b), a)") {
    Poisoned tape;
    const auto a = tape.input({3}, w), b = tape.input({3}, w), s = add(a, b), y = add(s, a);
    tape.keep_gradient(s);
    tape.keep_gradient(y);
    tape.backward(weigh(y, w));
    CHECK(grad_of(y) == w);
    CHECK(grad_of(s) == w);
    CHECK(grad_of(b) == w);
    CHECK(grad_of(a) == twice);
  }
  SUBCASE("an input that was used before, on its own") {
    Poisoned tape;
    const auto a = tape.input({3}, w), b = tape.input({3}, w), before = scale(b, 10), y = add(a, b);
    tape.keep_gradient(y);
    tape.backward(add(weigh(y, w), weigh(before, w)));
    CHECK(grad_of(y) == w);
    CHECK(grad_of(a) == w);
    CHECK(grad_of(b) == Vector{11, 22, 33});
  }
  SUBCASE("a long chain of diamonds") {
    Poisoned tape;
    const auto a = tape.input({3}, w);
    Tensor<double> y = a;
    for (int i = 0; i < 20; ++i) y = add(y, y);
    tape.backward(weigh(y, w));
    CHECK(grad_of(a) == Vector{1048576, 2 * 1048576, 3 * 1048576});
  }
}

TEST_CASE("a branch that the root does not need gets no gradient and leaves none") {
  Poisoned tape;
  const auto x = tape.input({2}, Vector{1, 2}), other = tape.input({2}, Vector{-1, -2});
  const auto unused = log(scale(multiply(x, other), 0));  // -inf: its slope would be NaN
  tape.backward(weigh(x, {5, 6}));
  CHECK(grad_of(x) == Vector{5, 6});
  CHECK(other.grad() == nullptr);
  CHECK(unused.grad() == nullptr);
}

TEST_CASE("a reshape shares value and gradient and records nothing") {
  Poisoned tape;
  const auto x = tape.input({2, 3}, Vector{1, 2, 3, 4, 5, 6}), y = reshape(x, {3, 2});
  CHECK(steps_of(tape) == 0);
  CHECK(y.data() == x.data());
  tape.backward(add(weigh(y, {1, 2, 3, 4, 5, 6}), weigh(x, {10, 20, 30, 40, 50, 60})));
  CHECK(y.grad() == x.grad());
  CHECK(grad_of(x) == Vector{11, 22, 33, 44, 55, 66});
  CHECK(refusal([&] { reshape(x, {5}); }).starts_with("[reshape] expected 6 elements"));
}

TEST_CASE("an intermediate's gradient is kept on request, and is right") {
  const auto first = [](Tensor<double> x) { return tanh(multiply(x, x)); };
  const auto second = [](Tensor<double> h) { return project(exp(multiply(h, h))); };
  Poisoned tape;
  const auto x = tape.input({4}, Vector{0.3, -0.8, 0.5, 1.1}), h = first(x);
  tape.keep_gradient(h);
  Vector value(h.data(), h.data() + 4);
  tape.backward(second(h));
  const Vector grad = grad_of(h);
  Tape<double> again;
  for (int i = 0; i < 4; ++i) {
    const auto at = [&](double moved) {
      again.reset();
      Vector v = value;
      v[i] = moved;
      return second(again.constant({4}, v)).item();
    };
    CHECK(grad[i] == doctest::Approx((at(value[i] + 1e-5) - at(value[i] - 1e-5)) / 2e-5).epsilon(1e-8));
  }
  const auto forgotten = first(again.input({4}, value));
  again.backward(second(forgotten));
  CHECK(forgotten.grad() == nullptr);
}

TEST_CASE("gradients are given back: after backward only the kept ones hold memory") {
  Tape<double> tape;
  const auto x = tape.input({64}, Vector(64, 0.5));
  Tensor<double> y = x;
  for (int i = 0; i < 50; ++i) y = tanh(multiply(y, y));
  tape.backward(sum(y));
  CHECK(tape.bytes_of_gradients() == 64 * sizeof(double));
  tape.reset();
  CHECK(tape.bytes_of_gradients() == 0);
  CHECK(tape.bytes_of_values() == 0);
}

TEST_CASE("a million steps play back on a stack of 256 KiB") {
  static double slope;
  slope = 0;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  REQUIRE(pthread_attr_setstacksize(&attributes, 256 * 1024) == 0);
  pthread_t thread;
  const auto body = [](void*) -> void* {
    Tape<double> tape;
    const auto x = tape.input({}, Vector{1});
    Tensor<double> y = x;
    for (int i = 0; i < 1'000'000; ++i) y = scale(y, i % 2 ? 2 : 0.5, 1e-3);
    tape.backward(y);
    slope = *x.grad();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, body, nullptr) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  CHECK(slope == 1);
}

TEST_CASE("a paused tape is not reset") {
  Tape<double> tape;
  const auto x = tape.input({2}, Vector{1, 2});
  {
    const auto outer = tape.pause();
    { const auto inner = tape.pause(); }
    CHECK_THROWS_WITH_AS(tape.reset(), doctest::Contains("[reset] the tape is paused"), Error);
  }
  tape.backward(sum(x));
  tape.reset();
  CHECK(tape.bytes_of_values() == 0);
}

TEST_CASE("a pause in mid-step records nothing, keeps nothing, and is not noticed") {
  const auto step = [](bool paused) {
    Poisoned tape;
    const auto x = tape.input({3}, Vector{1, 2, 3});
    const auto y = dropout(tanh(x), {0.5, 1});
    const std::size_t bytes = tape.bytes_of_values();
    const long steps = steps_of(tape);
    if (paused) {
      const auto guard = tape.pause();
      CHECK(!tape.recording());
      CHECK(!tape.training);
      const auto z = multiply(y, exp(x));
      CHECK(dropout(z, {0.5, 1}).node == z.node);
      CHECK(!z.node->needs_grad);
      CHECK(tape.bytes_of_values() > bytes);
      {
        const auto inner = tape.pause();
        exp(z);
      }
      CHECK(!tape.recording());
      CHECK_THROWS_AS(add(z, tape.constant({2}, Vector{1, 2})), Error);
    }
    CHECK(tape.bytes_of_values() == bytes);
    CHECK(steps_of(tape) == steps);
    CHECK(tape.training);
    tape.backward(weigh(multiply(y, x), {1, 10, 100}));
    return grad_of(x);
  };
  CHECK(step(true) == step(false));
}

TEST_CASE("reset and the same step again give the same bits") {
  Tape<float> tape;
  tape.poison = true;
  std::vector<float> first;
  for (int run = 0; run < 3; ++run) {
    tape.reset();
    tape.noise = {1, 2, 0, 1};
    const Numbers numbers = random_numbers(64 * 96, -1, 1, "x");
    const std::vector<float> values(numbers.begin(), numbers.end());
    const auto x = tape.input({1, 64, 96}, values);
    const auto y = attention(x, {4, true, {}, {0.2, 1}});
    tape.backward(project(y));
    std::vector<float> all(y.data(), y.data() + y.size());
    all.insert(all.end(), x.grad(), x.grad() + x.size());
    if (run == 0) first = all;
    CHECK(all == first);
  }
}

TEST_CASE("what makes no sense is refused in a sentence") {
  Tape<double> tape, other;
  const auto x = tape.input({3}, Vector{1, 2, 3}), y = other.input({3}, Vector{1, 2, 3});
  CHECK(refusal([&] { tape.backward(x); }) == "[backward] expected one number to start from, got [3]");
  CHECK(refusal([&] { add(x, y); }) == "[add] its inputs are on two tapes; an op works on one");
  CHECK(refusal([&] { tape.backward(sum(y)); }) == "[backward] the root was made on another tape");
  CHECK(refusal([&] { tape.input({2}, Vector{1}); }) == "[input] expected 2 numbers for [2], got 1");
  CHECK(refusal([&] { x.item(); }) == "[item] expected one element, got [3]");
  CHECK(refusal([&] { Shape{1, 1, 1, 1, 1}; }).starts_with("[shape] expected rank 4 or less"));
  CHECK(refusal([&] { Shape{-1}; }).starts_with("[shape] expected extents of 0 or more"));
  const auto root = sum(x);
  tape.backward(root);
  CHECK(refusal([&] { tape.backward(root); }) ==
        "[backward] this recording was already played; reset() and run forward again");
  Parameters<double> parameters;
  const auto w = parameters.declare("w", {3}, {}, true);
  parameters.build(1);
  CHECK(refusal([&] { exp(w); }).starts_with("[exp] expected an input on a tape"));
}

TEST_CASE("fresh memory is poisoned on request") {
  Poisoned tape;
  const double* kept = tape.keep<double>(5);
  const auto scratch = tape.scratch(5);
  const auto x = tape.input({5}, Vector(5, 1));
  const Into<double> into = tape.grad(x);
  CHECK(!into.add);
  for (int i = 0; i < 5; ++i) {
    CHECK(std::isnan(kept[i]));
    CHECK(std::isnan(scratch[i]));
    CHECK(std::isnan(into.data[i]));
  }
  CHECK(tape.grad(x).add);
}

// Cho et al. 2014: z = s(Wz [x, h]), r = s(Wr [x, h]), c = tanh(Wc [x, r h]), h = (1 - z) h + z c.
TEST_CASE("a GRU of primitives has the right gradients through fifty steps") {
  constexpr long steps = 50, batch = 2, in = 2, hidden = 3;
  const Call<double> gru = [](auto& p) {
    Tape<double>& tape = *p[0].tape;
    const Vector inputs = random_numbers(steps * batch * in, -1, 1, "inputs");
    Tensor<double> h = p[0];  // [batch, hidden]
    for (long t = 0; t < steps; ++t) {
      const std::span<const double> row(inputs.data() + t * batch * in, batch * in);
      const auto x = tape.constant({batch, in}, row), joined = concat(x, h, 1);
      const auto z = sigmoid(linear_textbook(joined, p[1], p[4])), r = sigmoid(linear_textbook(joined, p[2], p[5]));
      const auto c = tanh(linear_textbook(concat(x, multiply(r, h), 1), p[3], p[6]));
      h = add(multiply(scale(z, -1, 1), h), multiply(z, c));
    }
    return h;
  };
  const Shape w = {hidden, in + hidden}, b = {hidden};
  CHECK(check_gradient(gru, {{batch, hidden}, w, w, w, b, b, b}, -1, 1) == "");
}
