// Byte pair encoding of bytes: every byte string is a sequence of its tokens.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/tokenizers/bpe.h"
#include "data/tokenizers/tokenizer.h"

namespace primer::data {

/// The most bytes of one token. GPT-2's longest has 128.
inline constexpr std::size_t longest_bpe_token = 1024;

/// A merge as files spell it, in the byte alphabet.
struct NamedMerge {
  std::string left, right;
};

struct BpeVocabulary {
  std::vector<std::string> tokens;  // [tokens], the bytes of each; of a special token anything, its name is taken
  std::vector<Merge> merges;        // by rank; the products may be left open
  Specials specials;
};

/// A tokenizer with GPT-2's pre-tokenisation. Every byte has a token, no two tokens have the same bytes, and the merges
/// are of tokens, each pair once, and make tokens: else Fault::input, naming what is wrong. A special that is named as
/// files spell a token: Fault::usage.
std::shared_ptr<const Tokenizer> make_bpe_tokenizer(BpeVocabulary vocabulary);

/// A vocabulary as files spell it. Nothing is changed about the specials.
/// A name or a pair that does not fit: Fault::input.
BpeVocabulary spelt_vocabulary(const std::vector<std::string>& names, const std::vector<NamedMerge>& merges,
                               const Specials& specials);

}  // namespace primer::data
