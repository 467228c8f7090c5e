#include "data/examples/token_file.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <thread>

#include "data/bytes/checksum.h"
#include "data/examples/old_examples.h"
#include "data/examples/token_format.h"

namespace primer::data {

namespace {

[[noreturn]] void refuse_file(const std::string& path, const std::string& why) {
  throw Error(Fault::input, "'" + printable(path) + "' is not a usable token file: " + why);
}

/// Calls each(bytes) for `bytes` bytes of a file from `offset` on, in blocks of whole records; returns their CRC32C.
template <class Each>
std::uint32_t each_block(const InputFile& file, std::uint64_t offset, std::uint64_t bytes, Each&& each) {
  static_assert(sizeof(TokenRecord) % 4 == 0);
  std::string block;
  std::uint32_t checksum = 0;
  for (std::uint64_t done = 0; done < bytes; done += block.size()) {
    block.resize(std::min<std::uint64_t>(token_buffer_bytes / sizeof(TokenRecord) * sizeof(TokenRecord), bytes - done));
    file.read_exactly(block.data(), block.size(), offset + done);
    checksum = crc32c(block, checksum);
    each(std::string_view(block));
  }
  return checksum;
}

/// Widens the `count` tokens of type Stored at `narrow` to out; returns the largest. The two may overlap as long as
/// every token lies at or behind its place in out.
template <class Stored>
std::uint32_t widen(const char* narrow, std::uint64_t count, int* out) {
  std::uint32_t largest = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, narrow + i * sizeof stored, sizeof stored);
    const std::uint32_t token = stored;
    largest = std::max(largest, token);
    std::memcpy(out + i, &token, sizeof token);
  }
  return largest;
}

}  // namespace

TokenFile::TokenFile(const std::string& path) : file_(path) {
  TokenHeader header;
  const TokenHeader expected;
  if (file_.size() < sizeof header) refuse_file(path, "it has " + std::to_string(file_.size()) + " bytes, too few");
  file_.read_exactly(&header, sizeof header, 0);
  if (std::memcmp(header.magic, expected.magic, sizeof header.magic) != 0) refuse_file(path, "it is something else");
  if (header.version != expected.version && header.version != 1) {
    refuse_file(path, "it has version " + std::to_string(header.version) + ", this program reads versions 1 and " +
                          std::to_string(expected.version));
  }
  const bool is_old = header.version == 1;
  if (header.checksum != crc32c(&header, checked_bytes)) refuse_file(path, "its header is damaged");
  constexpr std::uint64_t most = std::numeric_limits<int>::max();
  const bool labelled = header.form == static_cast<std::uint32_t>(TextForm::labelled_lines);
  if (std::memcmp(header.reserved, expected.reserved, sizeof header.reserved) != 0 || header.vocabulary == 0 ||
      header.vocabulary > most || header.width != static_cast<std::uint32_t>(width_for(header.vocabulary)) ||
      header.form > (is_old ? 0 : static_cast<std::uint32_t>(TextForm::translated_lines)) || header.labels > most ||
      (header.labels > 0) != labelled) {
    refuse_file(path, "its header makes no sense");
  }
  const std::uint64_t second_width = is_old ? header.width : sizeof(TokenRecord);
  std::uint64_t first = 0, second = 0, size = sizeof header;
  if (__builtin_mul_overflow(header.counts[0], std::uint64_t{header.width}, &first) ||
      __builtin_mul_overflow(header.counts[1], second_width, &second) || __builtin_add_overflow(size, first, &size) ||
      __builtin_add_overflow(size, second, &size) || size != file_.size()) {
    refuse_file(path, "its header and its length do not agree; it was cut or extended");
  }

  facts_.version = static_cast<int>(header.version);
  facts_.width = static_cast<int>(header.width);
  facts_.vocabulary = header.vocabulary;
  facts_.form = static_cast<TextForm>(header.form);
  facts_.labels = header.labels;
  facts_.train_bytes = header.train_bytes;
  facts_.validation_bytes = header.validation_bytes;
  facts_.checksums = {header.checksums[0], header.checksums[1]};
  facts_.text_checksum = header.text_checksum;
  facts_.tokenizer_checksum = header.tokenizer_checksum;
  for (Part* const part : {&train_, &validation_}) {
    part->file = &file_;
    part->width = facts_.width;
    part->vocabulary = facts_.vocabulary;
  }
  if (is_old) {
    train_.add(0, header.counts[0]);
    validation_.add(header.counts[0], header.counts[1]);
  } else {
    read_index(header.counts[0], header.counts[1]);
  }
}

