// Lines of a label and a text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/text/records.h"
#include "data/text/text.h"

namespace primer::data {

/// A label as it is compared: without the blanks around it.
std::string without_blanks(std::string_view label);

/// Everything in it can be shown, but for U+200C and U+200D, which join letters in Persian, Hindi and other languages.
bool can_be_shown(std::string_view label);

/// What lines with a label are, unless fields are named.
inline constexpr const char* labelled_line = "label<TAB>text; train --field NAMES reads CSV and JSON lines";

/// False of a blank line. A record whose label or text is blank, and a label that cannot be shown: Fault::input.
bool is_labelled(const std::vector<std::string>& label_and_text, const Records& records);

/// The distinct labels of labelled records, in the order of their bytes. Those that are not such, fewer than two
/// labels, more than 10,000: Fault::input, naming file and line.
std::vector<std::string> survey_labels(const Sources& sources);

}  // namespace primer::data
