// Samples as text, or as JSON.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/tokenizers/tokenizer.h"

namespace primer::train {

/// Passes text on until one of the stop texts is complete in it, however it is cut into pieces; of several that end at
/// the same place, the longest counts. Keeps back what may be the beginning of one. An empty one stops nothing.
class StopFilter {
 public:
  explicit StopFilter(std::vector<std::string> stops) : stops_(std::move(stops)) { std::erase(stops_, ""); }
  std::string feed(const std::string& piece);  // what may be shown
  std::string finish();                        // the rest, when the text ended without a stop text
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string pending_;
  bool stopped_ = false;
};

/// How samples are written.
struct SampleForm {
  std::vector<std::string> stops = {};  // see StopFilter
  bool raw = false;                     // the beginning of a character at a text's end, too
  bool json = false;                    // each as a JSON object in a line: prompt, text, why it ended, tokens
  bool ignores_end = false;             // goes on behind the end of a document
};

/// A token as JSON: id, text, its bytes where they are no valid UTF-8, ln p.
std::string token_json(const data::Tokenizer& tokenizer, int id, double log_probability);

/// Writes texts whose tokens come side by side one after the other: the first that has not ended as it comes, up to
/// the last whole character; the others are held back until then. Each is the prompt, what follows up to a stop text,
/// and a line feed; lines of dashes stand between them. JSON is written when its text has ended.
class SampleWriter {
 public:
  using Write = std::function<bool(const std::string&)>;  // false: nobody reads any more

  SampleWriter(std::shared_ptr<const data::Tokenizer> tokenizer, std::string prompt, SampleForm form, Write write);

  void begin(std::size_t count);  // so many texts come next
  /// The next token of text i, and ln p for JSON; false: it has ended, or nobody reads any more. The token end_of_text
  /// is not shown.
  bool feed(std::size_t i, int id, double log_probability = 0);
  void end();  // nothing more comes for any of them
  bool is_read() const { return is_read_; }

 private:
  struct Text {
    data::StreamDecoder decoder;
    StopFilter filter;
    std::string held = {};    // certain, not yet written
    std::string tokens = {};  // JSON
    bool has_ended = false;
  };
  void end(Text& text, const char* why);
  void write(const std::string& text) { is_read_ = is_read_ && write_(text); }
  void release();  // writes what may be written

  std::shared_ptr<const data::Tokenizer> tokenizer_;
  std::string prompt_;
  SampleForm form_;
  Write write_;
  std::vector<Text> texts_;
  std::size_t front_ = 0;  // the first text that is not written to its end
  bool is_first_ = true, is_read_ = true;
};

/// Text for a terminal: control characters other than line feed and tab, C1 and stray bytes too, are shown as \xHH,
/// so that no text can command the terminal.
std::string for_terminal(const std::string& text);

}  // namespace primer::train
