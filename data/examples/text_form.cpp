#include "data/examples/text_form.h"

#include <algorithm>
#include <map>
#include <utility>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "data/examples/stream_encoder.h"
#include "data/text/labels.h"
#include "data/text/lines.h"
#include "data/text/records.h"
#include "data/text/sides.h"

namespace primer::data {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr std::size_t longest_sentence = 1u << 16;  // bytes; a longer one is cut

/// Every record is encoded by itself.
class RecordEncoder : public ExampleEncoder {
 public:
  explicit RecordEncoder(const TextFields& fields, const char* expected = "") : records_(fields, expected) {}
  void feed(std::string_view block, EncodedBlock& out) override {
    records_.feed(block, [&](std::vector<std::string>& texts) { encode(texts, out); });
  }
  void finish(EncodedBlock& out) override {
    records_.finish([&](std::vector<std::string>& texts) { encode(texts, out); });
  }

 protected:
  virtual void encode(std::vector<std::string>& texts, EncodedBlock& out) = 0;
  Records records_;
};

class LabelledLines final : public RecordEncoder {
 public:
  LabelledLines(const TextReading& reading, const TextFields& fields)
      : RecordEncoder(fields, labelled_line), tokenizer_(*reading.tokenizer) {
    // Models of earlier versions may have blanks around their labels, and a label with and without them.
    int number = 0, other = 0;
    for (const std::string& label : *reading.labels) numbers_.emplace(label, number++);
    for (const std::string& label : *reading.labels) numbers_.emplace(without_blanks(label), other++);
  }

 private:
  void encode(std::vector<std::string>& texts, EncodedBlock& out) override {
    if (!is_labelled(texts, records_)) {
      ++out.left_out;
      return;
    }
    const std::string &label = texts[0], &text = texts[1];
    auto at = numbers_.find(label);
    if (at == numbers_.end()) at = numbers_.find(without_blanks(label));
    if (at == numbers_.end()) records_.refuse("'" + printable(label) + "' is none of the model's labels");
    const std::vector<int> tokens = tokenizer_.encode(text, &out.unknown);
    out.tokens.insert(out.tokens.end(), tokens.begin(), tokens.end());
    out.ends.push_back({out.tokens.size(), at->second, true});
  }

  const Tokenizer& tokenizer_;
  std::map<std::string, int, std::less<>> numbers_;  // of the labels
};

/// A sentence ends with its line, and after . ! or ? (and what closes it: quotes, brackets) before a blank, or after
/// the full stop, exclamation and question mark of Chinese and Japanese.
class Sentences final : public ExampleEncoder {
 public:
  /// `is_document`: all of the text is one document.
  Sentences(const Tokenizer& tokenizer, bool is_document) : tokenizer_(tokenizer), is_document_(is_document) {}

  void feed(std::string_view block, EncodedBlock& out) override {
    for (const char c : block) {
      if (c == '\n') {
        if (line_is_blank_ && !is_document_) begins_document_ = true;
        end_sentence(out);
        line_is_blank_ = true;
        continue;
      }
      if (is_blank(c)) {
        if (ended_) end_sentence(out);
        if (!sentence_.empty()) sentence_ += c;
        continue;
      }
      line_is_blank_ = false;
      sentence_ += c;
      const bool closes = c == '"' || c == '\'' || c == ')' || c == ']';
      ended_ = c == '.' || c == '!' || c == '?' || (ended_ && closes);
      if (ends_wide() || sentence_.size() >= longest_sentence) end_sentence(out);
    }
  }
  void finish(EncodedBlock& out) override { end_sentence(out); }

 private:
  bool ends_wide() const {
    const std::string_view text = sentence_;
    return text.ends_with("\u3002") || text.ends_with("\uFF01") || text.ends_with("\uFF1F");
  }
  void end_sentence(EncodedBlock& out) {
    while (!sentence_.empty() && is_blank(sentence_.back())) sentence_.pop_back();
    ended_ = false;
    if (sentence_.empty()) return;
    const std::vector<int> tokens = tokenizer_.encode(sentence_, &out.unknown);
    sentence_.clear();
    if (tokens.empty()) return;
    out.tokens.insert(out.tokens.end(), tokens.begin(), tokens.end());
    out.ends.push_back({out.tokens.size(), -1, std::exchange(begins_document_, false)});
  }

  const Tokenizer& tokenizer_;
  const bool is_document_;
  std::string sentence_;
  bool line_is_blank_ = true;    // so far
  bool ended_ = false;           // the sentence ends if a blank follows
  bool begins_document_ = true;  // with the next sentence
};

/// The answer is what stands behind the first marker, up to and with the line's end, so that a model learns to stop. A
/// line is encoded whole, as any text is; a token is of the answer if its first byte is.
class AnsweredLines final : public ExampleEncoder {
 public:
  explicit AnsweredLines(const TextReading& reading) : tokenizer_(*reading.tokenizer), marker_(reading.answer_after) {
    if (!tokenizer_.is_lossless()) {
      throw Error(Fault::usage, "answers are found by their bytes, which a tokenizer of the kind " +
                                    std::string(tokenizer_.kind()) + " does not keep; take char, byte or bpe:SIZE");
    }
  }

