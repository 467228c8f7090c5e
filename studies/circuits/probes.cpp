#include "studies/circuits/probes.h"

#include <algorithm>
#include <cmath>

#include "studies/circuits/texts/periodic.h"
#include "studies/lab/fit.h"

namespace primer::studies {

using train::frobenius_norm, train::Head, train::HeadWeights, train::Matrix, train::product, train::transposed;

template <class T>
std::vector<double> swapped(const nn::Model<T>& model, std::uint64_t seed, long count) {
  constexpr long length = 24, a = 5, c = 14;  // B and B' stand behind A and C, A once more at the end
  // The first places of periodic sequences without a repetition: distinct tokens behind the mark.
  const Periodic distinct{.length = length, .least = length, .most = length};
  const data::Batch drawn = distinct.batch(seed, 3'000'000, count);
  data::Batch batch = empty_batch(2 * count, length);
  for (long i = 0; i < count; ++i) {
    int *one = batch.tokens.data() + 2 * i * length, *other = one + length;
    std::copy_n(drawn.tokens.begin() + i * length, length, one);
    one[length - 1] = one[a];
    std::copy_n(one, length, other);
    std::swap(other[a], other[c]);
  }
  const std::vector<T> logits = logits_of(model, batch);  // [2 count, T, V]
  std::vector<double> changes;
  for (long i = 0; i < count; ++i) {
    const int* one = batch.tokens.data() + 2 * i * length;
    const auto odds = [&](long b) {
      const T* last = logits.data() + (b * length + length - 1) * distinct.vocabulary();
      return static_cast<double>(last[one[a + 1]] - last[one[c + 1]]);
    };
    changes.push_back(odds(2 * i) - odds(2 * i + 1));
  }
  return changes;
}

Rise steepest(const std::vector<double>& series, std::size_t window) {
  const double whole = series.back() - series.front();
  if (!(whole > 0)) return {NAN, NAN};
  Rise most{0, 0};
  for (std::size_t i = 0; i + window < series.size(); ++i) {
    const double rise = (series[i + window] - series[i]) / whole;
    if (rise > most.share) most = {rise, (i + window / 2.0) / series.size()};
  }
  return most;
}

template <class T>
Matrix written_by(const nn::Model<T>& model, long layer, std::span<const double> weights) {
  const long C = model.config().channels;
  Matrix all = train::zeros(C, C);
  for (std::size_t h = 0; h < weights.size(); ++h) {
    const HeadWeights head = weights_of(model, Head{layer, static_cast<long>(h)});
    all = sum(std::move(all), product(head.o, head.v), weights[h]);
  }
  return all;
}

template <class T>
Found found_by(const nn::Model<T>& model, Head head, const Matrix& written) {
  const HeadWeights weights = weights_of(model, head);
  const Matrix qk = product(transposed(weights.q), weights.k), by_keys = product(qk, written);  // [C, C]
  const double score = frobenius_norm(by_keys) / (frobenius_norm(qk) * frobenius_norm(written));
  // The eigenvalues of E M E^T [V, V] that are not zero are those of M E^T E [C, C].
  return {score * std::sqrt(qk.rows), train::positivity(product(by_keys, train::token_sums_of(model).seen))};
}

template <class T>
Matrix raised_by(const nn::Model<T>& model, Head head) {
  const HeadWeights weights = weights_of(model, head);
  const Matrix brought = product(train::token_rows_of(model), transposed(product(weights.o, weights.v)));  // [V, C]
  return product(brought, transposed(train::unembedding_of(model)));
}

template <class T>
double raise_themselves(const nn::Model<T>& model, Head head) {
  const Matrix raised = raised_by(model, head);
  double most = 0;
  for (long i = 0; i < raised.rows; ++i) {
    const double* row = raised.row(i);
    most += std::max_element(row, row + raised.columns) == row + i;
  }
  return most / raised.rows;
}

#define PRIMER_PROBES(T)                                                          \
  template std::vector<double> swapped(const nn::Model<T>&, std::uint64_t, long); \
  template Matrix written_by(const nn::Model<T>&, long, std::span<const double>); \
  template Found found_by(const nn::Model<T>&, Head, const Matrix&);              \
  template Matrix raised_by(const nn::Model<T>&, Head);                           \
  template double raise_themselves(const nn::Model<T>&, Head)
PRIMER_PROBES(float);
PRIMER_PROBES(double);
#undef PRIMER_PROBES

}  // namespace primer::studies
