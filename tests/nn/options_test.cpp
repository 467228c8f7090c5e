// Every option of a GPT: what it builds, that it trains, and what is refused.
#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "nn/embedding.h"
#include "optim/adam.h"
#include "optim/clip.h"
#include "optim/sgd.h"
#include "tests/nn/small_model.h"

using namespace primer::test;
namespace optim = primer::optim;

namespace {

constexpr long V = 17, batch = 8, length = 12;

ModelConfig base() {
  return {.vocabulary = V, .context = length, .layers = 2, .heads = 2, .channels = 16, .bias = true};
}

std::set<std::string> paths_of(const ModelConfig& config) {
  Parameters<float> parameters;
  const Model<float> gpt(parameters, config);
  std::set<std::string> paths;
  for (const auto& e : parameters.entries()) paths.insert(e.path);
  return paths;
}

/// Parameters whose path contains `part`.
long count_of(const ModelConfig& config, const std::string& part) {
  long n = 0;
  for (const std::string& path : paths_of(config)) n += path.find(part) != std::string::npos;
  return n;
}

/// Text in which the next token follows from the last one, for the most part.
struct Text {
  Ids tokens, targets;
  explicit Text(long step) {
    const Random random(3, hash("text"), step);
    for (long b = 0; b < batch; ++b) {
      int at = static_cast<int>(random.below(V, b));
      for (long t = 0; t < length; ++t) {
        tokens.push_back(at);
        at = random.uniform(1000 + b * length + t) < 0.9 ? (3 * at + 1) % static_cast<int>(V) : static_cast<int>(t % V);
        targets.push_back(at);
      }
    }
  }
};

/// Losses before and after training on fresh batches.
template <class T>
std::pair<double, double> train(const ModelConfig& config, long steps = 40) {
  SmallModel<T> model(config);
  optim::Adam<T> adam(model.parameters, {.weight_decay = 0.01});
  const auto tested = [&] {
    const Text text(1'000'000);
    const auto pause = model.tape.pause();
    return model.gpt.loss(model.tape, {text.tokens, batch, length}, {text.targets, 1.0 / (batch * length)}).item();
  };
  const double before = tested();
  for (long step = 0; step < steps; ++step) {
    const Text text(step);
    model.tape.noise = {1, static_cast<std::uint64_t>(step), 0, batch};
    model.run(text.tokens, text.targets, batch);
    adam.update(0.02, optim::clip_factor(optim::gradient_norm(model.parameters), 1));
  }
  return {before, tested()};
}

}  // namespace

TEST_CASE("a model without norm, bias, feed-forward or positions has no parameters of theirs, and more is as it was") {
  ModelConfig config = base();
  config.output.tie = false;
  const std::set<std::string> all = {"token.weight", "position.weight", "norm.weight", "norm.bias", "head.weight"};
  std::set<std::string> expected = all;
  for (const char* block : {"blocks.0.", "blocks.1."})
    for (const char* layer : {"attention_norm", "attention.qkv", "attention.output", "feed_forward_norm",
                              "feed_forward.up", "feed_forward.down"})
      for (const char* leaf : {".weight", ".bias"}) expected.insert(std::string(block) + layer + leaf);
  CHECK(paths_of(config) == expected);
  ModelConfig changed = config;
  changed.bias = false;
  CHECK(count_of(changed, "bias") == 0);
  changed = config;
  changed.norm = NormPlace::none;
  CHECK(count_of(changed, "norm") == 0);
  changed.norm = NormPlace::post;  // two norms a block, none at the end
  CHECK(count_of(changed, "norm.weight") == 4);
  CHECK(!paths_of(changed).contains("norm.weight"));
  changed = config;
  changed.norm_kind = NormKind::rms;  // has no bias, whatever the others have
  CHECK(count_of(changed, "norm.weight") == count_of(config, "norm.weight"));
  CHECK(count_of(changed, "norm.bias") == 0);
  CHECK(count_of(changed, "bias") == count_of(config, "bias") - count_of(config, "norm.bias"));
  changed = config;
  changed.activation = primer::nn::Activation::swiglu;
  for (const char* leaf : {"gate.weight", "gate.bias", "up.weight", "down.weight"}) CHECK(count_of(changed, leaf) == 2);
  CHECK(count_of(config, "gate") == 0);
  changed = config;
  changed.ffn_channels = -1;
  CHECK(count_of(changed, "feed_forward") == 0);
  changed = config;
  changed.output.tie = true;
  CHECK(count_of(changed, "head") == 0);
  changed = config;
  changed.position = Position::sinusoidal;
  CHECK(count_of(changed, "position") == 0);
  changed.position = Position::none;
  CHECK(count_of(changed, "position") == 0);
  changed.position = Position::rotary;
  CHECK(count_of(changed, "position") == 0);
  changed.position = Position::qk;
  CHECK(count_of(changed, "position") == 1);
  CHECK(count_of(config, "q_norm") + count_of(config, "k_norm") == 0);
  changed.qk_norm = true;
  CHECK(count_of(changed, "attention.q_norm.weight") == 2);
  CHECK(count_of(changed, "attention.k_norm.weight") == 2);
}

