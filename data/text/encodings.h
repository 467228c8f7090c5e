// Files that are no UTF-8: texts in another encoding, and what is no text at all.
#pragma once

#include <iconv.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace primer::data {

/// So many bytes of a file's beginning tell what it is.
inline constexpr std::size_t head_bytes = 16;

/// What a file is that is plainly no text.
struct NoText {
  std::string_view name;    // "gzip"
  std::string_view reader;  // the command that writes the text in it to standard output: "zcat"; none if there is none
};
std::optional<NoText> no_text(std::string_view head);

/// "UTF-16" or "UTF-32" where a text begins with the byte order mark of one, else nothing: it is UTF-8, or nobody
/// knows.
std::string marked_encoding(std::string_view head);

/// Turns bytes of an encoding into UTF-8, as they come: iconv(3). A byte order mark is dropped.
class Transcoder {
 public:
  /// An encoding that iconv does not know: Fault::usage.
  explicit Transcoder(const std::string& encoding);
  Transcoder(const Transcoder&) = delete;
  Transcoder& operator=(const Transcoder&) = delete;
  ~Transcoder() { ::iconv_close(converter_); }

  /// Appends what `block` gives to `out`. What is no text in this encoding: Fault::input, with its byte offset.
  void feed(std::string_view block, std::string& out);
  /// The text ends here: appends a letter that was held back, as some encodings do until they know what follows. Within
  /// a character: Fault::input.
  void finish(std::string& out);

 private:
  [[noreturn]] void refuse() const;

  std::string encoding_;
  iconv_t converter_;
  std::string pending_;       // the beginning of a character
  std::uint64_t offset_ = 0;  // bytes turned
};

}  // namespace primer::data
