#include "train/pages/visible_html.h"

#include <algorithm>
#include <cstdio>

#include "data/text/unicode.h"

namespace primer::train {

namespace {

using data::Symbol;

struct Range {
  Symbol first, last;
};

// Beside what unicode.h calls space or control: what has no form of its own (default ignorable, and the blank pattern
// of Braille), marks that enclose what stands before them, and what is no character. The Unicode Standard,
// DerivedCoreProperties.txt and section 23.7.
constexpr Range unseen[] = {{0x034F, 0x034F}, {0x0488, 0x0489},  {0x115F, 0x1160}, {0x17B4, 0x17B5}, {0x180B, 0x180F},
                            {0x1ABE, 0x1ABE}, {0x2060, 0x206F},  {0x20DD, 0x20E0}, {0x20E2, 0x20E4}, {0x2800, 0x2800},
                            {0x3164, 0x3164}, {0xA670, 0xA672},  {0xFDD0, 0xFDEF}, {0xFE00, 0xFE0F}, {0xFFA0, 0xFFA0},
                            {0xFFF0, 0xFFFB}, {0xE0000, 0xE0FFF}};

bool is_unseen(Symbol symbol) {
  if (data::is_control(symbol) || data::class_of(symbol) == data::SymbolClass::space) return true;
  for (const Range& range : unseen) {
    if (symbol >= range.first && symbol <= range.last) return true;
  }
  return (symbol & 0xFFFE) == 0xFFFE;  // the last two of each plane
}

// How a symbol is shown that cannot be shown itself, else nothing.
std::string name_of(Symbol symbol) {
  char code[16];
  if (symbol == ' ') return "\u00B7";
  if (symbol == '\n') return "\u21B5";
  if (symbol == '\t') return "\u21E5";
  const bool is_byte = symbol < 0x20 || symbol == 0x7F || data::is_stray(symbol);
  if (is_byte) {
    std::snprintf(code, sizeof code, "\\x%02X", data::is_stray(symbol) ? symbol - data::first_stray : symbol);
  } else if (is_unseen(symbol)) {
    std::snprintf(code, sizeof code, "U+%04X", symbol);
  } else {
    return {};
  }
  return code;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string visible_html(std::string_view token) { return visible_html({&token, 1}).front(); }

std::vector<std::string> visible_html(std::span<const std::string_view> tokens) {
  constexpr const char* over[] = {"\u00B9\u2044", "\u00B2\u2044", "\u00B3\u2044", "\u2074\u2044"};
  constexpr const char* under[] = {"\u2081", "\u2082", "\u2083", "\u2084"};
  std::string bytes;
  std::vector<std::size_t> owners;  // of each byte the place of its token
  std::vector<std::string> out;
  for (const std::string_view token : tokens) {
    bytes += token;
    owners.insert(owners.end(), token.size(), out.size());
    out.emplace_back(token.empty() ? "<i>\u2205</i>" : "");
  }
  auto first = owners.begin();
  data::each_symbol(bytes, [&](Symbol symbol, int width) {
    std::vector<std::size_t> sharing(first, first + width);  // the tokens that have bytes of it
    sharing.erase(std::unique(sharing.begin(), sharing.end()), sharing.end());
    first += width;
    const std::string name = name_of(symbol);
    for (std::size_t k = 0; k < sharing.size(); ++k) {
      std::string& html = out[sharing[k]];
      if (html.empty() && name.empty() && data::is_nonspacing_mark(symbol)) html += "<i>\u25CC</i>";
      html += name.empty() ? escape_html(data::symbol_bytes(symbol)) : "<i>" + name + "</i>";
      if (sharing.size() > 1) html += std::string("<i>") + over[k] + under[sharing.size() - 1] + "</i>";
    }
  });
  return out;
}

std::string visible_text(std::string_view name) {
  std::string out;
  std::size_t end = 0;
  data::each_symbol(name, [&](Symbol symbol, int width) {
    end += static_cast<std::size_t>(width);
    const bool inside = !out.empty() && end < name.size();
    const std::string shown = symbol == ' ' && inside ? " " : name_of(symbol);
    if (out.empty() && shown.empty() && data::is_nonspacing_mark(symbol)) out += "\u25CC";
    out += shown.empty() ? data::symbol_bytes(symbol) : shown;
  });
  return out;
}

}  // namespace primer::train
