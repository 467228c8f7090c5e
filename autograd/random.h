// Random numbers without state: a number is a pure function of (seed, purpose, step, index).
// There is nothing to save in a checkpoint and nothing that depends on threads or on the order of calls.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <string_view>

namespace primer::autograd {

/// Philox 4x32 with 10 rounds: four random words from a 128-bit counter and a 64-bit key.
/// Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011), section 3.3.
/// The counter is a, b, c, d, of which the lower 32 bits count: so a loop over counters is vector code without
/// shuffles.
inline void philox(std::uint64_t& a, std::uint64_t& b, std::uint64_t& c, std::uint64_t& d, std::uint32_t key0,
                   std::uint32_t key1) {
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = 0xD2511F53ull * (a & 0xFFFFFFFFull), p1 = 0xCD9E8D57ull * (c & 0xFFFFFFFFull);
    a = (p1 >> 32) ^ b ^ key0;
    b = p1;
    c = (p0 >> 32) ^ d ^ key1;
    d = p0;
    key0 += 0x9E3779B9u;  // the golden ratio
    key1 += 0xBB67AE85u;  // sqrt(3) - 1
  }
}
inline std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  std::uint64_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
  philox(a, b, c, d, key[0], key[1]);
  return {static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b), static_cast<std::uint32_t>(c),
          static_cast<std::uint32_t>(d)};
}

/// FNV-1a, 64 bits: the fixed hash that turns a path such as "blocks.3.attention.dropout" into a purpose.
constexpr std::uint64_t hash(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325ull;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return h;
}

/// The finaliser of splitmix64: spreads every input bit over the whole word.
constexpr std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/// One stream of numbers, fixed by (seed, purpose, step); the index picks a number.
class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t purpose, std::uint64_t step = 0) : step_(step) {
    const std::uint64_t k = mix(mix(seed + 0x9e3779b97f4a7c15ull) ^ purpose);
    key_ = {static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(k >> 32)};
  }

  /// The four words numbered 4 block ... 4 block + 3.
  std::array<std::uint32_t, 4> block(std::uint64_t block) const {
    return philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                   static_cast<std::uint32_t>(step_), static_cast<std::uint32_t>(step_ >> 32)},
                  key_);
  }

  /// The words 64 group ... 64 group + 63, ordered so that 16 counters run side by side in vector registers: the first
  /// words of 16 blocks, then their second ones, ...
  void group(std::uint64_t group, std::uint32_t* words) const {
    const std::uint64_t first = 16 * group, step = step_;
    const std::uint32_t key0 = key_[0], key1 = key_[1];
#pragma omp simd
    for (int lane = 0; lane < 16; ++lane) {
      std::uint64_t a = first + lane, b = a >> 32, c = step, d = step >> 32;
      philox(a, b, c, d, key0, key1);
      words[lane] = static_cast<std::uint32_t>(a);
      words[16 + lane] = static_cast<std::uint32_t>(b);
      words[32 + lane] = static_cast<std::uint32_t>(c);
      words[48 + lane] = static_cast<std::uint32_t>(d);
    }
  }

  std::uint32_t word(std::uint64_t index) const { return block(index / 4)[index % 4]; }

  /// Uniform in [0, 1), 32 bits.
  double uniform(std::uint64_t index) const { return word(index) * 0x1p-32; }

  /// Uniform among 0 ... count-1, with a bias below count / 2^64. count > 0.
  std::uint64_t below(std::uint64_t count, std::uint64_t index) const {
    const auto w = block(index);
    const std::uint64_t bits = (static_cast<std::uint64_t>(w[0]) << 32) | w[1];
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(bits) * count) >> 64);
  }

  /// Standard normal by Box and Muller, from the block numbered index.
  double normal(std::uint64_t index) const {
    const auto w = block(index);
    const double u = (w[0] + 0.5) * 0x1p-32;  // in (0, 1): its logarithm is finite
    const double v = w[1] * 0x1p-32;
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint64_t step_;
};

/// Makes the rows of every block of D rows orthogonal to each other; each keeps its length. rows [count, D], row by
/// row. Of Gaussian rows every one stays Gaussian, since its length says nothing of its direction: orthogonal random
/// features. Gram and Schmidt; Choromanski et al. 2021, Performers, section 2.4.
template <class T>
void orthogonalise(T* rows, long count, long D) {
  const auto dot = [=](const T* x, const T* y) { return std::inner_product(x, x + D, y, 0.0); };
  for (long i = 0; i < count; ++i) {
    T* const x = rows + i * D;
    const double before = dot(x, x);
    for (const T* y = rows + i / D * D * D; y < x; y += D) {
      const double share = dot(x, y) / dot(y, y);
      for (long d = 0; d < D; ++d) x[d] -= static_cast<T>(share * y[d]);
    }
    const double factor = std::sqrt(before / dot(x, x));
    for (long d = 0; d < D; ++d) x[d] = static_cast<T>(factor * x[d]);
  }
}

}  // namespace primer::autograd
