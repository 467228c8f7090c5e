// The vector functions against double: one float in 997 here; in the suite "long" every float for exp, tanh and erf,
// and one in 17 for GELU and SiLU, which is made of the same parts.
#include "autograd/vector_math.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

namespace {

namespace fast = primer::autograd::fast;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr long block = 4096;

/// The distance of neighbouring floats at `exact`; the denormals' below the smallest normal number. From the bits,
/// since the long test asks 10^10 times.
double ulp(double exact) {
  const std::uint64_t exponent = (std::bit_cast<std::uint64_t>(exact) >> 52) & 0x7ff;  // with a bias of 1023
  return std::bit_cast<double>((std::max<std::uint64_t>(exponent, 1023 - 126) - 23) << 52);
}

/// f(x), its double, and the error in ulp that a result may have at x, where the double's is `exact`.
struct Function {
  const char* name;
  void (*apply)(const float* x, float* y, long n);  // y[i] = f(x[i]), x and y [n]
  double (*exact)(double x);
  double (*bound)(double x, double exact);
};

template <float (*f)(float)>
void apply(const float* x, float* y, long n) {
#pragma omp simd
  for (long i = 0; i < n; ++i) y[i] = f(x[i]);
}

/// About |ln F(x)| of the tail F, which its exponent's rounding error grows with; no float is below e^-104.
double logistic_exponent(double x) {
  const double a = std::abs(x);
  return std::min(104.0, 2 * std::sqrt(2 / std::numbers::pi) * (a + 0.044715 * a * a * a));
}
double normal_exponent(double x) { return std::min(104.0, x * x / 2 + std::log(2 + std::abs(x))); }

/// A bound of 2e-7 on the difference, in ulp of the derivative.
double derivative_bound(double, double exact) { return 2e-7 / ulp(exact); }

const std::array<Function, 9> functions = {{
    {"exp", apply<fast::exp>, [](double x) { return std::exp(x); }, [](double, double) { return 1.2; }},
    {"tanh", apply<fast::tanh>, [](double x) { return std::tanh(x); }, [](double, double) { return 3.0; }},
    {"erf", apply<fast::erf>, [](double x) { return std::erf(x); }, [](double, double) { return 2.1; }},
    {"gelu", apply<fast::gelu<float>>, [](double x) { return fast::gelu(x); },
     [](double x, double) { return x >= -1 ? 4.0 : 4 + 3 * logistic_exponent(x); }},
    {"gelu_grad", apply<fast::gelu_grad<float>>, [](double x) { return fast::gelu_grad(x); }, derivative_bound},
    {"gelu_erf", apply<fast::gelu_erf<float>>, [](double x) { return fast::gelu_erf(x); },
     [](double x, double) { return x >= -1 ? 4.0 : 4 + 3 * normal_exponent(x); }},
    {"gelu_erf_grad", apply<fast::gelu_erf_grad<float>>, [](double x) { return fast::gelu_erf_grad(x); },
     derivative_bound},
    {"silu", apply<fast::silu<float>>, [](double x) { return fast::silu(x); },
     [](double x, double) { return x >= -1 ? 4.0 : 4 + 3 * std::min(104.0, std::abs(x)); }},
    {"silu_grad", apply<fast::silu_grad<float>>, [](double x) { return fast::silu_grad(x); }, derivative_bound},
}};

struct Worst {
  double share = 0;  // error / bound
  float at = 0;
};

/// One result against double. An infinite result is right only where double rounds to it, a NaN only for a NaN.
double share_of_bound(const Function& f, float x, float y) {
  constexpr double wrong = 1e30;
  if (std::isnan(x)) return std::isnan(y) ? 0 : wrong;
  const double exact = f.exact(x);
  if (static_cast<float>(exact) == y) return 0;
  if (!std::isfinite(y) || std::abs(exact) > std::numeric_limits<float>::max()) return wrong;
  return std::abs(y - exact) / ulp(exact) / f.bound(x, exact);
}

/// The floats with bit patterns 0, stride, 2 stride, ... below 2^32, by vector code.
Worst sweep(const Function& f, std::uint64_t stride) {
  const std::uint64_t count = ((std::uint64_t{1} << 32) + stride - 1) / stride;
  const long blocks = static_cast<long>((count + block - 1) / block);
  Worst worst;
#pragma omp parallel
  {
    std::array<float, block> x;
    std::array<float, block> y;
    Worst mine;
#pragma omp for
    for (long b = 0; b < blocks; ++b) {
      for (long i = 0; i < block; ++i) {
        const std::uint64_t bits = (static_cast<std::uint64_t>(b) * block + static_cast<std::uint64_t>(i)) * stride;
        x[i] = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
      }
      f.apply(x.data(), y.data(), block);
      for (long i = 0; i < block; ++i) {
        const double share = share_of_bound(f, x[i], y[i]);
        if (share > mine.share) mine = {share, x[i]};
      }
    }
#pragma omp critical
    if (mine.share > worst.share) worst = mine;
  }
  return worst;
}

void check_sweep(std::span<const Function> some, std::uint64_t stride) {
  for (const Function& f : some) {
    const Worst worst = sweep(f, stride);
    INFO(f.name << " at " << worst.at << ": error / bound = " << worst.share);
    CHECK(worst.share <= 1);
    CHECK(worst.share > 0.2);  // a bound that is never approached says nothing
  }
}

}  // namespace

