// Which word of a source each word of a translation came from.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "data/tokenizers/tokenizer.h"
#include "train/use/patterns.h"

namespace primer::train {

/// The words that a token has a part of, counted from 0: of blanks alone none. Words are what the blanks of ASCII part,
/// in any language.
struct WordSpan {
  int first = 0, last = -1;
  bool operator==(const WordSpan&) const = default;
};

/// Of every token, by the text that it adds to those before.
std::vector<WordSpan> words_of(const data::Tokenizer& tokenizer, std::span<const int> ids);

/// The words of `line`, of the tokens that it is encoded to: a tokenizer that loses something of a text may cut a word
/// into several, and then they are still one.
std::vector<WordSpan> words_of_line(const data::Tokenizer& tokenizer, std::string_view line);

/// A word of a source and one of its target.
struct WordLink {
  int source = 0, target = 0;
  bool operator==(const WordLink&) const = default;
};

/// For every word of the target, in order, the word of the source that holds the most weight: summed over the tokens of
/// both and over the heads of the last layer; the first of equal ones. A word that looks at no word of the source has
/// none. Spans are those of the tokens without marks.
std::vector<WordLink> linked_words(const Patterns& patterns, std::span<const WordSpan> source,
                                   std::span<const WordSpan> target);

}  // namespace primer::train
