// Attention other than softmax: single layers beside NumPy's values, the features alone, and landmarks.
#include <doctest/doctest.h>

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "autograd/ops/linear_attention.h"
#include "autograd/ops/reduce.h"
#include "nn/attention/feature_map.h"
#include "nn/attention/nystrom.h"
#include "nn/attention/self_attention.h"
#include "tests/nn/golden.h"
#include "tests/nn/small_model.h"

using namespace primer::test;
using namespace primer::nn;
using primer::data::SafetensorsFile;

namespace {

const SafetensorsFile& values() {
  static const SafetensorsFile file(std::string(source_directory()) + "/tests/golden/attention_kinds.safetensors");
  return file;
}

std::vector<double> normal_numbers(long n, std::string_view purpose) {
  std::vector<double> x(n);
  const Random random(5, hash(purpose));
  for (long i = 0; i < n; ++i) x[i] = random.normal(i);
  return x;
}

template <class T>
std::vector<T> in(const std::vector<double>& x) {
  return {x.begin(), x.end()};
}

double dot(const double* a, const double* b, long n) { return std::inner_product(a, a + n, b, 0.0); }

/// phi(q) phi(k) by the features of rows of q and k.
double estimate(const Features<double>& q, const Features<double>& k, long i) {
  const long M = q.map.shape[1];
  return std::exp(q.weight.data()[i] + k.weight.data()[i]) * dot(q.map.data() + i * M, k.map.data() + i * M, M);
}

}  // namespace

TEST_CASE_TEMPLATE("a layer of every kind of attention is NumPy's, with all gradients", T, double, float) {
  const double bound = sizeof(T) == sizeof(double) ? 1e-11 : 5e-5;
  std::istringstream cases(values().metadata().at("cases"));
  long checked = 0;
  for (std::string name; cases >> name; ++checked) {
    CAPTURE(name);
    const std::string at = name + ".";
    const Ids shape = read_ids(values(), at + "shape"), lengths = read_ids(values(), at + "lengths");
    const std::vector<double> x = read_numbers(values(), at + "x"), expected = read_numbers(values(), at + "y");
    const long H = shape[1], D = shape[3], C = H * D, B = 2, steps = static_cast<long>(x.size()) / (B * C);
    Parameters<T> parameters;
    const SelfAttention<T> layer(parameters, "a",
                                 {.channels = C,
                                  .heads = H,
                                  .kv_heads = shape[2],
                                  .kind = word<AttentionKind>(name.substr(0, name.find('.'))).value(),
                                  .features = shape[4],
                                  .landmarks = shape[5],
                                  .causal = shape[0] == 1,
                                  .bias = false});
    parameters.build(1);
    for (const auto& e : parameters.entries()) {
      const std::vector<double> numbers = read_numbers(values(), at + e.path.substr(2));
      REQUIRE(static_cast<long>(numbers.size()) == e.shape.size());
      std::copy(numbers.begin(), numbers.end(), parameters.values() + e.offset);
    }
    for (const bool shown : {false, true}) {
      struct Watcher : Observer<T> {
        bool wants(std::string_view, std::string_view leaf) override { return leaf == "pattern"; }
        Tensor<T> see(std::string_view, std::string_view, Tensor<T> pattern) override { return pattern; }
      } watcher;
      Tape<T> tape;
      if (shown) tape.observer = &watcher;
      tape.poison = true;
      parameters.zero_grad();
      const Tensor<T> input = tape.input({B, steps, C}, in<T>(x));
      const Tensor<T> y = layer({}, input, shape[0] == 1 ? std::span<const int>() : lengths);
      const Tensor<T> dy = tape.constant(y.shape, in<T>(read_numbers(values(), at + "dy")));
      for (long b = 0; b < B; ++b) {
        const auto from = expected.begin() + b * steps * C;
        CHECK(distance(y.data() + b * steps * C, std::vector<double>(from, from + lengths[b] * C)) < bound);
      }
      tape.backward(sum(multiply(y, dy)));
      CHECK(distance(input.grad(), read_numbers(values(), at + "dx")) < bound);
      for (const auto& e : parameters.entries()) {
        CAPTURE(e.path);
        CHECK(e.frozen == (e.path == "a.directions"));
        if (!e.frozen)
          CHECK(distance(parameters.grads() + e.offset, read_numbers(values(), at + "d" + e.path.substr(2))) < bound);
      }
    }
  }
  CHECK(checked == 8);
}

