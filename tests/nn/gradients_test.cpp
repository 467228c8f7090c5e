// Gradients of whole models against finite differences, and what the models record.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "tests/autograd/check.h"
#include "tests/nn/pairs.h"

using namespace primer::test;

namespace {

constexpr long vocabulary = 13, length = 6, batch = 3, source_length = 4;

/// Models that between them have every option.
std::vector<ModelConfig> zoo() {
  const ModelConfig base{.vocabulary = vocabulary, .context = length + 1, .layers = 2, .heads = 2, .channels = 6};
  std::vector<ModelConfig> all(14, base);
  all[1].bias = true;
  all[1].dropout = 0.3;
  all[2].output.tie = false;
  all[2].position = Position::sinusoidal;
  all[3].norm = NormPlace::post;
  all[3].bias = true;
  all[3].activation = Activation::gelu_erf;
  all[4].causal = false;
  all[4].dropout = 0.1;
  all[5].norm = NormPlace::none;
  all[5].ffn_channels = -1;
  all[5].position = Position::none;
  all[6].ffn_channels = 11;
  all[6].activation = Activation::gelu_erf;
  all[7].layers = 0;
  all[8].norm = NormPlace::none;
  all[8].heads = 3;
  all[8].causal = false;
  all[9].norm_kind = NormKind::rms;
  all[9].activation = Activation::swiglu;
  all[9].ffn_channels = 9;
  all[9].dropout = 0.2;
  all[10].norm_kind = NormKind::rms;
  all[10].norm = NormPlace::post;
  all[10].activation = Activation::relu2;
  all[10].bias = true;
  all[11].position = Position::rotary;
  all[11].rope_theta = 10;
  all[11].heads = 4;
  all[11].kv_heads = 2;
  all[11].head_size = 2;
  all[11].bias = true;
  all[12].position = Position::rotary;
  all[12].qk_norm = true;
  all[12].head_size = 4;
  all[12].dropout = 0.3;
  all[13].position = Position::qk;
  all[13].kv_heads = 1;
  all[13].causal = false;
  using primer::nn::AttentionKind;
  for (const AttentionKind kind : {AttentionKind::linear, AttentionKind::favor, AttentionKind::rfa,
                                   AttentionKind::nystrom, AttentionKind::linear, AttentionKind::favor}) {
    all.push_back(all[2]);
    all.back().attention = kind;
    all.back().causal = all.size() < 18;
    all.back().landmarks = 2;
    all.back().features = kind == AttentionKind::linear ? 0 : 4;
    all.back().dropout = 0.2;
  }
  ModelConfig pair = base;  // encoder-decoders
  pair.decoder_layers = 2;
  pair.layers = 1;
  pair.scale_tokens = true;
  pair.position = Position::sinusoidal;
  all.push_back(pair);
  all.back().norm = NormPlace::post;
  all.back().bias = true;
  all.back().activation = Activation::relu;
  all.push_back(pair);
  all.back().output.tie = false;
  all.back().position = Position::learned;
  all.back().dropout = 0.2;
  all.push_back(pair);
  all.back().source_vocabulary = vocabulary - 2;
  all.back().position = Position::rotary;
  all.back().heads = 4;
  all.back().kv_heads = 2;
  all.back().head_size = 2;
  all.back().norm_kind = NormKind::rms;
  all.push_back(pair);
  all.back().norm = NormPlace::none;
  all.back().position = Position::qk;
  all.back().ffn_channels = -1;
  all.back().layers = 2;
  for (const ModelConfig& recurrent : recurrent_pairs()) {
    all.push_back(recurrent);
    all.back().vocabulary = vocabulary;
  }
  return all;
}

struct Batch {
  Ids tokens = random_ids(batch * length, vocabulary, "tokens");
  Ids targets = random_ids(batch * length, vocabulary, "targets");
  Ids lengths = {6, 3, 5};
  Ids sources = random_ids(batch * source_length, vocabulary - 2, "sources");
  Ids source_lengths = {2, 4, 3};

  /// With `few`, only some targets count; else all but the padded ones.
  explicit Batch(bool few) {
    for (long i = 0; i < batch * length; ++i)
      if (few ? i % 4 != 1 : i % length >= lengths[i / length]) targets[i] = -1;
  }

  /// Gives an encoder-decoder its sources, and smooths its targets.
  template <class T>
  void prepare(SmallModel<T>& model) const {
    if (model.gpt.config().decoder_layers == 0) return;
    model.source = {sources, source_length, source_lengths};
    model.smoothing = 0.1;
  }
};

}  // namespace

