// Where a backward step writes a gradient: the first write assigns, later ones add.
#pragma once

#include "autograd/parallel.h"

namespace primer::autograd {

template <class T>
struct Into {
  T* data = nullptr;
  bool add = false;  // false: data holds nothing yet, and must not be read, since 0 * NaN is NaN
  bool real = true;  // false: there is no memory, and no loop runs

  explicit operator bool() const { return data != nullptr; }

  /// For products, which with 0 do not read.
  T beta() const { return add ? T(1) : T(0); }

  /// Calls f(put), where put(i, v) is data[i] = v or data[i] += v: two loops from one source.
  template <class F>
  void visit(F f) const {
    if (!real) return;
    if (add) f([d = data](long i, T v) { d[i] += v; });
    else f([d = data](long i, T v) { d[i] = v; });
  }

  /// data[i] = f(i), or += f(i), for i = 0 ... n-1, in parallel.
  template <class F>
  void each_element(long n, F f) const {
    visit([&](auto put) { each(n, [=](long i) { put(i, f(i)); }); });
  }
};

}  // namespace primer::autograd
