// gather: rows of a table by index, which is what an embedding is; pick: one element of each row.
#pragma once

#include <span>

#include "autograd/example.h"
#include "autograd/expect.h"

namespace primer::autograd::PRIMER_COMPILED {

/// y[i] = table[ids[i]]; table [V, C], ids [n], y [n, C].
template <class T>
Tensor<T> gather(Tape<T>& tape, Tensor<T> table, std::span<const int> ids) {
  if (table.shape.rank != 2) refuse("gather", "expected a table [V, C], got " + table.shape.text());
  expect_ids("gather", ids, table.shape[0]);
  const long n = static_cast<long>(ids.size()), V = table.shape[0], C = table.shape[1];
  Tensor<T> y = tape.output({n, C}, {table});
  const int* kept = tape.keep(ids);  // [n]
  tape.split(n, C, [=, p = table.data(), r = y.data()](long begin, long end, int) {
    for (long i = begin; i < end; ++i) std::copy_n(p + kept[i] * C, C, r + i * C);
  });
  return tape.record("gather", y, [=, t = &tape](const T* dy) {
    // dtable[ids[i]] += dy[i]; each thread owns a range of the table's rows, so that no two write one row
    if (T* dtable = t->grad_zeroed(table))
      t->split(V, n * C / std::max(V, 1L) + n, [=](long begin, long end, int) {
        for (long i = 0; i < n; ++i) {
          if (kept[i] < begin || kept[i] >= end) continue;
          T* row = dtable + kept[i] * C;
#pragma omp simd
          for (long c = 0; c < C; ++c) row[c] += dy[i * C + c];
        }
      });
  });
}

/// y[r] = x[r, ids[r]]; x [R, V], ids [R], y [R].
template <class T>
Tensor<T> pick(Tensor<T> x, std::span<const int> ids) {
  if (x.shape.rank != 2 || x.shape[0] != static_cast<long>(ids.size()))
    refuse("pick", "expected [" + std::to_string(ids.size()) + ", V] for as many ids, got " + x.shape.text());
  expect_ids("pick", ids, x.shape[1]);
  Tape<T>& tape = tape_of("pick", {x});
  const long R = x.shape[0], V = x.shape[1];
  Tensor<T> y = tape.output({R}, {x});
  const int* kept = tape.keep(ids);
  tape.each(R, [=, p = x.data(), q = y.data()](long r) { q[r] = p[r * V + kept[r]]; });
  return tape.record("pick", y, [=, t = &tape](const T* dy) {
    if (T* dx = t->grad_zeroed(x)) t->each(R, [=](long r) { dx[r * V + kept[r]] += dy[r]; });
  });
}

/// The first largest element of each row of x [R, V], V > 0: [R]. Its gradient goes to that one.
template <class T>
Tensor<T> pick_largest(Tensor<T> x) {
  const long R = x.shape.rows(), V = x.shape.last();
  std::vector<int> at(R, 0);
  for (long r = 0; r < R && x.tape->computes(); ++r) {
    const T* row = x.data() + r * V;
    at[r] = static_cast<int>(std::max_element(row, row + V) - row);
  }
  return pick<T>(x, at);
}

template <class Table>
void gather_examples(Table& table) {
  table.add({"gather", {{{5, 3}}, {{7, 1}}, {{5, 0}}}, {{{3, 5}}, {{5}}}}, [](auto& in) {
    static constexpr int ids[] = {4, 0, 1, 1, 4, 3};
    return gather(*in[0].tape, in[0], std::span<const int>(ids));
  });
  table.add({"pick", {{{3, 5}}, {{3, 4}}}, {{{3, 3}}, {{2, 5}}, {{15}}}}, [](auto& in) {
    static constexpr int ids[] = {3, 0, 3};
    return pick(in[0], std::span<const int>(ids));
  });
}

}  // namespace primer::autograd::PRIMER_COMPILED
