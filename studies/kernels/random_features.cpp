// Attention by random features: right on average, with a variance that is known, which falls with their number, and
// explodes with the length of queries and keys.
#include "studies/kernels/random_features.h"

#include <algorithm>
#include <cmath>

#include "autograd/random.h"
#include "nn/attention/feature_map.h"
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
    for (double& value : x.values) value /= std::pow(x.columns, 0.25);
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
  return of_length(normal_rows(N, D, seed), length * std::pow(D, 0.25));
}

/// Estimates of exp(q.k), each from one of many independent directions.
std::vector<double> estimates(FeatureKind kind, const Matrix& q, const Matrix& k, const Matrix& w) {
  const Matrix one = features_of(kind, q, w), other = features_of(kind, k, w);
  std::vector<double> found(w.rows, 0);
  for (long m = 0; m < one.columns; ++m) found[m % w.rows] += one(0, m) * other(0, m) * w.rows;
  return found;
}

double squared_difference(const Matrix& a, const Matrix& b) {
  const double norm = frobenius_norm(sum(a, b, -1));
  return norm * norm / a.values.size();
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

struct Estimator {
  const char* name;
  FeatureKind kind;
  bool orthogonal;
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
      table.values.insert(table.values.end(), a.row(i), a.row(i) + shown);
      if (&a != all + 2) table.values.push_back(NAN);
    }
  }
  lab.picture(train::heat_map({"A pattern and its estimates",
                               "The first 24 queries and keys of 64: softmax attention, then 16 and 256 positive "
                               "orthogonal features. A few features show the rough shape; more the details."},
                              table));
}

void run(Lab& lab) {
  const std::vector<Estimator> estimators{{"positive", positive, false},
                                          {"positive, orthogonal", positive, true},
                                          {"trigonometric", trigonometric, false},
                                          {"trigonometric, orthogonal", trigonometric, true}};
  lab.each_seed([&](std::uint64_t seed) {
    lab.at("estimates of one product");
    const Matrix q = of_length(normal_rows(1, D, seed), 0.5), k = of_length(normal_rows(1, D, seed + 1'000), 0.7);
    const Matrix many = directions(lab.size(100'000, 1000), D, seed + 2'000);
    const double mean = std::exp(train::dot(q.row(0), k.row(0), D));
    for (const FeatureKind kind : {positive, trigonometric}) {
      const std::string name = kind == positive ? "positive" : "trigonometric";
      const Estimate found = mean_of(estimates(kind, q, k, many), "draws");
      lab.claim(name + ": mean of estimates from exp(q.k), in standard errors",
                std::abs(found.mean - mean) / found.error, at_most(3));
      lab.claim(name + ": their variance over the formula",
                found.error * found.error * many.rows / (mean * mean) / relative_variance(kind, q, k),
                between(0.9, 1.1));
    }

    const Matrix qs = rows_of(1, seed + 3'000), ks = rows_of(1, seed + 4'000), v = normal_rows(N, D, seed + 5'000);
    const Matrix pattern = pattern_of(qs, ks), output = product(pattern, v);
    const auto error_of = [&](const Estimator& estimator, const Matrix& q2, const Matrix& k2, long m, bool of_output) {
      double sum = 0;  // of squares, mean over draws
      for (std::uint64_t i = 0; i < draws; ++i) {
        const long count = estimator.kind == trigonometric ? m / 2 : m;
        const Matrix a =
            estimated_pattern(estimator.kind, q2, k2, directions(count, D, seed * 10'000 + i, estimator.orthogonal));
        sum += of_output ? squared_difference(product(a, v), output) : squared_difference(a, pattern_of(q2, k2));
      }
      return std::sqrt(sum / draws);
    };
    std::vector<train::Curve> curves, outputs;
    for (const Estimator& estimator : estimators) {
      lab.at(estimator.name);
      const char* const in_short = estimator.kind == positive ? "positive, orth." : "trigon., orth.";
      train::Curve curve{estimator.orthogonal ? in_short : estimator.name}, brought = curve;
      for (long m = 16; m <= lab.size(2048, 128); m *= 2) {
        curve.add(m, error_of(estimator, qs, ks, m, false));
        brought.add(m, error_of(estimator, qs, ks, m, true));
      }
      lab.claim(std::string(estimator.name) + ": slope of ln error over ln features", slope(curve.x, curve.y),
                between(-0.6, -0.4));
      lab.figure("the same, of what attention brings", slope(brought.x, brought.y));
      curves.push_back(std::move(curve));
      outputs.push_back(std::move(brought));
    }
    const Matrix far_q = rows_of(2, seed + 3'000), far_k = rows_of(2, seed + 4'000);
    const double relative = error_of(estimators[0], qs, ks, 64, false) / frobenius_norm(pattern);
    const double twice_as_long =
        error_of(estimators[0], far_q, far_k, 64, false) / frobenius_norm(pattern_of(far_q, far_k));
    lab.claim("16 positive features: squared error, orthogonal over independent",  // m = D
              std::pow(curves[1].y[0] / curves[0].y[0], 2), at_most(0.95));
    lab.figure("16 features: error of trigonometric over that of positive ones", curves[2].y[0] / curves[0].y[0]);
    lab.claim("64 positive features: relative error, queries and keys twice as long", twice_as_long / relative,
              at_least(2));
    if (seed > 1) return;
    const train::Axis features{.name = "features", .log = true}, error{.name = "root mean square error", .log = true};
    lab.picture(
        train::line_chart({"Error of the pattern",
                           "Twice the features, 1 / sqrt(2) of the error. Orthogonal directions (orth.) do better "
                           "where there are few."},
                          features, error, curves));
    lab.picture(train::line_chart({"Error of what attention brings", "The same, of pattern times values."}, features,
                                  error, outputs));
    draw(lab, qs, ks, seed);
  });
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
