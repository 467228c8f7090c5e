#include "data/bytes/utf8.h"

#include <vector>

#include "tests/data/fixture.h"

namespace primer::data {

namespace {

std::vector<Symbol> symbols_of(std::string_view text) {
  std::vector<Symbol> out;
  each_symbol(text, [&](Symbol symbol, int) { out.push_back(symbol); });
  return out;
}

}  // namespace

TEST_CASE("every code point comes back from its bytes, surrogates as stray bytes") {
  for (Symbol symbol = 0; symbol < first_stray; ++symbol) {
    const std::string bytes = symbol_bytes(symbol);
    const Decoded back = decode_symbol(bytes, true);
    if (symbol >= 0xD800 && symbol < 0xE000) {
      if (back.symbol != first_stray + 0xED || back.width != 1) FAIL_CHECK("surrogate " << symbol << " was taken");
    } else if (back.symbol != symbol || static_cast<std::size_t>(back.width) != bytes.size()) {
      FAIL_CHECK("code point " << symbol << " came back as " << back.symbol);
    }
  }
}

TEST_CASE("overlong forms, values above U+10FFFF and lone bytes are stray") {
  const auto stray = [](unsigned byte) { return first_stray + byte; };
  CHECK(symbols_of("\xC0\x80") == std::vector<Symbol>{stray(0xC0), stray(0x80)});
  CHECK(symbols_of("\xE0\x80\xAF") == std::vector<Symbol>{stray(0xE0), stray(0x80), stray(0xAF)});
  CHECK(symbols_of("\xF0\x8F\xBF\xBF")[0] == stray(0xF0));
  CHECK(symbols_of("\xF4\x90\x80\x80")[0] == stray(0xF4));
  CHECK(symbols_of("\xF4\x8F\xBF\xBF") == std::vector<Symbol>{0x10FFFF});
  CHECK(symbols_of("\xF5\xFF") == std::vector<Symbol>{stray(0xF5), stray(0xFF)});
  CHECK(symbols_of("\xE4\xBD"
                   "a") == std::vector<Symbol>{stray(0xE4), stray(0xBD), 'a'});
  CHECK(symbols_of("\xE4\xE4\xBD\xA0") == std::vector<Symbol>{stray(0xE4), 0x4F60});
}

TEST_CASE("blocks cut anywhere give the same symbols as the whole, and all bytes come back") {
  const std::string text =
      "a\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80\xE4\xBD"
      "b\xF0\x9F\xC3\xF0\x9F\x98";
  const std::vector<Symbol> whole = symbols_of(text);
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      std::vector<Symbol> cut;
      std::string back;
      std::size_t bytes = 0;
      const auto each = [&](Symbol symbol, int width) {
        cut.push_back(symbol);
        append_symbol(back, symbol);
        bytes += static_cast<std::size_t>(width);
      };
      SymbolReader reader;
      reader.feed(std::string_view(text).substr(0, first), each);
      reader.feed(std::string_view(text).substr(first, second - first), each);
      reader.feed(std::string_view(text).substr(second), each);
      reader.finish(each);
      CHECK(cut == whole);
      CHECK(back == text);
      CHECK(bytes == text.size());
    }
  }
}

TEST_CASE("text for a message shows control characters, marks and stray bytes as codes") {
  CHECK(printable("a\x1b\n\x7f") == "a\\x1B\\x0A\\x7F");
  CHECK(printable("\xC2\x85\xE2\x80\xAE\xEF\xBB\xBF") == "\\u{85}\\u{202E}\\u{FEFF}");
  CHECK(printable("\xFF") == "\\xFF");
  CHECK(printable("\xE4\xBD\xA0 \xC3\xA9") == "\xE4\xBD\xA0 \xC3\xA9");
}

}  // namespace primer::data
