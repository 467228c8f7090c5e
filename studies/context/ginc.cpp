#include "studies/context/ginc.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "autograd/error.h"
#include "autograd/random.h"

namespace primer::studies {

using autograd::Random, autograd::hash;
using train::Matrix;

namespace {

/// The numbers of a stream, one after the other.
class Draws {
 public:
  Draws(std::uint64_t seed, const char* purpose, std::uint64_t index) : random_(seed, hash(purpose), index) {}
  double uniform() { return random_.uniform(4 * drawn_++); }
  std::size_t below(long count) { return random_.below(static_cast<std::uint64_t>(count), drawn_++); }

  /// i with probability p[i]; the sum of p is 1.
  long from(std::span<const double> p) {
    double left = uniform();
    for (std::size_t i = 0; i + 1 < p.size(); ++i) {
      if (left < p[i]) return static_cast<long>(i);
      left -= p[i];
    }
    return static_cast<long>(p.size()) - 1;
  }

 private:
  Random random_;
  std::uint64_t drawn_ = 0;
};

/// softmax((U - 1/2) / temperature), [n].
std::vector<double> softmax_weights(Draws& draws, long n, double temperature) {
  std::vector<double> w(static_cast<std::size_t>(n));
  for (double& one : w) one = std::exp((draws.uniform() - 0.5) / temperature);
  const double sum = std::accumulate(w.begin(), w.end(), 0.0);
  for (double& one : w) one /= sum;
  return w;
}

/// (1 - u) sum of w_j P_j + u / N, [N, N].
Matrix mixture(Draws& draws, long N, double u) {
  Matrix m = train::zeros(N, N);
  std::fill(m.values.begin(), m.values.end(), u / static_cast<double>(N));
  std::vector<long> permutation(static_cast<std::size_t>(N));
  for (const double w : softmax_weights(draws, N, 0.1)) {
    std::iota(permutation.begin(), permutation.end(), 0);
    for (long i = N; i > 1; --i) std::swap(permutation[static_cast<std::size_t>(i - 1)], permutation[draws.below(i)]);
    for (long i = 0; i < N; ++i) m(i, permutation[static_cast<std::size_t>(i)]) += (1 - u) * w;
  }
  return m;
}

std::span<const double> row_of(const Matrix& m, long row) {
  return std::span(m.values).subspan(static_cast<std::size_t>(row * m.columns), static_cast<std::size_t>(m.columns));
}

struct Hidden {
  long value, slot;
};

/// Appends the tokens of `length` states, the first of which is `state`.
void append(std::vector<int>& tokens, const Ginc& ginc, const Concept& theta, Hidden state, long length, Draws& draws) {
  for (long t = 0; t < length; ++t) {
    if (t > 0) state = {draws.from(row_of(ginc.values, state.value)), draws.from(row_of(theta.slots, state.slot))};
    tokens.push_back(ginc.table[static_cast<std::size_t>(state.value * ginc.shape.slots + state.slot)]);
  }
}

}  // namespace

std::span<const int> Prompt::with(long n) const {
  return std::span(tokens).subspan(static_cast<std::size_t>((examples - n) * (k + 1)));
}

Ginc::Ginc(std::uint64_t seed, const GincShape& of) : shape(of) {
  Draws draws(seed, "ginc", 0);
  const long V = shape.values, S = shape.slots;
  for (long i = 0; i < V * S; ++i) {
    table.push_back(i % S == 0 ? 0 : 1 + static_cast<int>(draws.below(shape.vocabulary - 1)));
  }
  values = mixture(draws, V, shape.uniform);
  for (double& a : values.values) a *= 0.1;
  for (long v = 0; v < V; ++v) values(v, v) += 0.9;
  for (std::size_t i = 0; i < shape.concepts; ++i) {
    Matrix slots = mixture(draws, S, shape.uniform);
    concepts.push_back({std::move(slots), {V, S, softmax_weights(draws, V * S, 10)}});
  }
}

std::vector<int> Ginc::document(Family family, std::uint64_t seed, std::uint64_t index, long length) const {
  Draws draws(seed, "ginc.document", index);
  const Concept& theta = family[draws.below(std::ssize(family))];
  const long first = draws.from(theta.start.values);
  std::vector<int> tokens;
  append(tokens, *this, theta, {first / shape.slots, first % shape.slots}, length, draws);
  return tokens;
}

Prompt Ginc::prompt(Family family, std::uint64_t seed, std::uint64_t index, long examples, long k, bool misled) const {
  Draws draws(seed, "ginc.prompt", index);
  Prompt prompt{{}, examples, k, draws.below(std::ssize(family)), 0};
  const long slot = 1 + static_cast<long>(draws.below(shape.slots - 1));
  for (long i = 0; i <= examples; ++i) {
    const bool asks = i == examples;
    const std::size_t theta = misled && !asks ? (prompt.theta + 1) % family.size() : prompt.theta;
    const auto value = static_cast<long>(draws.below(shape.values));
    append(prompt.tokens, *this, family[theta], {value, slot}, asks ? k - 1 : k, draws);
    if (!asks) prompt.tokens.push_back(0);
  }
  Concept begun = family[prompt.theta];
  begun.start = train::zeros(shape.values, shape.slots);
  for (long v = 0; v < shape.values; ++v) begun.start(v, slot) = 1 / static_cast<double>(shape.values);
  Reader reader(*this, {&begun, 1});
  for (const int token : prompt.with(0)) reader.read(token);
  const std::vector<double> next = reader.next();
  prompt.label = static_cast<int>(std::max_element(next.begin(), next.end()) - next.begin());
  return prompt;
}

Reader::Reader(const Ginc& ginc, Ginc::Family family, bool infers)
    : ginc_(ginc), family_(family), infers_(infers), log_likelihoods_(family.size(), 0) {
  for (const Concept& theta : family) ahead_.push_back(theta.start);
}

void Reader::read(int token) {
  const long V = ginc_.shape.values, S = ginc_.shape.slots;
  bool allowed = false;
  for (std::size_t c = 0; c < family_.size(); ++c) {
    // p(v, s | x_1 ... x_t) is what was ahead, where the token is emitted, over p(x_t | x_1 ... x_t-1)
    Matrix& state = ahead_[c];
    double p = 0;
    for (std::size_t i = 0; i < state.values.size(); ++i) {
      if (ginc_.table[i] != token) state.values[i] = 0;
      p += state.values[i];
    }
    log_likelihoods_[c] += std::log(p);
    if (p == 0) continue;  // it stays impossible
    allowed = true;
    for (double& one : state.values) one /= p;
    // p(v', s' | x_1 ... x_t) = sum over v, s of p(v, s | x_1 ... x_t) A(v, v') B(s, s')
    Matrix moved = train::zeros(V, S), ahead = moved;
    const Matrix &A = ginc_.values, &B = family_[c].slots;
    for (long v = 0; v < V; ++v) {
      for (long s = 0; s < S; ++s) {
        const double here = state(v, s);
        for (long to = 0; here > 0 && to < S; ++to) moved(v, to) += here * B(s, to);
      }
      for (long to = 0; to < V; ++to) {
        for (long s = 0; s < S; ++s) ahead(to, s) += A(v, to) * moved(v, s);
      }
    }
    state = std::move(ahead);
  }
  if (!allowed) autograd::refuse("ginc", "no concept allows token " + std::to_string(token) + " there");
}

std::vector<double> Reader::posterior() const {
  std::vector<double> p = log_likelihoods_;
  const double most = *std::max_element(p.begin(), p.end());
  for (double& one : p) one = std::exp(one - most);
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& one : p) one /= sum;
  return p;
}

std::vector<double> Reader::next() const {
  const std::vector<double> weights =
      infers_ ? posterior() : std::vector(ahead_.size(), 1 / static_cast<double>(ahead_.size()));
  std::vector<double> p(static_cast<std::size_t>(ginc_.shape.vocabulary), 0);
  for (std::size_t c = 0; c < ahead_.size(); ++c) {
    for (std::size_t i = 0; i < ginc_.table.size(); ++i) {
      p[static_cast<std::size_t>(ginc_.table[i])] += weights[c] * ahead_[c].values[i];
    }
  }
  return p;
}

}  // namespace primer::studies
