// What a BERT sees and what it does not; what its losses touch.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "nn/model.h"
#include "tests/nn/small_model.h"

using namespace primer::test;
using primer::nn::Model;
using primer::nn::Pooling;
using primer::nn::Sequences;
using primer::nn::Targets;

namespace {

constexpr long V = 17, B = 3, L = 9;

ModelConfig bert_config(Pooling pooling = Pooling::cls) {
  ModelConfig c = small_config();
  c.context = 12;
  c.causal = false;
  c.output.tie = true;
  c.norm = NormPlace::post;
  c.activation = primer::autograd::Activation::gelu_erf;
  c.segments = 2;
  c.embedding_norm = true;
  c.norm_epsilon = 1e-12;
  c.output.token = false;
  c.output.masked = true;
  c.output.pooling = pooling;
  c.output.labels = 3;
  return c;
}

template <class T>
struct SmallBert {
  Parameters<T> parameters;
  Model<T> bert;
  Tape<T> tape;

  explicit SmallBert(const ModelConfig& config) : bert(parameters, config) {
    parameters.build(1);
    for (const auto& e : parameters.entries()) {
      const Random random(8, hash(e.path));
      const double deviation = e.path.starts_with("token") || e.path.starts_with("segment") ? 1
                               : e.shape.rank == 2 ? 0.8 / std::sqrt(static_cast<double>(e.shape.last()))
                                                   : 0.2;
      for (long i = 0; i < e.shape.size(); ++i)
        parameters.values()[e.offset + i] = static_cast<T>(e.init.mean + deviation * random.normal(i));
    }
  }

  std::vector<T> hidden(const Ids& tokens, const Ids& lengths = {}, const Ids& segments = {}) {
    const auto pause = tape.pause();
    const long length = static_cast<long>(tokens.size()) / B;
    const auto x = bert.hidden(tape, {tokens, B, length, lengths, segments});
    return {x.data(), x.data() + x.size()};
  }
};

const Ids tokens = random_ids(B * L, V, "tokens");

}  // namespace

TEST_CASE("an output of a BERT depends on tokens before and behind it; of a GPT on those before") {
  SmallBert<double> model(bert_config());
  const long C = model.bert.config().channels;
  ModelConfig causal = small_config();
  SmallModel<double> gpt(causal);
  gpt.stir();
  for (const bool is_bert : {true, false}) {
    CAPTURE(is_bert);
    const auto read = [&](const Ids& ids) { return is_bert ? model.hidden(ids) : gpt.logits(ids, B); };
    const long width = is_bert ? C : causal.vocabulary;
    const auto before = read(tokens);
    for (long changed = 0; changed < L; ++changed) {
      Ids other = tokens;
      for (long b = 0; b < B; ++b) other[b * L + changed] = (other[b * L + changed] + 1) % V;
      const auto after = read(other);
      for (long row = 0; row < B * L; ++row) {
        const bool same = rows_of(before, row, 1, width) == rows_of(after, row, 1, width);
        CHECK(same == (!is_bert && row % L < changed));
      }
    }
  }
}

TEST_CASE("the gradient at places that were not chosen is exactly 0") {
  SmallBert<double> model(bert_config());
  Ids targets(B * L, -1);
  for (const long i : {2L, 11L, 12L, 25L}) targets[i] = tokens[i];
  struct Watcher : Observer<double> {
    Tensor<double> last;
    bool wants(std::string_view path, std::string_view leaf) override { return path == "blocks.1" && leaf == "output"; }
    Tensor<double> see(std::string_view, std::string_view, Tensor<double> x) override {
      x.tape->keep_gradient(x);
      return last = x;
    }
  } watcher;
  model.tape.observer = &watcher;
  model.parameters.zero_grad();
  model.tape.backward(model.bert.loss(model.tape, {tokens, B, L}, {.tokens = targets, .token_scale = 0.25}));
  const long C = model.bert.config().channels;
  for (long row = 0; row < B * L; ++row) {
    const double* g = watcher.last.grad() + row * C;
    const bool zero = std::all_of(g, g + C, [](double x) { return x == 0; });
    CHECK(zero == (targets[row] < 0));
  }
}

