// Attention of one query and its dual model: identities in double, with exact features of softmax.
#include "studies/context/contrast.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "autograd/ops/attention.h"
#include "autograd/ops/linear.h"
#include "studies/context/regression_tasks.h"
#include "studies/lab/estimate.h"
#include "train/circuits/linear_algebra.h"

using namespace primer::studies;
namespace nn = primer::nn;
using primer::autograd::Parameters, primer::autograd::Random, primer::autograd::Tape, primer::autograd::Tensor;
using primer::train::dot;
using primer::train::Matrix;

namespace {

constexpr long N = 7, D = 5;

Matrix normals(long rows, long columns, std::uint64_t purpose) {
  Matrix all = primer::train::zeros(rows, columns);
  for (std::size_t i = 0; i < all.values.size(); ++i) all.values[i] = Random(3, purpose).normal(i);
  return all;
}

Views random_views(long own) {
  return {normals(N, D, 1), normals(N, 3, 2), normals(own, D, 3), normals(own, 3, 4), normals(1, D, 5).values};
}

std::vector<long> everyone() {
  std::vector<long> all(N);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

double furthest(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) raise_to(most, std::abs(a[i] - b[i]));
  return most;
}

/// A layer in double with its weights, and what it makes of one sequence.
struct Layer {
  Parameters<double> parameters;
  ContrastAttention<double> attention;
  std::vector<double> tokens = normals(N + 1, D, 6).values;

  explicit Layer(const Changes& changes) : attention(parameters, D, changes, 0.5) { parameters.build(2); }

  std::vector<double> brought() const {
    Tape<double> tape;
    const auto y = attention(tape.constant({1, N + 1, D}, tokens));
    return {y.data(), y.data() + D};
  }

  Matrix rows(const nn::Linear<double>& by, long first, long count, double scale = 1) const {
    const Matrix weight{D, D, {by.weight.data(), by.weight.data() + D * D}};
    Matrix found =
        product({count, D, {tokens.begin() + first * D, tokens.begin() + (first + count) * D}}, transposed(weight));
    for (double& one : found.values) one *= scale;
    return found;
  }

  /// What its query reads, before any change; and with a view g(u) = u + c W_2 GELU(W_1 u) of keys and values.
  Views views() const {
    const double root = std::pow(D, -0.25);
    return {rows(attention.key, 0, N, root), rows(attention.value, 0, N), rows(attention.key, N, 1, root),
            rows(attention.value, N, 1), rows(attention.query, N, 1, root).values};
  }
};

/// u + c W_2 GELU(W_1 u) of rows that were divided by `root`, GELU by its tanh form.
Matrix viewed(const nn::FeedForward<double>& g, Matrix u, double c, double root) {
  const long F = g.up.weight.shape[0];
  for (double& one : u.values) one /= root;
  Matrix hidden = product(u, transposed(Matrix{F, D, {g.up.weight.data(), g.up.weight.data() + F * D}}));
  for (double& x : hidden.values)
    x = x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
  const Matrix brought =
      product(hidden, transposed(Matrix{D, F, {g.down.weight.data(), g.down.weight.data() + F * D}}));
  for (std::size_t i = 0; i < u.values.size(); ++i) u.values[i] = root * (u.values[i] + c * brought.values[i]);
  return u;
}

}  // namespace

TEST_CASE(
    "one step on the dual model's loss gives attention's output, to 1e-10, at any rate, with and without own keys") {
  for (const long own : {0L, 1L, 3L}) {
    const Views views = random_views(own);
    for (const double eta : {1e-3, 1.0, 10.0}) {
      DualModel dual(views);
      CHECK(furthest(dual.answer(), attended(views)) > 1e-2);
      dual.step(everyone(), eta);
      CHECK(furthest(dual.answer(), attended(views)) < 1e-10);
    }
  }
}

TEST_CASE("so do N steps on one example each, in any order; fewer do not") {
  const Views views = random_views(1);
  for (const std::vector<long>& order : {everyone(), std::vector<long>{3, 6, 0, 5, 1, 4, 2}}) {
    DualModel dual(views);
    for (const long i : order) {
      CHECK(furthest(dual.answer(), attended(views)) > 1e-3);
      dual.step(std::vector{i}, 2);
    }
    CHECK(furthest(dual.answer(), attended(views)) < 1e-10);
  }
}

