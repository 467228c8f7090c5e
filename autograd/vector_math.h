// Exponential, hyperbolic tangent, error function, GELU and SiLU, written so that loops over them become vector code.
// The float forms have no branch, no table, no call and no conversion that can leave its range: inside
// `#pragma omp simd` a compiler turns them into plain vector arithmetic, on any machine; the standard library's
// own functions would be a call for each element. The double forms are the library's: double is there to prove.
//
// In short: y = fast::exp(x), one number in, one out, no errors thrown. A NaN stays a NaN everywhere. Results below
// the smallest normal number lose their digits gradually, as IEEE 754 has it, unless the processor flushes them.
// One ulp is the distance of two neighbouring floats at the exact result. The bounds were checked against double, for
// every float (GELU: for one in 17); they hold with and without fused multiply-add. The code writes a * b + c and
// never std::fma: where the processor has no such instruction, std::fma is a slow call.
//
// The coefficients are our own. Lawson's reweighted least squares (1961) on 1500 Chebyshev points made the greatest
// relative error least (for a quotient: linearised with the last round's denominator); then the coefficients
// were rounded to float one by one, and those that remained were fitted again each time. The errors stated with
// them are those of the rounded coefficients in exact arithmetic.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

#include "autograd/parallel.h"

namespace primer::autograd::PRIMER_COMPILED::fast {

namespace detail {

/// A float argument as n ln 2 + r, with n whole and |r| <= ln 2 / 2 (Cody & Waite 1980, chapter 6).
struct Reduced {
  float n;
  float r;
  std::uint32_t bits;  // its low 9 bits are n + offset
};

/// Adding 1.5 * 2^23 leaves the nearest whole number in the sum's low bits: no conversion to an integer is needed.
/// Where |x| is beyond 105 or NaN, r and the bits mean nothing, but r is NaN for NaN.
template <int offset>
inline Reduced reduce(float x) {
  constexpr float rounder = 0x1.8p23f + offset;
  const float shifted = x * std::numbers::log2e_v<float> + rounder;
  const float n = shifted - rounder;
  // ln 2 in two parts, the first so short that n times it is exact
  const float r = (x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f;
  return {n, r, std::bit_cast<std::uint32_t>(shifted)};
}

/// q(r) of e^r = 1 + r + r^2 q(r), degree 4, on |r| <= 0.3468: relative error of e^r 3.2e-9.
inline float exp_tail(float r) {
  float q = 1.382073388e-03f;
  q = q * r + 8.368677460e-03f;
  q = q * r + 4.166826606e-02f;
  q = q * r + 1.666652113e-01f;
  q = q * r + 4.999999404e-01f;
  return q;
}

/// e^x - 1 without cancellation, for |x| <= 80 and NaN; a tiny x comes back as it is.
inline float exp_minus_one(float x) {
  const Reduced reduced = reduce<127>(x);
  const float r = reduced.r;
  const float p = exp_tail(r) * r * r + r;                       // e^r - 1
  const float power = std::bit_cast<float>(reduced.bits << 23);  // 2^n: its exponent with the bias of 127
  return power * p + (power - 1.0f);
}

/// F(-a) e^(a^2/2), F the normal distribution: Mills' ratio over sqrt(2 pi). A quotient of degrees 4 and 5 on
/// 0 <= a <= 15: relative error 1.5e-8; 1/2 at 0 is exact.
inline float normal_tail_ratio(float a) {
  float p = 4.121979233e-03f;
  p = p * a + 4.068641365e-02f;
  p = p * a + 1.834165454e-01f;
  p = p * a + 4.385776818e-01f;
  p = p * a + 0.5f;
  float q = 1.033215597e-02f;
  q = q * a + 1.019919366e-01f;
  q = q * a + 4.699429572e-01f;
  q = q * a + 1.203317523e+00f;
  q = q * a + 1.675040245e+00f;
  q = q * a + 1.0f;
  return p / q;
}

/// e^x for -105 <= x <= 89 and NaN; any number for another x.
inline float exp_inside(float x) {
  const Reduced reduced = reduce<254>(x);
  const float r = reduced.r;
  const float p = (exp_tail(r) * r + 1.0f) * r + 1.0f;
  // 2^n as the product of two powers, since 2^128 and 2^-150 are no normal floats: only the last product rounds.
  // The bits hold n + 254; halved, that is two exponents with their bias of 127. The shift drops what stands above.
  const std::uint32_t half = reduced.bits >> 1;
  const float first = std::bit_cast<float>(half << 23);
  const float second = std::bit_cast<float>((reduced.bits - half) << 23);
  return p * first * second;
}
inline double exp_inside(double x) { return std::exp(x); }

}  // namespace detail

/// e^x. Float: within 1.2 ulp; 0 below -103.98, +inf above 88.7229.
inline float exp(float x) {
  float y = detail::exp_inside(x);
  y = x < -104.0f ? 0.0f : y;  // a comparison with NaN is false: y stays
  return x > 89.0f ? std::numeric_limits<float>::infinity() : y;
}
inline double exp(double x) { return std::exp(x); }

/// tanh(x) = (e^2x - 1) / (e^2x + 1). Float: within 3 ulp; +-1 at the ends and never beyond; a tiny x comes back
/// as it is.
inline float tanh(float x) {
  float a = std::abs(x);
  a = a > 10.0f ? 10.0f : a;  // the result is 1 from 9.02 on
  const float e = detail::exp_minus_one(2.0f * a);
  return std::copysign(e / (e + 2.0f), x);
}
inline double tanh(double x) { return std::tanh(x); }

/// 1 / (1 + e^-x), from e^-|x|, which cannot overflow. Float: within 4 ulp where the result is a normal number.
template <class T>
inline T sigmoid(T x) {
  const T e = exp(-std::abs(x));
  return (x < 0 ? e : T(1)) / (1 + e);
}

/// erf(x), the integral of 2 / sqrt(pi) e^(-t^2) from 0 to x. Float: within 2.1 ulp; +-1 at the ends and never beyond.
/// erf(a) = 1 - e^(-t) with t = -ln(1 - erf(a)), which is a times a smooth function: one form from 0 to the end.
inline float erf(float x) {
  float a = std::abs(x);
  a = a > 4.0f ? 4.0f : a;  // the result is 1 from 3.92 on
  // t / a - 1, degree 8, on 0 ... 3.93: relative error of erf 4.2e-9
  float h = -9.388082617e-06f;
  h = h * a + 1.188619426e-04f;
  h = h * a + -6.373647484e-04f;
  h = h * a + 1.675677719e-03f;
  h = h * a + -1.695046958e-04f;
  h = h * a + -1.914782263e-02f;
  h = h * a + 1.027763039e-01f;
  h = h * a + 6.366195679e-01f;
  h = h * a + 1.283791661e-01f;
  return std::copysign(detail::exp_minus_one(-(h * a + a)), x);
}
inline double erf(double x) { return std::erf(x); }

// GELU is x F(x), F(x) a distribution function with F(-x) = 1 - F(x). With a = |x| and the tail F(-a) that is
//   x F(x) = max(x, 0) - a F(-a)      and its slope      d(-a) = F(-a) - a F'(a),   d(a) = 1 - d(-a),
// so that one small number, the tail, gives all, and neither form suffers the cancellation that 1 + tanh(z) and
// 1 + erf(z) have for x < 0. Float: a value is within 4 ulp for x >= -1; below, the rounding of the tail's exponent
// adds to it, 4 + 3 |ln F(x)| ulp in all. A derivative is within 2e-7 of the true one. At -inf the value is 0 and the
// derivative 0, at +inf they are +inf and 1. In one loop a value and its derivative share their tail:
// the compiler sees the same expression twice.

namespace detail {

/// F(-a) and F'(a) at a = min(|x|, the point from which the tail is 0); NaN for NaN.
template <class T>
struct Tail {
  T a;
  T below;    // F(-a), in [0, 0.5]
  T density;  // F'(a)
};

template <class T>
inline T value(T x, Tail<T> tail) {
  return (x < T(0) ? T(0) : x) - tail.a * tail.below;
}

template <class T>
inline T derivative(T x, Tail<T> tail) {
  const T d = tail.below - tail.a * tail.density;
  return x < T(0) ? d : T(1) - d;
}

/// The logistic distribution of w = 2 sqrt(2/pi) (x + 0.044715 x^3): (1 + tanh(w / 2)) / 2 = 1 / (1 + e^-w).
template <class T>
inline Tail<T> logistic_tail(T x) {
  constexpr T end = sizeof(T) == sizeof(float) ? T(10.7) : T(22);
  constexpr T linear = T(2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
  constexpr T cubic = T(0.044715 * 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
  T a = std::abs(x);
  a = a > end ? end : a;
  const T u = a * a;
  const T e = exp_inside(-(a * (cubic * u + linear)));
  const T above = T(1) / (T(1) + e);
  const T below = e * above;
  return {a, below, below * above * (T(3) * cubic * u + linear)};
}

/// The logistic distribution of x itself: 1 / (1 + e^-x).
template <class T>
inline Tail<T> silu_tail(T x) {
  constexpr T end = sizeof(T) == sizeof(float) ? T(104) : T(746);
  T a = std::abs(x);
  a = a > end ? end : a;
  const T e = exp_inside(-a), above = T(1) / (T(1) + e);
  return {a, e * above, e * above * above};
}

/// The normal distribution: (1 + erf(x / sqrt(2))) / 2.
inline Tail<float> normal_tail(float x) {
  constexpr float root = static_cast<float>(std::numbers::inv_sqrtpi / std::numbers::sqrt2);  // 1 / sqrt(2 pi)
  float a = std::abs(x);
  a = a > 14.45f ? 14.45f : a;
  const float e = exp_inside(-0.5f * (a * a));
  return {a, e * normal_tail_ratio(a), e * root};
}
inline Tail<double> normal_tail(double x) {
  constexpr double root = std::numbers::inv_sqrtpi / std::numbers::sqrt2;
  double a = std::abs(x);
  a = a > 39.0 ? 39.0 : a;
  return {a, 0.5 * std::erfc(a / std::numbers::sqrt2), std::exp(-0.5 * (a * a)) * root};
}

}  // namespace detail

/// GELU, tanh form: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). Hendrycks & Gimpel 2016.
template <class T>
inline T gelu(T x) {
  return detail::value(x, detail::logistic_tail(x));
}

/// The derivative of gelu(x) by x.
template <class T>
inline T gelu_grad(T x) {
  return detail::derivative(x, detail::logistic_tail(x));
}

/// GELU, exact form: 0.5 x (1 + erf(x / sqrt(2))). Hendrycks & Gimpel 2016.
template <class T>
inline T gelu_erf(T x) {
  return detail::value(x, detail::normal_tail(x));
}

/// The derivative of gelu_erf(x) by x.
template <class T>
inline T gelu_erf_grad(T x) {
  return detail::derivative(x, detail::normal_tail(x));
}

/// SiLU: x / (1 + e^-x), GELU's form with the logistic distribution. Elfwing, Uchibe, Doya 2018.
template <class T>
inline T silu(T x) {
  return detail::value(x, detail::silu_tail(x));
}

/// The derivative of silu(x) by x.
template <class T>
inline T silu_grad(T x) {
  return detail::derivative(x, detail::silu_tail(x));
}

}  // namespace primer::autograd::PRIMER_COMPILED::fast
