#include "nn/attention/nystrom.h"

#include <algorithm>
#include <vector>

#include "autograd/ops/attention.h"
#include "autograd/ops/reduce.h"

namespace primer::nn {

using autograd::AttentionOptions;

// How many parts each sequence has, [B]: as many as real tokens where these are fewer than `count`; none: all have
// these.
static std::vector<int> parts_of(std::span<const int> lengths, long count) {
  std::vector<int> parts(lengths.begin(), lengths.end());
  for (int& real : parts) real = static_cast<int>(std::min<long>(real, count));
  return parts;
}

template <class T>
Tensor<T> landmark_means(Tensor<T> x, long count, std::span<const int> lengths) {
  const long B = x.shape[0], places = x.shape[1];
  const std::vector<int> parts = parts_of(lengths, count);
  const Tensor<T> share = x.tape->output({B, count, places}, {});  // 1 / size within a part
  x.tape->each(B * count, [&](long i) {
    const long b = i / count, part = i % count;
    const long real = lengths.empty() ? places : lengths[b], all = lengths.empty() ? count : parts[b];
    T* const row = std::fill_n(share.data() + i * places, places, T(0)) - places;
    if (part >= all) return;
    const long begin = part * real / all, size = (part + 1) * real / all - begin;
    std::fill_n(row + begin, size, T(1) / static_cast<T>(size));
  });
  return matmul(share, x);
}

template <class T>
Tensor<T> iterative_inverse(Tensor<T> a, int rounds) {
  Tape<T>& tape = *a.tape;
  const long N = a.shape[0], m = a.shape[1];
  const Tensor<T> I = tape.output(a.shape, {});
  tape.each(a.size(), [=](long i) { I.data()[i] = i % m == i / m % m ? T(1) : T(0); });
  const Tensor<T> columns = reshape(sum_last(permute(a, {0, 2, 1})), {N, m});
  Tensor<T> z = divide(permute(a, {0, 2, 1}), spread(spread(pick_largest(columns), m), m));
  for (int i = 0; i < rounds; ++i) {
    const Tensor<T> az = matmul(a, z);
    const auto less = [&](double factor, Tensor<T> x) { return subtract(scale(I, factor), x); };
    z = scale(matmul(z, less(13, matmul(az, less(15, matmul(az, less(7, az)))))), 0.25);
  }
  return z;
}

template <class T>
std::array<Tensor<T>, 3> nystrom_factors(Tensor<T> q, Tensor<T> k, const AttentionOptions& options, long landmarks) {
  const long m = std::min(landmarks, q.shape[1]), B = q.shape[0], H = options.heads;
  const std::vector<int> parts = parts_of(options.lengths, m);
  AttentionOptions landmark = options;  // keys are landmarks
  landmark.lengths = parts;
  const Tensor<T> ql = landmark_means(q, m, options.lengths), kl = landmark_means(k, m, options.lengths);
  Tensor<T> among = attention_pattern(ql, kl, landmark);
  if (!parts.empty()) {  // rows of landmarks that are not there are 0, as their columns are: so are the inverse's
    const Tensor<T> there = q.tape->output(among.shape, {});
    q.tape->each(among.size(), [&](long i) { there.data()[i] = i / m % m < parts[i / (H * m * m)] ? T(1) : T(0); });
    among = multiply(among, there);
  }
  return {attention_pattern(q, kl, landmark), reshape(iterative_inverse(reshape(among, {B * H, m, m})), {B, H, m, m}),
          attention_pattern(ql, k, options)};
}

#define PRIMER_INSTANTIATE(T)                                               \
  template Tensor<T> landmark_means(Tensor<T>, long, std::span<const int>); \
  template Tensor<T> iterative_inverse(Tensor<T>, int);                     \
  template std::array<Tensor<T>, 3> nystrom_factors(Tensor<T>, Tensor<T>, const AttentionOptions&, long);
PRIMER_INSTANTIATE(float)
PRIMER_INSTANTIATE(double)

}  // namespace primer::nn
