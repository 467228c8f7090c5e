// Symbols that a vocabulary of characters lacks: read as [UNK], or left out, and counted.
#include <doctest/doctest.h>

#include "data/examples/encoded_text.h"
#include "data/examples/token_file.h"
#include "data/examples/windows.h"
#include "data/text/text.h"
#include "data/tokenizers/tokenizer.h"
#include "tests/data/fixture.h"

using namespace primer::data;

namespace {

std::vector<Symbol> symbols_of(const std::string& text) {
  std::vector<Symbol> symbols;
  each_symbol(text, [&](Symbol symbol, int) { symbols.push_back(symbol); });
  return symbols;
}

/// A text in a file of tokens.
struct Encoded {
  TemporaryFolder folder;
  TextFacts facts;
  Unknowns unknown;

  Encoded(const std::string& text, const TextReading& reading) {
    const Sources sources = collect_sources({folder.put("text", text)});
    facts = survey(sources);
    EncodedText encoded(folder / "tokens", sources, facts, reading);
    encoded.commit(0);
    unknown = encoded.unknown();
  }
};

}  // namespace

TEST_CASE("a symbol that the vocabulary lacks is left out and counted, the first by name") {
  const auto tokenizer = make_character_tokenizer(symbols_of("a\xE4\xBD\xA0"));
  const auto first_of = [&](const std::string& text, std::uint64_t count) {
    Unknowns unknown;
    tokenizer->encode(text, &unknown);
    CHECK(unknown.symbols == count);
    return unknown.first;
  };
  CHECK(tokenizer->unknown() == -1);
  CHECK(tokenizer->encode("a\xE4\xBD\xA0"
                          "bac") == std::vector<int>{0, 1, 0});
  CHECK(first_of("a\xE4\xBD\xA0"
                 "bac",
                 2) == "the symbol \"b\" (U+0062)");
  CHECK(first_of("a\xF0\x9F\x98\x80", 1).find("(U+1F600)") != std::string::npos);
  CHECK(first_of("a\x1b", 1) == "the symbol \"\\x1B\" (U+001B)");
  CHECK(first_of("aa\xFF", 1) == "the stray byte 0xFF");
  CHECK(first_of("aa\xE4\xBD", 2) == "the stray byte 0xE4");
  CHECK(first_of("aa", 0).empty());
  Unknowns both;
  tokenizer->encode("xa", &both);
  tokenizer->encode("yaz", &both);
  CHECK(
      tokenizer->unknown_note(both) ==
      "3 symbols of the text are not in the vocabulary and are left out, the first of them the symbol \"x\" (U+0078)");
}

TEST_CASE("[UNK] stands for what the vocabulary lacks, and is a model's unk_token to other programs") {
  const auto tokenizer = make_character_tokenizer(symbols_of("ab\xFF"), std::vector<std::string>{"[CLS]", "[UNK]"});
  CHECK(tokenizer->unknown() == 4);
  Unknowns unknown;
  CHECK(tokenizer->encode("a?b[UNK]\xFE", &unknown) == std::vector<int>{0, 4, 1, 4, 4, 4, 4, 4, 4});
  CHECK(unknown.symbols == 7);  // plain text does not become a special token
  CHECK(tokenizer->encode_with_specials("a[UNK]") == std::vector<int>{0, 4});
  const std::string json = tokenizer->json();
  CHECK(json.find("\"unk_token\":\"[UNK]\"") != std::string::npos);
  const auto again = parse_tokenizer(json, "t.json");
  CHECK(again->json() == json);
  CHECK(again->unknown() == 4);
  CHECK(again->special("[CLS]") == 3);
  const std::string without = make_character_tokenizer(symbols_of("ab"), {"[CLS]"})->json();
  CHECK(without.find("\"unk_token\":null") != std::string::npos);
  std::string other = json;
  other.replace(other.find("\"unk_token\":\"[UNK]\""), 19, "\"unk_token\":\"[CLS]\"");
  refused(Fault::input, [&] { parse_tokenizer(other, "t.json"); });
}