TEST_CASE("the gradient of every parameter of a whole model agrees with finite differences to 1e-7") {
  long compared = 0, kinks = 0;
  for (const ModelConfig& config : zoo())
    for (const bool few : {false, true}) {
      SmallModel<double> model(config);
      model.stir();
      model.tape.poison = false;
      model.tape.noise = {3, 5, 0, batch};
      const Batch b(few);
      b.prepare(model);
      model.run(b.tokens, b.targets, batch, b.lengths);
      const auto gradients = model.gradients();
      double* w = model.parameters.values();
      const double scale = 1 / count_of(b.targets);
      const auto loss = [&] {
        const auto pause = model.tape.pause();
        model.tape.training = true;
        const primer::nn::Targets wanted{b.targets, scale, {}, 0, model.smoothing};
        return model.gpt.loss(model.tape, model.sequences(b.tokens, batch, b.lengths), wanted).item();
      };
      CAPTURE(name(config.body));
      CAPTURE(name(config.align));
      CAPTURE(name(config.attention));
      for (const auto& e : model.parameters.entries()) {
        CAPTURE(e.path);
        if (e.frozen) continue;
        double largest = 0;
        for (long i = 0; i < e.shape.size(); ++i) largest = std::max(largest, std::abs(gradients[e.offset + i]));
        CHECK(largest > 1e-6);
        const Random random(1, hash(e.path));
        for (long sample = 0; sample < 8; ++sample) {
          const long i = e.offset + static_cast<long>(random.below(e.shape.size(), sample));
          const double x = w[i];
          const auto slope = [&](double h) {
            w[i] = x + h;
            const double up = loss();
            w[i] = x - h;
            const double down = loss();
            w[i] = x;
            return (up - down) / (2 * h);
          };
          const double near = slope(2.5e-4), far = slope(5e-4), numeric = (4 * near - far) / 3;
          if (std::abs(near - far) > 1e-4 * largest) {  // relu or maxout has its kink between
            ++kinks;
            continue;
          }
          ++compared;
          CAPTURE(i - e.offset);
          CHECK(std::abs(gradients[i] - numeric) <= 1e-7 * std::max(largest, std::abs(numeric)) + 1e-11);
        }
      }
    }
  CHECK(kinks < compared / 1000);
}

TEST_CASE("every op that a model records stands in the table of tested ops") {
  std::set<std::string> tested, recorded;
  for (const Case& c : op_cases()) tested.insert(c.example.op);
  struct Everything : Observer<double> {
    bool wants(std::string_view, std::string_view) override { return true; }
    Tensor<double> see(std::string_view, std::string_view, Tensor<double> x) override { return x; }
  } everything;
  for (const ModelConfig& config : zoo())
    for (const bool watched : {false, true})
      for (const bool few : {false, true}) {
        SmallModel<double> model(config);
        if (watched) model.tape.observer = &everything;
        const Batch b(few);
        b.prepare(model);
        model.accumulate(b.tokens, b.targets, batch, b.lengths, 1);
        model.tape.each_recorded([&](std::string_view op) { recorded.emplace(op); });
        model.tape.reset();
        const auto y = model.gpt.logits(model.tape, model.sequences(b.tokens, batch, b.lengths));
        model.tape.each_recorded([&](std::string_view op) { recorded.emplace(op); });
        CHECK(y.shape == Shape{batch, length, vocabulary});
      }
  for (const char* expected : {"attention", "cross_entropy", "feed_forward", "gather", "layer_norm", "linear",
                               "linear_residual", "rms_norm", "softmax"})
    CHECK(recorded.contains(expected));
  for (const std::string& op : recorded) {
    CAPTURE(op);
    CHECK(tested.contains(op));
  }
}

TEST_CASE("float's loss and gradients are double's, to rounding") {
  for (const ModelConfig& config : zoo()) {
    SmallModel<double> precise(config);
    SmallModel<float> model(config);
    precise.stir();
    model.stir();
    precise.tape.noise = model.tape.noise = {3, 5, 0, batch};
    const Batch b(false);
    b.prepare(model);
    b.prepare(precise);
    CHECK(model.run(b.tokens, b.targets, batch, b.lengths) ==
          doctest::Approx(precise.run(b.tokens, b.targets, batch, b.lengths)).epsilon(1e-6));
    for (const auto& e : model.parameters.entries()) {  // the padding between parameters differs
      CAPTURE(e.path);
      if (e.frozen) continue;
      const float* g = model.parameters.at(e.path).grad();
      const double* exact = precise.parameters.at(e.path).grad();
      const long n = e.shape.size();
      CHECK(apart(std::vector<double>(g, g + n), std::vector<double>(exact, exact + n)) < 2e-5);
    }
  }
}
