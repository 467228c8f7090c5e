// What an encoder-decoder sees of its source and its text, and what its state keeps of both; of a recurrent one too.
#include "nn/encoder_decoder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "tests/nn/pairs.h"

using namespace primer::test;
using primer::nn::Source;

TEST_CASE("an encoder-decoder has these parameters, and each half begins by its own name") {
  ModelConfig c = pair_config();
  c.layers = c.decoder_layers = 1;
  c.kv_heads = 1;
  c.output.tie = true;
  std::map<std::string, Shape> expected{{"token.weight", {V, 8}}};
  const auto expect = [&](const std::string& path, Shape weight) {  // and a bias
    expected[path + ".weight"] = weight;
    expected[path + ".bias"] = {weight[0]};
  };
  for (const std::string half : {"encoder.", "decoder."}) {
    expected[half + "position.weight"] = {12, 8};
    expect(half + "norm", {8});
    for (const char* norm : {"attention_norm", "feed_forward_norm"}) expect(half + "blocks.0." + norm, {8});
    expect(half + "blocks.0.attention.qkv", {16, 8});
    expect(half + "blocks.0.attention.output", {8, 8});
    expect(half + "blocks.0.feed_forward.up", {32, 8});
    expect(half + "blocks.0.feed_forward.down", {8, 32});
  }
  expect("decoder.blocks.0.cross_norm", {8});
  for (const char* part : {"query", "kv", "output"})
    expect(std::string("decoder.blocks.0.cross_attention.") + part, {8, 8});
  for (const long own : {0L, V + 2}) {
    c.source_vocabulary = own;
    if (own > 0) expected["encoder.token.weight"] = {own, 8};
    const SmallModel<double> model(c);
    std::map<std::string, Shape> got;
    for (const auto& e : model.parameters.entries()) got[e.path] = e.shape;
    CHECK(got.size() == expected.size());
    for (const auto& [path, shape] : expected) {
      CAPTURE(path);
      REQUIRE(got.contains(path));
      CHECK(got[path] == shape);
    }
    CHECK(model.gpt.body->position_count() == 2 * 12 * 8);
    CHECK(c.encoder().residual_deviation() == doctest::Approx(0.02 / std::sqrt(2)));
    CHECK(c.decoder().residual_deviation() == doctest::Approx(0.02 / std::sqrt(3)));  // cross-attention writes as well
  }
}

TEST_CASE_TEMPLATE("decoding from a state gives the logits of the whole text, whatever the lengths of the sources", N,
                   float, double) {
  const Texts texts(4);
  for (const ModelConfig& config : pairs()) {
    SmallModel<N> model(config);
    model.stir();
    const auto whole = logits(model, texts.tokens, texts.B, texts.source());
    CHECK(apart(at_place(whole, texts.B, 0), at_place(whole, texts.B, T - 1)) > 0.01);  // there is something to miss
    struct Everything : Observer<N> {
      bool wants(std::string_view, std::string_view) override { return true; }
      Tensor<N> see(std::string_view path, std::string_view leaf, Tensor<N> x) override {
        if (path.ends_with("cross_attention") && leaf == "pattern") CHECK(x.shape[3] == S);
        return x;
      }
    } everything;
    const auto state = model.gpt.body->state(texts.B);
    for (const std::vector<long>& pieces : {std::vector<long>(T, 1), {4, 5}, {6, 1, 2}, {T}, {4, 1, 4}}) {
      model.tape.observer = pieces.size() == 3 ? &everything : nullptr;
      state->clear(texts.B);
      long t = 0;
      for (const long n : pieces) {
        const auto y = decode(model, *state, texts.columns(t, n), t == 0 ? texts.source() : Source{});
        t += n;
        CHECK(state->past() == t);
        CHECK(apart(y, at_place(whole, texts.B, t - 1)) < (sizeof(N) == 4 ? 1e-4 : 1e-10));
      }
    }
  }
}

TEST_CASE("sequences of a state are copied, repeated and dropped with their sources") {
  for (const ModelConfig& config : pairs()) {
    SmallModel<double> model(config);
    model.stir();
    const Texts texts(3);
    std::vector<long> sources{0, 1, 2};  // of each sequence in the state
    std::vector<Ids> read(3);
    const auto state = model.gpt.body->state(4);
    int next = 0;
    const auto go_on = [&](long n, const Source& source = {}) {
      Ids tokens;
      for (Ids& text : read)
        for (long i = 0; i < n; ++i) {
          text.push_back(++next * 5 % static_cast<int>(V));
          tokens.push_back(text.back());
        }
      std::vector<double> alone;  // of every text on its own: [B, V]
      for (std::size_t b = 0; b < read.size(); ++b) {
        const auto y = logits(model, read[b], 1, texts.source_of(sources[b]));
        alone.insert(alone.end(), y.end() - V, y.end());
      }
      CHECK(apart(decode(model, *state, tokens, source), alone) < 1e-10);
    };
    state->clear(3);
    go_on(2, texts.source());
    state->branch(2, 0);
    read[0] = read[2], sources[0] = 2;
    go_on(1);
    state->branch(1, 3);  // one more
    read.push_back(read[1]), sources.push_back(1);
    go_on(1);
    CHECK_THROWS_AS(state->branch(0, 4), Error);
    state->drop(1);
    read[1] = read[3], sources[1] = 1;
    read.pop_back(), sources.pop_back();
    state->drop(0);
    read[0] = read[2], sources[0] = 2;
    read.pop_back(), sources.pop_back();
    go_on(1);
    state->clear(1);  // another source, and four texts from it
    read.assign(1, {}), sources.assign(1, 1);
    go_on(3, texts.source_of(1));
    state->repeat(4);
    read.assign(4, read[0]), sources.assign(4, 1);
    go_on(2);
  }
}

