#include "data/tokenizers/pieces.h"

namespace primer::data {

// Looks at the symbols that say what the piece is; a length for a piece that is complete, else 0.
std::size_t PieceCutter::begin(std::string_view text, bool last) {
  const auto run_of = [](SymbolClass c) {
    return c == SymbolClass::letter   ? Run::letters
           : c == SymbolClass::number ? Run::numbers
           : c == SymbolClass::space  ? Run::spaces
                                      : Run::others;
  };
  if (text.front() == '\'') {
    const char second = text.size() > 1 ? text[1] : '\0', third = text.size() > 2 ? text[2] : '\0';
    if (text.size() == 1 && !last) return 0;
    if (second == 's' || second == 't' || second == 'm' || second == 'd') return 2;
    if (second == 'r' || second == 'v' || second == 'l') {
      if (text.size() == 2 && !last) return 0;
      if (third == (second == 'l' ? 'l' : 'e')) return 3;
    }
  }
  const std::size_t prefix = text.front() == ' ' ? 1 : 0;
  if (prefix == text.size()) return last ? 1 : 0;
  const Decoded first = decode_symbol(text.substr(prefix), last);
  if (first.width == 0) return 0;
  run_ = run_of(class_of(first.symbol));
  // Of two spaces the second may yet be the prefix of what follows, so that the run is looked at from its beginning.
  scanned_ = run_ == Run::spaces && prefix == 1 ? 1 : prefix + static_cast<std::size_t>(first.width);
  return 0;
}

std::size_t PieceCutter::cut(std::string_view text, bool last) {
  if (text.empty()) return 0;
  if (run_ == Run::none) {
    if (const std::size_t length = begin(text, last)) return ended(length);
    if (run_ == Run::none) return 0;
  }
  const SymbolClass own = run_ == Run::letters   ? SymbolClass::letter
                          : run_ == Run::numbers ? SymbolClass::number
                          : run_ == Run::spaces  ? SymbolClass::space
                                                 : SymbolClass::other;
  while (scanned_ < text.size()) {
    const Decoded next = decode_symbol(text.substr(scanned_), last);
    if (next.width == 0) return 0;
    if (class_of(next.symbol) != own) {
      return ended(run_ == Run::spaces && last_space_ > 0 ? last_space_ : scanned_);
    }
    if (run_ == Run::spaces) last_space_ = scanned_;
    scanned_ += static_cast<std::size_t>(next.width);
  }
  return last ? ended(scanned_) : 0;
}

}  // namespace primer::data
