// How a tokenizer cuts a text, in numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/text/text.h"
#include "data/tokenizers/tokenizer.h"

namespace primer::program {

struct TokenStats {
  std::uint64_t bytes = 0, words = 0, tokens = 0;  // words: runs of symbols without white space
  std::uint64_t unknown = 0;                       // tokens that are [UNK]
  std::vector<std::uint64_t> counts;               // [vocabulary]
};

/// Encodes the text once. Throws what reading and encoding throw.
TokenStats count_stats(const data::Sources& sources, const data::Tokenizer& tokenizer);

/// For people and for programs, with the `top` commonest tokens and the `top` longest that occur.
std::string stats_text(const TokenStats& stats, const data::Tokenizer& tokenizer, long top);
std::string stats_json(const TokenStats& stats, const data::Tokenizer& tokenizer, long top);

}  // namespace primer::program