// Whoever can write the file can mend its checksum, so every number is checked before it is used.
void TokenFile::read_index(std::uint64_t tokens, std::uint64_t records) {
  const bool labelled = facts_.form == TextForm::labelled_lines;
  const std::uint64_t offset = sizeof(TokenHeader) + tokens * static_cast<std::uint64_t>(facts_.width);
  std::uint64_t at = 0, next_document = 0;  // the token and the document that come next
  const std::uint32_t checksum = each_block(file_, offset, records * sizeof(TokenRecord), [&](std::string_view block) {
    for (std::size_t i = 0; i < block.size(); i += sizeof(TokenRecord)) {
      TokenRecord record;
      std::memcpy(&record, block.data() + i, sizeof record);
      const bool has_label = record.label >= 0 && static_cast<std::uint64_t>(record.label) < facts_.labels;
      if (record.tokens > tokens - at || record.part > 1 || record.reserved != 0 ||
          (labelled ? !has_label : record.label != -1) || record.document > next_document ||
          std::uint64_t{record.document} + 1 < next_document) {
        refuse_file(file_.path(), "its index makes no sense");
      }
      Part& part = record.part == 0 ? train_ : validation_;
      part.list.push_back({part.tokens, record.tokens, record.label, record.document});
      part.add(at, record.tokens);
      at += record.tokens;
      next_document = std::uint64_t{record.document} + 1;
    }
  });
  if (checksum != facts_.checksums[1]) refuse_file(file_.path(), "its index is damaged");
  if (at != tokens) refuse_file(file_.path(), "its index is not of its tokens");
}

std::uint64_t TokenFile::length(const TokenSequence& part) const {
  if (facts_.version == 1) return part.size();  // marks were tokens
  const std::span<const Example> examples = part.examples();
  return with_marks(facts_.form, part.size(), examples.size(), documents_in(examples));
}

void TokenFile::verify() const {
  const auto width = static_cast<std::uint64_t>(facts_.width);
  const std::uint64_t tokens = train_.tokens + validation_.tokens;
  const auto check = [&](std::uint64_t first, std::uint64_t count, std::uint32_t expected, const char* what) {
    const std::uint32_t found =
        each_block(file_, sizeof(TokenHeader) + first * width, count * width, [](std::string_view) {});
    if (found != expected) refuse_file(file_.path(), "its " + std::string(what) + " are damaged");
  };
  if (facts_.version > 1) return check(0, tokens, facts_.checksums[0], "tokens");
  check(0, train_.tokens, facts_.checksums[0], "training tokens");
  check(train_.tokens, validation_.tokens, facts_.checksums[1], "validation tokens");
}

void TokenFile::find_old_examples(TextForm form, const Tokenizer& tokenizer, long labels) {
  if (facts_.version != 1) autograd::refuse("token file", "it has an index", Fault::bug);
  facts_.form = form;
  for (Part* const part : {&train_, &validation_}) part->list = old_examples(*part, form, tokenizer, labels);
}

/// Goes on with `count` tokens that begin there in the file.
void TokenFile::Part::add(std::uint64_t in_file, std::uint64_t count) {
  if (count == 0) return;
  const bool goes_on = !pieces.empty() && pieces.back().in_file + (tokens - pieces.back().begin) == in_file;
  if (!goes_on) pieces.push_back({tokens, in_file});
  tokens += count;
}

void TokenFile::Part::read(std::uint64_t begin, std::uint64_t count, int* out) const {
  if (begin > tokens || count > tokens - begin) autograd::refuse("tokens", "read beyond the end", Fault::bug);
  if (count == 0) return;
  auto next = std::upper_bound(pieces.begin(), pieces.end(), begin,
                               [](std::uint64_t place, const Piece& piece) { return place < piece.begin; });
  while (count > 0) {
    const Piece& piece = next[-1];
    const std::uint64_t end = next == pieces.end() ? tokens : next->begin, here = std::min(count, end - begin);
    read_piece(piece.in_file + (begin - piece.begin), here, out);
    begin += here;
    out += here;
    count -= here;
    if (count > 0) ++next;
  }
}

void TokenFile::Part::read_piece(std::uint64_t in_file, std::uint64_t count, int* out) const {
  // The narrow tokens are read into the end of out and widened from the front.
  const auto step = static_cast<std::size_t>(width);
  const std::size_t bytes = static_cast<std::size_t>(count) * step;
  char* const narrow = reinterpret_cast<char*>(out) + static_cast<std::size_t>(count) * sizeof(int) - bytes;
  for (int attempt = 1;; ++attempt) {
    try {
      file->read_exactly(narrow, bytes, sizeof(TokenHeader) + in_file * step);
      break;
    } catch (const autograd::Error& error) {  // a disk that fails once is no reason to end a training
      if (error.fault() != autograd::Fault::io || attempt == 3) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  const std::uint32_t largest = width == 1   ? widen<std::uint8_t>(narrow, count, out)
                                : width == 2 ? widen<std::uint16_t>(narrow, count, out)
                                             : widen<std::uint32_t>(narrow, count, out);
  if (count > 0 && largest >= vocabulary) {
    refuse_file(file->path(), "it holds the token " + std::to_string(largest) + ", the vocabulary ends at " +
                                  std::to_string(vocabulary - 1));
  }
}

}  // namespace primer::data