TEST_CASE("vector functions stay within their error bounds on one float in 997") { check_sweep(functions, 997); }

TEST_CASE("vector functions stay within their error bounds in even steps from -12 to 12") {
  std::vector<float> x(1 << 16);  // [65536], where a sweep over bit patterns is thin
  std::vector<float> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = (static_cast<float>(i) - 32768.0f) * (12.0f / 32768.0f);
  for (const Function& f : functions) {
    f.apply(x.data(), y.data(), static_cast<long>(x.size()));
    Worst worst;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double share = share_of_bound(f, x[i], y[i]);
      if (share > worst.share) worst = {share, x[i]};
    }
    INFO(f.name << " at " << worst.at << ": error / bound = " << worst.share);
    CHECK(worst.share <= 1);
  }
}

TEST_CASE("vector functions keep NaN and reach their limits at the ends") {
  const float largest = std::numeric_limits<float>::max();
  for (const Function& f : functions) {
    INFO(f.name);
    const std::array<float, 3> x = {not_a_number, -not_a_number, not_a_number};
    std::array<float, 3> y = {};
    f.apply(x.data(), y.data(), 3);
    for (const float v : y) CHECK(std::isnan(v));
  }
  CHECK(fast::exp(infinity) == infinity);
  CHECK(fast::exp(largest) == infinity);
  CHECK(fast::exp(88.73f) == infinity);
  CHECK(fast::exp(88.72f) < infinity);
  CHECK(fast::exp(-infinity) == 0.0f);
  CHECK(fast::exp(-largest) == 0.0f);
  CHECK(fast::exp(-104.0f) == 0.0f);
  CHECK(fast::exp(0.0f) == 1.0f);
  for (const float x : {infinity, largest, 10.0f}) {
    CHECK(fast::tanh(x) == 1.0f);
    CHECK(fast::tanh(-x) == -1.0f);
    CHECK(fast::erf(x) == 1.0f);
    CHECK(fast::erf(-x) == -1.0f);
  }
  for (const float x : {infinity, largest, 1e19f, 100.0f}) {
    CHECK(fast::gelu(x) == x);
    CHECK(fast::gelu_erf(x) == x);
    CHECK(fast::gelu(-x) == 0.0f);
    CHECK(fast::gelu_erf(-x) == 0.0f);
    CHECK(fast::gelu_grad(x) == 1.0f);
    CHECK(fast::gelu_erf_grad(x) == 1.0f);
    CHECK(fast::gelu_grad(-x) == 0.0f);
    CHECK(fast::gelu_erf_grad(-x) == 0.0f);
    CHECK(fast::silu_grad(x) == 1.0f);
  }
  for (const float x : {infinity, largest, 1e19f, 120.0f}) {
    CHECK(fast::silu(x) == x);
    CHECK(fast::silu(-x) == 0.0f);
    CHECK(fast::silu_grad(-x) == 0.0f);
  }
}

TEST_CASE("exp underflows gradually") {
  const float smallest = std::numeric_limits<float>::denorm_min();
  CHECK(fast::exp(-103.9f) == smallest);
  CHECK(fast::exp(-90.0f) > 0.0f);
  CHECK(fast::exp(-90.0f) < std::numeric_limits<float>::min());
  CHECK(std::abs(fast::exp(-90.0f) - std::exp(-90.0)) <= 1.2 * smallest);
}

TEST_CASE("tanh of a tiny number is that number, and signs of zero stay") {
  for (const float x : {0x1p-149f, 0x1.8p-140f, 0x1p-126f, 1e-20f, 1e-5f, 0x1p-13f}) {
    CHECK(fast::tanh(x) == x);
    CHECK(fast::tanh(-x) == -x);
    CHECK(fast::gelu(0x1p-100f * x) == 0.5f * (0x1p-100f * x));
  }
  CHECK(std::signbit(fast::tanh(-0.0f)));
  CHECK(std::signbit(fast::erf(-0.0f)));
  CHECK(std::signbit(fast::gelu(-0.0f)));
  CHECK(std::signbit(fast::gelu_erf(-0.0f)));
  CHECK_FALSE(std::signbit(fast::tanh(0.0f)));
}

