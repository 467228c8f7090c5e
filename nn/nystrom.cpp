#include "nn/nystrom.h"

#include <algorithm>
#include <vector>

#include "autograd/ops/attention.h"
#include "autograd/ops/reduce.h"

namespace primer::nn {

using autograd::AttentionOptions;

template <class T>
Tensor<T> landmark_means(Tensor<T> x, long count, std::span<const int> lengths) {
  const long B = x.shape[0], places = x.shape[1];
  std::vector<T> share(B * count * places, T(0));  // [B, count, T], 1 / size within a part
  for (long i = 0; i < B * count; ++i) {
    const long real = lengths.empty() ? places : lengths[i / count], part = i % count;
    const long begin = part * real / count, size = std::max((part + 1) * real / count - begin, 1L);
    std::fill_n(share.begin() + i * places + begin, size, T(1) / static_cast<T>(size));
  }
  return matmul(x.tape->constant({B, count, places}, share), x);
}

template <class T>
Tensor<T> iterative_inverse(Tensor<T> a, int rounds) {
  Tape<T>& tape = *a.tape;
  const long N = a.shape[0], m = a.shape[1];
  std::vector<T> one(a.size(), T(0));
  for (long i = 0; i < N * m; ++i) one[i * m + i % m] = 1;
  const Tensor<T> I = tape.constant(a.shape, one);
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
  AttentionOptions all = options;  // every landmark is there
  all.lengths = {};
  const Tensor<T> ql = landmark_means(q, m, options.lengths), kl = landmark_means(k, m, options.lengths);
  const Tensor<T> among = reshape(attention_pattern(ql, kl, all), {B * H, m, m});
  return {attention_pattern(q, kl, all), reshape(iterative_inverse(among), {B, H, m, m}),
          attention_pattern(ql, k, options)};
}

#define PRIMER_INSTANTIATE(T)                                               \
  template Tensor<T> landmark_means(Tensor<T>, long, std::span<const int>); \
  template Tensor<T> iterative_inverse(Tensor<T>, int);                     \
  template std::array<Tensor<T>, 3> nystrom_factors(Tensor<T>, Tensor<T>, const AttentionOptions&, long);
PRIMER_INSTANTIATE(float)
PRIMER_INSTANTIATE(double)

}  // namespace primer::nn
