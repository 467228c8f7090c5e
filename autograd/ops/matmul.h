// matmul: products of matrices, one or a batch of them.
#pragma once

#include "autograd/example.h"
#include "autograd/expect.h"

namespace primer::autograd::PRIMER_COMPILED {

/// y[..., i, j] = sum over k of a[..., i, k] b[..., k, j]; a [..., m, k], b [..., k, n], y [..., m, n], with equal
/// leading axes. Rank 2 or more.
template <class T>
Tensor<T> matmul(Tensor<T> a, Tensor<T> b) {
  expect_rank("matmul", a, 2);
  expect_rank("matmul", b, 2);
  const int lead = a.shape.rank - 2;
  bool fits = a.shape.rank == b.shape.rank && a.shape[-1] == b.shape[-2];
  for (int i = 0; fits && i < lead; ++i) fits = a.shape[i] == b.shape[i];
  if (!fits) refuse("matmul", "expected [..., m, k] and [..., k, n], got " + a.shape.text() + " and " + b.shape.text());
  const long matrices = a.shape.leading(lead), m = a.shape[-2], k = a.shape[-1], n = b.shape[-1];

  Tape<T>& tape = tape_of("matmul", {a, b});
  Tensor<T> y = tape.output(a.shape.with_last(n), {a, b});
  for (long i = 0; i < matrices; ++i)
    tape.product(m, n, k, as_is<T>(a.data() + i * m * k, k), as_is<T>(b.data() + i * k * n, n), 0, y.data() + i * m * n,
                 n);
  return tape.record("matmul", y, [=, t = &tape](const T* dy) {
    if (auto da = t->grad(a))  // da = dy b^T
      for (long i = 0; i < matrices; ++i)
        t->product(m, k, n, as_is(dy + i * m * n, n), transposed<T>(b.data() + i * k * n, n), da.beta(),
                   da.data + i * m * k, k);
    if (auto db = t->grad(b))  // db = a^T dy
      for (long i = 0; i < matrices; ++i)
        t->product(k, n, m, transposed<T>(a.data() + i * m * k, k), as_is(dy + i * m * n, n), db.beta(),
                   db.data + i * k * n, n);
  });
}

template <class Table>
void matmul_examples(Table& table) {
  table.add({"matmul",
             {{{3, 5}, {5, 7}},
              {{1, 1}, {1, 1}},
              {{2, 3, 5}, {2, 5, 7}},
              {{2, 2, 3, 1}, {2, 2, 1, 4}},
              {{0, 3}, {3, 2}},
              {{3, 0}, {0, 2}}},
             {{{3, 5}, {3, 5}}, {{5}, {5}}, {{2, 3, 5}, {3, 5, 7}}, {{3, 5}, {1, 5, 7}}}},
            [](auto& in) { return matmul(in[0], in[1]); });
}

}  // namespace primer::autograd::PRIMER_COMPILED