TEST_CASE("padding changes no real output, no sum and no class, and segments count") {
  for (const Pooling pooling : {Pooling::cls, Pooling::mean}) {
    SmallBert<double> model(bert_config(pooling));
    const long C = model.bert.config().channels;
    const Ids lengths{9, 4, 6}, segments = random_ids(B * L, 2, "segments");
    Ids other = tokens;
    for (long b = 0; b < B; ++b)
      for (long t = lengths[b]; t < L; ++t) other[b * L + t] = (other[b * L + t] + 5) % V;
    const auto real = model.hidden(tokens, lengths, segments), spoilt = model.hidden(other, lengths, segments);
    const auto classes = [&](const Ids& ids) {
      const auto pause = model.tape.pause();
      const auto x = model.bert.hidden(model.tape, {ids, B, L, lengths, segments});
      const auto y = (*model.bert.label)(x, lengths).logits();
      return std::vector<double>(y.data(), y.data() + y.size());
    };
    CHECK(classes(tokens) == classes(other));
    for (long b = 0; b < B; ++b) {
      CHECK(rows_of(real, b * L, lengths[b], C) == rows_of(spoilt, b * L, lengths[b], C));
      const auto pause = model.tape.pause();
      const Ids alone = rows_of(tokens, b * L, lengths[b], 1), its = rows_of(segments, b * L, lengths[b], 1);
      const auto x = model.bert.hidden(model.tape, {alone, 1, lengths[b], {}, its});
      CHECK(apart(std::vector<double>(x.data(), x.data() + x.size()), rows_of(real, b * L, lengths[b], C)) < 1e-12);
      const auto y = (*model.bert.label)(x).logits();
      CHECK(apart(std::vector<double>(y.data(), y.data() + 3), rows_of(classes(tokens), b, 1, 3)) < 1e-12);
    }
    CHECK(apart(real, model.hidden(tokens, lengths)) > 1e-3);
    CHECK(model.hidden(tokens, lengths) == model.hidden(tokens, lengths, Ids(B * L, 0)));
  }
}

TEST_CASE("the gradient of every parameter of a BERT agrees with finite differences to 1e-7") {
  for (const Pooling pooling : {Pooling::cls, Pooling::mean}) {
    ModelConfig config = bert_config(pooling);
    config.dropout = pooling == Pooling::mean ? 0.2 : 0;
    SmallBert<double> model(config);
    model.tape.noise = {3, 5, 0, B};
    const Ids lengths{9, 4, 6}, segments = random_ids(B * L, 2, "segments"), labels{2, -1, 0};
    Ids targets(B * L, -1);
    for (const long i : {0L, 5L, 10L, 19L, 22L}) targets[i] = tokens[i];
    const auto loss = [&] {
      return model.bert.loss(model.tape, {tokens, B, L, lengths, segments}, {targets, 0.2, labels, 0.5});
    };
    model.parameters.zero_grad();
    model.tape.backward(loss());
    model.parameters.settle();
    model.tape.reset();
    const std::vector<double> gradients(model.parameters.grads(), model.parameters.grads() + model.parameters.size());
    for (const auto& e : model.parameters.entries()) {
      CAPTURE(e.path);
      double largest = 0;
      for (long i = 0; i < e.shape.size(); ++i) largest = std::max(largest, std::abs(gradients[e.offset + i]));
      CHECK(largest > 1e-8);
      const Random random(1, hash(e.path));
      for (long sample = 0; sample < 6; ++sample) {
        const long i = e.offset + static_cast<long>(random.below(e.shape.size(), sample));
        double& x = model.parameters.values()[i];
        const double at = x;
        const auto slope = [&](double h) {
          const auto value = [&](double there) {
            x = there;
            const auto pause = model.tape.pause();
            model.tape.training = true;
            return loss().item();
          };
          const double up = value(at + h), down = value(at - h);
          x = at;
          return (up - down) / (2 * h);
        };
        const double numeric = (4 * slope(5e-4) - slope(1e-3)) / 3;
        CHECK(std::abs(gradients[i] - numeric) <= 1e-7 * std::max(largest, std::abs(numeric)) + 1e-11);
      }
    }
  }
}

