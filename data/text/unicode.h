// What the tokenizers ask of the Unicode Character Database: a code point's class, its letter case, its decomposition.
// The tables are utf8proc's; a stray byte is a symbol of no class.
#pragma once

#include <cstdint>

#include "data/bytes/utf8.h"

namespace primer::data {

/// The classes that GPT-2's pattern tells apart: \p{L}, \p{N}, \s (the property White_Space), and the rest.
enum class SymbolClass : std::uint8_t { letter, number, space, other };
SymbolClass class_of(Symbol symbol);

/// General category P, or any of the ASCII marks that are neither letter, digit nor space (such as $ and +).
/// Devlin et al., BERT, tokenization.py, _is_punctuation.
bool is_punctuation(Symbol symbol);

/// General categories Cc, Cf and Co. Unassigned code points are not among them: a later Unicode may give them a
/// meaning.
bool is_control(Symbol symbol);

/// General category Mn: accents that stand above, below or in what they follow.
bool is_nonspacing_mark(Symbol symbol);

/// The canonical combining class, 0 for a symbol that begins anew. The Unicode Standard, section 3.11.
int combining_class(Symbol symbol);

/// Calls each(part) for the full canonical decomposition of a symbol: itself, if it has none.
template <class Each>
void each_decomposed(Symbol symbol, Each&& each);

/// Calls each(part) for the lower case of a symbol, context left aside; only U+0130 has two parts.
template <class Each>
void each_lower(Symbol symbol, Each&& each);

// ---- below this line is how ---------------------------------------------------------------------------------------

/// At most this many parts, as the Unicode Standard promises for canonical decompositions.
inline constexpr int most_parts = 4;
int decompose(Symbol symbol, Symbol (&parts)[most_parts]);
Symbol simple_lower(Symbol symbol);

template <class Each>
void each_decomposed(Symbol symbol, Each&& each) {
  if (symbol < 0xC0) return each(symbol);  // the first with a decomposition is U+00C0
  Symbol parts[most_parts];
  const int count = decompose(symbol, parts);
  for (int i = 0; i < count; ++i) each(parts[i]);
}

template <class Each>
void each_lower(Symbol symbol, Each&& each) {
  if (symbol == 0x130) {  // I with a dot above, SpecialCasing.txt's only unconditional one of two parts
    each(Symbol{'i'});
    each(Symbol{0x307});
  } else {
    each(simple_lower(symbol));
  }
}

}  // namespace primer::data
