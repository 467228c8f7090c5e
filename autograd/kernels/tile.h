// What products are made of: a tile of the result that lives in registers while its sum runs.
//
// The right factor is packed once and used often: cut into panels of `Tile::columns` columns, so that a row of a panel
// is two vectors. A tile is up to `Tile::rows` rows of one panel. Every element is added up in the order of k, whatever
// surrounds it: so the bits of a product do not depend on who makes which part.
// Goto & van de Geijn: Anatomy of High-Performance Matrix Multiplication (2008).
#pragma once

#include <algorithm>

#include "autograd/blas.h"
#include "autograd/parallel.h"

namespace primer::autograd::PRIMER_COMPILED {

/// How much of the result fits the vector registers of the machine that this is compiled for.
template <class T>
struct Tile {
#if defined(__AVX512F__)
  static constexpr int bytes = 64, rows = 12;
#elif defined(__AVX__)
  static constexpr int bytes = 32, rows = 6;
#elif defined(__aarch64__)
  static constexpr int bytes = 16, rows = 12;
#else
  static constexpr int bytes = 16, rows = 6;
#endif
  static constexpr int width = bytes / sizeof(T);  // numbers in a vector
  static constexpr int columns = 2 * width;
  typedef T Vector __attribute__((vector_size(bytes), aligned(sizeof(T)), may_alias));

  /// n rounded up to whole vectors: kernels that run over these have no end to do number by number.
  static long whole_vectors(long n) { return (n + width - 1) / width * width; }
  /// n rounded up to whole panels.
  static long padded(long n) { return (n + columns - 1) / columns * columns; }
};

/// The left factor: element [i, k] is data[i * row + k * column].
template <class T>
struct Left {
  const T* data;
  long row, column;
};

/// The result: element [i, j] is data[i * row + j * column].
template <class T>
struct Result {
  T* data;
  long row, column;

  Result from(long i, long j) const { return {data + i * row + j * column, row, column}; }
};

/// One step of transposing a square of vectors: swaps the bit `bit` of row and column numbers.
template <int bit, class T>
void swap_bit(typename Tile<T>::Vector* x) {
  using V = typename Tile<T>::Vector;
  constexpr int n = Tile<T>::width;
#ifndef __clang__  // which has no such function, and finds the shuffle in the loop below
  decltype(V{} < V{}) low{}, high{};
  for (int i = 0; i < n; ++i) {
    low[i] = i & bit ? n + (i ^ bit) : i;
    high[i] = i & bit ? n + i : i | bit;
  }
#endif
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) {
    if (i & bit) continue;
    const V a = x[i], b = x[i | bit];
#ifdef __clang__
    for (int j = 0; j < n; ++j) {
      x[i][j] = j & bit ? b[j ^ bit] : a[j];
      x[i | bit][j] = j & bit ? b[j] : a[j | bit];
    }
#else
    x[i] = __builtin_shuffle(a, b, low);
    x[i | bit] = __builtin_shuffle(a, b, high);
#endif
  }
}

/// to[j, i] = factor from[i, j] for a square of Tile::width numbers a side, row by row apart as given.
template <class T>
void transpose_square(const T* from, long from_stride, T factor, T* to, long to_stride) {
  using V = typename Tile<T>::Vector;
  constexpr int n = Tile<T>::width;
  V x[n];
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) x[i] = factor * *reinterpret_cast<const V*>(from + i * from_stride);
  swap_bit<1, T>(x);
  if constexpr (n > 2) swap_bit<2, T>(x);
  if constexpr (n > 4) swap_bit<4, T>(x);
  if constexpr (n > 8) swap_bit<8, T>(x);
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) *reinterpret_cast<V*>(to + i * to_stride) = x[i];
}

/// One panel: [k, columns] = factor b, b [k, some]; missing columns are 0.
template <class T>
void pack_panel(Operand<T> b, long k, long some, T factor, T* panel) {
  constexpr long columns = Tile<T>::columns, width = Tile<T>::width;
  const long squares = some == columns && b.is_transposed ? k / width * width : 0;
  for (long c = 0; c < columns; c += width)
    for (long l = 0; l < squares; l += width)
      transpose_square(b.data + c * b.stride + l, b.stride, factor, panel + l * columns + c, columns);
  for (long l = squares; l < k; ++l) {
    T* row = panel + l * columns;
    if (some == columns && !b.is_transposed) {
#pragma omp simd
      for (long c = 0; c < columns; ++c) row[c] = factor * b.data[l * b.stride + c];
      continue;
    }
    for (long c = 0; c < columns; ++c)
      row[c] = c < some ? factor * b.data[b.is_transposed ? c * b.stride + l : l * b.stride + c] : T(0);
  }
}