TEST_CASE(
    "features multiply to e^(a'b), D' is the query's own, and the tape's dL/dW is -sum v phi' / (eta D'), to 1e-12") {
  const Views views = random_views(1);
  const DualModel dual(views);
  const Matrix& phi = dual.features();
  const Matrix gram = product(phi, transposed(phi));
  double normaliser = 0;
  for (long i = 0; i < N; ++i) {
    const double weight = std::exp(dot(views.keys.values.data() + i * D, views.query.data(), D));
    CHECK(std::abs(gram(i, N + 1) - weight) < 1e-12 * std::max(1.0, weight));
    normaliser += weight;
  }
  normaliser += std::exp(dot(views.own_keys.values.data(), views.query.data(), D));
  CHECK(std::abs(dual.normaliser() - normaliser) < 1e-12 * normaliser);
  const double eta = 0.7;
  const Matrix slope = dual.gradient(everyone(), eta);
  for (long e = 0; e < 3; ++e) {
    for (long r = 0; r < phi.columns; ++r) {
      double wanted = 0;
      for (long i = 0; i < N; ++i) wanted -= views.values(i, e) * phi(i, r) / (eta * normaliser);
      CHECK(std::abs(slope(e, r) - wanted) < 1e-12);
    }
  }
  Views other = views;
  for (double& one : other.query) one *= -1;
  CHECK(std::abs(DualModel(other).normaliser() - normaliser) > 0.1);
}

TEST_CASE("alpha |W|^2 in the loss is a branch over the query's side less, to 1e-10") {
  const Layer layer({.alpha = 0.4});
  DualModel dual(layer.views());
  dual.step(everyone(), 3, 0.4);
  CHECK(furthest(layer.brought(), dual.answer()) < 1e-10);
  DualModel without(layer.views());
  without.step(everyone(), 3);
  CHECK(furthest(layer.brought(), without.answer()) > 1e-3);
}

TEST_CASE("other views in the loss are other keys and values, to 1e-10") {
  const Layer layer({.keys = 0.3, .values = 0.6});
  Views views = layer.views();
  views.keys = viewed(*layer.attention.key_view, views.keys, 0.3, std::pow(D, -0.25));
  views.values = viewed(*layer.attention.value_view, views.values, 0.6, 1);
  DualModel dual(views);
  dual.step(everyone(), 1);
  CHECK(furthest(layer.brought(), dual.answer()) < 1e-10);
  CHECK(furthest(layer.brought(), attended(layer.views())) > 1e-3);
}

TEST_CASE("negatives in the loss are taken from values: those with the keys least alike, to 1e-10") {
  for (const auto& [share, drawn] : {std::pair{0.3, false}, {1.0, false}, {0.3, true}}) {
    const Layer layer({.beta = 0.5, .share = share, .drawn = drawn});
    Views views = layer.views();
    Matrix alike = product(views.keys, transposed(views.keys));
    const Matrix values = views.values;
    if (drawn) {  // the control: its numbers have nothing to do with keys
      const Random random(1, primer::autograd::hash("negatives"));
      for (std::size_t i = 0; i < alike.values.size(); ++i) alike.values[i] = random.uniform(i);
    }
    const long count = share == 1 ? N - 1 : 2;
    for (long i = 0; i < N; ++i) {
      std::vector<long> others = everyone();
      others.erase(others.begin() + i);
      std::sort(others.begin(), others.end(), [&](long a, long b) { return alike(i, a) < alike(i, b); });
      for (long n = 0; n < count; ++n) {
        for (long c = 0; c < D; ++c) views.values(i, c) -= 0.5 / static_cast<double>(count) * values(others[n], c);
      }
    }
    DualModel dual(views);
    dual.step(everyone(), 1);
    CHECK(furthest(layer.brought(), dual.answer()) < 1e-10);
    CHECK(furthest(layer.brought(), attended(layer.views())) > 1e-3);
  }
}

TEST_CASE("with no setting the layer is attention, to 1e-14; with every setting 0 it is the same layer, bit for bit") {
  const Layer plain({});
  Tape<double> tape;
  const auto x = tape.constant({1, N + 1, D}, plain.tokens);
  const auto& a = plain.attention;
  const auto pattern = attention_pattern(a.query(slice(x, 1, N, 1)), a.key(x), {});
  const auto y = attention_apply(pattern, a.value(x), {});
  const std::vector<double> wanted(y.data(), y.data() + D);
  CHECK(furthest(plain.brought(), wanted) < 1e-14);
  for (const Changes& zero : {Changes{.alpha = 0}, Changes{.keys = 0, .values = 0}, Changes{.beta = 0}}) {
    CHECK(Layer(zero).brought() == plain.brought());
  }
}
