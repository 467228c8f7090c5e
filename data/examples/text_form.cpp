#include "data/examples/text_form.h"

#include <algorithm>
#include <set>
#include <utility>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "data/text/lines.h"

namespace primer::data {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr std::size_t longest_sentence = 1u << 16;  // bytes; a longer one is cut
constexpr std::size_t most_labels = 10'000;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }
bool is_blank(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return is_blank(c); });
}

/// The label and the text of a line.
std::pair<std::string_view, std::string_view> parts_of(std::string_view line, const LineCutter& lines) {
  if (line.empty()) lines.refuse("it is empty; expected label<TAB>text");
  const std::size_t tab = line.find('\t');
  if (tab == std::string_view::npos) lines.refuse("it has no tab; expected label<TAB>text");
  if (tab == 0) lines.refuse("it has no label before the tab");
  if (printable(line.substr(0, tab)) != line.substr(0, tab)) lines.refuse("its label cannot be shown as text");
  const std::string_view text = line.substr(tab + 1);
  if (is_blank(text)) lines.refuse("it has no text after the tab");
  return {line.substr(0, tab), text};
}

/// All of a file is one run.
class Stream final : public ExampleEncoder {
 public:
  explicit Stream(const Tokenizer& tokenizer) : encoder_(tokenizer.encoder()) {}
  void feed(std::string_view block, EncodedBlock& out) override { encoder_->feed(block, out.tokens); }
  void finish(EncodedBlock& out) override {
    encoder_->finish(out.tokens);
    out.ends.push_back({out.tokens.size(), -1, true});
  }

 private:
  std::unique_ptr<Encoder> encoder_;
};

class LabelledLines final : public ExampleEncoder {
 public:
  explicit LabelledLines(const TextReading& reading) : tokenizer_(*reading.tokenizer), labels_(*reading.labels) {}

  void feed(std::string_view block, EncodedBlock& out) override {
    lines_.feed(block, [&](std::string_view line) { encode(line, out); });
  }
  void finish(EncodedBlock& out) override {
    lines_.finish([&](std::string_view line) { encode(line, out); });
  }

 private:
  void encode(std::string_view line, EncodedBlock& out) {
    const auto [label, text] = parts_of(line, lines_);
    const auto at = std::lower_bound(labels_.begin(), labels_.end(), label);
    if (at == labels_.end() || *at != label) lines_.refuse("'" + printable(label) + "' is none of the model's labels");
    try {
      for (const int id : tokenizer_.encode(text)) out.tokens.push_back(id);
    } catch (const Error& error) {
      lines_.refuse(error.what());
    }
    out.ends.push_back({out.tokens.size(), static_cast<int>(at - labels_.begin()), true});
  }

  const Tokenizer& tokenizer_;
  const std::vector<std::string>& labels_;
  LineCutter lines_;
};

/// A sentence ends with its line, and after . ! or ? (and what closes it: quotes, brackets) before a blank, or after
/// the full stop, exclamation and question mark of Chinese and Japanese.
class Sentences final : public ExampleEncoder {
 public:
  explicit Sentences(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void feed(std::string_view block, EncodedBlock& out) override {
    for (const char c : block) {
      if (c == '\n') {
        if (line_is_blank_) begins_document_ = true;
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
    const std::vector<int> tokens = tokenizer_.encode(sentence_);
    sentence_.clear();
    if (tokens.empty()) return;
    out.tokens.insert(out.tokens.end(), tokens.begin(), tokens.end());
    out.ends.push_back({out.tokens.size(), -1, std::exchange(begins_document_, false)});
  }

  const Tokenizer& tokenizer_;
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
    try {
      if (marker != std::string::npos) tokens = tokenizer_.encode(line);
    } catch (const Error& error) {
      lines_.refuse(error.what());
    }
    std::size_t prompt = 0, bytes = 0;  // tokens and bytes before the answer's first token
    for (; prompt < tokens.size() && bytes < begin; ++prompt) bytes += tokenizer_.token_text(tokens[prompt]).size();
    if (prompt == tokens.size()) {
      const auto is_space = [](char c) { return c == '\n' || is_blank(c); };
      out.without_answer += std::ranges::all_of(line, is_space) ? 0 : 1;
      return;
    }
    out.overlapped += bytes > begin ? 1 : 0;
    out.tokens.insert(out.tokens.end(), tokens.begin(), tokens.end());
    out.ends.push_back({out.tokens.size() - tokens.size() + prompt, -1, true});
    out.ends.push_back({out.tokens.size(), -1, false});
  }

  const Tokenizer& tokenizer_;
  std::string_view marker_;
  LineCutter lines_;
};

/// The sides of a line, each encoded by itself.
class TranslatedLines final : public ExampleEncoder {
 public:
  explicit TranslatedLines(const TextReading& reading) : tokenizer_(*reading.tokenizer) {}

  void feed(std::string_view block, EncodedBlock& out) override {
    lines_.feed(block, [&](std::string_view line) { encode(line, out); });
  }
  void finish(EncodedBlock& out) override {
    lines_.finish([&](std::string_view line) { encode(line, out); });
  }

 private:
  void encode(std::string_view line, EncodedBlock& out) {
    if (is_blank(line)) return;
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) lines_.refuse("it has no tab; expected source<TAB>target");
    const std::string_view source = line.substr(0, tab), rest = line.substr(tab + 1);
    const std::string_view target = rest.substr(0, rest.find('\t'));
    std::vector<int> read, written;
    try {
      if (!is_blank(source)) read = tokenizer_.encode(source);
      if (!is_blank(target)) written = tokenizer_.encode(target);
    } catch (const Error& error) {
      lines_.refuse(error.what());
    }
    if (read.empty() || written.empty()) {
      ++out.without_answer;
      return;
    }
    out.overlapped += target.size() < rest.size() ? 1 : 0;
    out.tokens.insert(out.tokens.end(), read.begin(), read.end());
    out.ends.push_back({out.tokens.size(), -1, true});
    out.tokens.insert(out.tokens.end(), written.begin(), written.end());
    out.ends.push_back({out.tokens.size(), -1, false});
  }

  const Tokenizer& tokenizer_;
  LineCutter lines_;
};

}  // namespace

std::unique_ptr<ExampleEncoder> TextReading::encoder() const {
  switch (form) {
    case TextForm::translated_lines: return std::make_unique<TranslatedLines>(*this);
    case TextForm::stream: break;
    case TextForm::answered_lines: return std::make_unique<AnsweredLines>(*this);
    case TextForm::sentences: return std::make_unique<Sentences>(*tokenizer);
    case TextForm::labelled_lines: return std::make_unique<LabelledLines>(*this);
  }
  return std::make_unique<Stream>(*tokenizer);
}

std::vector<std::string> survey_labels(const Sources& sources) {
  std::set<std::string, std::less<>> labels;
  for (const Source& source : sources.files) {
    each_line(source, [&](std::string_view line, const LineCutter& lines) {
      const std::string_view label = parts_of(line, lines).first;
      if (!labels.contains(label)) labels.emplace(label);
      if (labels.size() > most_labels) lines.refuse("more than " + std::to_string(most_labels) + " labels");
    });
  }
  if (labels.size() < 2) {
    throw Error(Fault::input, "there is only one label, '" + printable(labels.empty() ? "" : *labels.begin()) +
                                  "'; a model that tells texts apart needs two or more");
  }
  return {labels.begin(), labels.end()};
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
