// Dropout's masks: pure functions of (seed, purpose, step, index), made again in backward instead of stored.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "autograd/random.h"
#include "autograd/tape.h"

namespace primer::autograd {

/// Where dropout happens and how often. The purpose is the hash of the module's path and the use.
struct Dropout {
  double probability = 0;  // of zeroing, in [0, 1)
  std::uint64_t purpose = 0;
};

/// Factors of 0 and 1/(1-p), by the element's index in the whole step's batch.
template <class T>
class DropoutMask {
 public:
  /// For a tensor of `size` elements whose leading axis runs over the tape's sequences.
  DropoutMask(const Tape<T>& tape, Dropout dropout, long size)
      : active_(tape.training && dropout.probability > 0),
        random_(tape.noise.seed, dropout.purpose, tape.noise.step),
        threshold_(static_cast<std::uint32_t>(dropout.probability * 0x1p32)),
        factor_(static_cast<T>(1 / (1 - dropout.probability))),
        first_(static_cast<std::uint64_t>(size / std::max(tape.noise.sequences, 1L) * tape.noise.first_sequence)) {}

  bool active() const { return active_; }

  /// out[i] = factor of element begin + i, for i = 0 ... n-1.
  void factors(long begin, long n, T* out) const {
    std::array<std::uint32_t, 64> words;
    const std::uint64_t first = first_ + begin;
    for (long done = 0; done < n;) {
      const std::uint64_t index = first + done;
      const long skip = static_cast<long>(index % 64), count = std::min(64 - skip, n - done);
      random_.group(index / 64, words.data());
#pragma omp simd
      for (long i = 0; i < count; ++i) out[done + i] = words[skip + i] >= threshold_ ? factor_ : T(0);
      done += count;
    }
  }

  /// y[i] = base[i] + x[i] factor[begin + i]; base may be null for 0, and y may be x. n elements.
  void apply(long begin, long n, const T* x, const T* base, T* y) const {
    std::array<T, 256> factor;
    for (long done = 0; done < n; done += 256) {
      const long count = std::min(256L, n - done);
      factors(begin + done, count, factor.data());
      const T* xs = x + done;
      T* ys = y + done;
      if (base) {
        const T* bs = base + done;
#pragma omp simd
        for (long i = 0; i < count; ++i) ys[i] = bs[i] + xs[i] * factor[i];
      } else {
#pragma omp simd
        for (long i = 0; i < count; ++i) ys[i] = xs[i] * factor[i];
      }
    }
  }

 private:
  bool active_;
  Random random_;
  std::uint32_t threshold_;
  T factor_;
  std::uint64_t first_;  // index of the tensor's first element in the whole step's batch
};

}  // namespace primer::autograd
