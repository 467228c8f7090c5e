// Attention by random features: right on average, with a variance that is known, which falls with their number, and
// explodes with the length of queries and keys.
#include "studies/kernels/random_features.h"

#include <algorithm>
#include <cmath>

#include "autograd/random.h"
#include "nn/feature_map.h"
#include "studies/circuits/paths.h"
#include "studies/lab/lab.h"
#include "studies/studies.h"

namespace primer::studies {

using train::Matrix;

Matrix directions(long count, long D, std::uint64_t seed, bool orthogonal) {
  Matrix w = normal_rows(count, D, seed);
  if (orthogonal) autograd::orthogonalise(w.values.data(), count, D);
  return w;
}

Matrix features_of(FeatureKind kind, const Matrix& x, const Matrix& w) {
  autograd::Tape<double> tape;
  const auto rows = tape.constant({x.rows, x.columns}, x.values), ways = tape.constant({w.rows, w.columns}, w.values);
  const auto found =
      kind == FeatureKind::positive ? nn::positive_features(rows, ways) : nn::trigonometric_features(rows, ways);
  Matrix phi{x.rows, found.map.shape[1], {found.map.data(), found.map.data() + found.map.size()}};
  for (long i = 0; i < phi.rows; ++i) {
    for (long m = 0; m < phi.columns; ++m) phi(i, m) *= std::exp(found.weight.data()[i]);
  }
  return phi;
}

Matrix estimated_pattern(FeatureKind kind, const Matrix& q, const Matrix& k, const Matrix& w) {
  const auto scaled = [&](Matrix x) {
    for (double& value : x.values) value /= std::pow(static_cast<double>(x.columns), 0.25);
    return x;
  };
  Matrix a = product(features_of(kind, scaled(q), w), transposed(features_of(kind, scaled(k), w)));
  for (long i = 0; i < a.rows; ++i) {
    double sum = 0;
    for (long j = 0; j < a.columns; ++j) sum += a(i, j);
    for (long j = 0; j < a.columns; ++j) a(i, j) /= sum;
  }
  return a;
}

double relative_variance(FeatureKind kind, const Matrix& q, const Matrix& k) {
  const double both = frobenius_norm(sum(q, k)), apart = frobenius_norm(sum(q, k, -1));
  return kind == FeatureKind::positive ? std::expm1(both * both)
                                       : std::exp(apart * apart) * std::pow(std::expm1(-apart * apart), 2) / 2;
}

namespace {

constexpr long N = 64, D = 16, draws = 20;
constexpr FeatureKind positive = FeatureKind::positive, trigonometric = FeatureKind::trigonometric;

/// q or k of attention whose lengths are `length` once divided by D^(1/4).
Matrix rows_of(double length, std::uint64_t seed) {
  return of_length(normal_rows(N, D, seed), length * std::pow(static_cast<double>(D), 0.25));
}

/// Estimates of exp(q.k), each from one of many independent directions.
std::vector<double> estimates(FeatureKind kind, const Matrix& q, const Matrix& k, const Matrix& w) {
  const Matrix one = features_of(kind, q, w), other = features_of(kind, k, w);
  std::vector<double> found(static_cast<std::size_t>(w.rows), 0);
  for (long m = 0; m < one.columns; ++m) {
    found[static_cast<std::size_t>(m % w.rows)] += one(0, m) * other(0, m) * static_cast<double>(w.rows);
  }
  return found;
}

double squared_difference(const Matrix& a, const Matrix& b) {
  const double norm = frobenius_norm(sum(a, b, -1));
  return norm * norm / static_cast<double>(a.values.size());
}

/// The slope of ln y against ln x by least squares, of x from 64 on.
double slope(const std::vector<double>& x, const std::vector<double>& y) {
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] < 64) continue;
    const double u = std::log(x[i]), v = std::log(y[i]);
    ++n, sx += u, sy += v, sxx += u * u, sxy += u * v;
  }
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

struct Way {
  const char* name;
  FeatureKind kind;
  bool orthogonal;
  std::vector<double> slopes = {}, output_slopes = {};
};

void draw(Lab& lab, const Matrix& q, const Matrix& k, std::uint64_t seed) {
  constexpr long shown = 24;
  const Matrix all[]{pattern_of(q, k), estimated_pattern(positive, q, k, directions(16, D, seed, true)),
                     estimated_pattern(positive, q, k, directions(256, D, seed, true))};
  train::Table table;
  for (const char* name : {"exact", "16", "256"}) {
    for (long j = 0; j < shown; ++j) table.columns.push_back(j == 0 ? name : "");
    if (table.columns.size() < 3 * shown) table.columns.emplace_back();
  }
  for (long i = 0; i < shown; ++i) {
    table.rows.push_back(std::to_string(i + 1));
    for (const Matrix& a : all) {
      table.values.insert(table.values.end(), &a.values[static_cast<std::size_t>(i * N)],
                          &a.values[static_cast<std::size_t>(i * N)] + shown);
      if (&a != all + 2) table.values.push_back(NAN);
    }
  }
  lab.picture(train::heat_map({"A pattern and its estimates",
                               "The first 24 queries and keys of 64: softmax attention, then 16 and 256 positive "
                               "orthogonal features. A few features show the rough shape; more the details."},
                              table));
}

