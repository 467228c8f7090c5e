// Tests that compare numbers of threads.
#pragma once

#include <omp.h>

namespace primer::test {

/// A number of threads until the end of the scope.
struct Threads {
  explicit Threads(int count) { omp_set_num_threads(count); }
  ~Threads() { omp_set_num_threads(before); }
  int before = omp_get_max_threads();
};

}  // namespace primer::test
