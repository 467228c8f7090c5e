#include "data/tokenizers/tokenizer_files.h"
#include "data/tokenizers/wordpiece_tokenizer.h"
#include "tests/data/fixture.h"

namespace primer::data {

namespace {

std::string utf8(std::initializer_list<Symbol> symbols) {
  std::string text;
  for (const Symbol symbol : symbols) append_symbol(text, symbol);
  return text;
}

std::string normal(std::string_view text, BertRules rules = {}) {
  BertNormalizer normalizer(rules);
  std::string out;
  const auto each = [&](Symbol symbol) { append_symbol(out, symbol); };
  each_symbol(text, [&](Symbol symbol, int) { normalizer.feed(symbol, each); });
  normalizer.finish(each);
  return out;
}

const std::string vocabulary =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\nwant\n##ed\n,\ncafe\n"
    "\xE4\xB8\xAD\n##a\na\n";

std::vector<std::string> pieces_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::string> pieces;
  for (const int id : tokenizer.encode(text)) pieces.push_back(tokenizer.token_text(id));
  return pieces;
}
using Pieces = std::vector<std::string>;

}  // namespace

TEST_CASE("BERT's normaliser cleans, sets ideographs apart, drops accents and lowers") {
  CHECK(normal("H\xC3\xA9llo\t W\xC3\x96RLD\r\n") == "hello  world  ");
  CHECK(normal(utf8({'a', 0, 0xFFFD, 0x200B, 0xAD, 0x85, 0xE000, 'b'})) == "ab");
  CHECK(normal(utf8({0xA0, 0x3000, 0x2028})) == "   ");
  CHECK(normal(utf8({'x', 0x4E2D, 0x6587, 0x3042})) ==
        "x " + utf8({0x4E2D}) + "  " + utf8({0x6587}) + " " + utf8({0x3042}));
  CHECK(normal(utf8({0x130, 0x1E9E, 0x3A3})) == utf8({'i', 0xDF, 0x3C3}));
  CHECK(normal(utf8({0xAC01})) == utf8({0x1100, 0x1161, 0x11A8}));  // Hangul in its letters
  CHECK(normal(utf8({0xF900})) == " " + utf8({0x8C48}) + " ");      // an ideograph's other code point
  CHECK(normal("a\xFF\xE4z") == "az");
  // Marks that are kept are put in canonical order, class 216 before 224 (and 226 stays behind 224).
  CHECK(normal(utf8({'a', 0x302E, 0x1D165, 'b'})) == utf8({'a', 0x1D165, 0x302E, 'b'}));
  CHECK(normal(utf8({0x302E, 0x1D165})) == utf8({0x1D165, 0x302E}));
  CHECK(normal(utf8({'a', 0x302F, 0x302E})) == utf8({'a', 0x302F, 0x302E}));

  BertRules cased;
  cased.lower = cased.strip = false;
  CHECK(normal("H\xC3\xA9\x01", cased) == "H\xC3\xA9");
  BertRules lower_only;
  lower_only.strip = false;
  CHECK(normal(utf8({0x130, 0xC9}), lower_only) == utf8({'i', 0x307, 0xE9}));
  const BertRules none{false, false, false, false};
  CHECK(normal(utf8({0x4E2D, 0x0D, 0xC9, 0x200B}), none) == utf8({0x4E2D, 0x0D, 0xC9, 0x200B}));
}

TEST_CASE("a word is the longest pieces it begins with, or unknown as a whole") {
  const auto tokenizer = parse_wordpiece_vocabulary(vocabulary, "vocab.txt");
  CHECK(tokenizer->kind() == "wordpiece");
  CHECK(pieces_of(*tokenizer, "Unaffable, wanted CAF\xC3\x89!") ==
        Pieces{" un", "aff", "able", " ,", " want", "ed", " cafe", "[UNK]"});
  CHECK(pieces_of(*tokenizer, "unaffablex") == Pieces{"[UNK]"});
  CHECK(pieces_of(*tokenizer,
                  "wanted\xE4\xB8\xAD"
                  "a") == Pieces{" want", "ed", " \xE4\xB8\xAD", " a"});
  CHECK(tokenizer->encode(" \n ").empty());
  CHECK(pieces_of(*tokenizer, std::string(100, 'a')).size() == 100);
  CHECK(pieces_of(*tokenizer, std::string(101, 'a')) == Pieces{"[UNK]"});
  CHECK(pieces_of(*tokenizer, std::string(10'000'000, 'a') + " a") == Pieces{"[UNK]", " a"});
  CHECK(pieces_of(*tokenizer, "a" + utf8({0x301, 0x301}) + "a") == Pieces{" a", "a"});
  // A name is text like any other, but to encode_with_specials.
  CHECK(pieces_of(*tokenizer, "a [MASK]") == Pieces{" a", "[UNK]", "[UNK]", "[UNK]"});
  CHECK(tokenizer->encode_with_specials("[CLS]a [MASK] ,[SEP]") == std::vector<int>{2, 14, 4, 10, 3});
  CHECK(tokenizer->decode(tokenizer->encode("want unaffable")) == "want unaffable");
  const int want = tokenizer->encode("want").at(0), unknown = tokenizer->special("[UNK]");
  CHECK(tokenizer->decode(std::vector<int>{want, unknown, want}) == "want [UNK] want");  // as BertTokenizer does
  CHECK(tokenizer->decode(std::vector<int>{unknown, unknown, want}) == "[UNK] [UNK] want");
  CHECK(!tokenizer->is_lossless());
  CHECK(tokenizer->special("[PAD]") == 0);
  CHECK(tokenizer->special("[MASK]") == 4);
}

