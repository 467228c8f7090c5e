// A text on its way into a file of tokens: encoded once, counted while it is written, divided when it is counted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/bytes/file.h"
#include "data/examples/text_form.h"
#include "data/examples/token_format.h"
#include "data/text/text.h"

namespace primer::data {

/// Memory does not depend on the length of a stream; it takes 24 bytes for each line or sentence, or for each document
/// of a stream that is read apart, as a training does.
class EncodedText {
 public:
  /// Encodes the text into a file that is to be `path`, or only counts if that is empty. `facts`, the survey of
  /// `sources`, are told how long each file is, and of lines how many have each label and each length, and of answers
  /// how many tokens they have; a marker that is in no line is Fault::input. A text that changed since the survey:
  /// Fault::input, naming the file; one of which the vocabulary has no symbol: Fault::input; the disk: Fault::io. A
  /// stream is cut where `split` says, if it is not null.
  EncodedText(const std::string& path, const Sources& sources, TextFacts& facts, const TextReading& reading,
              const StreamSplit* split = nullptr);

  /// Divides the text into a training and a validation part, and gives the file its name. A file that is held back is
  /// for validation; of the others what the split holds back, if the fraction is not 0, or without a split the last
  /// part, and of sentences those that begin in it; lines are drawn from the seed: see LineSplit. Once, and not when it
  /// was only counted.
  void commit(double validation_fraction, std::uint64_t seed = 0);

  /// Symbols that the vocabulary lacks.
  const Unknowns& unknown() const { return unknown_; }

 private:
  struct File {
    std::uint64_t length;  // with_marks()
    std::size_t records;   // of the index
    bool held_back;
  };

  void write(const std::vector<int>& ids);
  void flush();
  void divide(double validation_fraction, std::uint64_t seed);
  void divide_by_place(double validation_fraction);
  std::uint64_t validation_bytes() const;

  TextForm form_;
  bool by_place_;  // a stream's part is known only when it is divided
  TokenHeader header_;
  Unknowns unknown_;
  std::vector<std::uint64_t> label_lines_;  // lines of each label, or all of two sides, in files that are not held back
  std::vector<std::uint32_t> token_bytes_;  // of text, that each token stands for
  std::vector<TokenRecord> index_;
  std::vector<File> files_;
  std::optional<AtomicFile> file_;
  std::vector<char> buffer_;  // of what comes next in the file
  std::size_t used_ = 0;      // bytes of it
};

}  // namespace primer::data
