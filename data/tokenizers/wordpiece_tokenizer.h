// WordPiece as BERT's: a text is normalised and cut into words and punctuation marks, and a word is the longest piece
// of the vocabulary that it begins with, then the longest that goes on with it ("##..."), and so to its end. A word of
// which a part is unknown is [UNK], and so is one of more than 100 symbols.
// Devlin et al., BERT: Pre-training of Deep Bidirectional Transformers (2019), tokenization.py; Song et al., Fast
// WordPiece Tokenization (2021), for the greedy rule's name, MaxMatch.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/text/bert_normalizer.h"
#include "data/tokenizers/tokenizer.h"

namespace primer::data {

struct TokenizerContents;

struct WordPieceVocabulary {
  std::vector<std::string> names;  // [tokens], a piece that goes on with a word after ##
  Specials specials;               // [PAD], [UNK], [CLS], [SEP] and [MASK] count as special wherever they are
  BertRules rules;
};

/// No [UNK], or a name twice, empty, too long or not UTF-8: Fault::input.
std::shared_ptr<const Tokenizer> make_wordpiece_tokenizer(WordPieceVocabulary vocabulary);

/// From a tokenizer.json. Fault::input, or JsonError.
std::shared_ptr<const Tokenizer> wordpiece_tokenizer_from(const TokenizerContents& contents,
                                                          std::vector<std::string> names, const Specials& specials);

}  // namespace primer::data