TEST_CASE("tanh and erf are odd and never beyond 1") {
  for (int i = 0; i < 1'000'000; ++i) {
    const float x = static_cast<float>(i) * 1e-5f;
    const bool good = fast::tanh(-x) == -fast::tanh(x) && fast::erf(-x) == -fast::erf(x) && fast::tanh(x) <= 1.0f &&
                      fast::erf(x) <= 1.0f;
    if (!good) FAIL("at x = " << x);
  }
}

// How a loop is cut (by threads, by a remainder) must not show in the numbers.
TEST_CASE("an element's result does not depend on its place in the loop") {
  std::vector<float> x(block);  // [block]
  for (long i = 0; i < block; ++i) x[i] = static_cast<float>(i - block / 2) * 0.00531f;
  for (const Function& f : functions) {
    INFO(f.name);
    std::vector<float> whole(block);  // [block]
    std::vector<float> parts(block);  // [block]
    f.apply(x.data(), whole.data(), block);
    for (long begin = 0, length = 1; begin < block; begin += length, length = length % 37 + 1) {
      f.apply(x.data() + begin, parts.data() + begin, std::min(length, block - begin));
    }
    CHECK(whole == parts);
  }
}

// Computed with 100 digits: x, tanh form, its derivative, exact form, its derivative.
TEST_CASE("double GELU equals known values") {
  constexpr double known[][5] = {
      {-9, -1.3364595947348725e-28, -2.5157352850674252e-27, -1.0157295653584566e-18, -9.1389373739066393e-18},
      {-4, -7.024594819237269e-5, -0.00033512319712267076, -0.00012668496733247969, -0.00050364966122642149},
      {-1.5, -0.10042842301976708, -0.12771079315143308, -0.1002108019032871, -0.12746919222997953},
      {-0.75, -0.1700394448343797, 0.0010617438625857023, -0.16997051428265115, 0.00077427826076489563},
      {0.3, 0.18537092354275924, 0.73229545163880181, 0.18537342665668578, 0.73232776682710985},
      {1, 0.8411919906082767, 1.0829640838457826, 0.84134474606854295, 1.0833154705876863},
      {2.5, 2.4849157339100014, 1.0379515762126662, 2.4844758366855597, 1.0376110859081452},
      {6, 5.9999999999156035, 1.0000000007709974, 5.9999999940804741, 1.0000000354687095}};
  for (const auto& k : known) {
    INFO("x = " << k[0]);
    const double got[4] = {fast::gelu(k[0]), fast::gelu_grad(k[0]), fast::gelu_erf(k[0]), fast::gelu_erf_grad(k[0])};
    for (int i = 0; i < 4; ++i) CHECK(std::abs(got[i] - k[i + 1]) <= 1e-13 * std::abs(k[i + 1]));
  }
}

TEST_CASE("double forms are the library's, and GELU and SiLU are the textbook's") {
  for (double x = -30; x < 30; x += 0.0137) {
    CHECK(fast::exp(x) == std::exp(x));
    CHECK(fast::tanh(x) == std::tanh(x));
    CHECK(fast::erf(x) == std::erf(x));
    const double z = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
    CHECK(std::abs(fast::gelu(x) - 0.5 * x * (1 + std::tanh(z))) <= 1e-15 * std::max(1.0, std::abs(x)));
    CHECK(std::abs(fast::gelu_erf(x) - 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)))) <=
          1e-15 * std::max(1.0, std::abs(x)));
    CHECK(std::abs(fast::silu(x) - x / (1 + std::exp(-x))) <= 1e-15 * std::max(1.0, std::abs(x)));
    const double h = 1e-5;
    CHECK(std::abs(fast::silu_grad(x) - (fast::silu(x + h) - fast::silu(x - h)) / (2 * h)) < 1e-9);
    CHECK(std::abs(fast::gelu_grad(x) - (fast::gelu(x + h) - fast::gelu(x - h)) / (2 * h)) < 1e-9);
    CHECK(std::abs(fast::gelu_erf_grad(x) - (fast::gelu_erf(x + h) - fast::gelu_erf(x - h)) / (2 * h)) < 1e-9);
  }
  CHECK(std::isnan(fast::gelu(std::numeric_limits<double>::quiet_NaN())));
  CHECK(fast::gelu_grad(-std::numeric_limits<double>::infinity()) == 0.0);
  CHECK(fast::gelu_erf_grad(std::numeric_limits<double>::infinity()) == 1.0);
}

TEST_SUITE("long") {
  TEST_CASE("exp, tanh and erf stay within their error bounds on every float") {
    check_sweep(std::span(functions).first(3), 1);
  }
  TEST_CASE("GELU and SiLU stay within their error bounds on one float in 17") {
    check_sweep(std::span(functions).subspan(3), 17);
  }
}
