// Where the text comes from: files, folders and standard input, read in blocks, never held whole.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/bytes/file.h"
#include "data/bytes/utf8.h"
#include "data/text/encodings.h"

namespace primer::data {

/// A file to be read, and the state it was in when it was found.
struct Source {
  std::string path;
  FileIdentity identity;
  std::string shown_as = {};  // for messages, where the path is that of a copy
  bool held_back = false;     // all of it is for validation
  std::string encoding = {};  // of its bytes, as iconv names it; none: they are UTF-8, or read as they stand
  std::string name() const;   // for messages: shown_as, or the path between quotes
};

struct Skipped {
  std::string path;
  std::string reason;  // "hidden", "link", "run folder", "build folder", "with NUL bytes", "gzip", ...
};

/// Which fields are read of a text in JSON lines, CSV or TSV: see records.h. None: a text is read as it stands.
struct TextFields {
  std::vector<std::string> names;
  std::size_t labels = 0;  // the first so many of them are labels, not text
  bool or_lines = false;   // a text that has no fields is read line by line
};

/// The files of a text, in their order, and what was left out.
struct Sources {
  std::vector<Source> files;
  std::vector<Skipped> skipped;
  TextFields fields;            // of all files
  std::uint64_t bytes() const;  // of all files
  std::string summary() const;  // one line: "12 files, 345678 bytes; skipped 3 (2 hidden, 1 a link)"
};

inline constexpr std::uint64_t longest_spool = std::uint64_t{64} << 30;  // bytes

/// Calls some(), whose errors know the place in the text, but not the source: it is named before them.
template <class Some>
void naming(const Source& source, Some&& some) {
  try {
    some();
  } catch (const Error& error) {
    throw Error(error.fault(), source.name() + ": " + error.what());
  }
}

/// Finds the text that `paths` name, in the order given. A folder gives every text file below it, by the byte order of
/// the paths; hidden names, links, run folders (config.json with metrics.jsonl or tokens), build folders
/// (CMakeCache.txt), empty files, files holding a NUL byte, archives, pictures, what is not in its encoding and what is
/// not a file are skipped and listed. What is named itself is never skipped. "-" is standard input, copied to the file
/// `spool`, at most `spool_limit` bytes. Which encoding a file is in: encoding_of(). Missing, unreadable, a pipe,
/// socket or device, no text (see no_text()), an empty text: Fault::input.
Sources collect_sources(const std::vector<std::string>& paths, const std::string& spool = {},
                        std::uint64_t spool_limit = longest_spool, const std::string& encoding = {});

/// The encoding of a text that begins with `head`, as encoding_of(). What is plainly no text, unless it is asked for
/// as_bytes: Fault::input, about `name`; the way to its text reads `file_name`.
std::string check_text(std::string_view head, const std::string& encoding, const std::string& name,
                       const std::string& file_name);

/// The file of this path. As collect_sources().
Source source_at(const std::string& path, const std::string& encoding = {}, const std::string& shown_as = {});

/// Adds the files of `own`, to be held back. Where a text to learn from is one of them it is left out there, and listed
/// as skipped, so that a folder may hold both. Nothing left: Fault::input.
void hold_back(Sources& sources, const Sources& own);

/// Reads one source as UTF-8, in blocks of at most 1 MiB of the file. A file that is not as it was when it was found,
/// at the beginning or at the end of the reading, and what is no text in its encoding: Fault::input.
class TextReader {
 public:
  static constexpr std::size_t block_bytes = 1u << 20;
  explicit TextReader(const Source& source);

  /// The next bytes, valid until the next call; empty at the end.
  std::string_view next();

 private:
  void check_unchanged() const;

  Source source_;
  InputFile file_;
  Transcoder transcoder_;
  std::string block_;
  std::uint64_t offset_ = 0;  // bytes
};

/// The text of a source whose file has at most `most` bytes; of a longer one: Fault::input.
std::string whole_text(const Source& source, std::uint64_t most);

struct FileFacts {
  std::uint64_t bytes = 0;                         // of text: what its fields hold, where some are named
  std::uint64_t symbols = 0;                       // code points and stray bytes
  std::optional<std::uint64_t> tokens;             // with marks, once a tokenizer has counted them: see EncodedText
  std::optional<std::uint64_t> validation_tokens;  // of them, where a StreamSplit says which they are
  std::uint64_t parts = 0;                         // sentences or lines, counted with the tokens
  bool held_back = false;                          // all of it is for validation
};

/// What one pass over a text finds out.
struct TextFacts {
  std::vector<FileFacts> files;     // one for each source
  std::uint64_t bytes = 0;          // of all files
  std::uint64_t symbols = 0;        // of all files
  std::uint64_t documents = 0;      // of a stream that end with end_of_text, once they were counted
  std::uint64_t stray_bytes = 0;    // bytes that belong to no valid UTF-8
  std::uint64_t control_bytes = 0;  // control characters other than tab, line feed, form feed, carriage return
  bool byte_order_mark = false;     // some file begins with U+FEFF
  bool carriage_returns = false;    // some line ends with CR LF
  std::uint32_t checksum = 0;       // CRC32C of all bytes of the files
  std::vector<Symbol> alphabet;     // the distinct symbols: code points in order, then stray bytes in order
  std::vector<Symbol> rare;         // those of them that occur once

  // Of labelled lines, and the lengths of lines with answers, once they were counted.
  static constexpr std::size_t longest_told = 4096;
  std::array<std::vector<std::uint64_t>, 2> label_lines;  // of each label; [1]: in files that are held back
  std::vector<std::uint64_t> line_lengths;  // [longest_told + 1], lines that take so many places; the last: or more

  // Once they were counted. Of lines with labels, answers or translations:
  std::uint64_t answer_tokens = 0;  // that are learned, without marks
  std::uint64_t left_out = 0;       // lines; blank ones only where lines have labels
  std::uint64_t overlapped = 0;     // answers whose first bytes are in a token with the end of what stands before;
                                    // translations behind which more stands
};

/// Reads the whole text once. Memory does not depend on its length. What is wrong with a record: Fault::input.
TextFacts survey(const Sources& sources);

}  // namespace primer::data
