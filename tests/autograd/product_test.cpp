// Products of matrices against three plain loops.
#include "autograd/product.h"

#include <doctest/doctest.h>
#include <omp.h>

#include <cmath>
#include <limits>
#include <vector>

#include "autograd/error.h"
#include "autograd/parallel.h"
#include "autograd/random.h"
#include "tests/threads.h"

using namespace primer::autograd;
using primer::test::Threads;

namespace {

template <class T>
std::vector<T> numbers(long n, const char* purpose) {
  const Random random(4, hash(purpose));
  std::vector<T> x(n);
  for (long i = 0; i < n; ++i) x[i] = static_cast<T>(2 * random.uniform(i) - 1);
  return x;
}

/// One product and what it should be.
template <class T>
struct Product {
  long m, n, k;
  bool a_transposed, b_transposed;
  long gap;  // numbers between the end of a row and the next
  Products by = Products::tiles;

  long a_stride() const { return (a_transposed ? m : k) + gap; }
  long b_stride() const { return (b_transposed ? k : n) + gap; }
  long c_stride() const { return n + gap; }
  std::vector<T> a() const { return numbers<T>((a_transposed ? k : m) * a_stride(), "a"); }
  std::vector<T> b() const { return numbers<T>((b_transposed ? n : k) * b_stride(), "b"); }

  /// c before: the numbers to add to with beta 1, NaN with beta 0.
  std::vector<T> start(T beta) const {
    const long count = m * c_stride();
    return beta == 0 ? std::vector<T>(count, std::numeric_limits<T>::quiet_NaN()) : numbers<T>(count, "c");
  }

  std::vector<T> run(T beta) const {
    const std::vector<T> av = a(), bv = b();
    std::vector<T> c = start(beta);
    const Operand<T> left{av.data(), std::max(a_stride(), 1L), a_transposed};
    const Operand<T> right{bv.data(), std::max(b_stride(), 1L), b_transposed};
    Multiplier multiplier;
    multiplier.by = by;
    multiplier.product(m, n, k, left, right, beta, c.data(), std::max(c_stride(), 1L));
    return c;
  }

  /// The largest error in units of its bound, 2 k u sum |a| |b|; infinite if a number beyond the rows was touched.
  double error(T beta) const {
    const std::vector<T> av = a(), bv = b(), before = start(beta), c = run(beta);
    double worst = 0;
    for (long i = 0; i < m; ++i)
      for (long j = 0; j < c_stride(); ++j) {
        const T was = before[i * c_stride() + j], got = c[i * c_stride() + j];
        if (j >= n) {
          if (!(got == was || (std::isnan(got) && std::isnan(was)))) return INFINITY;
          continue;
        }
        double sum = beta == 0 ? 0 : static_cast<double>(was), size = std::abs(sum);
        for (long l = 0; l < k; ++l) {
          const double term = static_cast<double>(av[a_transposed ? l * a_stride() + i : i * a_stride() + l]) *
                              static_cast<double>(bv[b_transposed ? j * b_stride() + l : l * b_stride() + j]);
          sum += term;
          size += std::abs(term);
        }
        const double bound = 2 * static_cast<double>(k + 2) * std::numeric_limits<T>::epsilon() * size + 1e-300;
        const double ratio = std::abs(static_cast<double>(got) - sum) / bound;
        if (!(ratio <= worst)) worst = ratio;
        if (std::isnan(worst)) return INFINITY;
      }
    return worst;
  }
};

}  // namespace

TEST_CASE_TEMPLATE("a product equals three loops: transposed, odd sizes, strides, beta 0 over NaN", T, float, double) {
  for (const auto& [count, products] : {std::pair{1, Products::tiles}, {2, Products::tiles}, {2, Products::blas}}) {
    const Threads scope(count);
    for (const long m : {0, 1, 2, 3, 5, 8, 17, 64, 65})
      for (const long n : {0, 1, 2, 3, 19, 64, 65})
        for (const long k : {0, 1, 3, 17, 65})
          for (const int transposition : {0, 1, 2, 3})
            for (const T beta : {T(0), T(1)}) {
              const Product<T> p{m,       n, k, (transposition & 1) != 0, (transposition & 2) != 0, (m + n + k) % 3,
                                 products};
              const double error = p.error(beta);
              if (!(error < 1)) {
                CAPTURE(m);
                CAPTURE(n);
                CAPTURE(k);
                CAPTURE(transposition);
                CAPTURE(beta);
                CHECK(error < 1);
              }
            }
  }
}

namespace {

// Larger than the part of the right factor that is packed at a time, in both directions; rows 2048 bytes apart.
template <class T>
const std::vector<Product<T>> large_products = {
    {129, 37, 64, false, true, 0},  {37, 131, 50, true, false, 5},   {200, 200, 33, true, true, 1},
    {30, 1100, 40, false, true, 2}, {26, 35, 1300, false, false, 0}, {13, 40, 1030, true, false, 0},
    {40, 70, 512, false, true, 0},  {3, 1090, 530, false, false, 1}, {9, 150, 1030, false, true, 1}};

}  // namespace

TEST_CASE_TEMPLATE("larger products agree for 1 to 4 threads, and repeat to the bit", T, float, double) {
  for (const Products products : {Products::tiles, Products::blas}) {
    for (Product<T> p : large_products<T>) {
      p.by = products;
      CAPTURE(p.m);
      for (const int count : {1, 2, 3, 4}) {
        CAPTURE(count);
        const Threads scope(count);
        CHECK(p.error(0) < 1);
        CHECK(p.error(1) < 1);
        CHECK(p.run(1) == p.run(1));
      }
    }
  }
}