TEST_CASE("shapes are as documented, the feed-forward part four times as wide unless told") {
  const auto shape_of = [](ModelConfig config, const char* path) {
    Parameters<float> parameters;
    const Model<float> gpt(parameters, config);
    return parameters.at(path).shape;
  };
  CHECK(shape_of(base(), "token.weight") == Shape{V, 16});
  CHECK(shape_of(base(), "position.weight") == Shape{length, 16});
  CHECK(shape_of(base(), "blocks.1.attention.qkv.weight") == Shape{48, 16});
  CHECK(shape_of(base(), "blocks.1.attention.qkv.bias") == Shape{48});
  CHECK(shape_of(base(), "blocks.1.feed_forward.up.weight") == Shape{64, 16});
  ModelConfig gated = base();  // 8/3 C up to a multiple of 32, so that three matrices have what two of 4 C have
  gated.activation = primer::nn::Activation::swiglu;
  CHECK(shape_of(gated, "blocks.1.feed_forward.gate.weight") == Shape{64, 16});
  for (const auto& [channels, hidden] : {std::pair{12L, 32L}, {13L, 64L}, {96L, 256L}, {384L, 1024L}}) {
    gated.channels = channels;
    CHECK(gated.hidden() == hidden);
  }
  gated.ffn_channels = 5;
  CHECK(gated.hidden() == 5);
  ModelConfig narrow = base();
  narrow.ffn_channels = 5;
  CHECK(shape_of(narrow, "blocks.1.feed_forward.down.weight") == Shape{16, 5});
  ModelConfig grouped = base();
  grouped.heads = 6;
  grouped.kv_heads = 2;
  grouped.head_size = 4;
  grouped.qk_norm = true;
  CHECK(shape_of(grouped, "blocks.1.attention.qkv.weight") == Shape{(6 + 2 * 2) * 4, 16});
  CHECK(shape_of(grouped, "blocks.1.attention.output.weight") == Shape{16, 6 * 4});
  CHECK(shape_of(grouped, "blocks.1.attention.q_norm.weight") == Shape{4});
}

TEST_CASE("every option builds a model that learns") {
  const auto learns = [](const char* what, auto change) {
    CAPTURE(what);
    ModelConfig config = base();
    change(config);
    const auto [before, after] = train<float>(config);
    CHECK(std::abs(before - std::log(static_cast<double>(V))) < 0.15);
    CHECK(after < 0.6 * before);
  };
  learns("as it is", [](ModelConfig&) {});
  learns("rnn", [](ModelConfig& c) { c.body = BodyKind::rnn, c.output.tie = false; });
  learns("gru", [](ModelConfig& c) { c.body = BodyKind::gru, c.output.tie = false; });
  learns("lstm", [](ModelConfig& c) { c.body = BodyKind::lstm, c.output.tie = false; });
  learns("no norm", [](ModelConfig& c) { c.norm = NormPlace::none; });
  learns("no bias", [](ModelConfig& c) { c.bias = false; });
  learns("no feed-forward", [](ModelConfig& c) { c.ffn_channels = -1; });
  learns("no positions", [](ModelConfig& c) { c.position = Position::none; });
  learns("sinusoids", [](ModelConfig& c) { c.position = Position::sinusoidal; });
  learns("rotary", [](ModelConfig& c) { c.position = Position::rotary; });
  learns("positions of queries and keys", [](ModelConfig& c) { c.position = Position::qk; });
  learns("few heads of keys", [](ModelConfig& c) { c.heads = 4, c.kv_heads = 1; });
  learns("normed queries and keys", [](ModelConfig& c) { c.qk_norm = true, c.head_size = 12; });
  using primer::nn::AttentionKind;
  learns("linear attention", [](ModelConfig& c) { c.attention = AttentionKind::linear; });
  learns("positive features", [](ModelConfig& c) { c.attention = AttentionKind::favor; });
  learns("trigonometric features", [](ModelConfig& c) { c.attention = AttentionKind::rfa; });
  learns("landmarks", [](ModelConfig& c) { c.attention = AttentionKind::nystrom, c.causal = false; });
  learns("post-norm", [](ModelConfig& c) { c.norm = NormPlace::post; });
  learns("untied", [](ModelConfig& c) { c.output.tie = false; });
  learns("relu", [](ModelConfig& c) { c.activation = primer::nn::Activation::relu; });
  learns("erf", [](ModelConfig& c) { c.activation = primer::nn::Activation::gelu_erf; });
  learns("squared relu", [](ModelConfig& c) { c.activation = primer::nn::Activation::relu2; });
  learns("gated", [](ModelConfig& c) { c.activation = primer::nn::Activation::swiglu; });
  learns("rms norm", [](ModelConfig& c) { c.norm_kind = NormKind::rms; });
  learns("both directions", [](ModelConfig& c) { c.causal = false; });
  learns("dropout", [](ModelConfig& c) { c.dropout = 0.1; });
  learns("no blocks", [](ModelConfig& c) { c.layers = 0; });
  learns("attention only, nothing else", [](ModelConfig& c) {
    c.norm = NormPlace::none;
    c.bias = false;
    c.ffn_channels = -1;
    c.position = Position::none;
  });
}