TEST_CASE("a frozen body gets no gradient and the head does") {
  Parameters<float> parameters;
  const Model<float> bert(parameters, bert_config());
  parameters.train_only([](const std::string& path) { return path.starts_with("label."); });
  parameters.build(1);
  CHECK(parameters.trained() < parameters.size() / 4);
  Tape<float> tape;
  parameters.zero_grad();
  tape.backward(bert.loss(tape, {tokens, B, L}, {.labels = Ids{0, 1, 2}, .label_scale = 1}));
  parameters.settle();
  long recorded = 0;
  tape.each_recorded([&](std::string_view) { ++recorded; });
  CHECK(recorded == 1);
  for (const auto& e : parameters.entries()) {
    CHECK(e.frozen == !e.path.starts_with("label."));
    const float* g = parameters.at(e.path).grad();
    CHECK((g == nullptr) == e.frozen);
    if (g) CHECK(std::any_of(g, g + e.shape.size(), [](float x) { return x != 0; }));
  }
}

TEST_CASE("a label's weight multiplies the loss of its sequences, and their part of every gradient") {
  // Sequences 0, 1, 2 have the labels 2, 0, 2. Weights 0.5, 3, 2 of the labels are 2, 0.5, 2 of the sequences.
  const auto run = [](std::span<const int> labels, std::span<const double> weights, double scale) {
    SmallBert<double> model(bert_config());
    model.parameters.zero_grad();
    primer::nn::Scores scores;
    const Targets wanted{.labels = labels, .label_scale = scale, .label_weights = weights};
    const auto loss = model.bert.loss(model.tape, {tokens, B, L}, wanted, &scores);
    model.tape.backward(loss);
    model.parameters.settle();
    std::vector<double> all{*loss.data()};
    for (const auto& e : model.parameters.entries()) {
      const double* g = model.parameters.at(e.path).grad();
      all.insert(all.end(), g, g + e.shape.size());
    }
    CHECK(scores.labels.targets == 3);
    return std::pair(all, scores.label_loss());
  };
  const Ids labels{2, 0, 2};
  const double weights[] = {0.5, 3, 2}, first[] = {0.5, 0, 0}, others[] = {0, 3, 2}, ones[] = {1, 1, 1};
  const auto [whole, loss] = run(labels, weights, 0.25);
  const auto [part, unused] = run(labels, first, 0.25);
  const auto [rest, unused2] = run(labels, others, 0.25);
  const auto [plain, plain_loss] = run(labels, {}, 0.25);
  CHECK(loss == plain_loss);  // scores are told without weights
  CHECK(run(labels, ones, 0.25).first == plain);
  for (std::size_t i = 0; i < whole.size(); ++i)
    CHECK(std::abs(whole[i] - part[i] - rest[i]) <= 1e-12 * (1 + std::abs(whole[i])));
  CHECK(std::abs(whole[0] - plain[0]) > 0.01);
  const double only_first[] = {1, 0, 0}, only_last[] = {0, 0, 1};  // of one sequence, and of the two others
  const double of_one = run(labels, only_first, 0.25).first[0], of_two = run(labels, only_last, 0.25).first[0];
  CHECK(of_one > 0);
  CHECK(of_two > 0);
  CHECK(std::abs(of_one + of_two - plain[0]) < 1e-12);
  const double few[] = {1, 1};
  CHECK_THROWS_AS(run(labels, few, 1), Error);
}

TEST_CASE("a BERT refuses what it has no head for") {
  ModelConfig config = bert_config();
  config.output.masked = false;
  config.output.labels = 0;
  config.output.pooling.reset();
  SmallBert<float> model(config);
  const auto pause = model.tape.pause();
  CHECK_FALSE(model.bert.masked);
  CHECK_FALSE(model.bert.label);
  CHECK_THROWS_AS(model.bert.logits(model.tape, {tokens, B, L}), Error);
  CHECK_THROWS_AS(model.bert.loss(model.tape, {tokens, B, L}, {.tokens = tokens, .token_scale = 1}), Error);
  CHECK_THROWS_AS(model.bert.loss(model.tape, {tokens, B, L}, {.labels = Ids{0, 1, 2}, .label_scale = 1}), Error);
  CHECK_THROWS_AS(model.bert.loss(model.tape, {tokens, B, L}, {}), Error);
  CHECK_THROWS_AS(model.bert.hidden(model.tape, {tokens, B, L, {}, Ids(4)}), Error);
  config.output.labels = 2;  // without a pooling
  Parameters<float> parameters;
  CHECK_THROWS_AS(Model<float>(parameters, config), Error);
}
