// Hugging Face's tokenizer.json, the form in which every tokenizer here is saved.
// The format: https://github.com/huggingface/tokenizers, tokenizers/src/tokenizer/serialization.rs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizers/tokenizer.h"

namespace primer::data {

/// What is to be written. The strings are JSON.
struct TokenizerJson {
  std::string normalizer = "null", pre_tokenizer = "null", post_processor = "null", decoder = "null";
  std::string model = bpe("null");         // what the model says before its vocabulary
  std::vector<std::string> names;          // [tokens of the vocabulary], as the format spells them
  Specials specials;                       // they become added tokens; those that `names` lacks follow it
  std::optional<std::string> merges = "";  // after the vocabulary; WordPiece has none

  /// `unknown` is the token that stands for what the vocabulary lacks, one of its own.
  static std::string bpe(const std::string& unknown) {
    return R"("type":"BPE","dropout":null,"unk_token":)" + unknown +
           R"(,"continuing_subword_prefix":null,"end_of_word_suffix":null,)"
           R"("fuse_unk":false,"byte_fallback":false,"ignore_merges":false)";
  }
};

/// More special tokens or bytes than a reader takes: Fault::input. So whatever is written can be read back.
std::string write_tokenizer_json(const TokenizerJson& file);

/// "<0xFF>" for the stray byte FF.
std::string stray_name(Symbol symbol);

}  // namespace primer::data
