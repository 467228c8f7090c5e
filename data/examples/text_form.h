// The form of a text: what its examples are, and how they become tokens.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/text/stream_split.h"
#include "data/text/text.h"
#include "data/tokenizers/tokenizer.h"

namespace primer::data {

enum class TextForm : std::uint32_t {
  stream,            // tokens as they come: a file is one run of them
  sentences,         // documents parted by blank lines; a sentence ends with its line, or with . ! ? and a space
  labelled_lines,    // label<TAB>text, or two fields of a record
  answered_lines,    // a line is one document of two runs: its prompt with the marker at the end, and its answer
  translated_lines,  // source<TAB>target, or two fields of a record: one document of two runs
};

/// The special token that ends each document of a stream, where it has such.
inline constexpr const char* end_of_text = "<|endoftext|>";

/// What the documents of a stream are: none is told apart; each is a file, or a record; blank lines part
/// them too.
enum class Parting { none, each, blank_lines };
constexpr auto words(Parting) { return std::array<std::string_view, 3>{"none", "each", "blank-lines"}; }

/// The length of a text as it is divided and planned with: its tokens and what stands around them, which is [SEP]
/// behind a sentence and [CLS] behind a document; [CLS], the label and [SEP] of a line; [EOS] of each side.
constexpr std::uint64_t with_marks(TextForm form, std::uint64_t tokens, std::uint64_t examples,
                                   std::uint64_t documents) {
  switch (form) {
    case TextForm::stream:
    case TextForm::answered_lines: break;
    case TextForm::translated_lines: return tokens + examples;
    case TextForm::sentences: return tokens + examples + documents;
    case TextForm::labelled_lines: return tokens + 3 * examples;
  }
  return tokens;
}

/// What a block of a text gives: tokens, and where examples end among them.
struct EncodedBlock {
  struct End {
    std::size_t at;        // tokens of the block before it
    int label;             // of the example that ends there, -1: none
    bool begins_document;  // it is the first of its document
    int part = 0;          // of the split, that it lies in: see StreamCutter
  };
  std::vector<int> tokens;
  std::vector<End> ends;
  std::uint64_t left_out = 0, overlapped = 0, documents = 0;  // see TextFacts
  Unknowns unknown;                                           // symbols
};

/// Encodes one text that arrives in blocks; the cuts between blocks change nothing.
class ExampleEncoder {
 public:
  virtual ~ExampleEncoder() = default;
  /// Appends what is certain so far. What cannot be encoded: Fault::input, with its place.
  virtual void feed(std::string_view block, EncodedBlock& out) = 0;
  /// A document ends here, and another may follow: of a stream.
  virtual void end_document(EncodedBlock&) {}
  /// The text ends here: appends what is left.
  virtual void finish(EncodedBlock& out) = 0;
};

/// How a text becomes tokens. A tokenizer alone reads a stream. Both must live as long.
struct TextReading {
  TextReading(const Tokenizer& t, TextForm f = TextForm::stream, const std::vector<std::string>* l = nullptr,
              std::string_view a = {})
      : tokenizer(&t), form(f), labels(l), answer_after(a) {}

  const Tokenizer* tokenizer;
  TextForm form;
  const std::vector<std::string>* labels;  // of labelled lines, in order
  std::string_view answer_after;           // of lines with answers: the marker, 1 byte or more
  int end = -1;                            // of a stream: the token that ends a document, -1: none is told apart
  bool by_blank_lines = false;             // that, too, of blocks that blank lines part
  bool apart = false;                      // each document is a run of its own

  /// Encodes one text. Of labelled lines, blank ones are left out, and so are blanks around a label; a line without a
  /// tab or a text, or with an unknown label: Fault::input, with the line's number. Of lines with answers, those
  /// without the marker, or with nothing behind it, are left out. Where fields are named the text is records: a
  /// field is a document, in which blank lines part nothing, or what a line with a label or an answer says; what is
  /// wrong with one: Fault::input, with its line. Of source<TAB>target, blank lines and those with a blank side
  /// are left out, and what stands behind a second tab; a line without a tab: Fault::input, with its number. A stream
  /// is cut as the cutter says, and each piece is encoded as a text of its own.
  std::unique_ptr<ExampleEncoder> encoder(const TextFields& fields = {}, StreamCutter cutter = {}) const;

  /// How long a file of these facts is, with_marks(): what was counted, or what the tokenizer knows of a stream whose
  /// symbols it has all.
  std::optional<std::uint64_t> count(const FileFacts& facts) const {
    return form == TextForm::stream && end < 0 && !facts.tokens ? tokenizer->count(facts) : facts.tokens;
  }
};

/// `name`'s id; a tokenizer without it: Fault::input.
int need_special(const Tokenizer& tokenizer, const char* name);

}  // namespace primer::data
