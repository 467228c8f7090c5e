// Decoding with kept keys and values against the whole text computed at once.
#include "nn/attention/kv_cache.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/nn/small_model.h"

using namespace primer::test;
using primer::nn::KvCache;

namespace {

constexpr long V = 17, context = 70;  // attention goes through its queries in blocks of 64

struct Variant {
  std::string name;
  ModelConfig config;
};

/// Every option that decides what a token sees or where it stands.
std::vector<Variant> variants() {
  const ModelConfig base{.vocabulary = V, .context = context, .layers = 2, .heads = 2, .channels = 24};
  std::vector<Variant> all;
  const auto add = [&](const std::string& name, const std::function<void(ModelConfig&)>& change) {
    all.push_back({name, base});
    change(all.back().config);
  };
  for (const long heads : {1L, 2L, 3L, 4L, 8L, 24L})
    add(std::to_string(heads) + " heads", [&](ModelConfig& c) { c.heads = heads; });
  add("learned, biases, untied", [](ModelConfig& c) { c.bias = true, c.output.tie = false; });
  add("sinusoidal", [](ModelConfig& c) { c.position = Position::sinusoidal; });
  add("no positions", [](ModelConfig& c) { c.position = Position::none; });
  add("post-norm, relu", [](ModelConfig& c) { c.norm = NormPlace::post, c.activation = primer::nn::Activation::relu; });
  add("rms norm, gated",
      [](ModelConfig& c) { c.norm_kind = NormKind::rms, c.activation = primer::nn::Activation::swiglu; });
  add("no norm, sinusoidal", [](ModelConfig& c) { c.norm = NormPlace::none, c.position = Position::sinusoidal; });
  add("attention only", [](ModelConfig& c) { c.ffn_channels = -1, c.output.tie = false; });
  add("attention only, no norms, no positions",
      [](ModelConfig& c) { c.ffn_channels = -1, c.norm = NormPlace::none, c.position = Position::none; });
  add("rotary", [](ModelConfig& c) { c.position = Position::rotary; });
  add("rotary, normed, two heads of keys", [](ModelConfig& c) {
    c.position = Position::rotary, c.rope_theta = 100, c.heads = 6, c.kv_heads = 2, c.qk_norm = true;
  });
  add("rotary, one head of keys, wide",
      [](ModelConfig& c) { c.position = Position::rotary, c.heads = 3, c.kv_heads = 1, c.head_size = 14; });
  add("positions of queries and keys",
      [](ModelConfig& c) { c.position = Position::qk, c.heads = 4, c.kv_heads = 2, c.bias = true; });
  using primer::nn::AttentionKind;
  for (const AttentionKind kind : {AttentionKind::linear, AttentionKind::favor, AttentionKind::rfa}) {
    add(std::string(name(kind)), [=](ModelConfig& c) { c.attention = kind; });
    add(std::string(name(kind)) + ", rotary, two heads of keys, few features", [=](ModelConfig& c) {
      c.attention = kind, c.position = Position::rotary, c.heads = 6, c.kv_heads = 2, c.features = 6;
    });
  }
  add("five layers", [](ModelConfig& c) { c.layers = 5; });
  add("no layers", [](ModelConfig& c) { c.layers = 0; });
  add("dropout, which decoding leaves out", [](ModelConfig& c) { c.dropout = 0.3; });
  return all;
}

/// Columns from ... from + n - 1 of rows [B, length].
Ids columns(const Ids& rows, long B, long from, long n) {
  Ids part;
  const long length = static_cast<long>(rows.size()) / B;
  for (long b = 0; b < B; ++b) {
    const auto begin = rows.begin() + b * length + from;
    part.insert(part.end(), begin, begin + n);
  }
  return part;
}

template <class T>
std::vector<T> decode(SmallModel<T>& model, KvCache<T>& cache, const Ids& tokens) {
  const auto pause = model.tape.pause();
  const auto y = model.gpt.decode(model.tape, cache, tokens);
  CHECK(y.shape == Shape{cache.sequences(), model.gpt.config().vocabulary});
  return {y.data(), y.data() + y.size()};
}

/// Of logits [B, length, V] those of one position: [B, V].
template <class T>
std::vector<T> at_position(const std::vector<T>& logits, long B, long position) {
  std::vector<T> part;
  const long length = static_cast<long>(logits.size()) / B / V;
  for (long b = 0; b < B; ++b) {
    const auto begin = logits.begin() + (b * length + position) * V;
    part.insert(part.end(), begin, begin + V);
  }
  return part;
}

template <class T>
constexpr double tolerance = sizeof(T) == 4 ? 1e-4 : 1e-10;

}  // namespace

