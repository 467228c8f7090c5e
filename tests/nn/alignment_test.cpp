// Alignment, kind by kind: what the papers' equations say of each other, in double.
#include "nn/attention/alignment.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "autograd/ops/layout.h"
#include "autograd/ops/linear.h"
#include "tests/nn/small_model.h"

using namespace primer::test;
using primer::nn::Align;
using primer::nn::Aligned;
using primer::nn::Alignment;

namespace {

constexpr long B = 3, steps = 2, S = 5, n = 4;
using Row = std::vector<double>;

Row random_row(long count, std::string_view purpose) {
  Row x(count);
  for (long i = 0; i < count; ++i) x[i] = Random(3, hash(purpose)).normal(i);
  return x;
}

Row numbers(Tensor<double> x) { return {x.data(), x.data() + x.size()}; }

/// A layer with large random weights, and what it makes of random states.
struct Aligner {
  Parameters<double> parameters;
  Alignment<double> layer;
  Tape<double> tape;
  Ids lengths = {5, 2, 4};
  Row s = random_row(B * steps * n, "s"), h;

  explicit Aligner(Align kind, long m = 6)
      : layer(parameters, "alignment", {kind, n, m, S + 2, 2}), h(random_row(B * S * m, "h")) {
    parameters.build(1);
    for (const auto& e : parameters.entries())
      std::ranges::copy(random_row(e.shape.size(), e.path), parameters.values() + e.offset);
  }
  /// The weights, then the contexts.
  std::pair<Row, Row> operator()() {
    const auto pause = tape.pause();
    const auto source = layer.read(tape.constant({B, S, std::ssize(h) / B / S}, h), lengths);
    const auto y = layer(tape.constant({B, steps, n}, s), source);
    CHECK(y.weights.shape == Shape{B, steps, S});
    CHECK(y.context.shape == Shape{B, steps, layer.width()});
    return {numbers(y.weights), numbers(y.context)};
  }
  double* at(const char* path) { return parameters.at(path).data(); }
};

constexpr Align kinds[] = {Align::additive, Align::dot,      Align::scaled_dot, Align::general,
                           Align::concat,   Align::location, Align::local};

}  // namespace

TEST_CASE("the weights of each alignment sum to 1, below for local, and are exactly 0 behind a source's end") {
  for (const Align kind : kinds) {
    CAPTURE(name(kind));
    const Row weights = Aligner(kind)().first;
    const Ids lengths = {5, 2, 4};
    double most = 0;
    for (long i = 0; i < B * steps; ++i) {
      double sum = 0;
      for (long j = 0; j < S; ++j) {
        const double w = weights[i * S + j];
        sum += w, most = std::max(most, w);
        if (j >= lengths[i / steps]) CHECK(w == 0);
        else if (kind != Align::local) CHECK(w > 0);
      }
      if (kind == Align::local) CHECK((sum > 0 && sum < 1));
      else CHECK(std::abs(sum - 1) < 1e-14);
    }
    CHECK(most > 0.4);  // they tell places apart
  }
}

TEST_CASE("what stands behind a source's end changes no context, bit for bit") {
  for (const Align kind : kinds) {
    CAPTURE(name(kind));
    Aligner align(kind);
    const auto before = align();
    for (long b = 0; b < B; ++b)
      for (long i = align.lengths[b] * 6; i < S * 6; ++i) align.h[b * S * 6 + i] = 1e3;
    CHECK(align() == before);
  }
}

TEST_CASE("general alignment with W = 1 is dot; scaled-dot is dot over the root of n") {
  Aligner general(Align::general, n), dot(Align::dot, n), scaled(Align::scaled_dot, n);
  for (long i = 0; i < n * n; ++i) general.at("alignment.key.weight")[i] = i % (n + 1) == 0;
  CHECK(dot.parameters.entries().empty());
  CHECK(apart(general().first, dot().first) < 1e-14);
  CHECK(apart(general().second, dot().second) < 1e-14);
  CHECK(apart(scaled().first, dot().first) > 0.01);
  for (double& x : dot.s) x /= std::sqrt(static_cast<double>(n));
  CHECK(apart(scaled().first, dot().first) < 1e-14);
  CHECK(apart(scaled().second, dot().second) < 1e-14);
}

TEST_CASE("dot of states that are wider than the decoder's is dot of what its matrix makes of them") {
  for (const Align kind : {Align::dot, Align::scaled_dot}) {
    Aligner wide(kind), same(kind, n);
    same.h = numbers(linear(wide.tape.constant({B, S, 6}, wide.h), wide.parameters.at("alignment.key.weight")));
    CHECK(wide.layer.width() == n);
    CHECK(wide() == same());
  }
}

