// Text from anywhere as HTML that shows what is there and can do nothing.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace primer::train {

/// Text with the five characters that HTML reads replaced. Also for what stands between double quotes.
std::string escape_html(std::string_view text);

/// The bytes of a token as HTML in one line: what would not be seen, or would move what stands beside it, is shown by a
/// name between <i> and </i>: a space as a dot, line feed and tab as arrows, other control characters and stray bytes
/// as \x1B, spaces of other widths and marks without width or of direction as U+200F. An accent that has no letter in
/// its token is given a dotted circle. Valid UTF-8, whatever the bytes.
std::string visible_html(std::string_view token);

/// The same of tokens that follow each other. Where several share the bytes of a character each of them shows it, with
/// which of them it is: of three the first as the character and 1/3 in small digits.
std::vector<std::string> visible_html(std::span<const std::string_view> tokens);

/// The bytes of a name as one line of text in which everything is seen, by the same names; but a space stays one,
/// except at an end. Not escaped. Valid UTF-8, and fit for XML, whatever the bytes.
std::string visible_text(std::string_view name);

}  // namespace primer::train
