// UTF-8 without loss: a byte string is a sequence of symbols, each a Unicode code point or one stray byte that belongs
// to no valid sequence. Strict: no overlong forms, no surrogates, nothing above U+10FFFF.
// The Unicode Standard, table 3-7, well-formed UTF-8 byte sequences.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace primer::data {

/// 0 ... 0x10FFFF is a code point; 0x110000 + b is the stray byte b. So code points sort before stray bytes.
using Symbol = std::uint32_t;
inline constexpr Symbol first_stray = 0x110000;
inline constexpr Symbol symbol_count = first_stray + 256;
constexpr bool is_stray(Symbol symbol) { return symbol >= first_stray; }

struct Decoded {
  Symbol symbol = 0;
  int width = 0;  // bytes; 0: the bytes are the beginning of a code point and more may follow
};

/// The first symbol of `bytes`, which must not be empty. With `last`, nothing follows `bytes`, and a code point that is
/// cut off is a stray byte. What is decided from some bytes does not change when more follow.
constexpr Decoded decode_symbol(std::string_view bytes, bool last) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const Decoded stray{first_stray + lead, 1};
  if (lead < 0xC2 || lead > 0xF4) return stray;
  const std::size_t width = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range is narrower where an overlong form, a surrogate or a value above 10FFFF would begin.
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  Symbol symbol = lead & (0x7Fu >> width);
  for (std::size_t i = 1; i < width; ++i) {
    if (i == bytes.size()) return last ? stray : Decoded{};
    const unsigned next = byte(i);
    if (next < (i == 1 ? low : 0x80u) || next > (i == 1 ? high : 0xBFu)) return stray;
    symbol = symbol << 6 | (next & 0x3F);
  }
  return {symbol, static_cast<int>(width)};
}

/// Appends the bytes of a symbol: one to four for a code point, one for a stray byte.
inline void append_symbol(std::string& out, Symbol symbol) {
  const auto put = [&](Symbol byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (is_stray(symbol)) {
    put(symbol - first_stray);
  } else if (symbol < 0x80) {
    put(symbol);
  } else if (symbol < 0x800) {
    put(0xC0 | symbol >> 6), put(0x80 | (symbol & 0x3F));
  } else if (symbol < 0x10000) {
    put(0xE0 | symbol >> 12), put(0x80 | (symbol >> 6 & 0x3F)), put(0x80 | (symbol & 0x3F));
  } else {
    put(0xF0 | symbol >> 18), put(0x80 | (symbol >> 12 & 0x3F)), put(0x80 | (symbol >> 6 & 0x3F));
    put(0x80 | (symbol & 0x3F));
  }
}

inline std::string symbol_bytes(Symbol symbol) {
  std::string out;
  append_symbol(out, symbol);
  return out;
}

/// Cuts a stream of blocks into symbols; a symbol may lie across the border of two blocks.
class SymbolReader {
 public:
  /// Calls each(symbol, width in bytes) for every symbol that is complete.
  template <class Each>
  void feed(std::string_view block, Each&& each) {
    while (!pending_.empty() && !block.empty()) {  // at most three bytes, so this loop is short
      pending_ += block.front();
      block.remove_prefix(1);
      drain(false, each);
    }
    while (!block.empty()) {
      const Decoded next = decode_symbol(block, false);
      if (next.width == 0) break;
      each(next.symbol, next.width);
      block.remove_prefix(static_cast<std::size_t>(next.width));
    }
    pending_.append(block);
  }

  /// The stream ends here: what is pending are stray bytes.
  template <class Each>
  void finish(Each&& each) {
    drain(true, each);
  }

 private:
  template <class Each>
  void drain(bool last, Each&& each) {
    while (!pending_.empty()) {
      const Decoded next = decode_symbol(pending_, last);
      if (next.width == 0) return;
      each(next.symbol, next.width);
      pending_.erase(0, static_cast<std::size_t>(next.width));
    }
  }

  std::string pending_;  // the beginning of a code point, at most three bytes
};

/// Cuts a whole byte string into symbols.
template <class Each>
void each_symbol(std::string_view bytes, Each&& each) {
  while (!bytes.empty()) {
    const Decoded next = decode_symbol(bytes, true);
    each(next.symbol, next.width);
    bytes.remove_prefix(static_cast<std::size_t>(next.width));
  }
}

/// Text from a file or a user made fit for one line of a message: control characters (C0, DEL, C1, line separators,
/// direction marks) and stray bytes are shown as \xHH or \u{HEX}; the rest stays.
inline std::string printable(std::string_view text) {
  std::string out;
  char code[16];
  each_symbol(text, [&](Symbol s, int) {
    const bool control = s < 0x20 || (s >= 0x7F && s < 0xA0);
    const bool invisible =
        (s >= 0x200B && s <= 0x200F) || (s >= 0x2028 && s <= 0x202E) || (s >= 0x2060 && s <= 0x2069) || s == 0xFEFF;
    if (is_stray(s)) {
      std::snprintf(code, sizeof code, "\\x%02X", s - first_stray);
      out += code;
    } else if (control || invisible) {
      std::snprintf(code, sizeof code, s < 0x80 ? "\\x%02X" : "\\u{%X}", s);
      out += code;
    } else {
      append_symbol(out, s);
    }
  });
  return out;
}

}  // namespace primer::data
