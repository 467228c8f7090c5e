#include "data/text/sides.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace primer::data {

std::string as_side(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
  return text;
}

bool make_sides(std::vector<std::string>& texts, const Records& records, bool* has_more) {
  if (texts.empty()) return false;
  const auto tab = records.are_lines() ? texts[1].find('\t') : std::string::npos;
  if (tab != std::string::npos) texts[1].resize(tab);
  if (has_more) *has_more = tab != std::string::npos;
  for (std::string& side : texts) side = as_side(std::move(side));
  return !is_blank(texts[0]) && !is_blank(texts[1]);
}

void each_pair(const Sources& sources, const std::function<void(std::string_view, std::string_view)>& each) {
  for (const Source& source : sources.files) {
    each_record(source, sources.fields, line_of_sides, [&](std::vector<std::string>& texts, const Records& records) {
      if (make_sides(texts, records)) each(texts[0], texts[1]);
    });
  }
}

std::array<std::vector<Symbol>, 2> alphabets_of_sides(const Sources& sources) {
  std::array<std::vector<bool>, 2> seen{std::vector<bool>(symbol_count), std::vector<bool>(symbol_count)};
  each_pair(sources, [&](std::string_view source, std::string_view target) {
    each_symbol(source, [&](Symbol symbol, int) { seen[0][symbol] = true; });
    each_symbol(target, [&](Symbol symbol, int) { seen[1][symbol] = true; });
  });
  std::array<std::vector<Symbol>, 2> alphabets;
  for (std::size_t side = 0; side < 2; ++side)
    for (Symbol symbol = 0; symbol < symbol_count; ++symbol)
      if (seen[side][symbol]) alphabets[side].push_back(symbol);
  if (alphabets[0].empty())
    throw Error(Fault::input, sources.files.front().name() + ": no line has two sides, here or in a later file");
  return alphabets;
}

std::vector<Symbol> alphabet_of_sides(const Sources& sources) {
  const auto [of_sources, of_targets] = alphabets_of_sides(sources);
  std::vector<Symbol> alphabet;
  std::ranges::set_union(of_sources, of_targets, std::back_inserter(alphabet));
  return alphabet;
}

}  // namespace primer::data