TEST_CASE_TEMPLATE("by tiles an element has the same bits whatever is made with it", T, float, double) {
  constexpr long m = 19, n = 170, k = 1030;  // few rows: the weights are read; few columns of them: they are packed
  const std::vector<T> a = numbers<T>(m * k, "a"), b = numbers<T>(n * k, "b"), start = numbers<T>(m * n, "c");
  std::vector<T> whole = start, pieces = start;
  Multiplier multiplier;
  multiplier.product<T>(m, n, k, as_is(a.data(), k), transposed(b.data(), k), 1, whole.data(), n);
  for (long j = 0; j < n; j += 34)
    multiplier.product<T>(m, 34, k, as_is(a.data(), k), transposed(b.data() + j * k, k), 1, pieces.data() + j, n);
  CHECK(whole == pieces);
}

TEST_CASE_TEMPLATE("a row of a product has the same bits alone, and among 2 to 64 rows", T, float, double) {
  constexpr long rows = 64;
  for (const long k :
       {1, 3, 8, 16, 17, 40, 512, 530, 1024, 1030})  // 512 and 1024: rows lie in the same sets of a cache
    for (const long n : {1, 2, 5, 8, 15, 16, 17, 33, 130})
      for (const bool b_transposed : {true, false})
        for (const T beta : {T(0), T(1)}) {
          const long b_stride = b_transposed ? k : n;
          const std::vector<T> a = numbers<T>(rows * k, "a"), b = numbers<T>(n * k, "b"),
                               start = numbers<T>(rows * n, "c");
          Multiplier multiplier;
          const auto made = [&](long first, long m) {
            std::vector<T> c(start.begin() + first * n, start.begin() + (first + m) * n);
            multiplier.product<T>(m, n, k, as_is(a.data() + first * k, k), {b.data(), b_stride, b_transposed}, beta,
                                  c.data(), n);
            return c;
          };
          std::vector<T> alone;  // [rows, n]
          for (long r = 0; r < rows; ++r)
            for (const T x : made(r, 1)) alone.push_back(x);
          for (const long m : {2, 4, 7, 8, 9, 12, 13, 16, 32, 64})
            for (const long first : {0L, rows - m}) {
              const std::vector<T> wanted(alone.begin() + first * n, alone.begin() + (first + m) * n);
              if (made(first, m) == wanted) continue;
              CAPTURE(k);
              CAPTURE(n);
              CAPTURE(m);
              CAPTURE(b_transposed);
              FAIL_CHECK("rows depend on how many there are");
            }
        }
}

TEST_CASE_TEMPLATE("by tiles a product has the same bits for any number of threads, in a parallel region too", T, float,
                   double) {
  for (const Product<T>& p : large_products<T>) {
    CAPTURE(p.m);
    const Threads one(1);
    const std::vector<T> alone = p.run(1);
    for (const int count : {2, 3, 4}) {
      CAPTURE(count);
      const Threads scope(count);
      CHECK(p.run(1) == alone);
    }
    const Threads two(2);
    std::vector<std::vector<T>> inside(2);
#pragma omp parallel
    inside[omp_get_thread_num()] = p.run(1);
    for (const std::vector<T>& result : inside) CHECK(result == alone);
  }
}

TEST_CASE("an extent beyond BLAS's 32 bits is refused, whichever it is") {
  const float x = 0;
  float c = 0;
  const long huge = (1L << 31) + 1;
  for (int which = 0; which < 6; ++which) {
    long e[6] = {1, 1, 1, 1, 1, 1};
    e[which] = huge;
    CAPTURE(which);
    try {
      Multiplier().product<float>(e[0], e[1], e[2], as_is(&x, e[3]), as_is(&x, e[4]), 0, &c, e[5]);
      FAIL("not refused");
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::usage);
      CHECK(std::string(error.what()).find("2147483649") != std::string::npos);
    }
  }
}

TEST_CASE("a split covers every item once, whatever team the runtime hands out") {
  for (const int count : {1, 2, 3, 5}) {
    const Threads scope(count);
    for (const int dynamic : {0, 1}) {  // with 1 the team may be smaller than asked for
      const int before = omp_get_dynamic();
      omp_set_dynamic(dynamic);
      for (const long n : {0L, 1L, 63L, 64L, 65L, 1000L, 100'003L}) {
        std::vector<int> hits(n);
        int highest = 0;
        split(n, 1000, 16, [&](long begin, long end, int thread) {
          for (long i = begin; i < end; ++i) ++hits[i];
#pragma omp critical
          highest = std::max(highest, thread);
        });
        CHECK(hits == std::vector<int>(n, 1));
        CHECK(highest < count);
        std::vector<int> items(n);
        each_unequal(n, 1000, [&](long i, int) { ++items[i]; });
        CHECK(items == std::vector<int>(n, 1));
      }
      omp_set_dynamic(before);
    }
  }
}

TEST_CASE("the BLAS is the build that works inside parallel regions") {
  const BlasInfo info = blas_info();
  CHECK(info.openmp);
  CHECK(info.config.find("OpenBLAS") != std::string::npos);
  CHECK(!info.core.empty());
}
