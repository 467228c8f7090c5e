// The loop policies: how work is spread over threads. Every split is fixed by the amount of work and the number of
// threads, so that results are the same bits in every run with as many threads.
#pragma once

#include <omp.h>

#include <algorithm>

// Ops and kernels are templates: a program that calls one compiles it with its own flags, for other vectors perhaps,
// and of several functions of one name a linker takes any. So their names lie in an inline namespace, which says who
// compiled them: no copy is taken for one that was made for vectors of another size.
#if defined(PRIMER_INSIDE)  // primer's own build
#define PRIMER_COMPILED inside
#elif defined(__AVX512F__)
#define PRIMER_COMPILED outside_64
#elif defined(__AVX__)
#define PRIMER_COMPILED outside_32
#else
#define PRIMER_COMPILED outside_16
#endif

namespace primer::autograd {
inline namespace PRIMER_COMPILED {}
}  // namespace primer::autograd

namespace primer::autograd::PRIMER_COMPILED {

/// Threads that a parallel loop uses; set by omp_set_num_threads.
inline int threads() { return omp_get_max_threads(); }

/// Below about this many operations a loop stays on the calling thread: opening a region costs some microseconds.
inline constexpr long worth_a_region = 20'000;

/// Calls f(begin, end, thread) for a partition of 0 ... n-1 into one range a thread, cut at multiples of `grain`.
/// `cost`: operations per item. f must not throw.
template <class F>
void split(long n, long cost, long grain, F f) {
  const long grains = (n + grain - 1) / grain;
  const long parts = std::min<long>(threads(), grains);
  if (n <= 0) return;
  if (parts <= 1 || n * cost < worth_a_region || omp_in_parallel()) {
    f(0L, n, 0);
    return;
  }
  // Always the whole team: a team that changes its size ends and starts threads. The runtime may still hand out fewer
  // (OMP_THREAD_LIMIT, OMP_DYNAMIC), so that a thread may have several parts.
#pragma omp parallel
  for (long part = omp_get_thread_num(); part < parts; part += omp_get_num_threads()) {
    const long begin = grains * part / parts * grain;
    const long end = std::min(grains * (part + 1) / parts * grain, n);
    if (begin < end) f(begin, end, static_cast<int>(part));
  }
}

template <class F>
void split(long n, long cost, F f) {
  split(n, cost, 1, f);
}

/// Calls f(i) for i = 0 ... n-1; cheap independent elements.
template <class F>
void each(long n, F f) {
  split(n, 1, 64, [&](long begin, long end, int) {
    for (long i = begin; i < end; ++i) f(i);
  });
}

/// Calls f(i, thread) for i = 0 ... n-1, handing out one item at a time: for items of unequal cost.
template <class F>
void each_unequal(long n, long cost, F f) {
  if (threads() == 1 || n <= 1 || n * cost < worth_a_region || omp_in_parallel()) {
    for (long i = 0; i < n; ++i) f(i, 0);
    return;
  }
#pragma omp parallel for schedule(dynamic, 1)
  for (long i = 0; i < n; ++i) f(i, omp_get_thread_num());
}

}  // namespace primer::autograd::PRIMER_COMPILED