TEST_CASE("concat with Wa = [W1 W2] is additive alignment with W1 and W2") {
  Aligner concat(Align::concat), additive(Align::additive);
  for (long r = 0; r < n; ++r) {
    const double* row = concat.at("alignment.key.weight") + r * (n + 6);
    std::copy_n(row, n, additive.at("alignment.query.weight") + r * n);
    std::copy_n(row + n, 6, additive.at("alignment.key.weight") + r * 6);
  }
  CHECK(apart(concat().first, additive().first) < 1e-14);
  CHECK(apart(concat().second, additive().second) < 1e-14);
}

TEST_CASE("alignment by location does not depend on what stands in the source") {
  for (const Align kind : kinds) {
    CAPTURE(name(kind));
    Aligner align(kind);
    const Row before = align().first;
    align.h = random_row(std::ssize(align.h), "others");
    CHECK((align().first == before) == (kind == Align::location));
  }
}

TEST_CASE("the weights move with the encoder's states and the context stays, but where places count") {
  const Ids order = {3, 0, 4, 1, 2};
  for (const Align kind : kinds) {
    CAPTURE(name(kind));
    Aligner align(kind);
    align.lengths.assign(B, S);
    const auto [weights, context] = align();
    const Row h = align.h;
    for (long i = 0; i < B * S; ++i) std::copy_n(&h[(i / S * S + order[i % S]) * 6], 6, &align.h[i * 6]);
    Row moved(weights.size());
    for (long i = 0; i < std::ssize(weights); ++i) moved[i] = weights[i / S * S + order[i % S]];
    const auto [after, context_after] = align();
    const bool by_place = kind == Align::location || kind == Align::local;
    CHECK((apart(after, moved) < 1e-13) == !by_place);
    CHECK((apart(context_after, context) < 1e-13) == !by_place);
  }
}

TEST_CASE("what adds the same number to all scores changes no weight, and moves a context by what was added") {
  for (const Align kind : {Align::dot, Align::scaled_dot, Align::general}) {
    Aligner align(kind, n);
    const auto [weights, context] = align();
    const Row u = random_row(n, "u");
    for (long i = 0; i < std::ssize(align.h); ++i) align.h[i] += u[i % n];  // e_j + s'u, or s'W u
    const auto [after, moved] = align();
    Row expected = context;
    for (long i = 0; i < std::ssize(expected); ++i) expected[i] += u[i % n];
    CHECK(apart(after, weights) < 1e-13);
    CHECK(apart(moved, expected) < 1e-13);
  }
}

TEST_CASE("local alignment is general's within a window, times a bell about the place that the state foretells") {
  constexpr long m = 6, D = 2;
  Aligner local(Align::local);
  const Row weights = local().first;
  const double *Wa = local.at("alignment.key.weight"), *Wp = local.at("alignment.place.weight");
  const double* vp = local.at("alignment.centre.weight");
  long hidden = 0;
  for (long i = 0; i < B * steps; ++i) {
    const long b = i / steps, real = local.lengths[b];
    const double* s = &local.s[i * n];
    double p = 0, total = 0;
    Row e(S);
    for (long r = 0; r < n; ++r) {
      double unit = 0;
      for (long c = 0; c < n; ++c) unit += Wp[r * n + c] * s[c];
      p += vp[r] * std::tanh(unit);
    }
    p = static_cast<double>(real) / (1 + std::exp(-p));
    for (long j = 0; j < real; ++j) {
      if (std::abs(static_cast<double>(j) - p) > D) continue;
      double score = 0;
      for (long r = 0; r < n; ++r)
        for (long c = 0; c < m; ++c) score += s[r] * Wa[r * m + c] * local.h[(b * S + j) * m + c];
      total += e[j] = std::exp(score);
    }
    for (long j = 0; j < S; ++j) {
      const double from = (static_cast<double>(j) - p) / (D / 2.0);
      CHECK(weights[i * S + j] == doctest::Approx(e[j] / total * std::exp(-from * from / 2)).epsilon(1e-12));
      hidden += j < real && e[j] == 0;
    }
  }
  CHECK(hidden > 0);
}

TEST_CASE("all steps at once are the steps one by one") {
  for (const Align kind : kinds) {
    CAPTURE(name(kind));
    Aligner align(kind);
    const auto [weights, context] = align();
    const auto pause = align.tape.pause();
    const auto source = align.layer.read(align.tape.constant({B, S, 6}, align.h), align.lengths);
    const auto all = align.tape.constant({B, steps, n}, align.s);
    std::vector<Tensor<double>> each_weights, each_context;
    for (long t = 0; t < steps; ++t) {
      const Aligned<double> y = align.layer(slice(all, 1, t, 1), source);
      each_weights.push_back(y.weights), each_context.push_back(y.context);
    }
    CHECK(apart(numbers(stack(each_weights)), weights) < 1e-14);
    CHECK(apart(numbers(stack(each_context)), context) < 1e-14);
  }
}
