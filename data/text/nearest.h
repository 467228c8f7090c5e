// Did you mean ...? The known word that is nearest to an unknown one.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace primer::data {

/// The fewest insertions, deletions, replacements and exchanges of neighbours that turn the bytes of a into b. Damerau
/// 1964; no byte takes part in two of them.
inline long edit_distance(std::string_view a, std::string_view b) {
  std::vector<long> row(b.size() + 1), above, two_above;  // [b + 1], distances of a prefix of a to every prefix of b
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<long>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    two_above = std::exchange(above, row);
    row[0] = static_cast<long>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j - 1] + (a[i - 1] != b[j - 1]), above[j] + 1, row[j - 1] + 1});
      const bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (exchanged) row[j] = std::min(row[j], two_above[j - 2] + 1);
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