TEST_CASE("sinusoidal positions are Vaswani's") {
  const std::vector<double> table = primer::nn::sinusoids<double>(50, 5);
  for (const long t : {0L, 1L, 49L}) {
    const double position = static_cast<double>(t);
    CHECK(table[t * 5 + 0] == doctest::Approx(std::sin(position)));
    CHECK(table[t * 5 + 1] == doctest::Approx(std::cos(position)));
    CHECK(table[t * 5 + 2] == doctest::Approx(std::sin(position / std::pow(10000, 0.4))));
    CHECK(table[t * 5 + 3] == doctest::Approx(std::cos(position / std::pow(10000, 0.4))));
    CHECK(table[t * 5 + 4] == doctest::Approx(std::sin(position / std::pow(10000, 0.8))));
  }
}

TEST_CASE("sinusoidal positions have the amplitude that the configuration says, 1 unless it does") {
  CHECK(ModelConfig().position_scale == 1);
  const auto whole = primer::nn::sinusoids<double>(7, 4), scaled = primer::nn::sinusoids<double>(7, 4, 0.25);
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(scaled[i] == 0.25 * whole[i]);
  primer::autograd::Parameters<double> parameters;
  const primer::nn::PositionalEncoding<double> position(
      parameters, "position", {.kind = Position::sinusoidal, .context = 7, .channels = 4, .scale = 0.25});
  CHECK(position.fixed == scaled);
}

TEST_CASE("a sequence may be shorter than the context: the first positions are used") {
  for (const std::string_view position : words(Position())) {
    ModelConfig config = base();
    config.position = *word<Position>(position);
    SmallModel<double> model(config);
    model.stir();
    const Ids ids = random_ids(2 * length, V, "tokens");
    const auto whole = model.logits(ids, 2);
    Ids some = rows_of(ids, 0, 5, 1), rest = rows_of(ids, length, 5, 1);
    some.insert(some.end(), rest.begin(), rest.end());
    const auto part = model.logits(some, 2);
    CHECK(apart(rows_of(whole, 0, 5, V), rows_of(part, 0, 5, V)) < 1e-13);
    CHECK(apart(rows_of(whole, length, 5, V), rows_of(part, 5, 5, V)) < 1e-13);
  }
}

TEST_CASE("few targets take another way to the same loss and gradients") {
  SmallModel<double> model(base());
  model.stir();
  const Ids ids = random_ids(batch * length, V, "tokens");
  Ids few(batch * length, -1), targets = random_ids(batch * length, V, "targets");
  for (long i = 0; i < batch * length; i += 5) few[i] = targets[i];
  const double loss = model.run(ids, few, batch, {}, 1);
  const auto gradients = model.gradients();
  // the same sum as one of all targets less one of the others, both of which are more than half
  Ids others = targets;
  for (long i = 0; i < batch * length; i += 5) others[i] = -1;
  const double all = model.run(ids, targets, batch, {}, 1);
  std::vector<double> difference = model.gradients();
  CHECK(all - model.run(ids, others, batch, {}, 1) == doctest::Approx(loss).epsilon(1e-12));
  const auto less = model.gradients();
  for (std::size_t i = 0; i < less.size(); ++i) difference[i] -= less[i];
  CHECK(apart(gradients, difference) < 1e-12);
  CHECK(model.run(ids, Ids(batch * length, -1), batch, {}, 1) == 0);
  for (const double g : model.gradients()) CHECK(g == 0);
}