TEST_CASE("a vocabulary grows behind all that it has, its specials too") {
  for (const bool has_unknown : {false, true}) {
    const auto small =
        make_character_tokenizer(symbols_of("ab"), has_unknown ? std::vector<std::string>{"[MASK]", "[UNK]"}
                                                               : std::vector<std::string>{"[MASK]"});
    const auto large = small->with(symbols_of("xay"));
    const int size = small->vocabulary_size();
    CHECK(large->vocabulary_size() == size + 2);
    CHECK(large->special("[MASK]") == 2);
    CHECK(large->unknown() == small->unknown());
    CHECK(large->encode("abxy") == std::vector<int>{0, 1, size, size + 1});
    CHECK(large->decode({{2, size + 1}}) == "[MASK]y");
    const auto again = parse_tokenizer(large->json(), "t.json");
    CHECK(again->json() == large->json());
    CHECK(again->encode("yx") == std::vector<int>{size + 1, size});
    CHECK(small->with(symbols_of("ba"))->json() == small->json());
  }
  CHECK(make_byte_tokenizer()->with(symbols_of("x")) == nullptr);
}

TEST_CASE("a token of unknown text is read and not predicted, and has no bytes") {
  const auto tokenizer = make_character_tokenizer(symbols_of("abc"), {"[UNK]"});
  const Encoded text("ab?ca!", *tokenizer);
  CHECK(text.unknown.symbols == 2);
  CHECK(text.unknown.first == "the symbol \"?\" (U+003F)");
  const TokenFile file(text.folder / "tokens");
  CHECK(file.train_bytes() == 4);
  auto windows = std::make_unique<Windows>(file.train(), 5, 1);
  windows->unknown = tokenizer->unknown();
  EvaluationBatches batches(std::move(windows));
  Batch batch;
  REQUIRE(batches.next(1, batch));
  CHECK(batch.tokens == std::vector<int>{0, 1, 3, 2, 0});
  CHECK(batch.targets == std::vector<int>{1, -1, 2, 0, -1});
  CHECK(batch.unknown == 2);
  CHECK(batch.target_count() == 3);
}

TEST_CASE("an answer begins behind its marker, whatever the prompt holds") {
  const std::string lines =
      "1\xC3\x9F+?=3\n12=\xC3\xB6"
      "3\n";
  for (const bool has_unknown : {false, true}) {
    const auto tokenizer = make_character_tokenizer(
        symbols_of("123+=\n"), has_unknown ? std::vector<std::string>{"[UNK]"} : std::vector<std::string>{});
    const Encoded text(lines, TextReading(*tokenizer, TextForm::answered_lines, nullptr, "="));
    CHECK(text.unknown.symbols == 3);
    const TokenFile file(text.folder / "tokens");
    std::vector<std::string> runs;
    for (const Example& example : file.train().examples()) {
      std::vector<int> ids(example.tokens);
      file.train().read(example.begin, example.tokens, ids.data());
      runs.push_back(tokenizer->decode(ids));
    }
    const std::string u = has_unknown ? "[UNK]" : "";
    CHECK(runs == std::vector<std::string>{"1" + u + "+" + u + "=", "3\n", "12=", u + "3\n"});
  }
}

TEST_CASE("a line of which only the answer is known is no example") {
  const auto tokenizer = make_character_tokenizer(symbols_of("3\n"));
  const TextReading reading(*tokenizer, TextForm::answered_lines, nullptr, "=");
  CHECK(contains(refused(Fault::input, [&] { Encoded("x=3\n", reading); }), "'=' stands in no line"));
}

TEST_CASE("a text of which the vocabulary has nothing is refused") {
  for (const bool has_unknown : {false, true}) {
    const auto tokenizer = make_character_tokenizer(
        symbols_of("abc"), has_unknown ? std::vector<std::string>{"[UNK]"} : std::vector<std::string>{});
    CHECK(contains(refused(Fault::input, [&] { Encoded("xyz", *tokenizer); }), "nothing of the text is in the voc"));
    Encoded("xyza", *tokenizer);
  }
}
