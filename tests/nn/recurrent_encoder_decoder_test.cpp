// What is a recurrent encoder-decoder's own; encoder_decoder_test.cpp has what it shares with one of transformers.
#include "nn/recurrent_encoder_decoder.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/nn/pairs.h"

using namespace primer::test;
using primer::nn::Align;

namespace {

ModelConfig config_of(Align align, bool input_feeding = false) {
  return {.body = BodyKind::gru,
          .vocabulary = V,
          .context = S,
          .layers = 1,
          .decoder_layers = 2,
          .align = align,
          .input_feeding = input_feeding,
          .channels = 8,
          .output = {.tie = false}};
}

/// Keeps every alignment.pattern, and hands it back, or a uniform one.
struct Patterns : Observer<double> {
  std::vector<Shape> shapes;
  std::vector<double> rows;
  bool uniform = false;

  bool wants(std::string_view path, std::string_view leaf) override { return path == "alignment" && leaf == "pattern"; }
  Tensor<double> see(std::string_view, std::string_view, Tensor<double> x) override {
    shapes.push_back(x.shape);
    rows.insert(rows.end(), x.data(), x.data() + x.size());
    return uniform ? x.tape->constant(x.shape, std::vector<double>(x.size(), 1.0 / S)) : x;
  }
};

std::map<std::string, Shape> parameters_of(const ModelConfig& config) {
  const SmallModel<double> model(config);
  std::map<std::string, Shape> shapes;
  for (const auto& e : model.parameters.entries()) shapes[e.path] = e.shape;
  return shapes;
}

}  // namespace

TEST_CASE("with input feeding whose weight is 0 the steps one by one are the steps at once, with all their gradients") {
  const Texts texts(3);
  const Ids targets = random_ids(3 * T, V, "targets");
  for (const Align align : {Align::dot, Align::general, Align::concat, Align::local}) {
    CAPTURE(name(align));
    SmallModel<double> fed(config_of(align, true)), plain(config_of(align));
    fed.stir(), plain.stir();
    const auto feed = fed.parameters.at("decoder.feed.weight");
    std::fill_n(feed.data(), feed.size(), 0.0);
    fed.source = plain.source = texts.source();
    CHECK(fed.run(texts.tokens, targets, 3) == doctest::Approx(plain.run(texts.tokens, targets, 3)).epsilon(1e-13));
    for (const auto& e : plain.parameters.entries()) {
      CAPTURE(e.path);
      const double *a = fed.parameters.at(e.path).grad(), *b = plain.parameters.at(e.path).grad();
      CHECK(apart(std::vector<double>(a, a + e.shape.size()), std::vector<double>(b, b + e.shape.size())) < 1e-12);
    }
    fed.stir();
    CHECK(apart(fed.logits(texts.tokens, 3), plain.logits(texts.tokens, 3)) > 0.01);
  }
}

TEST_CASE("the pattern is shown for all tokens at once, or step by step, and as it is decoded; another one is taken") {
  const Texts texts(1);
  for (const bool feeds : {false, true}) {
    SmallModel<double> model(config_of(Align::general, feeds));
    model.stir();
    Patterns whole, pieces, flat;
    model.tape.observer = &whole;
    const auto before = logits(model, texts.tokens, 1, texts.source());
    CHECK(whole.shapes == (feeds ? std::vector<Shape>(T, {1, 1, 1, S}) : std::vector<Shape>{{1, 1, T, S}}));
    model.tape.observer = &pieces;
    const auto state = model.gpt.body->state(1);
    for (long t = 0; t < T; ++t) decode(model, *state, texts.columns(t, 1), t == 0 ? texts.source() : Source{});
    CHECK(apart(whole.rows, pieces.rows) < 1e-13);
    flat.uniform = true;
    model.tape.observer = &flat;
    CHECK(apart(logits(model, texts.tokens, 1, texts.source()), before) > 0.01);
  }
  CHECK(SmallModel<double>(config_of(Align::general)).gpt.body->attention_layers() == 1);
  CHECK(SmallModel<double>(config_of(Align::none)).gpt.body->attention_layers() == 0);
}