TEST_CASE_TEMPLATE("decoding token by token gives the logits of the whole text at every position, bit for bit", T,
                   float, double) {
  constexpr long B = 2;
  const Ids tokens = random_ids(B * context, V, "tokens");
  for (const Variant& variant : variants()) {
    CAPTURE(variant.name);
    SmallModel<T> model(variant.config);
    model.stir();
    const auto whole = model.logits(tokens, B);
    CHECK(apart(at_position(whole, B, 0), at_position(whole, B, context - 1)) > 0.01);  // there is something to miss
    KvCache<T> cache(variant.config, B);
    long wrong = 0;
    for (long t = 0; t < context; ++t) {
      CHECK(cache.past() == t);
      wrong += decode(model, cache, columns(tokens, B, t, 1)) != at_position(whole, B, t);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE_TEMPLATE("a text decoded in pieces of any size is the text decoded at once, bit for bit", T, float, double) {
  constexpr long B = 3;
  const Ids tokens = random_ids(B * context, V, "tokens");
  for (const Variant& variant : variants()) {
    CAPTURE(variant.name);
    SmallModel<T> model(variant.config);
    model.stir();
    const auto whole = model.logits(tokens, B);
    const std::vector<std::vector<long>> cuts = {{context}, {3, 5, 1, 61}, {1, 65, 4}, {69, 1}};
    for (const std::vector<long>& pieces : cuts) {
      KvCache<T> cache(variant.config, B);
      long t = 0;
      for (const long n : pieces) {
        const auto y = decode(model, cache, columns(tokens, B, t, n));
        t += n;
        CHECK(y == at_position(whole, B, t - 1));
      }
      CHECK(cache.past() == context);
    }
  }
}

TEST_CASE_TEMPLATE("an observer sees the pattern of new tokens, and watching changes no logits", T, float, double) {
  constexpr long B = 2, past = 9, n = 3;
  struct Watcher : Observer<T> {
    std::vector<Shape> shapes;
    std::vector<T> sums;  // of each row of a pattern
    bool wants(std::string_view, std::string_view) override { return true; }
    Tensor<T> see(std::string_view, std::string_view leaf, Tensor<T> x) override {
      if (leaf != "pattern") return x;
      shapes.push_back(x.shape);
      for (long r = 0; r < x.shape.rows(); ++r) {
        T sum = 0;
        for (long j = 0; j < x.shape.last(); ++j) sum += x.data()[r * x.shape.last() + j];
        sums.push_back(sum);
      }
      return x;
    }
  } watcher;
  const ModelConfig config{.vocabulary = V, .context = context, .layers = 2, .heads = 2, .channels = 24};
  SmallModel<T> model(config);
  model.stir();
  const Ids tokens = random_ids(B * context, V, "tokens");
  const auto whole = model.logits(tokens, B);
  KvCache<T> cache(config, B);
  decode(model, cache, columns(tokens, B, 0, past));
  model.tape.observer = &watcher;
  CHECK(apart(decode(model, cache, columns(tokens, B, past, n)), at_position(whole, B, past + n - 1)) < tolerance<T>);
  CHECK(watcher.shapes == std::vector<Shape>(2, Shape{B, 2, n, past + n}));
  for (const T sum : watcher.sums) CHECK(sum == doctest::Approx(1).epsilon(1e-5));
  model.tape.observer = nullptr;  // what was watched is kept as well
  CHECK(apart(decode(model, cache, columns(tokens, B, past + n, 1)), at_position(whole, B, past + n)) < tolerance<T>);
}

template <class T>
static void check_sequences_alone(const ModelConfig& config) {
  SmallModel<T> model(config);
  model.stir();
  const Ids prompt = random_ids(7, V, "prompt");
  std::vector<Ids> texts(4, prompt);  // what is in the cache, in its order
  const auto last_logits = [&] {      // of every text computed on its own: [B, V]
    std::vector<T> all;
    for (const Ids& text : texts) {
      const auto y = at_position(model.logits(text, 1), 1, static_cast<long>(text.size()) - 1);
      all.insert(all.end(), y.begin(), y.end());
    }
    return all;
  };
  KvCache<T> cache(config, 4);
  cache.clear(1);
  decode(model, cache, prompt);
  cache.repeat(4);
  int next = 0;
  const auto go_on = [&](long n) {
    Ids tokens;
    for (Ids& text : texts)
      for (long i = 0; i < n; ++i) {
        text.push_back(++next * 5 % static_cast<int>(V));
        tokens.push_back(text.back());
      }
    CHECK(decode(model, cache, tokens) == last_logits());
  };
  go_on(1);
  go_on(3);
  cache.drop(1);
  texts[1] = texts[3];
  texts.pop_back();
  go_on(2);
  cache.drop(2);  // the last one: nobody moves
  texts.pop_back();
  go_on(1);
  cache.drop(0);
  texts.erase(texts.begin());
  go_on(1);
  CHECK(cache.sequences() == 1);
  cache.clear(3);
  texts.assign(3, {});
  go_on(5);
}

TEST_CASE("sequences go on alone from a common beginning, and the others stay when one is dropped") {
  using primer::nn::AttentionKind;
  ModelConfig config{.vocabulary = V, .context = context, .layers = 3, .heads = 2, .channels = 24};
  for (const AttentionKind kind : {AttentionKind::softmax, AttentionKind::favor, AttentionKind::rfa}) {
    CAPTURE(name(kind));
    config.attention = kind;
    check_sequences_alone<float>(config);
    check_sequences_alone<double>(config);
  }
}

TEST_CASE(
    "a sequence has the same logits alone and among 8, 9 and 64, bit for bit: every kind of attention and of cell") {
  using primer::nn::AttentionKind;
  std::vector<ModelConfig> configs;
  for (const BodyKind body : {BodyKind::transformer, BodyKind::rnn, BodyKind::gru, BodyKind::lstm})
    for (const AttentionKind kind :
         {AttentionKind::softmax, AttentionKind::linear, AttentionKind::favor, AttentionKind::rfa}) {
      if (body != BodyKind::transformer && kind != AttentionKind::softmax) continue;
      configs.push_back({.body = body, .vocabulary = V, .context = context, .layers = 2, .heads = 2, .channels = 24});
      configs.back().attention = kind;
      configs.back().bias = true;
    }
  constexpr long most = 64;
  for (const ModelConfig& config : configs)
    for (const long prompt : {1L, 40L}) {
      CAPTURE(name(config.body));
      CAPTURE(name(config.attention));
      SmallModel<float> model(config);
      model.stir();
      constexpr long more = 3;
      const Ids tokens = random_ids(most * (prompt + more), V, "tokens");
      const auto written = [&](long first,
                               long B) {  // logits after the prompt and every token that follows, [more + 1, B, V]
        const Ids rows = rows_of(tokens, first, B, prompt + more);
        const auto state = model.gpt.body->state(B);
        std::vector<std::vector<float>> all;
        for (long t = 0; t <= more; ++t) {
          const auto pause = model.tape.pause();
          const auto y = model.gpt.decode(model.tape, *state,
                                          t == 0 ? columns(rows, B, 0, prompt) : columns(rows, B, prompt + t - 1, 1));
          all.emplace_back(y.data(), y.data() + y.size());
        }
        return all;
      };
      const auto all = written(0, most), nine = written(20, 9), eight = written(21, 8);
      for (const long b : {0L, 21L, 28L, 63L}) {
        const auto alone = written(b, 1);
        for (long t = 0; t <= more; ++t) {
          CHECK(alone[t] == rows_of(all[t], b, 1, V));
          if (b / 10 == 2) CHECK(alone[t] == rows_of(nine[t], b - 20, 1, V));
          if (b / 10 == 2) CHECK(alone[t] == rows_of(eight[t], b - 21, 1, V));
        }
      }
    }
}

TEST_CASE("an infinite number reaches the tokens after it and none before it") {
  const ModelConfig config{.vocabulary = V,
                           .context = 8,
                           .layers = 1,
                           .heads = 1,
                           .channels = 4,
                           .position = Position::none,
                           .norm = NormPlace::none,
                           .output = {.tie = false}};
  SmallModel<double> model(config);
  model.stir();
  model.parameters.at("token.weight").data()[3 * 4] = INFINITY;  // token 3 poisons those that see it
  KvCache<double> cache(config, 1);
  for (const double logit : decode(model, cache, {1, 2})) CHECK(std::isfinite(logit));
  for (const double logit : decode(model, cache, {3, 1})) CHECK(!std::isfinite(logit));
  for (const double logit : decode(model, cache, {1})) CHECK(!std::isfinite(logit));
}

TEST_CASE("decoding refuses what it cannot do, and says why") {
  ModelConfig config{.vocabulary = V, .context = 4, .layers = 1, .heads = 1, .channels = 4};
  SmallModel<float> model(config);
  KvCache<float> cache(config, 2);
  const auto refused = [&](const std::string& why, auto call) {
    CAPTURE(why);
    try {
      call();
      FAIL("nothing was refused");
    } catch (const Error& e) {
      CHECK(std::string(e.what()).find(why) != std::string::npos);
    }
  };
  refused("pause the tape", [&] { model.gpt.decode(model.tape, cache, Ids{1, 2}); });
  const auto pause = model.tape.pause();
  refused("for each of 2 sequences, got 3", [&] { model.gpt.decode(model.tape, cache, Ids{1, 2, 3}); });
  refused("for each of 2 sequences, got 0", [&] { model.gpt.decode(model.tape, cache, Ids{}); });
  refused("got 17", [&] { model.gpt.decode(model.tape, cache, Ids{1, 17}); });
  model.gpt.decode(model.tape, cache, Ids{1, 2, 3, 4, 5, 6});
  refused("longer than the context of 4", [&] { model.gpt.decode(model.tape, cache, Ids{1, 2, 3, 4}); });
  CHECK(cache.past() == 3);  // a refusal leaves what was there
  refused("2 sequences or fewer, got 3", [&] { cache.clear(3); });
  KvCache<float> other({.vocabulary = V, .context = 4, .layers = 1, .heads = 1, .channels = 8}, 2);
  refused("another shape", [&] { model.gpt.decode(model.tape, other, Ids{1, 2}); });
  const auto hidden = [&](long batch, const Ids& lengths) {
    model.gpt.body->hidden(model.tape, {Ids(batch), batch, 1, lengths}, &cache);
  };
  refused("with 2 sequences, all of one length, got 3", [&] { hidden(3, {}); });
  refused("all of one length", [&] { hidden(2, {1, 1}); });
  CHECK_NOTHROW(hidden(2, {}));
  config.causal = false;
  SmallModel<float> both_ways(config);
  refused("fills gaps", [&] { both_ways.gpt.body->state(2); });
}