  void feed(std::string_view block, EncodedBlock& out) override {
    lines_.feed(block, [&](std::string_view line) { encode(std::string(line) + '\n', out); });
  }
  void finish(EncodedBlock& out) override {  // the last line has no end of its own
    lines_.finish([&](std::string_view line) { encode(std::string(line), out); });
  }

 private:
  void encode(const std::string& line, EncodedBlock& out) {
    const std::size_t marker = line.find(marker_), begin = marker + marker_.size();  // of the answer
    std::vector<int> tokens;
    Unknowns unknown;
    if (marker != std::string::npos) tokens = tokenizer_.encode(line, &unknown);
    std::size_t prompt = 0, bytes = 0;  // tokens and bytes before the answer's first token
    if (unknown.symbols > 0) prompt = tokenizer_.encode(line.substr(0, bytes = begin)).size();  // a symbol a token
    for (; prompt < tokens.size() && bytes < begin; ++prompt) bytes += tokenizer_.token_text(tokens[prompt]).size();
    if (prompt == 0 || prompt == tokens.size()) {
      out.left_out += std::ranges::all_of(line, is_space) ? 0 : 1;
      return;
    }
    out.overlapped += bytes > begin ? 1 : 0;
    out.unknown.add(unknown);
    out.tokens.insert(out.tokens.end(), tokens.begin(), tokens.end());
    out.ends.push_back({out.tokens.size() - tokens.size() + prompt, -1, true});
    out.ends.push_back({out.tokens.size(), -1, false});
  }

  const Tokenizer& tokenizer_;
  std::string_view marker_;
  LineCutter lines_;
};

/// The sides of a record, each encoded by itself.
class TranslatedLines final : public RecordEncoder {
 public:
  TranslatedLines(const TextReading& reading, const TextFields& fields)
      : RecordEncoder(fields, line_of_sides), tokenizer_(*reading.tokenizer) {}

 private:
  void encode(std::vector<std::string>& sides, EncodedBlock& out) override {
    bool has_more = false;
    const bool is_pair = make_sides(sides, records_, &has_more);
    if (sides.empty()) return;
    const Tokenizer& sources = tokenizer_.of_sources();
    const std::vector<int> read = is_pair ? sources.encode(sides[0], &out.unknown) : std::vector<int>();
    const std::vector<int> written = is_pair ? tokenizer_.encode(sides[1], &out.unknown) : std::vector<int>();
    if (read.empty() || written.empty()) {
      ++out.left_out;
      return;
    }
    out.overlapped += has_more ? 1 : 0;
    for (const int id : read) out.tokens.push_back(id + tokenizer_.source_offset());
    out.ends.push_back({out.tokens.size(), -1, true});
    out.tokens.insert(out.tokens.end(), written.begin(), written.end());
    out.ends.push_back({out.tokens.size(), -1, false});
  }

  const Tokenizer& tokenizer_;
};

/// An encoder of a text, or, `is_document`, of one document of many. Labelled lines have the fields.
std::unique_ptr<ExampleEncoder> encoder_of(const TextReading& reading, const TextFields& fields, bool is_document,
                                           StreamCutter cutter = {}) {
  switch (reading.form) {
    case TextForm::stream: break;
    case TextForm::answered_lines: return std::make_unique<AnsweredLines>(reading);
    case TextForm::sentences: return std::make_unique<Sentences>(*reading.tokenizer, is_document);
    case TextForm::labelled_lines: return std::make_unique<LabelledLines>(reading, fields);
    case TextForm::translated_lines: return std::make_unique<TranslatedLines>(reading, fields);
  }
  return std::make_unique<StreamEncoder>(reading, std::move(cutter));
}

/// Records of each of which one field is a document. A stream goes on from one to the next; else each is a text of its
/// own.
class Documents final : public RecordEncoder {
 public:
  Documents(const TextReading& reading, const TextFields& fields, StreamCutter cutter)
      : RecordEncoder(fields), reading_(reading), encoder_(encoder_of(reading, {}, true, std::move(cutter))) {}

  void finish(EncodedBlock& out) override {
    RecordEncoder::finish(out);
    encoder_->finish(out);
  }

 private:
  void encode(std::vector<std::string>& texts, EncodedBlock& out) override {
    for (const std::string& field : texts) {
      try {
        encoder_->feed(document_of(field), out);
        encoder_->end_document(out);
        if (reading_.form == TextForm::stream) continue;
        encoder_->finish(out);
        encoder_ = encoder_of(reading_, {}, true);
      } catch (const Error& error) {
        records_.refuse(error.what());
      }
    }
  }

  const TextReading reading_;
  std::unique_ptr<ExampleEncoder> encoder_;
};

}  // namespace

std::unique_ptr<ExampleEncoder> TextReading::encoder(const TextFields& fields, StreamCutter cutter) const {
  const bool are_sides = form == TextForm::labelled_lines || form == TextForm::translated_lines;
  if (fields.names.empty() || are_sides) return encoder_of(*this, fields, false, std::move(cutter));
  return std::make_unique<Documents>(*this, fields, std::move(cutter));
}

int need_special(const Tokenizer& tokenizer, const char* name) {
  const int id = tokenizer.special(name);
  if (id < 0) {
    throw Error(Fault::input, std::string("the tokenizer has no ") + name +
                                  ", which this needs; char, byte and bpe:SIZE "
                                  "make one for --objective mlm and classify");
  }
  return id;
}

}  // namespace primer::data