TEST_CASE("a later token changes no logits before it, bit for bit, and each token those from it on") {
  const Texts texts(2);
  for (const ModelConfig& config : pairs()) {
    SmallModel<float> model(config);
    model.stir();
    const auto before = logits(model, texts.tokens, texts.B, texts.source());
    for (long j = 0; j < T; ++j) {
      Ids changed = texts.tokens;
      changed[j] = (changed[j] + 1) % static_cast<int>(V);
      const auto after = logits(model, changed, texts.B, texts.source());
      CHECK(rows_of(before, 0, j, V) == rows_of(after, 0, j, V));
      for (long i = j; i < T; ++i) CHECK(rows_of(before, i, 1, V) != rows_of(after, i, 1, V));
      CHECK(rows_of(before, T, T, V) == rows_of(after, T, T, V));  // the other text
    }
  }
}

TEST_CASE("every real token of a source changes every logit of its text, and padding changes none, bit for bit") {
  const Texts texts(3);
  for (const ModelConfig& config : pairs()) {
    SmallModel<float> model(config);
    model.stir();
    const auto before = logits(model, texts.tokens, texts.B, texts.source());
    for (long i = 0; i < texts.B * S; ++i) {
      Texts changed = texts;
      changed.sources[i] = (changed.sources[i] + 1) % static_cast<int>(V);
      const auto after = logits(model, texts.tokens, texts.B, changed.source());
      for (long row = 0; row < texts.B * T; ++row) {
        const bool same = rows_of(before, row, 1, V) == rows_of(after, row, 1, V);
        CHECK(same == (row / T != i / S || i % S >= texts.lengths[i / S]));
      }
    }
  }
}

TEST_CASE("a source has the same meaning with more padding, and a text alone as among others") {
  const Texts texts(3);
  for (const ModelConfig& config : pairs()) {
    SmallModel<double> model(config);
    model.stir();
    const auto whole = logits(model, texts.tokens, texts.B, texts.source());
    for (long b = 0; b < texts.B; ++b) {
      const long real = texts.lengths[b];
      Ids source = rows_of(texts.sources, b, 1, S);
      source.resize(real);
      const auto expected = rows_of(whole, b * T, T, V);
      CHECK(apart(logits(model, texts.text(b), 1, {source, real}), expected) < 1e-12);
      const Ids length{static_cast<int>(real)};
      source.resize(S + 4, 3);
      CHECK(apart(logits(model, texts.text(b), 1, {source, S + 4, length}), expected) < 1e-12);
    }
  }
}

TEST_CASE("without positions a source is a set: the rows of the encoder move with its tokens, and no logit changes") {
  ModelConfig config = pair_config();
  for (const bool placed : {false, true}) {
    config.position = placed ? Position::learned : Position::none;
    SmallModel<double> model(config);
    model.stir();
    const auto& encoder = dynamic_cast<primer::nn::EncoderDecoder<double>&>(*model.gpt.body).encoder;
    const Ids tokens = random_ids(S, V, "source"), order{3, 6, 0, 1, 5, 2, 4};
    Ids moved;
    for (const int i : order) moved.push_back(tokens[i]);
    const auto rows = [&](const Ids& source) {
      const auto pause = model.tape.pause();
      const auto y = encoder.hidden(model.tape, {source, 1, S}, nullptr);
      return std::vector<double>(y.data(), y.data() + y.size());
    };
    std::vector<double> expected;
    for (const int i : order) {
      const auto row = rows_of(rows(tokens), i, 1, config.channels);
      expected.insert(expected.end(), row.begin(), row.end());
    }
    const Ids text = random_ids(T, V, "text");
    const double changed = apart(logits(model, text, 1, {tokens, S}), logits(model, text, 1, {moved, S}));
    CHECK((apart(rows(moved), expected) < 1e-12) == !placed);
    CHECK((changed < 1e-12) == !placed);
  }
}

