// Files that are no UTF-8: texts in another encoding, and what is no text at all.
#pragma once

#include <iconv.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace primer::data {

/// So many bytes of a file's beginning tell what it is: tar's mark stands at 257.
inline constexpr std::size_t head_bytes = 264;

/// What a file is that is plainly no text.
struct NoText {
  std::string_view name;    // "gzip"
  std::string_view reader;  // the command that writes the text in it to standard output: "zcat"; none if there is none
};
std::optional<NoText> no_text(std::string_view head);

/// The name of the encoding in which a text is taken as it stands, whatever its first bytes look like.
inline constexpr std::string_view as_bytes = "bytes";

/// What a text is in that begins with `head`: what its byte order mark says, else `wish`. UTF-16 and UTF-32 have
/// marks, and UTF-8 may have one. Nothing, like `as_bytes`: it is read as it stands, as UTF-8 wherever it is that.
std::string encoding_of(std::string_view head, const std::string& wish);

/// A text of which nothing more is known than this beginning may have a mark.
bool may_begin_mark(std::string_view head);

/// Turns bytes of an encoding into UTF-8, as they come: iconv(3). A mark of UTF-16 or UTF-32 is dropped. Without an
/// encoding, and as_bytes, they stay what they are.
class Transcoder {
 public:
  /// An encoding that iconv does not know: Fault::usage.
  explicit Transcoder(const std::string& encoding);

  /// What `block` gives, valid until the next call. What is no text in this encoding: Fault::input, with its byte
  /// offset.
  std::string_view turn(std::string_view block);
  /// The text ends here: what was held back, as some encodings hold back a letter until they know what follows. Within
  /// a character: Fault::input.
  std::string_view finish();

 private:
  struct Close {
    void operator()(iconv_t converter) const { ::iconv_close(converter); }
  };
  [[noreturn]] void refuse() const;

  std::string encoding_;
  std::unique_ptr<void, Close> converter_;  // none: bytes stay what they are
  std::string pending_;                     // the beginning of a character
  std::string turned_;
  std::uint64_t offset_ = 0;  // bytes turned
};

}  // namespace primer::data
