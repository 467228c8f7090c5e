// Dropout's masks: pure functions of (seed, purpose, step, index), made again in backward instead of stored.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "autograd/options.h"
#include "autograd/random.h"
#include "autograd/tape.h"

namespace primer::autograd::PRIMER_COMPILED {

/// Factors of 0 and 1/(1-p), by the element's index in the whole step's batch. Half a random word decides: the
/// probability is rounded to a multiple of 2^-16.
template <class T>
class DropoutMask {
 public:
  /// For a tensor of `size` elements whose leading axis runs over the tape's sequences.
  DropoutMask(const Tape<T>& tape, Dropout dropout, long size)
      : active_(tape.training && dropout.probability > 0),
        random_(tape.noise.seed, dropout.purpose, tape.noise.step),
        threshold_(static_cast<std::uint32_t>(std::min(dropout.probability * 0x1p16 + 0.5, 0x1p16 - 1))),
        factor_(static_cast<T>(1 / kept(dropout.probability, threshold_))),
        first_(static_cast<std::uint64_t>(size / std::max(tape.noise.sequences, 1L) * tape.noise.first_sequence)) {}

  bool active() const { return active_; }

  /// out[i] = factor of element begin + i, for i = 0 ... n-1.
  void factors(long begin, long n, T* out) const {
    each_group(begin, n, [=](long at, long count, const T* factor) { std::copy_n(factor, count, out + at); });
  }

  /// y[i] = base[i] + x[i] factor[begin + i]; base may be null for 0, and y may be x. n elements.
  void apply(long begin, long n, const T* x, const T* base, T* y) const {
    each_group(begin, n, [=](long at, long count, const T* factor) {
      multiply_row(x + at, factor, base ? base + at : nullptr, count, y + at);
    });
  }

 private:
  /// The share of elements that stay. Where few do, rounding the probability would show: E[factor] = 1 asks for the
  /// rounded one. Up to 0.9 the two differ by less than one in ten thousand.
  static double kept(double probability, std::uint32_t threshold) {
    return probability <= 0.9 ? 1 - probability : (0x1p16 - threshold) * 0x1p-16;
  }

  static constexpr long together = 128;  // factors that are made at once: a group

  /// y[i] = base[i] + x[i] m[i]; base may be null for 0.
  static void multiply_row(const T* x, const T* m, const T* base, long n, T* y) {
    if (base) {
#pragma omp simd
      for (long i = 0; i < n; ++i) y[i] = base[i] + x[i] * m[i];
    } else {
#pragma omp simd
      for (long i = 0; i < n; ++i) y[i] = x[i] * m[i];
    }
  }

  /// The factors of a group: the lower halves of its 64 words decide the first ones, the upper halves the others.
  void draw(std::uint64_t group, T* out) const {
    std::array<std::uint32_t, together / 2> words;
    random_.group(group, words.data());
    const std::uint32_t low = threshold_, high = threshold_ << 16;
    const T factor = factor_;
#pragma omp simd
    for (int i = 0; i < together / 2; ++i) out[i] = (words[i] & 0xFFFF) >= low ? factor : T(0);
#pragma omp simd
    for (int i = 0; i < together / 2; ++i) out[together / 2 + i] = words[i] >= high ? factor : T(0);
  }

  /// Calls f(at, count, factors of elements begin + at ... begin + at + count - 1) for parts of 0 ... n-1, in order.
  template <class F>
  void each_group(long begin, long n, F f) const {
    alignas(64) std::array<T, together> factor;
    for (long at = 0; at < n;) {
      const std::uint64_t index = first_ + begin + at;
      const long skip = static_cast<long>(index % together), count = std::min(together - skip, n - at);
      draw(index / together, factor.data());
      f(at, count, factor.data() + skip);
      at += count;
    }
  }

  bool active_;
  Random random_;
  std::uint32_t threshold_;
  T factor_;
  std::uint64_t first_;  // index of the tensor's first element in the whole step's batch
};

}  // namespace primer::autograd::PRIMER_COMPILED
