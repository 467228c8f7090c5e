// Watching and replacing what a model computes. An attention-only model of two layers is small enough to be computed
// by hand beside it (Elhage et al. 2021, A mathematical framework for transformer circuits).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/layout.h"
#include "tests/nn/small_model.h"

using namespace primer::test;

namespace {

constexpr long B = 2, T_ = 5, V = 7, C = 6, H = 2, D = C / H;

ModelConfig attention_only() {
  return {.vocabulary = V,
          .context = T_,
          .layers = 2,
          .heads = H,
          .channels = C,
          .ffn_channels = -1,
          .position = Position::none,
          .norm = NormPlace::none,
          .output = {.tie = false}};
}

using Numbers = std::vector<double>;
/// Handed every pattern [H, T, T] of a layer and sequence, to be changed in place.
using Change = std::function<void(long layer, Numbers& pattern)>;

/// The attention-only model in plain loops: x += concat over heads of (pattern v) output^T, twice; then the head.
Numbers by_hand(SmallModel<double>& model, const Ids& tokens, const Change& change) {
  Numbers logits;
  for (long b = 0; b < B; ++b) {
    Numbers x;  // [T, C]
    for (long t = 0; t < T_; ++t)
      for (long c = 0; c < C; ++c) x.push_back(model.parameters.at("token.weight").data()[tokens[b * T_ + t] * C + c]);
    for (long layer = 0; layer < 2; ++layer) {
      const std::string path = "blocks." + std::to_string(layer) + ".attention.";
      const double* qkv = model.parameters.at(path + "qkv.weight").data();     // [3C, C]
      const double* out = model.parameters.at(path + "output.weight").data();  // [C, C]
      const auto projected = [&](long which, long t, long c) {
        double sum = 0;
        for (long i = 0; i < C; ++i) sum += qkv[(which * C + c) * C + i] * x[t * C + i];
        return sum;
      };
      Numbers pattern(H * T_ * T_, 0), z(T_ * C, 0);
      for (long h = 0; h < H; ++h)
        for (long i = 0; i < T_; ++i) {
          double total = 0;
          for (long j = 0; j <= i; ++j) {
            double score = 0;
            for (long d = 0; d < D; ++d) score += projected(0, i, h * D + d) * projected(1, j, h * D + d);
            total += pattern[(h * T_ + i) * T_ + j] = std::exp(score / std::sqrt(static_cast<double>(D)));
          }
          for (long j = 0; j <= i; ++j) pattern[(h * T_ + i) * T_ + j] /= total;
        }
      change(layer, pattern);
      for (long i = 0; i < T_; ++i)
        for (long c = 0; c < C; ++c)
          for (long j = 0; j < T_; ++j) z[i * C + c] += pattern[(c / D * T_ + i) * T_ + j] * projected(2, j, c);
      for (long t = 0; t < T_; ++t)
        for (long c = 0; c < C; ++c)
          for (long i = 0; i < C; ++i) x[t * C + c] += out[c * C + i] * z[t * C + i];
    }
    for (long t = 0; t < T_; ++t)
      for (long v = 0; v < V; ++v) {
        double sum = 0;
        for (long c = 0; c < C; ++c) sum += model.gpt.token->weight.data()[v * C + c] * x[t * C + c];
        logits.push_back(sum);
      }
  }
  return logits;
}

/// Sees what it is told to, and hands it to `change`.
template <class T>
struct Watcher : Observer<T> {
  std::string path, leaf;  // empty: everything
  std::function<Tensor<T>(Tensor<T>)> change = [](Tensor<T> x) { return x; };
  std::map<std::string, std::pair<Shape, std::vector<T>>> seen;

