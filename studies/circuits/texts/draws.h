// Random numbers one after the other, where autograd::Random picks each by its index.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "autograd/random.h"

namespace primer::studies {

class Draws {
 public:
  /// The stream of (seed, purpose, step), from its number `first` on.
  Draws(std::string_view purpose, std::uint64_t seed, std::uint64_t step = 0, std::uint64_t first = 0)
      : random_(seed, autograd::hash(purpose), step), next_(first) {}

  /// Evenly among 0 ... count - 1.
  template <class Integer>
  Integer below(Integer count) {
    return static_cast<Integer>(random_.below(static_cast<std::uint64_t>(count), next_++));
  }

  double normal() { return random_.normal(next_++); }

  /// Puts `count` of x, drawn evenly, into its first places, in the order in which they were drawn. Fisher & Yates.
  template <class T>
  void shuffle(std::span<T> x, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) std::swap(x[i], x[i + below(x.size() - i)]);
  }

 private:
  autograd::Random random_;
  std::uint64_t next_;
};

}  // namespace primer::studies
