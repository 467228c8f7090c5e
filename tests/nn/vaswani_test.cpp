// What Attention Is All You Need (Vaswani et al. 2017) says of its parts, in double; encoder_decoder_test.cpp has the
// rest.
#include <doctest/doctest.h>

#include "autograd/ops/attention.h"
#include "nn/attention/cross_attention.h"
#include "nn/embedding.h"
#include "tests/nn/pairs.h"

using namespace primer::test;

TEST_CASE("k places on, a sinusoidal position is turned by angles that depend on k alone, and all are equally long") {
  constexpr long C = 16, places = 300;
  const std::vector<double> table = primer::nn::sinusoids<double>(places, C);
  for (const long k : {1L, 7L, 100L})
    for (long p = 0; p + k < places; ++p) {
      double length = 0;
      for (long i = 0; i < C; i += 2) {
        const double angle = static_cast<double>(k) / std::pow(10000.0, static_cast<double>(i) / C);
        const double s = table[p * C + i], c = table[p * C + i + 1];
        CHECK(std::abs(table[(p + k) * C + i] - (std::cos(angle) * s + std::sin(angle) * c)) < 1e-12);
        CHECK(std::abs(table[(p + k) * C + i + 1] - (std::cos(angle) * c - std::sin(angle) * s)) < 1e-12);
        length += s * s + c * c;
      }
      CHECK(std::abs(length - C / 2.0) < 1e-12);
    }
}

TEST_CASE("the scores of queries and keys of variance 1 have variance 1, whatever the size of a head") {
  for (const long D : {4L, 64L}) {
    constexpr long B = 400, H = 2, T = 20;
    Tape<double> tape;
    const auto random = [&](std::string_view purpose) {
      std::vector<double> x(B * T * H * D);
      for (long i = 0; i < std::ssize(x); ++i) x[i] = Random(4, hash(purpose)).normal(i);
      return tape.constant({B, T, H * D}, x);
    };
    const auto scores = attention_scores(random("q"), random("k"), {H, false});
    double sum = 0;
    for (long i = 0; i < scores.size(); ++i) sum += scores.data()[i] * scores.data()[i];
    CHECK(std::abs(sum / static_cast<double>(scores.size()) - 1) < 0.05);
  }
}

TEST_CASE("heads are a set: in another order, with their part of the output, they bring the same") {
  constexpr long C = 12, H = 3, D = 4;
  Parameters<double> parameters;
  const primer::nn::CrossAttentionOptions options{.channels = C, .heads = H, .bias = false, .deviation = 0.5};
  const primer::nn::CrossAttention<double> layer(parameters, "layer", options), other(parameters, "other", options);
  parameters.build(1);
  const auto move = [&](const double* from, double* to, bool with_output) {
    for (long h = 0; h < H; ++h) {
      const long g = (h + 1) % H;
      std::copy_n(from + h * D * C, D * C, to + (with_output ? g : h) * D * C);
    }
  };
  for (const bool with_output : {true, false}) {
    move(layer.query.weight.data(), other.query.weight.data(), true);
    for (const long half : {0L, 1L})
      move(layer.kv.weight.data() + half * C * C, other.kv.weight.data() + half * C * C, true);
    for (long c = 0; c < C; ++c)
      for (long i = 0; i < C; ++i)
        other.output.weight.data()[c * C + (with_output ? (i + D) % C : i)] = layer.output.weight.data()[c * C + i];
    Tape<double> tape;
    const auto random = [&](long length, std::string_view purpose) {
      std::vector<double> x(2 * length * C);
      for (long i = 0; i < std::ssize(x); ++i) x[i] = Random(2, hash(purpose)).normal(i);
      return tape.constant({2, length, C}, x);
    };
    const auto x = random(T, "x"), memory = random(S, "memory");
    const Ids lengths{7, 4};
    const auto a = layer({}, x, {memory, lengths}), b = other({}, x, {memory, lengths});
    CHECK((apart(std::vector(a.data(), a.data() + a.size()), std::vector(b.data(), b.data() + b.size())) < 1e-13) ==
          with_output);
  }
}

TEST_CASE("the loss at a place has no gradient, exactly 0, at the rows of later tokens, and one at all before") {
  const Texts texts(1);
  Ids tokens(T), targets(T, -1);
  for (long t = 0; t < T; ++t) tokens[t] = static_cast<int>(t);  // each its own row
  for (ModelConfig config : pairs()) {
    if (config.output.tie) continue;
    config.source_vocabulary = V + 4;  // the text alone has these rows
    SmallModel<double> model(config);
    model.stir();
    model.source = texts.source();
    for (const long i : {0L, 4L, T - 1}) {
      std::fill(targets.begin(), targets.end(), -1);
      targets[i] = 3;
      model.run(tokens, targets, 1);
      const auto rows = model.parameters.at("token.weight");
      for (long t = 0; t < T; ++t) {
        double most = 0;
        for (long c = 0; c < config.channels; ++c)
          most = std::max(most, std::abs(rows.grad()[t * config.channels + c]));
        CHECK((most > 0) == (t <= i));
      }
    }
  }
}
