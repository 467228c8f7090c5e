// How a translation looks at its source: the patterns of pairs, beside those of one pair that is watched by hand; and
// the words that are linked by them.
#include "train/use/alignment.h"

#include <doctest/doctest.h>

#include <map>
#include <sstream>

#include "data/tokenizers/tokenizer_files.h"
#include "tests/nn/pairs.h"

using namespace primer::test;
using namespace primer::train;
namespace data = primer::data;

namespace {

/// The patterns of a model's attention to its source, in the order of their layers, put together by hand.
struct Watcher : Observer<float> {
  std::vector<std::string> paths;
  std::map<std::string, std::vector<std::pair<Shape, std::vector<float>>>> seen;

  bool wants(std::string_view path, std::string_view leaf) override {
    return leaf == "pattern" && path.find("encoder") != 0 && path.find(".attention") == path.npos;
  }
  Tensor<float> see(std::string_view path, std::string_view, Tensor<float> x) override {
    auto& of_path = seen[std::string(path)];
    if (of_path.empty()) paths.emplace_back(path);
    of_path.push_back({x.shape, {x.data(), x.data() + x.size()}});
    return x;
  }
  /// Of the n-th layer: what token t looks at, [S].
  std::vector<float> row(long layer, long head, long t) const {
    for (const auto& [shape, numbers] : seen.at(paths.at(static_cast<std::size_t>(layer)))) {
      if (t < shape[2]) return rows_of(numbers, head * shape[2] + t, 1, shape[3]);
      t -= shape[2];
    }
    return {};
  }
};

/// Seventeen tokens, as the models of pairs.h have.
std::shared_ptr<const data::Tokenizer> letters() {
  std::vector<data::Symbol> alphabet;
  for (long i = 0; i < V - 2; ++i) alphabet.push_back(static_cast<data::Symbol>('a' + i));
  return data::make_character_tokenizer(alphabet, std::vector<std::string>{"[BOS]", "[EOS]"});
}

std::vector<std::string> words_in(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

using Spans = std::vector<WordSpan>;

}  // namespace

TEST_CASE("the patterns of pairs are those that the model shows for each alone, of every kind of encoder-decoder") {
  const auto tokenizer = letters();
  const int bos = tokenizer->special("[BOS]"), eos = tokenizer->special("[EOS]");
  std::vector<Ids> sources, targets;
  for (const auto& [s, t] : {std::pair{1, 6}, {11, 1}, {4, 0}, {7, 11}})
    sources.push_back(random_ids(s, V - 2, "source" + std::to_string(s))),
        targets.push_back(random_ids(t, V - 2, "target" + std::to_string(t)));
  long at_once = 0, step_by_step = 0, without = 0;
  for (const ModelConfig& config : pairs()) {
    CAPTURE(name(config.body));
    CAPTURE(name(config.align));
    SmallModel<float> model(config);
    model.stir();
    const long layers = source_layers(model.gpt);
    if (config.body != BodyKind::transformer && config.align == primer::nn::Align::none) {
      CHECK(layers == 0);
      CHECK_THROWS_AS(patterns_of_pairs(model.gpt, *tokenizer, sources, targets, LayerChoice::all), Error);
      ++without;
      continue;
    }
    CHECK(layers == (config.body == BodyKind::transformer ? config.decoder_layers : 1));
    const auto all = patterns_of_pairs(model.gpt, *tokenizer, sources, targets, LayerChoice::all);
    const auto last = patterns_of_pairs(model.gpt, *tokenizer, sources, targets, LayerChoice::last);
    REQUIRE(all.size() == sources.size());
    for (std::size_t i = 0; i < sources.size(); ++i) {
      Ids source = sources[i], read = targets[i];
      source.push_back(eos);
      read.insert(read.begin(), bos);
      const long T = static_cast<long>(read.size()), S = static_cast<long>(source.size());
      Watcher watcher;
      {
        const auto pause = model.tape.pause();
        model.tape.observer = &watcher;
        model.gpt.hidden(model.tape, {.tokens = read, .batch = 1, .length = T, .source = {source, S, {}}});
        model.tape.observer = nullptr;
      }
      const Patterns& found = all[i];
      REQUIRE(static_cast<long>(watcher.paths.size()) == layers);
      CHECK(found.layers == layers);
      CHECK(found.heads == (config.body == BodyKind::transformer ? config.heads : 1));
      CHECK(found.T == T);
      CHECK(found.S == S);
      std::vector<float> expected;
      for (long layer = 0; layer < layers; ++layer)
        for (long head = 0; head < found.heads; ++head)
          for (long t = 0; t < T; ++t) {
            const auto row = watcher.row(layer, head, t);
            expected.insert(expected.end(), row.begin(), row.end());
            double sum = 0;
            for (const float weight : row) sum += static_cast<double>(weight);
            const bool is_local = config.body != BodyKind::transformer && config.align == primer::nn::Align::local;
            CHECK(sum < 1.00001);
            if (!is_local) CHECK(sum > 0.99999);
          }
      CHECK(found.weights == expected);
      CHECK(last[i].layers == 1);
      // the layers before go the fused way, which rounds otherwise
      CHECK(apart(last[i].weights, rows_of(expected, layers - 1, 1, found.heads * T * S)) < 1e-5);
      const auto alone =
          patterns_of_pairs(model.gpt, *tokenizer, {&sources[i], 1}, {&targets[i], 1}, LayerChoice::last);
      CHECK(alone[0].weights == last[i].weights);
      const bool in_steps = watcher.seen.at(watcher.paths[0]).size() > 1;
      (in_steps ? step_by_step : at_once) += T > 1;
    }
  }
  CHECK(at_once > 10);
  CHECK(step_by_step > 10);
  CHECK(without > 0);
}

TEST_CASE("a token has the words of which it has a part, and blanks have none") {
  const auto bytes = data::make_byte_tokenizer({"[BOS]"});
  CHECK(words_of_line(*bytes, " ab  c\f") == Spans{{}, {0, 0}, {0, 0}, {}, {}, {1, 1}, {}});
  CHECK(words_of_line(*bytes, "\xC3\xA9\xE3\x80\x80x") == Spans(6, {0, 0}));  // a blank of Chinese parts no words
  CHECK(words_of_line(*bytes, "").empty());
  CHECK(words_of(*bytes, Ids{'a', 256, ' ', 256}) == Spans{{0, 0}, {0, 0}, {}, {1, 1}});  // a mark is its name
  const auto named = data::make_byte_tokenizer({"[x y]"});  // a token that lies across words
  CHECK(words_of(*named, Ids{'a', 256, 'b', ' ', 256}) == Spans{{0, 0}, {0, 1}, {1, 1}, {}, {2, 3}});
}

TEST_CASE("a line of a tokenizer that splits words has the words of its blanks") {
  const auto pieces =
      data::parse_wordpiece_vocabulary("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ndon\n'\nt\ngo\n##ing\n\u4E2D\nab\n", "v");
  REQUIRE_FALSE(pieces->is_lossless());
  const std::string line = "  Don't \t going qq\u4E2D\u4E2D a\vb go ";
  CHECK(words_of_line(*pieces, line) ==
        Spans{{0, 0}, {0, 0}, {0, 0}, {1, 1}, {1, 1}, {2, 2}, {2, 2}, {2, 2}, {4, 4}, {5, 5}});
  CHECK(words_of_line(*pieces, line).size() == pieces->encode(line).size());
  CHECK(words_of_line(*pieces, "go going") == Spans{{0, 0}, {1, 1}, {1, 1}});
  CHECK(words_of_line(*pieces, " ").empty());
  const Ids ids = pieces->encode("going don't");  // of a translation its words are as they are written: "going don ' t"
  CHECK(words_of(*pieces, ids) == Spans{{0, 0}, {0, 0}, {1, 1}, {2, 2}, {3, 3}});
}

TEST_CASE("a word is linked to the word that holds most of its weight, summed over tokens of both and all heads") {
  const auto tokenizer = data::make_byte_tokenizer();
  const std::vector<std::pair<std::string, std::string>> texts = {
      {"ab cde f", "x yz"}, {"a", "bc d  e"}, {" the  cat sat", "on the mat "}, {"  ", "ab"}, {"ab c", " "}};
  long changed = 0;  // links that the tokens' largest weight alone would not give
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    for (const auto& [source, target] : texts) {
      const long S = static_cast<long>(source.size()) + 1, T = static_cast<long>(target.size()) + 1, heads = 3;
      Patterns patterns{2, heads, T, S};
      const Random random(seed, 1, 2);
      for (long i = 0; i < 2 * heads * T * S; ++i)
        patterns.weights.push_back(static_cast<float>(random.uniform(static_cast<std::uint64_t>(i))));
      const auto links = linked_words(patterns, words_of_line(*tokenizer, source), words_of_line(*tokenizer, target));
      std::vector<WordLink> expected;
      std::size_t at = 0;
      const auto from_words = words_in(source), to_words = words_in(target);
      for (std::size_t to = 0; to < to_words.size() && !from_words.empty(); ++to) {
        at = target.find(to_words[to], at);
        double most = -1, largest = -1;
        int word = -1, of_largest = -1;
        std::size_t place = 0;
        for (std::size_t from = 0; from < from_words.size(); ++from) {
          place = source.find(from_words[from], place);
          double sum = 0;
          for (std::size_t t = at; t < at + to_words[to].size(); ++t)
            for (std::size_t s = place; s < place + from_words[from].size(); ++s)
              for (long head = 0; head < heads; ++head) {  // of the last layer
                const double w =
                    patterns.weights[((heads + head) * T + static_cast<long>(t)) * S + static_cast<long>(s)];
                sum += w;
                if (w > largest) largest = w, of_largest = static_cast<int>(from);
              }
          if (sum > most) most = sum, word = static_cast<int>(from);
          place += from_words[from].size();
        }
        expected.push_back({word, static_cast<int>(to)});
        changed += word != of_largest;
        at += to_words[to].size();
      }
      CHECK(links == expected);
    }
  CHECK(changed > 10);
}

TEST_CASE("of equal words the first is linked, and none to a word that looks at none") {
  const Spans source{{0, 0}, {1, 1}, {1, 2}}, target{{0, 0}, {1, 1}};
  const Patterns patterns{1, 1, 3, 4, {0.5f, 0.25f, 0.25f, 0, 0, 0, 0, 1, 0.5f, 0.5f, 0, 0}};
  CHECK(linked_words(patterns, source, target) == std::vector<WordLink>{{0, 0}});
  CHECK(linked_words({1, 1, 1, 4, {0, 0, 0.5f, 0.5f}}, source, Spans{}) == std::vector<WordLink>{});
  // a token that lies in two words counts for both
  CHECK(linked_words({1, 1, 2, 4, {0.25f, 0.25f, 0.5f, 0, 0, 0, 0, 1}}, source, Spans{{0, 1}}) ==
        std::vector<WordLink>{{1, 0}, {1, 1}});
}