  Watcher(std::string path_, std::string leaf_) : path(std::move(path_)), leaf(std::move(leaf_)) {}
  bool wants(std::string_view p, std::string_view l) override {
    return (path.empty() || p == path) && (leaf.empty() || l == leaf);
  }
  Tensor<T> see(std::string_view p, std::string_view l, Tensor<T> x) override {
    seen[std::string(p) + "." + std::string(l)] = {x.shape, {x.data(), x.data() + x.size()}};
    return change(x);
  }
};

/// A pattern with another one, [T, T], in the place of one head's; the other heads stay, with their gradients.
Tensor<double> with_head(Tensor<double> pattern, long head, const Numbers& replacement) {
  Numbers keep(pattern.size(), 1), put(pattern.size(), 0);
  for (long i = 0; i < pattern.size(); ++i)
    if (i / (T_ * T_) % H == head) {
      keep[i] = 0;
      put[i] = replacement[i % (T_ * T_)];
    }
  Tape<double>& tape = *pattern.tape;
  return add(multiply(pattern, tape.constant(pattern.shape, keep)), tape.constant(pattern.shape, put));
}

const Ids tokens = random_ids(B * T_, V, "tokens"), targets = random_ids(B * T_, V, "targets");

}  // namespace

TEST_CASE("an attention-only model is what it is by hand, watched or not") {
  SmallModel<double> model(attention_only());
  model.stir();
  std::map<long, std::vector<Numbers>> patterns;  // of a layer, one a sequence
  const Change note = [&](long layer, Numbers& pattern) { patterns[layer].push_back(pattern); };
  const Numbers expected = by_hand(model, tokens, note);
  CHECK(apart(model.logits(tokens, B), expected) < 1e-13);

  Watcher<double> watcher("", "");
  model.tape.observer = &watcher;
  CHECK(apart(model.logits(tokens, B), expected) < 1e-13);
  CHECK(watcher.seen.size() ==
        1 + 2 * 10);  // embedding.output; input, q, k, v, scores, pattern, z, what is added, attended, output of blocks
  for (const char* name : {"embedding.output", "blocks.1.attended", "blocks.0.output", "blocks.1.attention.z",
                           "blocks.1.attention.output", "blocks.0.input"}) {
    CAPTURE(name);
    REQUIRE(watcher.seen.contains(name));
    CHECK(watcher.seen[name].first == Shape{B, T_, C});
  }
  for (long layer = 0; layer < 2; ++layer) {
    const auto& [shape, pattern] = watcher.seen.at("blocks." + std::to_string(layer) + ".attention.pattern");
    REQUIRE(shape == Shape{B, H, T_, T_});
    for (long row = 0; row < B * H * T_; ++row) {
      double total = 0;
      for (long j = 0; j < T_; ++j) {
        total += pattern[row * T_ + j];
        if (j > row % T_) CHECK(pattern[row * T_ + j] == 0);
      }
      CHECK(total == doctest::Approx(1).epsilon(1e-14));
    }
    for (long b = 0; b < B; ++b) CHECK(apart(rows_of(pattern, b, 1, H * T_ * T_), patterns[layer][b]) < 1e-13);
  }
}

TEST_CASE("one head's pattern can be replaced, and the logits change as they do by hand") {
  SmallModel<double> model(attention_only());
  model.stir();
  const auto unchanged = model.logits(tokens, B);
  Numbers previous(T_ * T_, 0);  // each token looks at the one before, the first one at itself
  for (long i = 0; i < T_; ++i) previous[i * T_ + std::max(i - 1, 0L)] = 1;
  for (const Numbers& replacement : {previous, Numbers(T_ * T_, 0)})
    for (long layer = 0; layer < 2; ++layer)
      for (long head = 0; head < H; ++head) {
        Watcher<double> watcher("blocks." + std::to_string(layer) + ".attention", "pattern");
        watcher.change = [&](Tensor<double> pattern) { return with_head(pattern, head, replacement); };
        model.tape.observer = &watcher;
        const auto got = model.logits(tokens, B);
        const auto expected = by_hand(model, tokens, [&](long at, Numbers& pattern) {
          if (at == layer) std::copy(replacement.begin(), replacement.end(), pattern.begin() + head * T_ * T_);
        });
        CHECK(apart(got, expected) < 1e-13);
        CHECK(apart(got, unchanged) > 1e-2);
        CHECK(watcher.seen.size() == 1);
      }
}