void run(Lab& lab) {
  std::vector<double> off[2], ratio[2], halved, unstable, exploded;
  std::vector<Way> ways{{"positive", positive, false},
                        {"positive, orthogonal", positive, true},
                        {"trigonometric", trigonometric, false},
                        {"trigonometric, orthogonal", trigonometric, true}};
  for (const std::uint64_t seed : lab.seeds()) {
    lab.at("estimates of one product, seed " + std::to_string(seed));
    const Matrix q = of_length(normal_rows(1, D, seed), 0.5), k = of_length(normal_rows(1, D, seed + 1'000), 0.7);
    double exact_product = 0;
    for (long d = 0; d < D; ++d) exact_product += q(0, d) * k(0, d);
    const Matrix many = directions(lab.size(100'000, 1000), D, seed + 2'000);
    for (const FeatureKind kind : {positive, trigonometric}) {
      const auto which = static_cast<std::size_t>(kind);
      const Estimate found = mean_of(estimates(kind, q, k, many), "draws");
      const double mean = std::exp(exact_product), squared = found.error * found.error * static_cast<double>(many.rows);
      off[which].push_back(std::abs(found.mean - mean) / found.error);
      ratio[which].push_back(squared / (mean * mean) / relative_variance(kind, q, k));
    }

    const Matrix qs = rows_of(1, seed + 3'000), ks = rows_of(1, seed + 4'000), v = normal_rows(N, D, seed + 5'000);
    const Matrix pattern = pattern_of(qs, ks), output = product(pattern, v);
    const auto error_of = [&](const Way& way, const Matrix& q2, const Matrix& k2, long m, bool of_output) {
      double sum = 0;  // of squares, mean over draws
      for (std::uint64_t i = 0; i < draws; ++i) {
        const long count = way.kind == trigonometric ? m / 2 : m;
        const Matrix a = estimated_pattern(way.kind, q2, k2, directions(count, D, seed * 10'000 + i, way.orthogonal));
        sum += of_output ? squared_difference(product(a, v), output) : squared_difference(a, pattern_of(q2, k2));
      }
      return std::sqrt(sum / draws);
    };
    std::vector<train::Curve> curves, outputs;
    for (Way& way : ways) {
      lab.at(std::string(way.name) + ", seed " + std::to_string(seed));
      const char* const in_short = way.kind == positive ? "positive, orth." : "trigon., orth.";
      train::Curve curve{way.orthogonal ? in_short : way.name, {}, {}, {}, {}}, brought = curve;
      for (long m = 16; m <= lab.size(2048, 128); m *= 2) {
        curve.x.push_back(static_cast<double>(m));
        curve.y.push_back(error_of(way, qs, ks, m, false));
        brought.y.push_back(error_of(way, qs, ks, m, true));
      }
      brought.x = curve.x;
      way.slopes.push_back(slope(curve.x, curve.y));
      way.output_slopes.push_back(slope(brought.x, brought.y));
      curves.push_back(std::move(curve));
      outputs.push_back(std::move(brought));
    }
    halved.push_back(std::pow(curves[1].y[0] / curves[0].y[0], 2));  // m = D
    unstable.push_back(curves[2].y[0] / curves[0].y[0]);
    const Matrix far_q = rows_of(2, seed + 3'000), far_k = rows_of(2, seed + 4'000);
    exploded.push_back(error_of(ways[0], far_q, far_k, 64, false) / frobenius_norm(pattern_of(far_q, far_k)) /
                       (error_of(ways[0], qs, ks, 64, false) / frobenius_norm(pattern)));
    if (seed > 1) continue;
    const train::Axis features{.name = "features", .log = true}, error{.name = "root mean square error", .log = true};
    lab.picture(
        train::line_chart({"Error of the pattern",
                           "Twice the features, 1 / sqrt(2) of the error. Orthogonal directions (orth.) do better "
                           "where there are few."},
                          features, error, curves));
    lab.picture(train::line_chart({"Error of what attention brings", "The same, of pattern times values."}, features,
                                  error, outputs));
    draw(lab, qs, ks, seed);
  }
  for (const FeatureKind kind : {positive, trigonometric}) {
    const auto which = static_cast<std::size_t>(kind);
    const std::string name = ways[2 * which].name;
    lab.claim(name + ": mean of estimates from exp(q.k), in standard errors", mean_of(off[which], "seeds"), at_most(3));
    lab.claim(name + ": their variance over the formula", mean_of(ratio[which], "seeds"), between(0.9, 1.1));
  }
  for (const Way& way : ways) {
    lab.claim(std::string(way.name) + ": slope of ln error over ln features", mean_of(way.slopes, "seeds"),
              between(-0.6, -0.4));
    lab.figure("the same, of what attention brings", mean_of(way.output_slopes, "seeds"));
  }
  lab.claim("16 positive features: squared error, orthogonal over independent", mean_of(halved, "seeds"),
            at_most(0.95));
  lab.figure("16 features: error of trigonometric over that of positive ones", mean_of(unstable, "seeds"));
  lab.claim("64 positive features: relative error, queries and keys twice as long", mean_of(exploded, "seeds"),
            at_least(2));
  lab.note(
      "64 queries and keys of 16 channels, of length 1 once divided by 16^(1/4); errors are roots of mean squares over "
      "all pairs and 20 draws of the directions, slopes those from 64 features on: with fewer, sums of a row of "
      "trigonometric features come near 0. Trigonometric features are counted as sines and cosines: two from "
      "each direction. Single products: |q| = 0.5, |k| = 0.7, 100,000 directions.");
}

}  // namespace

const Study random_features{"random-features",
                            "kernels",
                            "Random features estimate softmax attention without bias, at a variance that is known.",
                            "Rahimi & Recht 2007; Choromanski et al. 2021; Peng et al. 2021",
                            0.3,
                            run};

}  // namespace primer::studies
