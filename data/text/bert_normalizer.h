// BERT's normaliser: what is done to a text before it is cut into words. It loses information on purpose.
// Devlin et al., BERT: Pre-training of Deep Bidirectional Transformers (2019), tokenization.py.
#pragma once

#include <vector>

#include "data/text/unicode.h"

namespace primer::data {

struct BertRules {
  bool clean = true;       // drop U+0000, U+FFFD and control characters; white space becomes a space
  bool ideographs = true;  // spaces around the ideographs of Chinese, so that each is a word
  bool strip = true;       // decompose (NFD) and drop accents
  bool lower = true;       // lower case
};

/// Normalises a text symbol by symbol. A stray byte counts as U+FFFD.
class BertNormalizer {
 public:
  explicit BertNormalizer(BertRules rules) : rules_(rules) {}

  /// Calls each(symbol) for what is certain so far.
  template <class Each>
  void feed(Symbol symbol, Each&& each) {
    if (is_stray(symbol)) symbol = 0xFFFD;
    if (rules_.clean) {
      if (symbol == 0 || symbol == 0xFFFD) return;
      if (symbol == '\t' || symbol == '\n' || symbol == '\r') symbol = ' ';
      if (is_control(symbol)) return;
      if (class_of(symbol) == SymbolClass::space) symbol = ' ';
    }
    const bool apart = rules_.ideographs && is_ideograph(symbol);
    if (apart) put(' ', each);
    put(symbol, each);
    if (apart) put(' ', each);
  }

  /// The text ends here.
  template <class Each>
  void finish(Each&& each) {
    flush(each);
  }

  /// The blocks that BERT names; not Hangul, Hiragana or Katakana, whose words have spaces or need other rules.
  static bool is_ideograph(Symbol s) {
    if (s < 0x3400) return false;
    return (s >= 0x4E00 && s <= 0x9FFF) || (s >= 0x3400 && s <= 0x4DBF) || (s >= 0x20000 && s <= 0x2A6DF) ||
           (s >= 0x2A700 && s <= 0x2B73F) || (s >= 0x2B740 && s <= 0x2B81F) || (s >= 0x2B920 && s <= 0x2CEAF) ||
           (s >= 0xF900 && s <= 0xFAFF) || (s >= 0x2F800 && s <= 0x2FA1F);
  }

 private:
  template <class Each>
  void put(Symbol symbol, Each&& each) {
    if (!rules_.strip) return cased(symbol, each);
    each_decomposed(symbol, [&](Symbol part) { order(part, each); });
  }

  // Canonical order: symbols that combine with the one before them are sorted by class, those of one class stay as they
  // are. The Unicode Standard, section 3.11, D109. Few are left once accents are dropped; so many that their word
  // is too long to be known anyway are let through unsorted.
  template <class Each>
  void order(Symbol part, Each&& each) {
    if (is_nonspacing_mark(part)) return;
    const int of_class = combining_class(part);
    if (of_class == 0 || combining_.size() == most_combining) flush(each);
    if (of_class == 0) return cased(part, each);
    auto place = combining_.end();
    while (place != combining_.begin() && combining_class(*(place - 1)) > of_class) --place;
    combining_.insert(place, part);
  }

  template <class Each>
  void flush(Each&& each) {
    for (const Symbol symbol : combining_) cased(symbol, each);
    combining_.clear();
  }

  template <class Each>
  void cased(Symbol symbol, Each&& each) {
    if (rules_.lower) {
      each_lower(symbol, each);
    } else {
      each(symbol);
    }
  }

  static constexpr std::size_t most_combining = 128;
  BertRules rules_;
  std::vector<Symbol> combining_;
};

}  // namespace primer::data
