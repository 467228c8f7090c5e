// Tokenizers in the files that people have.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "data/tokenizers/tokenizer.h"

namespace primer::data {

/// Opens what `path` names: a tokenizer.json; a vocab.json or encoder.json and the merges.txt or vocab.bpe beside it
/// (GPT-2's, by either name); a WordPiece vocab.txt; or a folder, where these are looked for in this order.
/// Nothing there, or nothing that this program can use: Fault::input.
std::shared_ptr<const Tokenizer> open_tokenizer(const std::string& path);

/// A byte-level BPE from GPT-2's two files. What is neither a byte nor made by a merge, and looks like <...> or [...],
/// is a special token: plain text cannot become it. The paths are for messages. Fault::input.
std::shared_ptr<const Tokenizer> parse_vocabulary_and_merges(std::string_view vocabulary, std::string_view merges,
                                                             const std::string& vocabulary_path,
                                                             const std::string& merges_path);

/// A WordPiece tokenizer from BERT's vocab.txt. The file does not say whether the text was put into lower case: it was
/// unless some piece has one of the letters A to Z. Fault::input.
std::shared_ptr<const Tokenizer> parse_wordpiece_vocabulary(std::string_view text, const std::string& path);

}  // namespace primer::data
