// The checker is itself checked: each of these ops is wrong in one way, and must be caught.
#include "tests/autograd/check.h"

#include <doctest/doctest.h>

#include "autograd/product.h"

using namespace primer::test;

namespace {

/// y = x^2 with a backward spoilt by `spoil(dx, i)`.
template <class Spoil>
Tensor<double> square(Tensor<double> x, Spoil spoil) {
  Tensor<double> y = x.tape->output(x.shape, {x});
  for (long i = 0; i < x.size(); ++i) y.data()[i] = x.data()[i] * x.data()[i];
  return x.tape->record("square", y, [=](const double* dy) {
    if (auto dx = x.tape->grad(x)) dx.each_element(x.size(), [=](long i) { return spoil(2 * x.data()[i] * dy[i], i); });
  });
}

std::string verdict(const Call<double>& call, const std::vector<Shape>& shapes) {
  return check_gradient(call, shapes, -1.5, 1.5);
}

}  // namespace

TEST_CASE("the checker passes a right backward") {
  CHECK(verdict([](auto& in) { return square(in[0], [](double d, long) { return d; }); }, {{3, 5}}) == "");
}

TEST_CASE("the checker catches one element wrong by 1e-6 relative") {
  CHECK(verdict([](auto& in) { return square(in[0], [](double d, long i) { return i == 7 ? d * (1 + 1e-6) : d; }); },
                {{3, 5}}) != "");
}

TEST_CASE("the checker catches a dropped term") {
  // y = x + x^2, with the gradient of x alone forgotten
  CHECK(verdict(
            [](auto& in) {
              Tensor<double> x = in[0], y = x.tape->output(x.shape, {x});
              for (long i = 0; i < x.size(); ++i) y.data()[i] = x.data()[i] + x.data()[i] * x.data()[i];
              return x.tape->record("dropped", y, [=](const double* dy) {
                x.tape->grad(x).each_element(x.size(), [=](long i) { return 2 * x.data()[i] * dy[i]; });
              });
            },
            {{3, 5}}) != "");
}

TEST_CASE("the checker catches a transposed operand") {
  // y = a b with da = dy b instead of dy b^T: square matrices, so that the shapes say nothing
  CHECK(verdict(
            [](auto& in) {
              Tensor<double> a = in[0], b = in[1], y = a.tape->output(a.shape, {a, b});
              a.tape->product(4, 4, 4, as_is<double>(a.data(), 4), as_is<double>(b.data(), 4), 0, y.data(), 4);
              return a.tape->record("transposed", y, [=](const double* dy) {
                auto da = a.tape->grad(a), db = a.tape->grad(b);
                a.tape->product(4, 4, 4, as_is(dy, 4), as_is<double>(b.data(), 4), da.beta(), da.data, 4);
                a.tape->product(4, 4, 4, transposed<double>(a.data(), 4), as_is(dy, 4), db.beta(), db.data, 4);
              });
            },
            {{4, 4}, {4, 4}}) != "");
}

TEST_CASE("the checker catches an element of the output left unwritten") {
  CHECK(verdict(
            [](auto& in) {
              Tensor<double> x = in[0], y = x.tape->output(x.shape, {x});
              for (long i = 0; i + 1 < x.size(); ++i) y.data()[i] = x.data()[i];
              return x.tape->record("unwritten", y, [=](const double* dy) {
                x.tape->grad(x).each_element(x.size(), [=](long i) { return dy[i]; });
              });
            },
            {{3, 5}}) == "an element of the output was left unwritten");
}

TEST_CASE("the checker catches a gradient that is added to what nobody wrote") {
  CHECK(verdict(
            [](auto& in) {
              Tensor<double> x = in[0], y = x.tape->output(x.shape, {x});
              std::copy_n(x.data(), x.size(), y.data());
              return x.tape->record("unassigned", y, [=](const double* dy) {
                double* dx = x.tape->grad(x).data;
                for (long i = 0; i < x.size(); ++i) dx[i] += dy[i];
              });
            },
            {{3, 5}}) != "");
}

TEST_CASE("the checker catches a missing gradient") {
  CHECK(verdict(
            [](auto& in) {
              Tensor<double> x = in[0], y = x.tape->output(x.shape, {x});
              std::copy_n(x.data(), x.size(), y.data());
              return x.tape->record("missing", y, [](const double*) {});
            },
            {{3, 5}}) == "input 0 got no gradient");
}