/// panels [padded(n) / columns][k][columns] = factor b, b [k, n].
template <class T>
void pack(Operand<T> b, long k, long n, T factor, T* panels) {
  constexpr long columns = Tile<T>::columns;
  for (long j = 0; j < n; j += columns) {
    const Operand<T> from{b.data + j * (b.is_transposed ? b.stride : 1), b.stride, b.is_transposed};
    pack_panel(from, k, std::min(columns, n - j), factor, panels + j * k);
  }
}

/// c [rows, some] = left panel, or += ; `some` columns of the panel count, and they lie in its first `vectors` vectors.
template <int rows, int vectors, class T>
void multiply_tile(long k, Left<T> left, const T* panel, bool add, long some, Result<T> c) {
  using V = typename Tile<T>::Vector;
  constexpr int width = Tile<T>::width;
  V sum[rows][vectors];
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i)
    for (int v = 0; v < vectors; ++v) sum[i][v] = V{};
  // Four rows share a pointer: with one each, the addresses would not fit the registers.
  const long steps[4] = {0, left.row, 2 * left.row, 3 * left.row};
  const T* a[3] = {left.data, left.data + 4 * left.row, left.data + 8 * left.row};
  for (long l = 0; l < k; ++l, panel += 2 * width) {
    V b[vectors];
    for (int v = 0; v < vectors; ++v) b[v] = *reinterpret_cast<const V*>(panel + v * width);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const V x = a[i / 4][steps[i % 4]] - V{};
      for (int v = 0; v < vectors; ++v) sum[i][v] += x * b[v];
    }
#pragma GCC unroll 4
    for (int i = 0; i < (rows + 3) / 4; ++i) a[i] += left.column;
  }
  if (some == vectors * width && c.column == 1) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i)
      for (int v = 0; v < vectors; ++v) {
        V* to = reinterpret_cast<V*>(c.data + i * c.row + v * width);
        *to = add ? *to + sum[i][v] : sum[i][v];
      }
    return;
  }
  T all[rows][vectors * width];
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i)
    for (int v = 0; v < vectors; ++v) *reinterpret_cast<V*>(all[i] + v * width) = sum[i][v];
  for (long j = 0; j < some; ++j)
    for (int i = 0; i < rows; ++i) {
      T& to = c.data[i * c.row + j * c.column];
      to = (add ? to : T(0)) + all[i][j];
    }
}

/// c [rows, n] = left b, or += : rows at most Tile::rows, b [k, n] in panels that were packed for `depth` >= k.
template <class T>
void multiply_strip(long rows, long n, long k, Left<T> left, const T* panels, long depth, bool add, Result<T> c) {
  constexpr long columns = Tile<T>::columns;
  const auto strip = [=]<int m>() {
    for (long j = 0; j < n; j += columns) {
      const long some = std::min(columns, n - j);
      const auto tile = some > columns / 2 ? multiply_tile<m, 2, T> : multiply_tile<m, 1, T>;
      tile(k, left, panels + j * depth, add, some, c.from(0, j));
    }
  };
  switch (rows) {
    case 1: return strip.template operator()<1>();
    case 2: return strip.template operator()<2>();
    case 3: return strip.template operator()<3>();
    case 4: return strip.template operator()<4>();
    case 5: return strip.template operator()<5>();
    case 6: return strip.template operator()<6>();
  }
  if constexpr (Tile<T>::rows > 6) switch (rows) {
      case 7: return strip.template operator()<7>();
      case 8: return strip.template operator()<8>();
      case 9: return strip.template operator()<9>();
      case 10: return strip.template operator()<10>();
      case 11: return strip.template operator()<11>();
      case 12: return strip.template operator()<12>();
    }
}

}  // namespace primer::autograd::PRIMER_COMPILED
