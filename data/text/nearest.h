// Did you mean ...? The known word that is nearest to an unknown one.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace primer::data {

/// Levenshtein's distance: the fewest insertions, deletions and replacements of bytes that turn a into b.
inline long edit_distance(std::string_view a, std::string_view b) {
  std::vector<long> row(b.size() + 1);  // [b + 1], distances of the current prefix of a to every prefix of b
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<long>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    long diagonal = row[0];
    row[0] = static_cast<long>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const long replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

/// The nearest of `known`, or "" when none is near enough to be a slip of the fingers: a distance above a third of
/// the word, and above 1. The dashes of an option do not count. Words longer than 64 bytes have no neighbours.
inline std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  const auto bare = [](std::string_view text) {
    return text.substr(std::min(text.find_first_not_of('-'), text.size()));
  };
  word = bare(word);
  if (word.size() > 64) return "";
  std::string best;
  long best_distance = std::max(static_cast<long>(word.size()) / 3, 1L) + 1;
  for (const std::string& candidate : known) {
    const long distance = edit_distance(word, bare(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace primer::data
