// The form of a text: what its tokens are parted by, beside being one after the other.
//
// Tokens of a text with a form lie in a row like any others; [CLS] and [SEP], to which no text encodes, part them:
//   sentences        every sentence ends with [SEP], every document with [CLS]
//   labelled lines   every line is [CLS], its label (label k is the vocabulary's size + k), its text, [SEP]
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/tokenizers/tokenizer.h"

namespace primer::data {

enum class TextForm {
  stream,          // tokens as they come
  sentences,       // documents parted by blank lines; a sentence ends with its line, or with . ! ? and a space
  labelled_lines,  // label<TAB>text
};

/// How a text becomes tokens. A tokenizer alone reads a stream. Both must live as long.
struct TextReading {
  TextReading(const Tokenizer& t, TextForm f = TextForm::stream, const std::vector<std::string>* l = nullptr)
      : tokenizer(&t), form(f), labels(l) {}

  const Tokenizer* tokenizer;
  TextForm form;
  const std::vector<std::string>* labels;  // of labelled lines, in order

  /// Encodes one text. Of labelled lines, a line without a tab, an empty one, one without a text or with an unknown
  /// label: Fault::input, with the line's number. A tokenizer without [CLS] or [SEP], unless it is a stream:
  /// Fault::input.
  std::unique_ptr<Encoder> encoder() const;

  /// How many tokens a file of these facts gives: what the tokenizer knows of a stream, or what was counted.
  std::optional<std::uint64_t> count(const FileFacts& facts) const {
    return form == TextForm::stream && tokenizer->count(facts) ? tokenizer->count(facts) : facts.tokens;
  }
};

/// The distinct labels of label<TAB>text lines, in the order of their bytes. Lines that are not such, fewer than two
/// labels, more than 10,000: Fault::input, naming file and line.
std::vector<std::string> survey_labels(const Sources& sources);

/// `name`'s id; a tokenizer without it: Fault::input.
int need_special(const Tokenizer& tokenizer, const char* name);

}  // namespace primer::data