TEST_CASE("a frozen pattern passes nothing to queries and keys, and what is not frozen still learns") {
  SmallModel<double> model(attention_only());
  model.stir();
  Watcher<double> watcher("blocks.1.attention", "pattern");
  const auto part = [&](const char* path, long which) {  // the largest gradient among queries, keys or values
    const double* g = model.parameters.at(path).grad() + which * C * C;
    double largest = 0;
    for (long i = 0; i < C * C; ++i) largest = std::max(largest, std::abs(g[i]));
    return largest;
  };
  model.tape.observer = &watcher;
  const double loss = model.run(tokens, targets, B);
  for (long which : {0, 1, 2}) CHECK(part("blocks.1.attention.qkv.weight", which) > 1e-4);
  watcher.change = [](Tensor<double> x) {
    return x.tape->constant(x.shape, std::span<const double>(x.data(), x.size()));
  };
  CHECK(model.run(tokens, targets, B) == loss);
  CHECK(part("blocks.1.attention.qkv.weight", 0) == 0);
  CHECK(part("blocks.1.attention.qkv.weight", 1) == 0);
  CHECK(part("blocks.1.attention.qkv.weight", 2) > 1e-4);
  for (long which : {0, 1, 2}) CHECK(part("blocks.0.attention.qkv.weight", which) > 1e-4);
}

TEST_CASE("with a replaced head the gradients agree with finite differences") {
  SmallModel<double> model(attention_only());
  model.stir();
  Watcher<double> watcher("blocks.0.attention", "pattern");
  watcher.change = [](Tensor<double> x) { return with_head(x, 0, Numbers(T_ * T_, 0.25)); };
  model.tape.observer = &watcher;
  model.run(tokens, targets, B);
  const auto gradients = model.gradients();
  double* w = model.parameters.values();
  for (const auto& e : model.parameters.entries())
    for (long i = e.offset; i < e.offset + e.shape.size(); i += 5) {
      const auto loss_at = [&](double moved) {
        const double x = std::exchange(w[i], moved);
        const double loss = model.run(tokens, targets, B);
        w[i] = x;
        return loss;
      };
      CHECK(gradients[i] == doctest::Approx((loss_at(w[i] + 1e-5) - loss_at(w[i] - 1e-5)) / 2e-5).epsilon(1e-6));
    }
}

TEST_CASE("the watched way equals the fused one in loss and gradients to 1e-12, dropout and padding included") {
  using primer::nn::AttentionKind;
  std::vector<ModelConfig> configs(12, small_config());
  const AttentionKind kinds[] = {AttentionKind::linear,  AttentionKind::favor,  AttentionKind::rfa,
                                 AttentionKind::nystrom, AttentionKind::linear, AttentionKind::favor};
  for (long i = 0; i < 6; ++i) configs[4 + i].attention = kinds[i], configs[4 + i].causal = i < 3;
  configs[5].kv_heads = 1;
  configs[1].causal = false;
  configs[2].position = Position::rotary;
  configs[2].kv_heads = 1;
  configs[3].position = Position::qk;
  configs[3].qk_norm = true;
  configs[3].head_size = 3;
  configs[10].decoder_layers = 3;
  configs[11].decoder_layers = 3;
  configs[11].kv_heads = 1;
  configs[11].norm = NormPlace::post;
  const Ids source = random_ids(3 * 66, 17, "source"), source_lengths = {12, 66, 65};
  for (ModelConfig& config : configs) {
    config.dropout = 0.25;
    SmallModel<double> model(config);
    model.stir();
    constexpr long batch = 3, length = 70, words = 17;
    const Ids ids = random_ids(batch * length, words, "tokens"), lengths = {70, 33, 65};
    Ids wanted = random_ids(batch * length, words, "targets");
    for (long i = 0; i < batch * length; ++i)
      if (i % length >= lengths[i / length]) wanted[i] = -1;
    model.tape.noise = {2, 3, 4, batch};
    if (config.decoder_layers > 0) model.source = {source, 66, source_lengths};
    const double fused = model.run(ids, wanted, batch, lengths);
    const auto gradients = model.gradients();
    for (const char* leaf : {"q", "k", "v", "scores", "pattern", "z"}) {
      CAPTURE(leaf);
      Watcher<double> watcher("", leaf);
      model.tape.observer = &watcher;
      CHECK(model.run(ids, wanted, batch, lengths) == doctest::Approx(fused).epsilon(1e-12));
      CHECK(apart(gradients, model.gradients()) < 1e-12);
      const bool is_there = config.attention != AttentionKind::nystrom || leaf != std::string("scores");
      const long layers = config.layers + 2 * config.decoder_layers;  // of attention
      CHECK(std::ssize(watcher.seen) == (is_there ? layers : 0));
    }
  }
}