TEST_CASE("attention to a source is the sum of what its heads bring, each alone") {
  using primer::nn::CrossAttention;
  constexpr long B = 2, C = 12, H = 3, D = 4;
  Parameters<double> parameters;
  const CrossAttention<double> all(parameters, "all", {.channels = C, .heads = H, .bias = false, .deviation = 0.5});
  std::vector<CrossAttention<double>> alone;
  for (long h = 0; h < H; ++h)
    alone.emplace_back(parameters, "alone." + std::to_string(h),
                       primer::nn::CrossAttentionOptions{.channels = C, .heads = 1, .head_size = D, .bias = false});
  parameters.build(1);
  for (long h = 0; h < H; ++h) {
    const auto& one = alone[h];
    std::copy_n(all.query.weight.data() + h * D * C, D * C, one.query.weight.data());
    for (const long half : {0L, 1L})
      std::copy_n(all.kv.weight.data() + (half * H + h) * D * C, D * C, one.kv.weight.data() + half * D * C);
    for (long c = 0; c < C; ++c)
      std::copy_n(all.output.weight.data() + c * H * D + h * D, D, one.output.weight.data() + c * D);
  }
  Tape<double> tape;
  const auto random = [&](long length, std::string_view purpose) {
    std::vector<double> x(B * length * C);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = Random(2, hash(purpose)).normal(static_cast<long>(i));
    return tape.constant({B, length, C}, x);
  };
  const auto x = random(T, "x"), memory = random(S, "memory");
  const Ids lengths{7, 4};
  const auto y = all({}, x, {memory, lengths});
  CHECK(y.shape == x.shape);
  std::vector<double> sum(y.size());
  for (const auto& one : alone) {
    const auto part = one({}, x, {memory, lengths});
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += part.data()[i];
  }
  CHECK(apart({y.data(), y.data() + y.size()}, sum) < 1e-13);
}

TEST_CASE("an encoder-decoder refuses what it cannot read, and says why") {
  const Texts texts(2);
  ModelConfig config = pair_config();
  const auto refused = [&](const std::string& why, auto call) {
    CAPTURE(why);
    std::string said;
    try {
      call();
    } catch (const Error& e) {
      said = e.what();
    }
    CAPTURE(said);
    CHECK(said.find(why) != std::string::npos);
    CHECK(std::count(said.begin(), said.end(), '\n') == 0);
  };
  SmallModel<float> model(config);
  refused("expected a source to be read", [&] { logits(model, texts.tokens, 2, {}); });
  refused("[encoder-decoder] expected 14 tokens of sources, got 13", [&] {
    logits(model, texts.tokens, 2, {std::span(texts.sources).first(13), S, texts.lengths});
  });
  refused("[encoder-decoder] expected 2 lengths, got 1", [&] {
    logits(model, texts.tokens, 2, {texts.sources, S, std::span(texts.lengths).first(1)});
  });
  refused("got 8", [&] { logits(model, texts.tokens, 2, {texts.sources, S, Ids{8, 1}}); });
  refused("got 17", [&] { logits(model, texts.tokens, 2, {Ids(2 * S, 17), S, texts.lengths}); });
  const Ids wide(2 * 13);
  refused("a source of 13 tokens is longer than the context of 12", [&] {
    logits(model, texts.tokens, 2, {wide, 13});
  });
  refused("longer than the context of 12", [&] { logits(model, wide, 2, texts.source()); });

  const auto state = model.gpt.body->state(2);
  refused("pause the tape", [&] { model.gpt.decode(model.tape, *state, Ids{1, 2}, texts.source()); });
  refused("expected a source to be read", [&] { decode(model, *state, {1, 2}); });
  refused("got 17", [&] { decode(model, *state, {1, 17}, texts.source()); });
  CHECK(state->past() == 0);
  decode(model, *state, {1, 2}, texts.source());
  refused("the state has read its source", [&] { decode(model, *state, {1, 2}, texts.source()); });
  decode(model, *state, {1, 2});
  CHECK(state->past() == 2);
  ModelConfig other = config;
  other.decoder_layers = 2;
  const auto of_other = SmallModel<float>(other).gpt.body->state(2);
  refused("another shape", [&] { decode(model, *of_other, {1, 2}, texts.source()); });

  for (const BodyKind body : {BodyKind::transformer, BodyKind::gru}) {
    SmallModel<float> lone({.body = body, .vocabulary = V, .context = 12, .layers = 1, .heads = 1, .channels = 8});
    refused("no encoder to read a source", [&] { logits(lone, texts.tokens, 2, texts.source()); });
  }
  const auto no_model = [&](const std::string& why, auto change) {
    ModelConfig c = pair_config();
    change(c);
    refused(why, [&] { SmallModel<float> made(c); });
  };
  no_model("0 layers of a decoder or more", [](auto& c) { c.decoder_layers = -1; });
  no_model("only beside a decoder", [](auto& c) { c.decoder_layers = 0, c.source_vocabulary = 5; });
  no_model("for a decoder", [](auto& c) { c.causal = false; });
  no_model("no segments", [](auto& c) { c.segments = 2; });
  no_model("softmax attention beside a decoder, got linear",
           [](auto& c) { c.attention = primer::nn::AttentionKind::linear; });
  no_model("a transformer", [](auto& c) { c.body = BodyKind::lstm; });
  no_model("where token rows are scaled", [](auto& c) { c.body = BodyKind::lstm, c.decoder_layers = 0; });
}
