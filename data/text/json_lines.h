// Texts in JSON lines: each line of a file is an object, and some of its fields are the text. https://jsonlines.org
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/text/lines.h"
#include "data/text/text.h"

namespace primer::data {

/// The fields of a line, in the order of their names; none of a blank line, which is to be skipped. No object, a field
/// that is missing or no string (a label may be a number, true or false, and is taken as it is spelt), a key that
/// stands there twice, invalid UTF-8, anything behind the object: Fault::input, with the line's number.
std::vector<std::string> fields_of(std::string_view line, const JsonFields& fields, const LineCutter& lines);

/// The two parts of a line that is an example, a label and a text or two texts: what stands before and behind its first
/// tab, or its fields where some are named. None of a blank line among JSON lines. A line without a tab: Fault::input;
/// `expected` says what it should be.
std::vector<std::string> parts_of(std::string_view line, const JsonFields& fields, const char* expected,
                                  const LineCutter& lines);

/// A field as a document among others: an empty line ends it, as it does in other texts. Nothing of an empty one.
inline std::string document_of(const std::string& field) { return field.empty() ? field : field + "\n\n"; }

/// Calls each(block) for the text of a source, in blocks: its bytes or, where fields are named, those that are no
/// labels, each as a document. Returns `checksum` continued with the CRC32C of the source's bytes. What fields_of()
/// refuses names the source.
std::uint32_t each_block(const Source& source, const JsonFields& fields, std::uint32_t checksum,
                         const std::function<void(std::string_view)>& each);

}  // namespace primer::data
