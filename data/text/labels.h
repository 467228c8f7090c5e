// Lines of a label and a text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/text/lines.h"
#include "data/text/text.h"

namespace primer::data {

/// A label as it is compared: without the blanks around it.
std::string without_blanks(std::string_view label);

/// Everything in it can be shown, but for U+200C and U+200D, which join letters in Persian, Hindi and other languages.
bool can_be_shown(std::string_view label);

/// The label of a line, as it is written, and its text; nothing of a blank line. No label or text, and a label that
/// cannot be shown: Fault::input.
std::vector<std::string> label_and_text(std::string_view line, const JsonFields& fields, const LineCutter& lines);

/// The distinct labels of labelled lines, in the order of their bytes. Lines that are not such, fewer than two
/// labels, more than 10,000: Fault::input, naming file and line.
std::vector<std::string> survey_labels(const Sources& sources);

}  // namespace primer::data
