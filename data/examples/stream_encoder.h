// A running text as tokens: its documents, and the pieces that lie in its two parts.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "data/examples/text_form.h"
#include "data/text/lines.h"
#include "data/text/stream_split.h"

namespace primer::data {

/// A file is one run, or one after the other as the cutter cuts it. A document ends with its token, wherever its last
/// byte is. Blank lines are of the document before them; one that says nothing ends with the next.
class StreamEncoder final : public ExampleEncoder {
 public:
  StreamEncoder(const TextReading& reading, StreamCutter cutter)
      : reading_(reading), encoder_(reading.tokenizer->encoder()), cutter_(std::move(cutter)), part_(cutter_.part()) {}

  void feed(std::string_view block, EncodedBlock& out) override {
    cutter_.feed(block, [&](std::string_view piece, int part) {
      if (part != part_) {
        if (after_blank_) end_document(out);
        end_run(out);
      }
      part_ = part;
      encode(piece, out);
    });
  }
  void end_document(EncodedBlock& out) override {
    if (reading_.end < 0 || !has_text_) return;
    encoder_->finish(out.tokens);
    out.tokens.push_back(reading_.end);
    ++out.documents;
    has_text_ = after_blank_ = false;
    is_open_ = true;
    if (!reading_.apart) return;
    end_run(out);
    begins_document_ = true;
    is_open_ = false;
  }
  void finish(EncodedBlock& out) override {
    end_document(out);
    end_run(out);
    out.unknown.add(encoder_->unknown());
  }

 private:
  void encode(std::string_view piece, EncodedBlock& out) {
    std::size_t begin = 0;
    for (std::size_t i = 0; reading_.by_blank_lines && i < piece.size(); ++i) {
      const char c = piece[i];
      if (after_blank_ && c != '\n' && c != '\r') {
        encoder_->feed(piece.substr(begin, i - begin), out.tokens);
        begin = i;
        end_document(out);
      }
      if (c == '\n') after_blank_ = after_blank_ || (has_text_ && line_is_blank_);
      line_is_blank_ = c == '\n' || (line_is_blank_ && is_blank(c));
      has_text_ = has_text_ || !line_is_blank_;
    }
    if (!reading_.by_blank_lines) has_text_ = has_text_ || !is_blank(piece);
    is_open_ = true;
    encoder_->feed(piece.substr(begin), out.tokens);
  }
  void end_run(EncodedBlock& out) {
    if (!is_open_) return;
    encoder_->finish(out.tokens);
    out.ends.push_back({out.tokens.size(), -1, std::exchange(begins_document_, false), part_});
  }

  const TextReading reading_;
  std::unique_ptr<Encoder> encoder_;
  StreamCutter cutter_;
  int part_;                     // of the run
  bool is_open_ = true;          // the run: it may be that nothing follows the last document
  bool begins_document_ = true;  // the run
  bool has_text_ = false;        // the document
  bool line_is_blank_ = true;    // so far
  bool after_blank_ = false;     // the document ends before the next line that is not empty
};

}  // namespace primer::data
