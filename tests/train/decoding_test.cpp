// Texts that the model writes with its keys and values kept, against a reference that keeps nothing, and how several
// of them become one output.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "data/bytes/utf8.h"
#include "tests/nn/small_model.h"
#include "tests/threads.h"
#include "train/step/generate.h"
#include "train/use/sample_writer.h"

using namespace primer::test;
using namespace primer::train;

namespace {

constexpr int V = 29;

ModelConfig shape(long context, Position position = Position::learned) {
  return {.vocabulary = V,
          .context = context,
          .layers = 2,
          .heads = 2,
          .channels = 16,
          .bias = true,
          .position = position,
          .output = {.tie = false}};
}

/// A model whose texts do not repeat themselves soon.
struct Writer : SmallModel<float> {
  Threads one{1};  // more of them only meet at barriers in so small a model
  explicit Writer(const ModelConfig& config) : SmallModel<float>(config) { stir(); }

  std::map<std::uint64_t, Ids> write(const Ids& prompt, long count, const Sampling& sampling, SampleRange range) {
    std::map<std::uint64_t, Ids> texts;
    generate(gpt, tape, prompt, count, sampling, range, [&](std::uint64_t sample, int id) {
      texts[sample].push_back(id);
      return true;
    });
    return texts;
  }
};

/// How many tokens of a text are not what the whole window, computed at once, gives for their random number; tokens
/// that 1e-4 of a logit or of a probability would make right are.
long wrong_tokens(Writer& writer, const Ids& prompt, const Ids& text, const Sampling& sampling, std::uint64_t sample) {
  const Random random(sampling.seed, hash("generate"), sample);
  const std::size_t context = static_cast<std::size_t>(writer.gpt.config().context);
  Ids window(prompt.end() - static_cast<long>(std::min(prompt.size(), context)), prompt.end());
  ProbabilitySpace space;
  long wrong = 0;
  for (std::size_t n = 0; n < text.size(); ++n) {
    const auto logits = writer.logits(window, 1);  // [T, V]
    const std::vector<float> last(logits.end() - V, logits.end());
    const auto id = static_cast<std::size_t>(text[n]);
    if (sampling.temperature == 0) {
      wrong += *std::max_element(last.begin(), last.end()) - last[id] > 1e-4;
    } else {
      const auto p = probabilities(last, sampling, space);
      double below = 0;  // the sum of the probabilities before the token's
      for (std::size_t i = 0; i < id; ++i) below += p[i];
      const double uniform = random.uniform(n);
      wrong += p[id] == 0 || uniform < below - 1e-4 || uniform > below + p[id] + 1e-4;
    }
    window.push_back(text[n]);
    const std::size_t kept = window.size() <= context ? window.size() : std::max<std::size_t>(context / 2, 1);
    window.erase(window.begin(), window.end() - static_cast<long>(kept));
  }
  return wrong;
}

Sampling greedy() {
  Sampling sampling;
  sampling.temperature = 0;
  return sampling;
}

/// Distinct runs of three tokens.
long variety(const Ids& text) {
  std::set<Ids> runs;
  for (std::size_t i = 0; i + 3 <= text.size(); ++i) runs.insert(Ids(text.begin() + i, text.begin() + i + 3));
  return static_cast<long>(runs.size());
}

void check_texts(long count) {
  const Ids prompt = random_ids(5, V, "prompt");
  long distinct = 0;
  for (const Position position : {Position::learned, Position::sinusoidal, Position::none}) {
    Writer writer(shape(33, position));
    const Ids text = writer.write(prompt, count, greedy(), {})[0];
    REQUIRE(static_cast<long>(text.size()) == count);
    CHECK(wrong_tokens(writer, prompt, text, greedy(), 0) == 0);
    distinct += variety(text);
    const Ids drawn = writer.write(prompt, count, {}, {7, 1})[7];
    CHECK(wrong_tokens(writer, prompt, drawn, {}, 7) == 0);
    CHECK(variety(drawn) > 200);
    CHECK(wrong_tokens(writer, prompt, drawn, {}, 8) > 100);  // the check can fail
  }
  CHECK(distinct > 60);
}

/// The lengths of what was computed at each step.
struct Lengths : Observer<float> {
  std::vector<long> seen;
  bool wants(std::string_view path, std::string_view) override { return path == "embedding"; }
  Tensor<float> see(std::string_view, std::string_view, Tensor<float> x) override {
    seen.push_back(x.shape[1]);
    return x;
  }
};

}  // namespace

TEST_CASE("texts far beyond the context are those of a model that keeps nothing") { check_texts(1000); }