TEST_CASE("a configuration that makes no model is refused") {
  const auto refused = [](auto change) {
    ModelConfig config = base();
    change(config);
    Parameters<float> parameters;
    CHECK_THROWS_AS(Model<float>(parameters, config), Error);
    CHECK(parameters.entries().empty());
  };
  refused([](ModelConfig& c) { c.heads = 3; });
  refused([](ModelConfig& c) { c.heads = 0; });
  refused([](ModelConfig& c) { c.heads = -2; });
  refused([](ModelConfig& c) { c.channels = 0; });
  refused([](ModelConfig& c) { c.heads = 4, c.kv_heads = 3; });
  refused([](ModelConfig& c) { c.kv_heads = -1; });
  refused([](ModelConfig& c) { c.head_size = -1; });
  refused([](ModelConfig& c) { c.position = Position::rotary, c.head_size = 5; });
  refused([](ModelConfig& c) { c.position = Position::rotary, c.heads = 16; });
  using primer::nn::AttentionKind;
  refused([](ModelConfig& c) { c.attention = AttentionKind::rfa, c.causal = false; });
  refused([](ModelConfig& c) { c.attention = AttentionKind::rfa, c.features = 7; });
  refused([](ModelConfig& c) { c.attention = AttentionKind::favor, c.features = -1; });
  refused([](ModelConfig& c) { c.attention = AttentionKind::nystrom; });
  refused([](ModelConfig& c) { c.attention = AttentionKind::nystrom, c.causal = false, c.landmarks = 0; });
  refused([](ModelConfig& c) { c.vocabulary = 0; });
  refused([](ModelConfig& c) { c.context = 0; });
  refused([](ModelConfig& c) { c.layers = -1; });
  refused([](ModelConfig& c) { c.dropout = 1; });
  refused([](ModelConfig& c) { c.dropout = std::nan(""); });
}

TEST_CASE("a batch that does not fit its model is refused") {
  SmallModel<float> model(base());
  const Ids ids(2 * length, 1);
  const auto loss = [&](const Ids& tokens, const Ids& targets, long sequences, long tokens_each, const Ids& lengths) {
    model.tape.reset();
    model.gpt.loss(model.tape, {tokens, sequences, tokens_each, lengths}, {targets, 1});
  };
  CHECK_NOTHROW(loss(ids, ids, 2, length, {}));
  CHECK_THROWS_AS(loss(ids, ids, 1, 2 * length, {}), Error);     // longer than the context
  CHECK_THROWS_AS(loss(ids, ids, 3, length, {}), Error);         // not as many tokens
  CHECK_THROWS_AS(loss(ids, Ids(5, -1), 2, length, {}), Error);  // not as many targets
  CHECK_THROWS_AS(loss(Ids(2 * length, V), ids, 2, length, {}), Error);
  CHECK_THROWS_AS(loss(Ids(2 * length, -1), ids, 2, length, {}), Error);
  CHECK_THROWS_AS(loss(ids, Ids(2 * length, V), 2, length, {}), Error);
  CHECK_THROWS_AS(loss(ids, Ids(2 * length, -2), 2, length, {}), Error);
  CHECK_THROWS_AS(loss(ids, ids, 2, length, {length}), Error);  // not as many lengths
  CHECK_THROWS_AS(loss(ids, ids, 2, length, {length + 1, 1}), Error);
  CHECK_THROWS_AS(loss(ids, ids, 2, length, {-1, 1}), Error);
}

TEST_CASE("scaled token rows begin with deviation C^-1/2 and enter times sqrt(C)") {
  ModelConfig config{.vocabulary = 500, .context = 9, .layers = 1, .channels = 64, .output = {.tie = false}};
  config.scale_tokens = true;
  SmallModel<double> scaled(config);
  const auto rows = scaled.parameters.at("token.weight");
  double squares = 0;
  for (long i = 0; i < rows.size(); ++i) squares += rows.data()[i] * rows.data()[i];
  CHECK(squares * 64 / static_cast<double>(rows.size()) == doctest::Approx(1).epsilon(0.03));
  config.scale_tokens = false;
  SmallModel<double> plain(config);
  std::copy_n(scaled.parameters.values(), scaled.parameters.size(), plain.parameters.values());
  for (long i = 0; i < rows.size(); ++i) plain.parameters.at("token.weight").data()[i] *= 8;
  const Ids tokens = random_ids(2 * 9, 500, "tokens");
  CHECK(apart(scaled.logits(tokens, 2), plain.logits(tokens, 2)) < 1e-13);
}
