// Texts of two sides: a source and its target in every line.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/bytes/utf8.h"
#include "data/text/records.h"
#include "data/text/text.h"

namespace primer::data {

/// A side as it is read, and written: tabs and line ends in it are spaces.
std::string as_side(std::string text);

/// What lines of two sides are, unless fields are named.
inline constexpr const char* line_of_sides = "source<TAB>target; train --field NAMES reads CSV and JSON lines";

/// Makes the texts of a record its source and its target: each is as_side(), and what stands behind a second tab of a
/// line is left out, of which *has_more tells. False where one is blank, and of a blank line, which has no texts.
bool make_sides(std::vector<std::string>& texts, const Records& records, bool* has_more = nullptr);

/// Calls each(source, target) for every record of the files in which neither is blank. What is wrong with one:
/// Fault::input, naming file and line.
void each_pair(const Sources& sources, const std::function<void(std::string_view, std::string_view)>& each);

/// The distinct symbols of the sources and of the targets, in the order of TextFacts::alphabet. No line with both:
/// Fault::input.
std::array<std::vector<Symbol>, 2> alphabets_of_sides(const Sources& sources);
/// Those of both.
std::vector<Symbol> alphabet_of_sides(const Sources& sources);

}  // namespace primer::data