TEST_CASE("ten thousand tokens are those of a model that keeps nothing" * doctest::test_suite("long")) {
  check_texts(10'000);
}

TEST_CASE("contexts of one to five, prompts shorter and longer, and windows computed in pieces") {
  for (const long context : {1L, 2L, 3L, 4L, 5L, 300L}) {
    CAPTURE(context);
    Writer writer(shape(context));
    for (const long length : {1L, context - 1, context, context + 1, 3 * context}) {
      if (length < 1) continue;
      CAPTURE(length);
      const Ids prompt = random_ids(length, V, "prompt");
      const long count = 24;
      for (const auto& [sample, text] : writer.write(prompt, count, {}, {2, 3})) {
        CHECK(static_cast<long>(text.size()) == count);
        CHECK(wrong_tokens(writer, prompt, text, {}, sample) == 0);
      }
    }
  }
}

TEST_CASE("the window grows token by token, and its last half is computed again when it is full") {
  Writer writer(shape(6));
  Lengths lengths;
  writer.tape.observer = &lengths;
  writer.write(random_ids(10, V, "prompt"), 9, {}, {0, 2});
  CHECK(lengths.seen == std::vector<long>{6, 3, 1, 1, 1, 3, 1, 1, 1});
  lengths.seen.clear();
  writer.write({1, 2}, 6, {}, {});
  CHECK(lengths.seen == std::vector<long>{2, 1, 1, 1, 1, 3});
  lengths.seen.clear();
  writer.write({1, 2}, 0, {}, {});
  CHECK(lengths.seen.empty());
}

TEST_CASE("samples made at once are each what their numbers give, whoever of them has ended") {
  Writer writer(shape(16));
  const Ids prompt = random_ids(3, V, "prompt");
  const std::vector<std::size_t> ends = {60, 1, 33, 2, 60, 17};  // tokens after which a sample ends
  std::map<std::uint64_t, Ids> texts;
  generate(writer.gpt, writer.tape, prompt, 50, {}, {10, 6}, [&](std::uint64_t sample, int id) {
    texts[sample].push_back(id);
    return texts[sample].size() < ends[sample - 10];
  });
  REQUIRE(texts.size() == 6);
  for (const auto& [sample, text] : texts) {
    CAPTURE(sample);
    CHECK(text.size() == std::min<std::size_t>(50, ends[sample - 10]));
    CHECK(wrong_tokens(writer, prompt, text, {}, sample) == 0);
  }
  CHECK(texts[10] != texts[14]);
  long calls = 0;
  generate(writer.gpt, writer.tape, prompt, 50, {}, {0, 4}, [&](std::uint64_t, int) { return ++calls > 100; });
  CHECK(calls == 4);
}

TEST_CASE("a sample has the same tokens and hidden rows alone and among 8, 9 and 64: every attention, every cell") {
  using primer::nn::AttentionKind;
  struct Hidden : Observer<float> {  // of the last layer, the last token's rows
    std::vector<std::vector<float>> seen;
    bool wants(std::string_view path, std::string_view leaf) override {
      return leaf == "output" && (path == "blocks.1" || path == "layers.1");
    }
    Tensor<float> see(std::string_view, std::string_view, Tensor<float> x) override {
      const long B = x.shape[0], n = x.shape[1], C = x.shape[2];
      seen.emplace_back();
      for (long b = 0; b < B; ++b) {
        const float* const row = x.data() + ((b + 1) * n - 1) * C;
        seen.back().insert(seen.back().end(), row, row + C);
      }
      return x;
    }
  };
  std::vector<ModelConfig> configs;
  for (const AttentionKind kind :
       {AttentionKind::softmax, AttentionKind::linear, AttentionKind::favor, AttentionKind::rfa}) {
    configs.push_back(shape(64));
    configs.back().attention = kind;
  }
  for (const BodyKind body : {BodyKind::rnn, BodyKind::gru, BodyKind::lstm}) {
    configs.push_back(shape(64));
    configs.back().body = body;
  }
  constexpr long count = 45;  // beyond the context: a window is computed again, in pieces that depend on their number
  for (const ModelConfig& config : configs)
    for (const long length : {1L, 40L}) {
      CAPTURE(name(config.body));
      CAPTURE(name(config.attention));
      CAPTURE(length);
      Writer writer(config);
      Hidden hidden;
      writer.tape.observer = &hidden;
      const Ids prompt = random_ids(length, V, "prompt");
      const auto written = [&](std::uint64_t first, long samples) {
        hidden.seen.clear();
        auto texts = writer.write(prompt, count, {}, {first, samples});
        return std::pair(texts, hidden.seen);
      };
      const auto [text, rows] = written(21, 1);
      const long C = config.channels;
      for (const auto& [first, samples] : {std::pair{21UL, 8L}, {20UL, 9L}, {0UL, 64L}}) {
        CAPTURE(samples);
        auto [texts, all] = written(first, samples);
        CHECK(texts.at(21) == text.at(21));
        const auto of_all = rows_of(all.back(), static_cast<long>(21 - first), 1, C);
        CHECK(of_all == rows.back());
      }
    }
}

TEST_CASE("generating needs a causal model and a prompt") {
  ModelConfig both_ways = shape(8);
  both_ways.causal = false;
  Writer masked(both_ways), writer(shape(8));
  CHECK_THROWS_AS(masked.write({1}, 5, {}, {}), Error);
  CHECK_THROWS_AS(writer.write({}, 5, {}, {}), Error);
}

namespace {

/// What a writer wrote, piece by piece.
struct Output {
  std::vector<std::string> pieces;
  std::size_t most = 1000;  // then the reader goes away
  SampleWriter writer;

  Output(const std::string& prompt, const std::string& stop)
      : writer(primer::data::make_byte_tokenizer(), prompt, {{stop}}, [this](const std::string& piece) {
          if (!piece.empty()) pieces.push_back(piece);
          return pieces.size() < most;
        }) {}

  std::string text() const {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    return all;
  }

  /// Feeds texts side by side, a byte of each in turn, until they end.
  void feed(const std::vector<std::string>& texts) {
    writer.begin(texts.size());
    std::vector<bool> goes_on(texts.size(), true);
    for (std::size_t n = 0; n < 100; ++n)
      for (std::size_t i = 0; i < texts.size(); ++i)
        if (goes_on[i] && n < texts[i].size()) goes_on[i] = writer.feed(i, static_cast<unsigned char>(texts[i][n]));
    writer.end();
  }
};

}  // namespace

TEST_CASE("texts that come side by side are written in order, each up to its stop text") {
  const std::string line = "---------------\n";
  Output output("> ", "end");
  output.feed({"first endless", "second", "en"});
  output.feed({"end", "fourth en", "fifend"});
  CHECK(output.text() == "> first \n" + line + "> second\n" + line + "> en\n" + line + "> \n" + line + "> fourth en\n" +
                             line + "> fif\n");
}

TEST_CASE("the first text that has not ended streams") {
  Output output("", ".");
  output.writer.begin(3);
  const auto feed = [&](std::size_t i, const std::string& bytes) {
    bool goes_on = true;
    for (const char c : bytes) goes_on = output.writer.feed(i, static_cast<unsigned char>(c));
    return goes_on;
  };
  CHECK(feed(2, "cc"));
  CHECK(feed(1, "bb"));
  CHECK(output.text().empty());
  CHECK(feed(0, "aa"));
  CHECK(output.text() == "aa");
  CHECK_FALSE(feed(1, "."));
  CHECK(output.text() == "aa");
  CHECK_FALSE(feed(0, "a."));
  CHECK(output.text() == "aaa\n---------------\nbb\n---------------\ncc");
  CHECK(feed(2, "c"));
  CHECK(output.text().ends_with("ccc"));
  output.writer.end();
  CHECK(output.text().ends_with("ccc\n"));
}

TEST_CASE("no piece of output cuts a character, whatever the stop text shares with it") {
  const std::string text = "a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80z";  // one to four bytes
  for (const std::string stop : {"", "\xC3\xA8", "\xE4\xB8\xAE", "zz"}) {
    Output output("", stop);
    output.feed({text, text, text.substr(0, text.size() - 2)});  // the last ends inside a character
    for (const std::string& piece : output.pieces)
      primer::data::each_symbol(piece, [](primer::data::Symbol s, int) { CHECK_FALSE(primer::data::is_stray(s)); });
    const std::string whole = text + "\n---------------\n";
    CHECK(output.text() == whole + whole + text.substr(0, 6) + "\n");
  }
  Output output("", "\xE4\xB8\xAD");
  output.feed({text});
  CHECK(output.text() == "a\xC3\xA9\n");
}

TEST_CASE("when the reader goes away nothing more is written and every text ends") {
  Output output("", "");
  output.most = 3;
  output.writer.begin(2);
  CHECK(output.writer.feed(0, 'a'));
  CHECK(output.writer.feed(0, 'b'));
  CHECK_FALSE(output.writer.feed(0, 'c'));
  CHECK_FALSE(output.writer.feed(1, 'd'));
  output.writer.end();
  CHECK_FALSE(output.writer.is_read());
  CHECK(output.text() == "abc");
}
