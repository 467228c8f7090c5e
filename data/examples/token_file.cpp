#include "data/examples/token_file.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <thread>

#include "data/bytes/checksum.h"
#include "data/examples/line_split.h"

namespace primer::data {

static_assert(std::endian::native == std::endian::little, "token files are little-endian");

namespace {

constexpr std::size_t buffer_bytes = 1u << 20;

/// The file's first 128 bytes.
struct Header {
  char magic[8] = {'P', 'R', 'I', 'M', 'E', 'R', 'T', 'K'};
  std::uint32_t version = 1;
  std::uint32_t width = 0;  // bytes a token
  std::uint64_t vocabulary = 0;
  std::uint64_t train_tokens = 0, validation_tokens = 0;
  std::uint64_t train_bytes = 0, validation_bytes = 0;  // of text
  std::uint32_t train_checksum = 0, validation_checksum = 0;
  std::uint32_t text_checksum = 0, tokenizer_checksum = 0;
  char reserved[52] = {};
  std::uint32_t checksum = 0;  // CRC32C of the 124 bytes before it
};
static_assert(sizeof(Header) == 128);
constexpr std::size_t checked_bytes = sizeof(Header) - sizeof(std::uint32_t);

int width_for(std::uint64_t vocabulary) { return vocabulary <= 256 ? 1 : vocabulary <= 65536 ? 2 : 4; }

[[noreturn]] void refuse_file(const std::string& path, const std::string& why) {
  throw Error(Fault::input, "'" + printable(path) + "' is not a usable token file: " + why);
}

/// Collects the tokens of one part and writes them, a buffer at a time, where the part lies in the file.
class PartWriter {
 public:
  PartWriter(AtomicFile& file, std::uint64_t offset, int width)
      : file_(file), offset_(offset), width_(static_cast<std::size_t>(width)) {}

  void put(int token, std::size_t text_bytes) {
    std::memcpy(buffer_.data() + used_, &token, sizeof token);
    used_ += width_;  // little-endian: the low bytes come first, and the next token overwrites the others
    ++facts.tokens;
    facts.bytes += text_bytes;
    if (used_ >= buffer_bytes) flush();
  }

  void flush() {
    file_.write_at(buffer_.data(), used_, offset_);
    facts.checksum = crc32c(buffer_.data(), used_, facts.checksum);
    offset_ += used_;
    used_ = 0;
  }

  PartFacts facts;

