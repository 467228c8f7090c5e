#include "train/use/sample_writer.h"

#include <algorithm>
#include <utility>

#include "data/bytes/utf8.h"
#include "data/examples/text_form.h"
#include "train/step/generate.h"
#include "train/step/json_line.h"

namespace primer::train {

std::string StopFilter::feed(const std::string& piece) {
  if (stopped_) return {};
  pending_ += piece;
  std::size_t begin = pending_.size(), end = std::string::npos, kept = 0;
  for (const std::string& stop : stops_) {
    const std::size_t found = pending_.find(stop), behind = found + stop.size();
    if (found != std::string::npos && (behind < end || (behind == end && found < begin))) begin = found, end = behind;
    std::size_t most = std::min(pending_.size(), stop.size() - 1);  // bytes that may be the beginning of this one
    while (most > kept && pending_.compare(pending_.size() - most, most, stop, 0, most) != 0) --most;
    kept = std::max(kept, most);
  }
  stopped_ = end != std::string::npos;
  std::string shown = pending_.substr(0, stopped_ ? begin : pending_.size() - kept);
  pending_.erase(0, shown.size());
  return shown;
}

std::string StopFilter::finish() { return stopped_ ? std::string() : std::exchange(pending_, {}); }

std::string token_json(const data::Tokenizer& tokenizer, int id, double log_probability) {
  const std::string& text = tokenizer.token_text(id);
  JsonLine token;
  token.add("id", static_cast<long>(id)).add_text("text", text);
  if (utf8_ending(text) != 0) {
    std::string bytes;
    for (const char c : text)
      bytes += (bytes.empty() ? "" : ",") + std::to_string(static_cast<int>(static_cast<unsigned char>(c)));
    token.add_json("bytes", "[" + bytes + "]");
  }
  return token.add("logprob", log_probability).text();
}

SampleWriter::SampleWriter(std::shared_ptr<const data::Tokenizer> tokenizer, std::string prompt, SampleForm form,
                           Write write)
    : tokenizer_(std::move(tokenizer)), prompt_(std::move(prompt)), form_(std::move(form)), write_(std::move(write)) {}

void SampleWriter::begin(std::size_t count) {
  texts_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    const char* const separator = std::exchange(is_first_, false) ? "" : "---------------\n";
    texts_.push_back({data::StreamDecoder(tokenizer_), StopFilter(form_.stops)});
    if (!form_.json) texts_.back().held = separator + prompt_;
  }
  front_ = 0;
  release();
}

bool SampleWriter::feed(std::size_t i, int id, double log_probability) {
  Text& text = texts_[i];
  if (form_.json) text.tokens += (text.tokens.empty() ? "" : ",") + token_json(*tokenizer_, id, log_probability);
  if (id != tokenizer_->special(data::end_of_text)) {
    text.held += text.filter.feed(text.decoder.feed(id));
    if (text.filter.stopped()) end(text, "stop");
  } else if (!form_.ignores_end) {
    end(text, "document");
  }
  release();
  return is_read_ && !text.has_ended;
}

void SampleWriter::end(Text& text, const char* why) {
  if (std::exchange(text.has_ended, true)) return;
  // What a decoder still holds is the beginning of a character that never came: it is not shown, unless bytes are.
  if (form_.raw) text.held += text.filter.feed(text.decoder.finish());
  text.held += text.filter.finish();
  if (form_.json) {
    JsonLine line;
    line.add_text("prompt", prompt_).add_text("text", text.held).add_text("end", why);
    text.held = line.add_json("tokens", "[" + std::exchange(text.tokens, {}) + "]").text();
  }
  text.held += '\n';
}

void SampleWriter::end() {
  for (Text& text : texts_) end(text, "length");
  release();
}

void SampleWriter::release() {
  for (; front_ < texts_.size(); ++front_) {
    if (form_.json && !texts_[front_].has_ended) return;
    write(std::exchange(texts_[front_].held, {}));
    if (!texts_[front_].has_ended) return;
  }
}

std::string for_terminal(const std::string& text) {
  std::string out;
  std::string run;  // between line feeds and tabs, which stay
  const auto flush = [&] {
    out += data::printable(run);
    run.clear();
  };
  for (const char c : text) {
    if (c == '\n' || c == '\t') {
      flush();
      out += c;
    } else {
      run += c;
    }
  }
  flush();
  return out;
}

}  // namespace primer::train
