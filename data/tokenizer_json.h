// The parts of Hugging Face's tokenizer.json that all of our tokenizers share.
// The format: https://github.com/huggingface/tokenizers, tokenizers/src/tokenizer/serialization.rs.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/utf8.h"

namespace primer::data {

/// A tokenizer.json with a BPE model without merges: `names` are the ordinary tokens by id, as the format spells them;
/// `pre_tokenizer` and `decoder` are JSON; the specials become added tokens.
std::string write_tokenizer_json(const std::vector<std::string>& names, std::string_view pre_tokenizer,
                                 std::string_view decoder, const std::map<std::string, int, std::less<>>& specials);

/// GPT-2's printable stand-in for a byte: itself where it is printable, else a code point from U+0100 on.
Symbol byte_level_symbol(unsigned char byte);

/// "<0xFF>" for the stray byte FF.
std::string stray_name(Symbol symbol);

}  // namespace primer::data
