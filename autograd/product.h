// Products of whole matrices, over all threads, and their count.
#pragma once

#include <compare>
#include <optional>
#include <vector>

#include "autograd/blas.h"
#include "autograd/region.h"

namespace primer::autograd {

/// How products are made.
enum class Products {
  tiles,  // by our own: a row has the same bits whatever rows are beside it, and for any number of threads
  blas,   // each thread its part of the longer side of c, so that the bits depend on how many there are
};

/// Products [m, n] of [m, k] and [k, n], either factor as it stands in memory or transposed.
struct ProductShape {
  long m, n, k;
  bool a_transposed, b_transposed;
  double times;  // so many at once; of which a part is needed count for that part
  auto operator<=>(const ProductShape&) const = default;
};

/// What was asked of the machine.
struct Work {
  double flop = 0;   // of products, in the textbook's form: what is masked or made again does not count
  double bytes = 0;  // that the passes between products read and write
  std::vector<ProductShape> products = {};  // only where products are not made
};

/// Makes products, one at a time, or only counts them; owns the room where it packs their right factors.
class Multiplier {
 public:
  Products by = Products::tiles;  // few rows times a transposed b are made as by tiles always
  Work work;                      // until somebody sets it back

  explicit Multiplier(Memory memory = Memory::real) : memory_(memory) {}

  /// c = a b + beta c; a is [m, k], b [k, n], c [m, n] with rows c_stride apart; beta is 0, and what c held, NaN too,
  /// is gone, or 1. In a parallel region on the calling thread alone. Throws Error(usage) on extents beyond 32 bits.
  template <class T>
  void product(long m, long n, long k, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride);

  /// For ops that make their products in a way of their own.
  void count(const ProductShape& p) {
    work.flop += 2 * p.times * static_cast<double>(p.m * p.n) * static_cast<double>(p.k);
    if (memory_ == Memory::none) work.products.push_back(p);
  }

 private:
  Memory memory_;
  std::optional<Region> packed_;  // from the first product by tiles on
};

}  // namespace primer::autograd