TEST_CASE("features are those of their formulas, and their products estimates of e^(q k)") {
  constexpr long R = 5, D = 3, M = 7;
  Tape<double> tape;
  const std::vector<double> qs = normal_numbers(R * D, "q"), ks = normal_numbers(R * D, "k"),
                            ws = normal_numbers(M * D, "w");
  const auto q = tape.constant({R, D}, qs), k = tape.constant({R, D}, ks), w = tape.constant({M, D}, ws);
  const auto pq = positive_features(q, w), pk = positive_features(k, w);
  const auto tq = trigonometric_features(q, w), tk = trigonometric_features(k, w);
  for (long i = 0; i < R; ++i) {
    const double *a = &qs[i * D], *b = &ks[i * D];
    double positive = 0, waves = 0;
    for (long r = 0; r < M; ++r) {
      const double wa = dot(&ws[r * D], a, D), wb = dot(&ws[r * D], b, D);
      positive += std::exp(wa - dot(a, a, D) / 2) * std::exp(wb - dot(b, b, D) / 2) / M;
      waves += std::exp((dot(a, a, D) + dot(b, b, D)) / 2) * std::cos(wa - wb) / M;
    }
    CHECK(estimate(pq, pk, i) == doctest::Approx(positive).epsilon(1e-12));
    CHECK(estimate(tq, tk, i) == doctest::Approx(waves).epsilon(1e-12));
  }
  CHECK(tq.map.shape == Shape{R, 2 * M});
  CHECK(!positive_features(q, w, false).weight);
}

TEST_CASE(
    "positive features are unbiased, and their relative variance is (e^|q + k|^2 - 1) / M, orthogonal ones' less") {
  constexpr long D = 4, M = 4, draws = 40'000;
  const std::vector<double> qs{0.3, -0.4, 0.2, 0.1}, ks{0.2, -0.1, 0.4, 0.3};  // |q + k|^2 = 1.02
  double sum_apart[2] = {}, squares[2] = {};
  for (long draw = 0; draw < draws; ++draw)
    for (const bool orthogonal : {false, true}) {
      Tape<double> tape;
      const Random random(draw, hash("directions"));
      std::vector<double> ws(M * D);
      for (long i = 0; i < M * D; ++i) ws[i] = random.normal(i);
      if (orthogonal) orthogonalise(ws.data(), M, D);
      const auto w = tape.constant({M, D}, ws);
      const auto features = [&](const std::vector<double>& x) {
        return positive_features(tape.constant({1, D}, x), w);
      };
      const double relative = estimate(features(qs), features(ks), 0) / std::exp(dot(qs.data(), ks.data(), D));
      sum_apart[orthogonal] += relative - 1;
      squares[orthogonal] += (relative - 1) * (relative - 1);
    }
  const double variance = (std::exp(1.02) - 1) / M;
  for (const bool orthogonal : {false, true})
    CHECK(std::abs(sum_apart[orthogonal] / draws) < 4 * std::sqrt(variance / draws));
  CHECK(squares[0] / draws == doctest::Approx(variance).epsilon(0.1));
  CHECK(squares[1] < 0.95 * squares[0]);
}

TEST_CASE("no power of a positive feature overflows, however large queries and keys are") {
  Tape<float> tape;
  std::vector<float> large;
  for (const double x : normal_numbers(6 * 4, "large")) large.push_back(static_cast<float>(40 * x));
  const auto x = tape.constant({6, 4}, large), w = tape.constant({8, 4}, in<float>(normal_numbers(32, "w")));
  const auto features = positive_features(x, w);
  for (long i = 0; i < 6 * 8; ++i) CHECK((features.map.data()[i] >= 0 && features.map.data()[i] <= 1));
  for (long i = 0; i < 6; ++i) CHECK(std::isfinite(features.weight.data()[i]));
}

TEST_CASE("rows of orthogonal features are orthogonal in blocks, of the lengths that they had, and never trained") {
  constexpr long D = 6;
  SmallModel<double> model({.vocabulary = 5,
                            .context = 4,
                            .layers = 1,
                            .heads = 2,
                            .attention = AttentionKind::favor,
                            .features = 15,
                            .channels = 12});
  const Tensor<double> w = model.parameters.at("blocks.0.attention.directions");
  CHECK(w.shape == Shape{15, D});
  CHECK(w.grad() == nullptr);
  const Random random(1, hash("blocks.0.attention.directions"));
  for (long i = 0; i < 15; ++i) {
    double length = 0;
    for (long d = 0; d < D; ++d) length += random.normal(i * D + d) * random.normal(i * D + d);
    for (long j = i / D * D; j <= i; ++j)
      CHECK(dot(w.data() + i * D, w.data() + j * D, D) == doctest::Approx(i == j ? length : 0).epsilon(1e-10));
  }
  SmallModel<double> other(model.gpt.config(), 2);
  CHECK(other.parameters.at("blocks.0.attention.directions").data()[0] != w.data()[0]);
}

TEST_CASE("the state of linear attention does not grow with the context") {
  ModelConfig c{.vocabulary = 5, .context = 64, .layers = 2, .heads = 4, .kv_heads = 2, .channels = 16};
  for (const AttentionKind kind : {AttentionKind::linear, AttentionKind::favor, AttentionKind::rfa}) {
    c.attention = kind;
    const long short_one = c.kept_rows() * c.kept_width();
    c.context *= 64;
    CHECK(c.kept_rows() * c.kept_width() == short_one);
    CHECK(short_one == 2 * ((kind == AttentionKind::linear ? 4 : 16) * 5 + 2));
  }
}