TEST_CASE("what a layer adds can be watched and taken away; without it the stream goes on as it came") {
  for (const Activation activation : {Activation::gelu, Activation::swiglu}) {
    CAPTURE(name(activation));
    ModelConfig config = small_config();
    config.activation = activation;
    config.dropout = 0.25;
    SmallModel<double> model(config);
    model.stir();
    const Ids ids = random_ids(3 * 20, config.vocabulary, "tokens"), wanted = random_ids(3 * 20, 17, "targets");
    model.tape.noise = {2, 3, 4, 3};
    const double fused = model.run(ids, wanted, 3);
    const auto gradients = model.gradients();
    Watcher<double> everything("", ""), both("", "output");
    model.tape.observer = &both;
    CHECK(model.run(ids, wanted, 3) == doctest::Approx(fused).epsilon(1e-12));
    CHECK(apart(gradients, model.gradients()) < 1e-12);
    model.tape.observer = &everything;
    model.run(ids, wanted, 3);
    const auto seen = [&](const char* at) { return everything.seen.at(at).second; };
    const auto sum = [](Numbers a, const Numbers& b) {
      std::transform(a.begin(), a.end(), b.begin(), a.begin(), std::plus<>());
      return a;
    };
    CHECK(seen("blocks.0.input") == seen("embedding.output"));
    CHECK(seen("blocks.1.input") == seen("blocks.0.output"));
    CHECK(sum(seen("blocks.1.input"), seen("blocks.1.attention.output")) == seen("blocks.1.attended"));
    CHECK(sum(seen("blocks.1.attended"), seen("blocks.1.feed_forward.output")) == seen("blocks.1.output"));
    const long zeros = std::ranges::count(seen("blocks.1.feed_forward.output"), 0.0);  // a quarter is dropped
    CHECK(zeros > 60);
    CHECK(zeros < 180);

    for (const char* layer : {"blocks.1.attention", "blocks.1.feed_forward"}) {
      Watcher<double> taken(layer, "output");
      taken.change = [](Tensor<double> x) { return scale(x, 0); };
      struct Both : Observer<double> {  // takes away, and shows all the rest
        Watcher<double>*take, *show;
        bool wants(std::string_view, std::string_view) override { return true; }
        Tensor<double> see(std::string_view p, std::string_view l, Tensor<double> x) override {
          return take->wants(p, l) ? take->see(p, l, x) : show->see(p, l, x);
        }
      } observer;
      observer.take = &taken;
      observer.show = &everything;
      model.tape.observer = &observer;
      model.run(ids, wanted, 3);
      const bool first = std::string_view(layer).ends_with("attention");
      CHECK(seen(first ? "blocks.1.attended" : "blocks.1.output") ==
            seen(first ? "blocks.1.input" : "blocks.1.attended"));
    }
  }
}

TEST_CASE("who wants nothing is shown nothing, and costs nothing") {
  SmallModel<float> model(attention_only());
  Watcher<float> nobody("blocks.7", "pattern");
  const auto steps = [&] {
    model.run(tokens, targets, B);
    long n = 0;
    model.tape.each_recorded([&](std::string_view) { ++n; });
    return n;
  };
  const long fused = steps();
  model.tape.observer = &nobody;
  CHECK(steps() == fused);
  CHECK(nobody.seen.empty());
}

TEST_CASE("a replacement of another shape is refused by name") {
  SmallModel<double> model(attention_only());
  Watcher<double> watcher("blocks.0", "output");
  watcher.change = [](Tensor<double> x) { return reshape(x, {B * T_, C}); };
  model.tape.observer = &watcher;
  CHECK_THROWS_WITH_AS(model.logits(tokens, B), doctest::Contains("blocks.0.output"), Error);
}
