#include "data/tokenizers/pieces.h"

#include <doctest/doctest.h>

#include <regex>
#include <string>
#include <vector>

#include "data/text/unicode.h"

namespace primer::data {

namespace {

using Pieces = std::vector<std::string>;

/// The pieces of a text that arrives in blocks of `block` bytes.
Pieces pieces_of(std::string_view text, std::size_t block) {
  PieceCutter cutter;
  Pieces pieces;
  std::size_t begin = 0;  // of the open piece
  for (std::size_t end = 0; end <= text.size(); end += block) {
    const bool last = end + block > text.size();
    const std::size_t known = last ? text.size() : end;
    while (const std::size_t length = cutter.cut(text.substr(begin, known - begin), last)) {
      pieces.emplace_back(text.substr(begin, length));
      begin += length;
    }
    CHECK(cutter.certain() <= known - begin);
  }
  CHECK(begin == text.size());
  return pieces;
}

Pieces pieces_of(std::string_view text) { return pieces_of(text, text.size() + 1); }

}  // namespace

TEST_CASE("pieces are those of GPT-2's pattern") {
  CHECK(pieces_of("").empty());
  CHECK(pieces_of("Hello world") == Pieces{"Hello", " world"});
  CHECK(pieces_of("it's we'll 'tis I'M") == Pieces{"it", "'s", " we", "'ll", " '", "tis", " I", "'", "M"});
  CHECK(pieces_of("''s x're'") == Pieces{"''", "s", " x", "'re", "'"});
  CHECK(pieces_of("a  b   \n\n c\n\nd") == Pieces{"a", " ", " b", "   \n\n", " c", "\n", "\n", "d"});
  CHECK(pieces_of("end.  ") == Pieces{"end", ".", "  "});
  CHECK(pieces_of("x1y22, 3") == Pieces{"x", "1", "y", "22", ",", " 3"});
  CHECK(pieces_of("\t!?\xC2\xA0_") == Pieces{"\t", "!?", "\xC2\xA0", "_"});
  // Letters, numbers and spaces are Unicode's; a mark that combines is neither letter nor number.
  CHECK(pieces_of("\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C \xD9\xA3\xC2\xBD") ==
        Pieces{"\xE4\xBD\xA0\xE5\xA5\xBD", "\xEF\xBC\x8C", " \xD9\xA3\xC2\xBD"});
  CHECK(pieces_of("e\xCC\x81t") == Pieces{"e", "\xCC\x81", "t"});
  CHECK(pieces_of("\xE3\x80\x80\xE3\x80\x80x") == Pieces{"\xE3\x80\x80", "\xE3\x80\x80", "x"});
  // A stray byte is one of the other symbols.
  CHECK(pieces_of("a \xFF!\x80 b\xE4\xBD") == Pieces{"a", " \xFF!\x80", " b", "\xE4\xBD"});
}

TEST_CASE("pieces are those that a regular expression library finds, for every short string of some symbols") {
  const std::regex pattern("'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\\sA-Za-z0-9]+|\\s+(?!\\S)|\\s+");
  const std::string symbols = "a1 '\nsl.";
  for (std::size_t length = 1, count = symbols.size(); length <= 5; ++length, count *= symbols.size()) {
    for (std::size_t number = 0; number < count; ++number) {
      std::string text;
      for (std::size_t i = 0, rest = number; i < length; ++i, rest /= symbols.size())
        text += symbols[rest % symbols.size()];
      if (length == 5 && number % 7 != 0) continue;  // the library is slow
      Pieces expected;
      for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
        expected.push_back(match->str());
      }
      if (pieces_of(text) != expected) FAIL_CHECK("pieces of \"" << text << "\"");
    }
  }
}

TEST_CASE("where the blocks of a text end does not change its pieces") {
  const std::string text = "We'd  say 'll \xE4\xBD\xA0\xE5 \xF0\x9F\x98\x80\xF0\x9F\x98 \n\t x'r 'v''re 12  \xC2\xA0 '";
  for (std::size_t block = 1; block < text.size(); ++block) CHECK(pieces_of(text, block) == pieces_of(text));
}

TEST_CASE("of an open piece, what is certain can be forgotten as it comes") {
  for (const std::string& run : {std::string(1000, 'a'), " " + std::string(999, '!'), std::string(1000, ' ')}) {
    CAPTURE(run[500]);
    const std::string text = run + "\n";
    PieceCutter cutter;
    std::size_t begin = 0;  // of what is not forgotten
    for (std::size_t end = 100; end <= run.size(); end += 100) {
      REQUIRE(cutter.cut(std::string_view(text).substr(begin, end - begin), false) == 0);
      const std::size_t certain = cutter.certain();
      CHECK(certain >= end - begin - 1);
      cutter.forget(certain - 1);
      begin += certain - 1;
    }
    // The run ends where it ends without forgetting: white space goes on with the line feed, its last symbol.
    const std::size_t length = cutter.cut(std::string_view(text).substr(begin), true);
    CHECK(begin + length == (run[500] == ' ' ? text.size() : run.size()));
  }
}

TEST_CASE("the classes of symbols are Unicode's") {
  const auto classes = [](Symbol symbol) { return class_of(symbol); };
  for (const Symbol s : {0x41u, 0xAAu, 0xE9u, 0x4E2Du, 0x3042u, 0xAC00u, 0x20000u, 0x2B0u})
    CHECK(classes(s) == SymbolClass::letter);
  for (const Symbol s : {0x30u, 0xB2u, 0xBDu, 0x663u, 0x2167u, 0x3007u, 0xFF11u})
    CHECK(classes(s) == SymbolClass::number);
  for (const Symbol s : {0x9u, 0xBu, 0x20u, 0x85u, 0xA0u, 0x1680u, 0x2009u, 0x2028u, 0x2029u, 0x202Fu, 0x3000u}) {
    CHECK(classes(s) == SymbolClass::space);
  }
  for (const Symbol s : {0x0u, 0x1Cu, 0x7Fu, 0x301u, 0x200Bu, 0xFEFFu, 0x1F600u, 0x10FFFFu, first_stray + 0x80}) {
    CHECK(classes(s) == SymbolClass::other);
  }
  for (const Symbol s : {0x24u, 0x2Bu, 0x7Eu, 0xA1u, 0x3002u, 0xFF0Cu}) CHECK(is_punctuation(s));
  for (const Symbol s : {0x20u, 0x41u, 0x7Fu, 0xA9u, 0x20ACu, first_stray + 0x80}) CHECK(!is_punctuation(s));
  for (const Symbol s : {0x0u, 0x7Fu, 0x85u, 0xADu, 0x200Bu, 0xE000u}) CHECK(is_control(s));
  for (const Symbol s : {0x20u, 0x378u, 0x2028u, first_stray + 0x80}) CHECK(!is_control(s));
}

}  // namespace primer::data