TEST_CASE("each way to align has its own parameters") {
  ModelConfig c = config_of(Align::none);
  c.decoder_layers = 1;
  std::map<std::string, Shape> expected{{"token.weight", {V, 8}},
                                        {"head.weight", {V, 8}},
                                        {"decoder.start.0.weight", {8, 16}},
                                        {"decoder.layers.0.input.weight", {24, 8}},
                                        {"decoder.layers.0.recurrent.weight", {24, 8}}};
  for (const std::string way : {"forwards", "backwards"})
    for (const std::string part : {".input.weight", ".recurrent.weight"})
      expected["encoder.layers.0." + way + part] = {24, 8};
  CHECK(parameters_of(c) == expected);
  c.align = Align::location;
  expected["alignment.query.weight"] = {S, 8};
  expected["output.weight"] = {8, 24};
  CHECK(parameters_of(c) == expected);
  c.align = Align::general;
  expected.erase("alignment.query.weight");
  expected["alignment.key.weight"] = {8, 16};
  CHECK(parameters_of(c) == expected);
  c.input_feeding = true;
  expected["decoder.feed.weight"] = {24, 8};
  CHECK(parameters_of(c) == expected);
  c.align = Align::additive;
  c.input_feeding = false;
  expected.erase("output.weight");
  expected["decoder.start.0.weight"] = {8, 8};
  expected["decoder.feed.weight"] = {24, 16};
  expected["alignment.query.weight"] = {8, 8};
  expected["alignment.score"] = {8};
  expected["output.state.weight"] = expected["output.token.weight"] = {16, 8};
  expected["output.context.weight"] = {16, 16};
  CHECK(parameters_of(c) == expected);
}

TEST_CASE("a recurrent encoder-decoder refuses what it cannot read, and says why; its text has no bound") {
  const Texts texts(2);
  const auto refused = [](const char* why, auto call) {
    CAPTURE(why);
    std::string said;
    try {
      call();
    } catch (const Error& e) {
      said = e.what();
    }
    CAPTURE(said);
    CHECK(said.find(why) != std::string::npos);
  };
  SmallModel<float> model(config_of(Align::additive));
  CHECK(model.gpt.config().context < T);
  CHECK_NOTHROW(logits(model, texts.tokens, 2, texts.source()));
  refused("ids from 1 to 7, got 0", [&] { logits(model, texts.tokens, 2, {texts.sources, S, Ids{7, 0}}); });
  refused("a source of 8 tokens is longer than the context of 7", [&] {
    logits(model, texts.tokens, 2, {Ids(16), 8});
  });
  refused("expected a source to be read", [&] { logits(model, texts.tokens, 2, {}); });
  const auto state = SmallModel<float>(config_of(Align::general)).gpt.body->state(2);
  refused("another shape", [&] { decode(model, *state, {1, 2}, texts.source()); });
  const auto no_model = [&](const char* why, auto change) {
    ModelConfig c = config_of(Align::general);
    change(c);
    refused(why, [&] { SmallModel<float> made(c); });
  };
  no_model("1 layer or more of an encoder, got 0", [](auto& c) { c.layers = 0; });
  no_model("a window of 1 place or more, got 0", [](auto& c) { c.align_window = 0; });
  no_model("with input feeding, got none", [](auto& c) { c.align = Align::none, c.input_feeding = true; });
  no_model("with input feeding, got additive", [](auto& c) { c.align = Align::additive, c.input_feeding = true; });
}

TEST_CASE("dropout between layers hides other channels at every step, also where steps follow one another") {
  struct Hidden : Observer<double> {
    std::vector<std::vector<bool>> rows;  // which channels of a sequence at a step

    bool wants(std::string_view path, std::string_view leaf) override {
      return path == "decoder.layers.1" && leaf == "output";
    }
    Tensor<double> see(std::string_view, std::string_view, Tensor<double> x) override {
      for (long i = 0; i < x.size(); i += x.shape.last()) {
        rows.emplace_back();
        for (long c = 0; c < x.shape.last(); ++c) rows.back().push_back(x.data()[i + c] == 0);
      }
      return x;
    }
  };
  const Texts texts(1);
  for (const bool feeds : {false, true}) {
    ModelConfig config = config_of(Align::general, feeds);
    config.channels = 64;
    config.dropout = 0.5;
    SmallModel<double> model(config);
    Hidden hidden;
    model.tape.observer = &hidden;
    model.source = texts.source();
    model.run(texts.tokens, texts.tokens, 1);
    CHECK(hidden.rows.size() == T);
    for (std::size_t a = 0; a < hidden.rows.size(); ++a)
      for (std::size_t b = 0; b < a; ++b) CHECK(hidden.rows[a] != hidden.rows[b]);
  }
}
