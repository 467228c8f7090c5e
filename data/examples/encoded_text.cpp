#include "data/examples/encoded_text.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "data/bytes/checksum.h"
#include "data/examples/line_split.h"
#include "data/text/records.h"

namespace primer::data {

namespace {

/// Encodes one file, calling each(block) for what every block of it gives. Returns the checksum of the text, continued.
template <class Each>
std::uint32_t encode_file(const Source& source, ExampleEncoder& encoder, std::uint32_t checksum, Each&& each) {
  EncodedBlock out;
  const auto encode = [&](auto&& some) {
    out.tokens.clear();
    out.ends.clear();
    out.left_out = out.overlapped = out.documents = 0;
    out.unknown = {};
    naming(source, some);
    each(out);
  };
  checksum = each_block(source, {}, checksum, [&](std::string_view block) {  // the encoder knows the fields
    encode([&] { encoder.feed(block, out); });
  });
  encode([&] { encoder.finish(out); });
  return checksum;
}

}  // namespace

EncodedText::EncodedText(const std::string& path, const Sources& sources, TextFacts& facts, const TextReading& reading,
                         const StreamSplit* split)
    : form_(reading.form), by_place_(form_ == TextForm::stream && !split) {
  const Tokenizer& tokenizer = *reading.tokenizer;
  const bool labelled = form_ == TextForm::labelled_lines, translated = form_ == TextForm::translated_lines;
  const bool paired = translated || form_ == TextForm::answered_lines;  // two runs a line
  header_.vocabulary = static_cast<std::uint64_t>(tokenizer.tokens_of_both());
  header_.width = static_cast<std::uint32_t>(width_for(header_.vocabulary));
  header_.form = static_cast<std::uint32_t>(form_);
  header_.labels = labelled ? static_cast<std::uint32_t>(reading.labels->size()) : 0;
  header_.tokenizer_checksum = tokenizer.checksum();
  for (int id = 0; id < tokenizer.tokens_of_both(); ++id) {
    const bool is_source = id >= tokenizer.vocabulary_size();
    const std::string& text =
        is_source ? tokenizer.of_sources().token_text(id - tokenizer.source_offset()) : tokenizer.token_text(id);
    token_bytes_.push_back(static_cast<std::uint32_t>(text.size()));
  }
  if (tokenizer.unknown() >= 0) token_bytes_[static_cast<std::size_t>(tokenizer.unknown())] = 0;
  if (reading.end >= 0) token_bytes_[static_cast<std::size_t>(reading.end)] = 0;
  if (!path.empty()) {
    file_.emplace(path);
    file_->append(&header_, sizeof header_);  // the right one is known at the end
  }

  for (auto& lines : facts.label_lines) lines.assign(header_.labels, 0);
  facts.line_lengths.assign(labelled || paired ? TextFacts::longest_told + 1 : 0, 0);
  facts.answer_tokens = facts.left_out = facts.overlapped = facts.documents = 0;
  bool miscounted = false;
  std::uint64_t lines = 0, before = 0;  // of pairs, in files that are not held back; tokens of the run before
  std::uint32_t documents = 0;          // of all files
  for (std::size_t i = 0; i < sources.files.size(); ++i) {
    FileFacts& file = facts.files[i];
    const auto expected = reading.count(file);
    const std::uint32_t documents_before = documents;
    const std::size_t records_before = index_.size();
    std::uint64_t tokens = 0, examples = 0, held_back = 0;
    TokenRecord record;  // the one that comes next
    const auto end_record = [&](const EncodedBlock::End& end) {
      documents += end.begins_document ? 1 : 0;
      ++examples;
      held_back += end.part == 1 ? record.tokens : 0;
      if (labelled) {
        ++facts.label_lines[file.held_back ? 1 : 0][static_cast<std::size_t>(end.label)];
        ++facts.line_lengths[std::min<std::uint64_t>(record.tokens + 2, TextFacts::longest_told)];  // [CLS] text [SEP]
      }
      if (paired && !end.begins_document) {
        const std::uint64_t places = translated ? std::max(before, record.tokens) + 1 : before + record.tokens - 1;
        lines += file.held_back ? 0 : 1;
        facts.answer_tokens += record.tokens;
        ++facts.line_lengths[std::min<std::uint64_t>(places, TextFacts::longest_told)];
      }
      before = record.tokens;
      record.label = end.label;
      record.document = documents - 1;
      record.part = static_cast<std::uint32_t>(end.part);
      if (file_) index_.push_back(record);
      record.tokens = 0;
    };
    const auto encoder = reading.encoder(sources.fields, split ? split->cutter(i) : StreamCutter());
    header_.text_checksum = encode_file(sources.files[i], *encoder, header_.text_checksum, [&](const EncodedBlock& b) {
      std::size_t at = 0;
      for (const EncodedBlock::End& end : b.ends) {
        record.tokens += end.at - at;
        at = end.at;
        end_record(end);
      }
      record.tokens += b.tokens.size() - at;
      facts.left_out += b.left_out;
      facts.overlapped += b.overlapped;
      facts.documents += b.documents;
      unknown_.add(b.unknown);
      tokens += b.tokens.size();
      if (file_) write(b.tokens);
    });
    file.tokens = with_marks(form_, tokens, examples, documents - documents_before);
    if (split) file.validation_tokens = file.held_back ? tokens : held_back;
    file.parts = form_ == TextForm::stream && !reading.apart ? 0 : paired ? examples / 2 : examples;
    miscounted = miscounted || (expected && *expected != *file.tokens && unknown_.symbols == 0);
    header_.counts[0] += tokens;
    files_.push_back({*file.tokens, index_.size() - records_before, file.held_back});
  }
  if (header_.text_checksum != facts.checksum) {
    throw Error(Fault::input, sources.files.front().name() +
                                  ": the text changed while it was encoded, here or in a later file; try again");
  }
  if (unknown_.symbols > 0 && header_.counts[0] == facts.documents + (tokenizer.unknown() < 0 ? 0 : unknown_.symbols)) {
    throw Error(Fault::input, sources.files.front().name() + ": nothing of the text is in the vocabulary");
  }
  if (miscounted) autograd::refuse("encoded text", "the tokenizer made another number of tokens", Fault::bug);
  if (paired && facts.answer_tokens == 0) {
    const std::string marker = "'" + printable(reading.answer_after) + "' stands in no line";
    throw Error(Fault::input, sources.files.front().name() + ": " + (translated ? "no line has two sides" : marker) +
                                  ", here or in a later file" + (translated ? "" : ", with an answer behind it"));
  }
  label_lines_ = paired ? std::vector{lines} : facts.label_lines[0];
  if (file_) flush();
}

/// Puts tokens behind those before them, a buffer at a time.
void EncodedText::write(const std::vector<int>& ids) {
  buffer_.resize(token_buffer_bytes + sizeof(int));
  for (const int id : ids) {
    std::memcpy(buffer_.data() + used_, &id, sizeof id);
    used_ += header_.width;  // little-endian: the low bytes come first, and the next token overwrites the others
    header_.train_bytes += token_bytes_[static_cast<std::size_t>(id)];  // of all, until the text is divided
    if (used_ >= token_buffer_bytes) flush();
  }
}

void EncodedText::flush() {
  header_.checksums[0] = crc32c(buffer_.data(), used_, header_.checksums[0]);
  file_->append(buffer_.data(), used_);
  used_ = 0;
}

/// Cuts the runs of a stream that lie in both parts. One that is a whole file has a record in either.
void EncodedText::divide_by_place(double validation_fraction) {
  std::vector<TokenRecord> runs;
  const TokenRecord* record = index_.data();
  for (const File& file : files_) {
    std::uint64_t left = file.held_back ? 0 : training_share(file.length, validation_fraction);  // to learn from
    for (std::size_t i = 0; i < file.records; ++i, ++record) {
      TokenRecord learned = *record, rest = *record;
      learned.tokens = std::min(left, record->tokens);
      left -= learned.tokens;
      rest.tokens -= learned.tokens;
      rest.part = 1;
      if (learned.tokens > 0 || file.records == 1) runs.push_back(learned);
      if (rest.tokens > 0 || file.records == 1) runs.push_back(rest);
    }
  }
  index_ = std::move(runs);
}

/// Says of each record which part it is of.
void EncodedText::divide(double validation_fraction, std::uint64_t seed) {
  if (by_place_) return divide_by_place(validation_fraction);
  LineSplit drawn(label_lines_, validation_fraction, seed);
  TokenRecord* record = index_.data();
  for (const File& file : files_) {
    const std::uint64_t share = file.held_back ? 0 : training_share(file.length, validation_fraction);
    std::uint64_t end = 0;  // of the sentence before, with marks
    for (TokenRecord* const first = record; record < first + file.records; ++record) {
      bool is_held_back = file.held_back;
      if (form_ == TextForm::stream) {
        is_held_back |= validation_fraction > 0 && record->part == 1;
      } else if (form_ == TextForm::sentences) {
        is_held_back |= record > first && end >= share;
        end += record->tokens + 1 + (record > first && record->document != record[-1].document ? 1 : 0);
      } else if (record > first && record->document == record[-1].document) {  // a line's answer
        is_held_back = record[-1].part == 1;
      } else if (!file.held_back) {
        is_held_back = drawn.holds_back(static_cast<std::size_t>(std::max(record->label, 0)));
      }
      record->part = is_held_back ? 1 : 0;
    }
  }
}

/// Of text that the tokens stand for that are held back.
std::uint64_t EncodedText::validation_bytes() const {
  const InputFile file(file_->path(), Fault::io);
  std::vector<char> block;
  std::uint64_t bytes = 0, at = sizeof header_;  // in the file
  for (const TokenRecord& record : index_) {
    const std::uint64_t end = at + record.tokens * header_.width;
    if (record.part == 0) at = end;
    for (; at < end; at += block.size()) {
      block.resize(std::min<std::uint64_t>(token_buffer_bytes, end - at));
      file.read_exactly(block.data(), block.size(), at, Fault::io);
      for (std::size_t i = 0; i < block.size(); i += header_.width) {
        std::uint32_t id = 0;
        std::memcpy(&id, block.data() + i, header_.width);
        if (id >= token_bytes_.size()) {
          throw Error(Fault::io, printable(file_->path()) + ": what was just written was read back otherwise");
        }
        bytes += token_bytes_[id];
      }
    }
  }
  return bytes;
}

void EncodedText::commit(double validation_fraction, std::uint64_t seed) {
  if (!file_) autograd::refuse("encoded text", "it was only counted, or committed before", Fault::bug);
  divide(validation_fraction, seed);
  header_.validation_bytes = validation_bytes();
  header_.train_bytes -= header_.validation_bytes;
  header_.counts[1] = index_.size();
  const std::size_t index_bytes = index_.size() * sizeof index_[0];
  header_.checksums[1] = crc32c(index_.data(), index_bytes);
  file_->append(index_.data(), index_bytes);
  header_.checksum = crc32c(&header_, checked_bytes);
  file_->write_at(&header_, sizeof header_, 0);
  file_->commit();
  file_.reset();
}

}  // namespace primer::data