TEST_CASE("where the blocks of a text end does not change its word pieces") {
  const auto tokenizer = parse_wordpiece_vocabulary(vocabulary, "vocab.txt");
  const std::string text = "Wanted, CAFE\xCC\x81 \xE4\xB8\xAD\xE4 una\xC3\xA9 " + std::string(101, 'a') + "\xE4\xB8";
  const std::vector<int> ids = tokenizer->encode(text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    std::vector<int> again;
    const auto encoder = tokenizer->encoder();
    encoder->feed(std::string_view(text).substr(0, cut), again);
    encoder->feed(std::string_view(text).substr(cut), again);
    encoder->finish(again);
    CHECK(again == ids);
  }
}

TEST_CASE("a vocabulary with capital letters keeps case and accents") {
  const auto tokenizer = parse_wordpiece_vocabulary("[UNK]\nCaf\xC3\xA9\ncafe\n", "vocab.txt");
  CHECK(pieces_of(*tokenizer, "Caf\xC3\xA9 cafe CAFE") == Pieces{" Caf\xC3\xA9", " cafe", "[UNK]"});
  CHECK(contains(tokenizer->json(), R"("lowercase":false)"));
}

TEST_CASE("a WordPiece tokenizer.json gives the same tokenizer, and the same file again") {
  for (const char* more : {"", "Cased\n"}) {
    const auto tokenizer = parse_wordpiece_vocabulary(vocabulary + more, "vocab.txt");
    const std::string json = tokenizer->json();
    const auto back = parse_tokenizer(json, "t.json");
    CHECK(back->json() == json);
    CHECK(back->specials() == tokenizer->specials());
    CHECK(pieces_of(*back, "Wanted Cased \xE4\xB8\xAD") == pieces_of(*tokenizer, "Wanted Cased \xE4\xB8\xAD"));
  }
  const std::string good = parse_wordpiece_vocabulary(vocabulary, "vocab.txt")->json();
  const auto swapped = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  const auto refusal = [&](const std::string& from, const std::string& to) {
    return refused(Fault::input, [&] { parse_tokenizer(swapped(from, to), "t.json"); });
  };
  // As Hugging Face's own files have them.
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"cleanup\":false", "\"cleanup\":true"},
           {"\"strip_accents\":null", "\"strip_accents\":true"},
           {"\"truncation\":null", R"("truncation":{"max_length":128,"strategy":"LongestFirst","stride":0})"},
           {"\"type\":\"WordPiece\",\"unk_token\"", "\"unk_token\""}}) {
    CHECK(parse_tokenizer(swapped(from, to), "t.json")->json() == good);
  }
  CHECK(contains(parse_tokenizer(swapped("\"strip_accents\":null", "\"strip_accents\":false"), "t.json")->json(),
                 R"("strip_accents":false)"));
  CHECK(contains(refusal("\"lowercase\":true", "\"lowercase\":1"), "lowercase"));
  CHECK(contains(refusal("BertPreTokenizer", "Whitespace"), "pre_tokenizer"));
  CHECK(contains(refusal("\"unk_token\":\"[UNK]\"", "\"unk_token\":\"un\""), "unk_token"));
  CHECK(contains(refusal("\"max_input_chars_per_word\":100", "\"max_input_chars_per_word\":50"), "max_input"));
  CHECK(contains(refusal("\"continuing_subword_prefix\":\"##\"", "\"continuing_subword_prefix\":\"@@\""), "prefix"));
  CHECK(contains(refusal("\"[UNK]\":1", "\"[XXX]\":1"), "[UNK]"));
  CHECK(contains(refusal("\"want\":8", "\"want\":9"), "two tokens have the id 9"));
}

}  // namespace primer::data
