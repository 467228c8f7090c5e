#include "data/text/unicode.h"

#include <utf8proc.h>

#include <array>

namespace primer::data {

namespace {

int category(Symbol symbol) {
  return is_stray(symbol) ? UTF8PROC_CATEGORY_CN : utf8proc_category(static_cast<utf8proc_int32_t>(symbol));
}

// PropList.txt, White_Space: the three separator categories and six control characters.
bool is_white_space(Symbol symbol, int of_category) {
  return (symbol >= 0x9 && symbol <= 0xD) || symbol == 0x85 || of_category == UTF8PROC_CATEGORY_ZS ||
         of_category == UTF8PROC_CATEGORY_ZL || of_category == UTF8PROC_CATEGORY_ZP;
}

SymbolClass looked_up(Symbol symbol) {
  const int of = category(symbol);
  if (of >= UTF8PROC_CATEGORY_LU && of <= UTF8PROC_CATEGORY_LO) return SymbolClass::letter;
  if (of >= UTF8PROC_CATEGORY_ND && of <= UTF8PROC_CATEGORY_NO) return SymbolClass::number;
  return is_white_space(symbol, of) ? SymbolClass::space : SymbolClass::other;
}

// Most text is ASCII or not far from it.
constexpr Symbol near = 0x800;
const std::array<SymbolClass, near>& near_classes() {
  static const std::array<SymbolClass, near> classes = [] {
    std::array<SymbolClass, near> table{};
    for (Symbol symbol = 0; symbol < near; ++symbol) table[symbol] = looked_up(symbol);
    return table;
  }();
  return classes;
}

}  // namespace

SymbolClass class_of(Symbol symbol) {
  static const auto& classes = near_classes();
  return symbol < near ? classes[symbol] : looked_up(symbol);
}

bool is_punctuation(Symbol symbol) {
  if (symbol < 0x80) return symbol > 0x20 && symbol < 0x7F && class_of(symbol) == SymbolClass::other;
  const int of = category(symbol);
  return of >= UTF8PROC_CATEGORY_PC && of <= UTF8PROC_CATEGORY_PO;
}

bool is_control(Symbol symbol) {
  const int of = category(symbol);
  return of == UTF8PROC_CATEGORY_CC || of == UTF8PROC_CATEGORY_CF || of == UTF8PROC_CATEGORY_CO;
}

bool is_nonspacing_mark(Symbol symbol) { return symbol >= 0x300 && category(symbol) == UTF8PROC_CATEGORY_MN; }

int combining_class(Symbol symbol) {
  if (symbol < 0x300 || is_stray(symbol)) return 0;
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(symbol))->combining_class;
}

int decompose(Symbol symbol, Symbol (&parts)[most_parts]) {
  utf8proc_int32_t found[most_parts];
  int boundary = 0;
  const auto count = is_stray(symbol) ? 0
                                      : utf8proc_decompose_char(static_cast<utf8proc_int32_t>(symbol), found,
                                                                most_parts, UTF8PROC_DECOMPOSE, &boundary);
  if (count <= 0 || count > most_parts) {
    parts[0] = symbol;
    return 1;
  }
  for (int i = 0; i < count; ++i) parts[i] = static_cast<Symbol>(found[i]);
  return static_cast<int>(count);
}

Symbol simple_lower(Symbol symbol) {
  if (symbol < 0x80) return symbol >= 'A' && symbol <= 'Z' ? symbol + ('a' - 'A') : symbol;
  if (is_stray(symbol)) return symbol;
  return static_cast<Symbol>(utf8proc_tolower(static_cast<utf8proc_int32_t>(symbol)));
}

}  // namespace primer::data
