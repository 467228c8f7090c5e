// Texts of two sides: a source and its target in every line.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/bytes/utf8.h"
#include "data/text/lines.h"
#include "data/text/text.h"

namespace primer::data {

/// A side as it is read, and written: tabs and line ends in it are spaces.
std::string as_side(std::string text);

/// Source and target of a line: what stands before and behind its first tab, or its two fields where fields are named.
/// Each is as_side(). None of a blank line. What stands behind a second tab is left out, and *has_more says so. As
/// parts_of() otherwise.
std::vector<std::string> sides_of(std::string_view line, const JsonFields& fields, const LineCutter& lines,
                                  bool* has_more = nullptr);

/// Calls each(source, target) for every line of the files in which neither is blank. What is wrong with a line:
/// Fault::input, naming file and line.
void each_pair(const Sources& sources, const std::function<void(std::string_view, std::string_view)>& each);

/// The distinct symbols of the sources and of the targets, in the order of TextFacts::alphabet. No line with both:
/// Fault::input.
std::array<std::vector<Symbol>, 2> alphabets_of_sides(const Sources& sources);
/// Those of both.
std::vector<Symbol> alphabet_of_sides(const Sources& sources);

}  // namespace primer::data
