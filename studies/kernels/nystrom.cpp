// Attention through landmarks: exact where every token is one, and the better the more there are, if neighbours are
// alike. The inverse that it needs is found by an iteration, in as many rounds as the landmarks are alike.
#include "studies/kernels/nystrom.h"

#include <algorithm>
#include <cmath>

#include "nn/attention/nystrom.h"
#include "studies/lab/lab.h"
#include "studies/studies.h"

namespace primer::studies {

using train::Matrix;

namespace {

Matrix of(const autograd::Tensor<double>& x, long rows) {
  return {rows, x.size() / rows, {x.data(), x.data() + x.size()}};
}

Matrix means_of(const Matrix& x, long count) {
  autograd::Tape<double> tape;
  return of(nn::landmark_means(tape.constant({1, x.rows, x.columns}, x.values), count), count);
}

}  // namespace

Matrix inverse_by(const Matrix& a, int rounds) {
  autograd::Tape<double> tape;
  return of(nn::iterative_inverse(tape.constant({1, a.rows, a.rows}, a.values), rounds), a.rows);
}

double residual(const Matrix& a, const Matrix& z) {
  return frobenius_norm(sum(product(a, product(z, a)), a, -1)) / frobenius_norm(a);
}

Matrix nystrom_of(const Matrix& q, const Matrix& k, long landmarks, int rounds) {
  const Matrix ql = means_of(q, landmarks), kl = means_of(k, landmarks);
  return product(pattern_of(q, kl), product(inverse_by(pattern_of(ql, kl), rounds), pattern_of(ql, k)));
}

Matrix slow_rows(long rows, long columns, double share, std::uint64_t seed) {
  Matrix x = normal_rows(rows, columns, seed);
  for (long i = 1; i < rows; ++i) {
    for (long d = 0; d < columns; ++d) x(i, d) = share * x(i - 1, d) + std::sqrt(1 - share * share) * x(i, d);
  }
  return x;
}

namespace {

constexpr long N = 64, D = 16, draws = 20;
constexpr int usual = 6, many = 40;  // rounds

void run(Lab& lab) {
  lab.each_seed([&](std::uint64_t seed) {
    lab.at("landmarks");
    const Matrix q = slow_rows(N, D, 0.9, seed), k = slow_rows(N, D, 0.9, seed + 1'000), pattern = pattern_of(q, k);
    const Matrix fast = pattern_of(normal_rows(N, D, seed + 3'000), normal_rows(N, D, seed + 4'000));
    std::vector<train::Curve> rounds{{"pattern of slow tokens"}, {"of independent tokens"}};
    for (int n = 1; n <= lab.size(24, 2); ++n) {
      rounds[0].add(n, residual(pattern, inverse_by(pattern, n)));
      rounds[1].add(n, residual(fast, inverse_by(fast, n)));
    }
    double most_left = 0;  // of the residual of full inverses
    std::vector<train::Curve> errors{{"slow tokens"}, {"independent tokens"}, {"slow tokens, full inverse"}};
    double further = 0;  // share of draws in which 16 landmarks do worse with the full inverse
    for (long m = 4; m <= lab.size(N, 8); m *= 2) {
      double sums[3]{};
      for (std::uint64_t i = 0; i < draws; ++i) {
        double off[3];
        for (const int kind : {0, 1, 2}) {
          const std::uint64_t own = seed * 10'000 + 2 * i;
          const double share = kind == 1 ? 0 : 0.9;
          const Matrix qs = slow_rows(N, D, share, own), ks = slow_rows(N, D, share, own + 1),
                       whole = pattern_of(qs, ks);
          const Matrix estimate = nystrom_of(qs, ks, m, kind == 2 ? many : usual);
          off[kind] = frobenius_norm(sum(estimate, whole, -1)) / frobenius_norm(whole);
          sums[kind] += off[kind] / draws;
          if (kind < 2) continue;
          const Matrix among = pattern_of(means_of(qs, m), means_of(ks, m));
          raise_to(most_left, residual(among, inverse_by(among, many)));
        }
        if (m == 16 && off[2] > off[0]) further += 1.0 / draws;
      }
      for (std::size_t i = 0; i < errors.size(); ++i) errors[i].add(m, sums[i]);
    }
    double rise = 0;
    for (std::size_t i = 1; i < errors[0].y.size(); ++i) raise_to(rise, errors[0].y[i] / errors[0].y[i - 1]);
    lab.claim("as many landmarks as tokens: from softmax attention, at most",
              furthest(nystrom_of(q, k, N, many), pattern), at_most(1e-6));
    lab.figure("the same after six rounds", furthest(nystrom_of(q, k, N, usual), pattern));
    lab.claim("residual of the inverse after 40 rounds, landmarks of slow tokens, at most", most_left, at_most(1e-6));
    lab.claim("error with twice the landmarks over that with half, at most", rise, at_most(0.999));
    lab.claim("8 landmarks: error of independent tokens over slow ones'", errors[1].y[1] / errors[0].y[1],
              at_least(1.2));
    lab.claim("16 landmarks: draws in which the full inverse is further off", further, at_least(0.5));
    if (seed > 1) return;
    lab.picture(train::line_chart({"Error over landmarks",
                                   "Where neighbours are alike their means stand for them. The full inverse is exact "
                                   "with all tokens, and far off before; six rounds stop short of it."},
                                  {.name = "landmarks of 64 tokens", .log = true},
                                  {.name = "relative error", .log = true, .low = 0.01}, errors));
    lab.picture(train::line_chart(
        {"The iteration for the inverse", "|A Z A - A| over |A|. The more alike the landmarks, the more rounds."},
        {.name = "rounds"}, {.name = "residual", .log = true}, rounds));
  });
  lab.note(
      "64 tokens of 16 channels. Slow ones are 0.9 of the one before and the rest new; errors are Frobenius norms of "
      "differences of patterns over those of the pattern, mean over 20 draws. The full inverse is that of 40 rounds, "
      "the usual one of six.");
}

}  // namespace

const Study nystrom{"nystrom",
                    "kernels",
                    "Landmarks stand for tokens where neighbours are alike; all of them are softmax attention.",
                    "Xiong et al. 2021; Razavi et al. 2014",
                    0.2,
                    run};

}  // namespace primer::studies
