// The same BLEU and chrF as sacrebleu's: tests/golden/make_translation_golden.py wrote them.
#include "train/use/bleu.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "autograd/error.h"
#include "tests/places.h"

using namespace primer::train;
using Json = nlohmann::json;

namespace {

constexpr BleuTokenizer tokenizers[] = {BleuTokenizer::western, BleuTokenizer::chinese};

struct Corpus {
  std::vector<std::string> hypotheses, references;
  Json json;

  const Json& of(BleuTokenizer tokenizer) const { return json.at(std::string(primer::autograd::name(tokenizer))); }
};

std::vector<Corpus> corpora() {
  std::vector<Corpus> all;
  std::ifstream file(std::string(source_directory()) + "/tests/golden/translation/corpora.jsonl");
  for (std::string line; std::getline(file, line);) {
    const Json json = Json::parse(line);
    all.push_back({json.at("hypotheses"), json.at("references"), json});
  }
  return all;
}

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

bool near(double found, double wanted) { return std::abs(found - wanted) <= 1e-9; }

}  // namespace

TEST_CASE("lines are cut into the words that sacrebleu's tokenizers 13a and zh cut them into") {
  std::size_t lines = 0;
  for (const Corpus& corpus : corpora()) {
    for (const BleuTokenizer tokenizer : tokenizers) {
      for (const std::size_t side : {0u, 1u}) {
        const auto& text = side == 0 ? corpus.hypotheses : corpus.references;
        const Json& words = corpus.of(tokenizer).at("words").at(side);
        REQUIRE(words.size() == text.size());
        for (std::size_t i = 0; i < text.size(); ++i, ++lines) {
          CAPTURE(text[i]);
          CHECK(joined(bleu_words(text[i], tokenizer)) == words.at(i).get<std::string>());
        }
      }
    }
  }
  CHECK(lines > 1000);
}

TEST_CASE("BLEU, its precisions, its brevity penalty and its lengths are sacrebleu's") {
  int seen = 0;
  for (const Corpus& corpus : corpora()) {
    for (const BleuTokenizer tokenizer : tokenizers) {
      const Json& wanted = corpus.of(tokenizer);
      const Bleu bleu = corpus_bleu(corpus.hypotheses, corpus.references, tokenizer);
      CAPTURE(corpus.json.at("name").get<std::string>());
      CHECK(near(bleu.score, wanted.at("score")));
      for (std::size_t n = 0; n < Bleu::longest; ++n) CHECK(near(bleu.precisions[n], wanted.at("precisions").at(n)));
      CHECK(near(bleu.brevity_penalty, wanted.at("bp")));
      CHECK(near(bleu.ratio(), wanted.at("ratio")));
      CHECK(bleu.words == wanted.at("length").get<std::uint64_t>());
      CHECK(bleu.reference_words == wanted.at("reference_length").get<std::uint64_t>());
      CHECK(wanted.at("signature").get<std::string>().starts_with(bleu_signature(tokenizer) + "|version:2."));
      ++seen;
    }
  }
  CHECK(seen > 30);
}

TEST_CASE("chrF is sacrebleu's") {
  for (const Corpus& corpus : corpora()) {
    CAPTURE(corpus.json.at("name").get<std::string>());
    CHECK(near(corpus_chrf(corpus.hypotheses, corpus.references), corpus.json.at("chrf")));
    CHECK(corpus.json.at("chrf_signature").get<std::string>().starts_with(std::string(chrf_signature) + "|version:2."));
  }
}

TEST_CASE("the order of the lines changes no score, and a copy of the references has the highest") {
  for (Corpus& corpus : corpora()) {
    if (corpus.references.size() < 10) continue;
    const double before = corpus_bleu(corpus.hypotheses, corpus.references).score;
    CHECK(before <= 100 + 1e-9);
    CHECK(near(corpus_bleu(corpus.references, corpus.references).score, 100));
    CHECK(near(corpus_chrf(corpus.references, corpus.references), 100));
    std::reverse(corpus.hypotheses.begin(), corpus.hypotheses.end());
    std::reverse(corpus.references.begin(), corpus.references.end());
    CHECK(corpus_bleu(corpus.hypotheses, corpus.references).score == before);
  }
}

TEST_CASE(
    "another number of references than of translations, or none, is refused, and bytes that are no UTF-8 are not") {
  const std::vector<std::string> two{"a", "b"}, one{"a"}, none, stray{"a\xFF. \x80"};
  const auto is_refused = [](auto&& some) {
    try {
      some();
      return false;
    } catch (const primer::autograd::Error& error) {
      return error.fault() == primer::autograd::Fault::usage;
    }
  };
  CHECK(is_refused([&] { corpus_bleu(two, one); }));
  CHECK(is_refused([&] { corpus_bleu(none, none); }));
  CHECK(is_refused([&] { corpus_chrf(one, two); }));
  CHECK(is_refused([&] { corpus_chrf(none, none); }));
  CHECK(bleu_words(stray[0], BleuTokenizer::western) == std::vector<std::string>{"a\xFF", ".", "\x80"});
  CHECK(bleu_words(stray[0], BleuTokenizer::chinese) == std::vector<std::string>{"a\xFF", ".", "\x80"});
  CHECK(near(corpus_chrf(stray, stray), 100));
}