TEST_CASE("landmarks as many as tokens give softmax attention back; the error falls with their number") {
  constexpr long B = 2, steps = 8, H = 2, C = 8;
  Tape<double> tape;
  const auto rows = [&](const char* name) { return tape.constant({B, steps, C}, normal_numbers(B * steps * C, name)); };
  const auto q = rows("q"), k = rows("k"), v = rows("v");
  const AttentionOptions options{.heads = H};
  const auto exact = attention(q, k, v, options);
  double before = 1e9;
  for (const long m : {2L, 4L, 8L}) {
    auto [to, inverse, from] = nystrom_factors(q, k, options, m);
    const auto among = attention_pattern(landmark_means(q, m), landmark_means(k, m), options);
    inverse = reshape(iterative_inverse(reshape(among, {B * H, m, m}), 40), among.shape);
    const auto y = attention_apply(matmul(to, matmul(inverse, from)), v, options);
    double error = 0;
    for (long i = 0; i < y.size(); ++i) error = std::max(error, std::abs(y.data()[i] - exact.data()[i]));
    CHECK(error < before);
    before = error;
  }
  CHECK(before < 1e-6);
}

TEST_CASE("the iterative inverse of a well-conditioned pattern: residual below 1e-3 after 6 rounds, 1e-5 after 15") {
  constexpr long m = 16;
  Tape<double> tape;
  std::vector<double> a(m * m);
  const Random random(4, hash("pattern"));
  for (long i = 0; i < m; ++i) {
    double total = 0;
    for (long j = 0; j < m; ++j) total += a[i * m + j] = random.uniform(i * m + j);
    for (long j = 0; j < m; ++j) a[i * m + j] = 0.5 * a[i * m + j] / total + (i == j ? 0.5 : 0);
  }
  const auto A = tape.constant({1, m, m}, a);
  for (const auto& [rounds, bound] : {std::pair{6, 1e-3}, {15, 1e-5}}) {
    const auto again = matmul(matmul(A, iterative_inverse(A, rounds)), A);
    double apart = 0, size = 0;
    for (long i = 0; i < m * m; ++i) {
      apart += std::pow(again.data()[i] - a[i], 2);
      size += a[i] * a[i];
    }
    CHECK(std::sqrt(apart / size) < bound);
  }
}

TEST_CASE("landmarks are means of parts of the real tokens, each token in one part") {
  Tape<double> tape;
  std::vector<double> x{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99, 99, 99, 99};
  const Ids lengths{7, 3};
  const auto means = landmark_means(tape.constant({2, 7, 1}, x), 3, lengths);
  const std::vector<double> expected{1.5, 3.5, 6, 8, 9, 10};
  for (long i = 0; i < 6; ++i) CHECK(means.data()[i] == doctest::Approx(expected[i]));
  const auto few = landmark_means(tape.constant({2, 7, 1}, x), 5, lengths);  // the second one has three tokens
  const std::vector<double> alone{8, 9, 10, 0, 0};
  for (long i = 0; i < 5; ++i) CHECK(few.data()[5 + i] == alone[i]);
}

TEST_CASE("what landmarks make of a sequence does not depend on how far it is padded") {
  constexpr long real = 5, C = 4;
  Tape<double> tape;
  const auto factors_of = [&](long steps) {
    const auto rows = [&](const char* name) {  // the same real ones, whatever stands behind
      std::vector<double> x = normal_numbers(real * C, name);
      x.resize(steps * C, 7.0);
      return tape.constant({1, steps, C}, x);
    };
    const Ids lengths{real};
    const AttentionOptions options{.heads = 2, .lengths = lengths};
    auto [to, inverse, from] = nystrom_factors(rows("q"), rows("k"), options, 8);
    return attention_apply(matmul(to, matmul(inverse, from)), rows("v"), options);
  };
  const auto alone = factors_of(real);
  for (const long steps : {6L, 7L, 12L, 40L}) {
    const auto padded = factors_of(steps);
    for (long i = 0; i < real * C; ++i) CHECK(padded.data()[i] == doctest::Approx(alone.data()[i]).epsilon(1e-12));
  }
}

TEST_CASE("where features have no similarity at all linear attention brings 0, one way and both ways") {
  Tape<double> tape;
  const auto rows = [&](double value) { return tape.constant({1, 3, 2}, std::vector<double>(6, value)); };
  for (const bool causal : {true, false}) {
    const AttentionOptions options{1, causal};
    for (const auto& y :
         {linear_attention(rows(0), rows(1), rows(5), options),
          attention_apply(linear_attention_pattern(linear_attention_scores(rows(0), rows(1), options, {}), 0), rows(5),
                          options)})
      for (long i = 0; i < 6; ++i) CHECK(y.data()[i] == 0);
  }
}

TEST_CASE("linear attention refuses dropout and lengths that are none") {
  Tape<double> tape;
  const auto x = tape.constant({2, 3, 2}, std::vector<double>(12, 0.5));
  const Ids one{3}, longer{3, 4};
  for (const AttentionOptions& options :
       {AttentionOptions{1, true, {}, {0.5, 1}}, {1, false, one}, {1, false, longer}, {1, true, longer}})
    CHECK_THROWS_AS(linear_attention(x, x, x, options), primer::autograd::Error);
}
