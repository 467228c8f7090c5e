// The records of a text: its lines, JSON lines, or the rows of CSV and TSV. https://jsonlines.org, RFC 4180
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/text/lines.h"
#include "data/text/text.h"

namespace primer::data {

/// Reads a text that arrives in blocks and calls each(texts) for every record; the cuts between blocks change nothing.
/// Where fields are named, these are their texts, in the order of the names. The first line that is not blank says what
/// the text is: it begins with {, and every line is a JSON object; or it is a header, of which a tab parts the columns,
/// else a comma, else a semicolon, and else there is one. Else the texts of a line are what stands before and behind
/// its first tab, or all of it. A line that is blank, and not within quotes, has no texts.
///
/// Fault::input, with the line in which the record begins: an object that lacks a field, or where it is no string (a
/// label may be a number, true or false, and is taken as it is spelt); a key or a column twice; a column that is not in
/// the header; a row of another length; a quote that does not end within a record of 1 MiB, or behind which a field
/// goes on; what is no JSON; a line without a tab. Where `fields.or_lines`, a first line that is neither an object nor
/// a header with these names begins a text of lines, each of them one text.
class Records {
 public:
  /// `expected`: what lines of two parts should be, such as label<TAB>text; none: a line is one text, unless fields are
  /// named.
  explicit Records(TextFields fields = {}, std::string expected = {});

  template <class Each>
  void feed(std::string_view block, Each&& each) {
    lines_.feed(block, [&](std::string_view line) {
      if (take(line)) each(texts_);
    });
  }
  template <class Each>
  void finish(Each&& each) {
    lines_.finish([&](std::string_view line) {
      if (take(line)) each(texts_);
    });
    if (quote_ > 0) refuse_quote();
  }

  /// The texts are lines as they stand, or parts of them, and no fields.
  bool are_lines() const { return form_ == Form::parts || form_ == Form::lines; }

  /// Throws Fault::input about the record that was given last.
  [[noreturn]] void refuse(const std::string& why) const;

 private:
  enum class Form { unknown, objects, table, parts, lines };

  bool take(std::string_view line);  // whether a record ends with it
  void take_object(std::string_view line);
  bool take_row(std::string_view line);
  void add_to_row(std::string_view line);
  void take_header();
  [[noreturn]] void refuse_quote() const;
  [[noreturn]] void refuse_name(const std::string& what, const std::string& name,
                                const std::vector<std::string>& others) const;

  const TextFields fields_;
  const std::string expected_;
  Form form_;
  LineCutter lines_;
  std::vector<std::string> texts_;    // of the record
  std::uint64_t first_ = 1;           // the line in which it begins
  char separator_ = '\n';             // of a table's columns
  std::vector<std::size_t> columns_;  // of a table: where the fields stand; none before its header
  std::size_t width_ = 0;             // columns of the header
  std::vector<std::string> row_;      // so far
  std::size_t row_bytes_ = 0;         // as it is spelt, so far
  std::uint64_t quote_ = 0;           // the line of the quote that is open; 0: none is
};

/// Calls each(texts, records) for every record of a source. What is wrong with one names file and line.
template <class Each>
void each_record(const Source& source, const TextFields& fields, const std::string& expected, Each&& each) {
  TextReader reader(source);
  Records records(fields, expected);
  const auto see = [&](std::vector<std::string>& texts) { each(texts, records); };
  for (std::string_view block = reader.next(); !block.empty(); block = reader.next())
    naming(source, [&] { records.feed(block, see); });
  naming(source, [&] { records.finish(see); });
}

/// A field as a document among others: an empty line ends it, as it does in other texts. Nothing of an empty one.
inline std::string document_of(const std::string& field) { return field.empty() ? field : field + "\n\n"; }

/// Calls each(block) for the text of a source, in blocks: its bytes or, where fields are named, those that are no
/// labels, each as a document. Returns `checksum` continued with the CRC32C of the source's bytes. What Records refuses
/// names the source.
std::uint32_t each_block(const Source& source, const TextFields& fields, std::uint32_t checksum,
                         const std::function<void(std::string_view)>& each);

}  // namespace primer::data