 private:
  AtomicFile& file_;
  std::uint64_t offset_;  // where the buffer goes
  std::size_t width_;     // bytes a token
  std::vector<char> buffer_ = std::vector<char>(buffer_bytes + sizeof(int));
  std::size_t used_ = 0;  // bytes of the buffer
};

/// Encodes one file, calling each(ids) for what every block gives. Returns the checksum of the text, continued.
template <class Each>
std::uint32_t encode_file(const Source& source, const TextReading& reading, std::uint32_t checksum, Each&& each) {
  TextReader reader(source);
  const auto encoder = reading.encoder();
  std::vector<int> ids;
  const auto encode = [&](auto&& some) {
    ids.clear();
    try {
      some();
    } catch (const Error& error) {  // it knows the place in the text, but not the file
      throw Error(error.fault(), source.name() + ": " + error.what());
    }
    each(ids);
  };
  for (std::string_view block = reader.next(); !block.empty(); block = reader.next()) {
    checksum = crc32c(block, checksum);
    encode([&] { encoder->feed(block, ids); });
  }
  encode([&] { encoder->finish(ids); });
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

std::uint64_t training_share(std::uint64_t n, double fraction) {
  if (!(fraction >= 0 && fraction < 1)) {
    throw Error(Fault::usage, "the validation fraction must be at least 0 and below 1, such as 0.1");
  }
  // 1 - fraction is rounded, so that n times it may fall just short of a whole number that it means.
  const double share = static_cast<double>(n) * (1 - fraction) * (1 + 1e-12);
  return std::min(n, static_cast<std::uint64_t>(share));
}

namespace {

/// Calls each(label, line) for labelled lines, which are whole: [CLS], the label, the text, [SEP].
template <class Each>
void each_labelled_line(std::span<const int> ids, const Tokenizer& tokenizer, Each&& each) {
  const int sep = tokenizer.special("[SEP]");
  for (std::size_t begin = 0, end = 0; begin < ids.size(); begin = end) {
    while (ids[end++] != sep) {}
    each(static_cast<std::size_t>(ids[begin + 1] - tokenizer.vocabulary_size()), ids.subspan(begin, end - begin));
  }
}

}  // namespace

void count_tokens(const Sources& sources, TextFacts& facts, const TextReading& reading) {
  const bool labelled = reading.form == TextForm::labelled_lines;
  facts.label_lines.assign(labelled ? reading.labels->size() : 0, 0);
  facts.line_lengths.assign(labelled ? TextFacts::longest_told + 1 : 0, 0);
  for (std::size_t i = 0; i < sources.files.size(); ++i) {
    facts.files[i].tokens.reset();
    if (reading.count(facts.files[i])) continue;
    std::uint64_t count = 0, parts = 0;
    const int sep = reading.tokenizer->special("[SEP]");
    encode_file(sources.files[i], reading, 0, [&](const std::vector<int>& ids) {
      count += ids.size();
      if (reading.form != TextForm::stream)
        parts += static_cast<std::uint64_t>(std::count(ids.begin(), ids.end(), sep));
      if (!labelled) return;
      each_labelled_line(ids, *reading.tokenizer, [&](std::size_t label, std::span<const int> line) {
        ++facts.label_lines[label];
        ++facts.line_lengths[std::min(line.size() - 1, TextFacts::longest_told)];  // the label takes no place
      });
    });
    facts.files[i].tokens = count;
    facts.files[i].parts = parts;
  }
}

namespace {

/// The tokens of one file.
struct FileShare {
  std::uint64_t tokens = 0, train = 0;
};

/// How the tokens of a file are shared between training and validation. Labelled lines are drawn by `split`, if there
/// is one; sentences are cut behind a [SEP].
FileShare share_of(const Source& source, const FileFacts& facts, const TextReading& reading, double fraction,
                   LineSplit* split) {
  FileShare share;
  if (split) {
    encode_file(source, reading, 0, [&](const std::vector<int>& ids) {
      each_labelled_line(ids, *reading.tokenizer, [&](std::size_t label, std::span<const int> line) {
        share.tokens += line.size();
        if (!split->holds_back(label)) share.train += line.size();
      });
    });
    return share;
  }
  const auto known = reading.count(facts);
  if (known) {
    share.tokens = *known;
  } else {
    encode_file(source, reading, 0, [&](const std::vector<int>& ids) { share.tokens += ids.size(); });
  }
  share.train = training_share(share.tokens, fraction);
  if (reading.form == TextForm::stream || share.train == share.tokens) return share;
  const int sep = reading.tokenizer->special("[SEP]");
  std::uint64_t at = 0, cut = share.tokens;
  encode_file(source, reading, 0, [&](const std::vector<int>& ids) {
    for (const int id : ids) {
      ++at;
      if (id == sep && at >= share.train) cut = std::min(cut, at);
    }
  });
  share.train = cut;
  return share;
}

}  // namespace

TokenFileFacts build_token_file(const std::string& path, const Sources& sources, const TextFacts& facts,
                                const TextReading& reading, double validation_fraction, std::uint64_t seed) {
  const bool draws = reading.form == TextForm::labelled_lines && validation_fraction > 0;
  if (draws && facts.label_lines.empty())
    autograd::refuse("build_token_file", "the lines were not counted", Fault::bug);
  const auto new_split = [&] {
    return draws ? std::optional<LineSplit>(std::in_place, facts.label_lines, validation_fraction, seed) : std::nullopt;
  };
  auto split = new_split();
  std::vector<FileShare> shares;  // of each file
  std::uint64_t train = 0, total = 0;
  for (std::size_t i = 0; i < sources.files.size(); ++i) {
    shares.push_back(
        share_of(sources.files[i], facts.files[i], reading, validation_fraction, split ? &*split : nullptr));
    train += shares.back().train;
    total += shares.back().tokens;
  }

  const Tokenizer& tokenizer = *reading.tokenizer;
  Header header;
  header.vocabulary = static_cast<std::uint64_t>(tokenizer.vocabulary_size());
  if (reading.labels) header.vocabulary += reading.labels->size();
  const int width = width_for(header.vocabulary);
  header.width = static_cast<std::uint32_t>(width);
  std::vector<std::size_t> text_bytes;  // of each token
  for (int id = 0; id < tokenizer.vocabulary_size(); ++id) text_bytes.push_back(tokenizer.token_text(id).size());
  text_bytes.resize(header.vocabulary);

  AtomicFile file(path);
  const std::uint64_t step = static_cast<std::uint64_t>(width);
  file.reserve(sizeof header + total * step);
  PartWriter train_part(file, sizeof header, width);
  PartWriter validation_part(file, sizeof header + train * step, width);
  std::uint32_t text_checksum = 0;
  bool miscounted = false;
  split = new_split();
  for (std::size_t i = 0; i < sources.files.size(); ++i) {
    const std::uint64_t share = shares[i].train;
    std::uint64_t done = 0;  // tokens of this file
    const auto put = [&](int id, bool train_token) {
      ++done;
      (train_token ? train_part : validation_part).put(id, text_bytes[static_cast<std::size_t>(id)]);
    };
    text_checksum = encode_file(sources.files[i], reading, text_checksum, [&](const std::vector<int>& ids) {
      if (!split) {
        for (const int id : ids) put(id, done < share);
        return;
      }
      each_labelled_line(ids, tokenizer, [&](std::size_t label, std::span<const int> line) {
        const bool learned = !split->holds_back(label);
        for (const int id : line) put(id, learned);
      });
    });
    miscounted = miscounted || done != shares[i].tokens;
  }
  if (text_checksum != facts.checksum) {
    throw Error(Fault::input, sources.files.front().name() +
                                  ": the text changed while it was encoded, here or in a later file; try again");
  }
  if (miscounted) autograd::refuse("build_token_file", "the tokenizer made another number of tokens", Fault::bug);
  train_part.flush();
  validation_part.flush();

  header.train_tokens = train_part.facts.tokens;
  header.validation_tokens = validation_part.facts.tokens;
  header.train_bytes = train_part.facts.bytes;
  header.validation_bytes = validation_part.facts.bytes;
  header.train_checksum = train_part.facts.checksum;
  header.validation_checksum = validation_part.facts.checksum;
  header.text_checksum = text_checksum;
  header.tokenizer_checksum = crc32c(tokenizer.json());
  header.checksum = crc32c(&header, checked_bytes);
  file.write_at(&header, sizeof header, 0);
  file.commit();
  return {width, header.vocabulary, train_part.facts, validation_part.facts, text_checksum, header.tokenizer_checksum};
}

TokenFile::TokenFile(const std::string& path) : file_(path) {
  Header header;
  const Header expected;
  if (file_.size() < sizeof header) refuse_file(path, "it has " + std::to_string(file_.size()) + " bytes, too few");
  file_.read_exactly(&header, sizeof header, 0);
  if (std::memcmp(header.magic, expected.magic, sizeof header.magic) != 0) refuse_file(path, "it is something else");
  if (header.version != expected.version) {
    refuse_file(path, "it has version " + std::to_string(header.version) + ", this program reads version " +
                          std::to_string(expected.version));
  }
  if (header.checksum != crc32c(&header, checked_bytes)) refuse_file(path, "its header is damaged");
  if (std::memcmp(header.reserved, expected.reserved, sizeof header.reserved) != 0 || header.vocabulary == 0 ||
      header.vocabulary > static_cast<std::uint64_t>(std::numeric_limits<int>::max()) ||
      header.width != static_cast<std::uint32_t>(width_for(header.vocabulary))) {
    refuse_file(path, "its header makes no sense");
  }
  std::uint64_t tokens = 0, size = 0;
  if (__builtin_add_overflow(header.train_tokens, header.validation_tokens, &tokens) ||
      __builtin_mul_overflow(tokens, std::uint64_t{header.width}, &size) ||
      __builtin_add_overflow(size, sizeof header, &size) || size != file_.size()) {
    refuse_file(path, "its header and its length do not agree; it was cut or extended");
  }

  facts_ = {static_cast<int>(header.width),
            header.vocabulary,
            {header.train_tokens, header.train_bytes, header.train_checksum},
            {header.validation_tokens, header.validation_bytes, header.validation_checksum},
            header.text_checksum,
            header.tokenizer_checksum};
  train_.file = validation_.file = &file_;
  train_.width = validation_.width = facts_.width;
  train_.vocabulary = validation_.vocabulary = facts_.vocabulary;
  train_.tokens = header.train_tokens;
  validation_.tokens = header.validation_tokens;
  train_.offset = sizeof header;
  validation_.offset = sizeof header + header.train_tokens * header.width;
}

void TokenFile::verify() const {
  std::string block;
  for (const Part which : {Part::train, Part::validation}) {
    const PartTokens& tokens = which == Part::train ? train_ : validation_;
    const PartFacts& facts = which == Part::train ? facts_.train : facts_.validation;
    const std::uint64_t bytes = tokens.tokens * static_cast<std::uint64_t>(tokens.width);
    std::uint32_t checksum = 0;
    for (std::uint64_t done = 0; done < bytes; done += block.size()) {
      block.resize(static_cast<std::size_t>(std::min<std::uint64_t>(buffer_bytes, bytes - done)));
      file_.read_exactly(block.data(), block.size(), tokens.offset + done);
      checksum = crc32c(block, checksum);
    }
    if (checksum != facts.checksum) {
      refuse_file(file_.path(),
                  which == Part::train ? "its training tokens are damaged" : "its validation tokens are damaged");
    }
  }
}

void TokenFile::PartTokens::read(std::uint64_t begin, std::uint64_t count, int* out) const {
  if (begin > tokens || count > tokens - begin) autograd::refuse("tokens", "read beyond the end", Fault::bug);
  // The narrow tokens are read into the end of out and widened from the front.
  const auto step = static_cast<std::size_t>(width);
  const std::size_t bytes = static_cast<std::size_t>(count) * step;
  char* const narrow = reinterpret_cast<char*>(out) + static_cast<std::size_t>(count) * sizeof(int) - bytes;
  for (int attempt = 1;; ++attempt) {
    try {
      file->read_exactly(narrow, bytes, offset + begin * step);
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

void TokenVector::read(std::uint64_t begin, std::uint64_t count, int* out) const {
  if (begin > tokens_.size() || count > tokens_.size() - begin) {
    autograd::refuse("tokens", "read beyond the end", Fault::bug);
  }
  std::copy_n(tokens_.begin() + static_cast<std::ptrdiff_t>(begin), count, out);
}

}  // namespace primer::data
