// The oracle's answers the long way: every theme, template, word and choice of masked places of a tiny language, one by
// one, with nothing but the definition of how a pair is made and masked.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "studies/gap_oracle.h"

namespace primer::test {

/// Two topics of three nouns, two adjectives of each polarity, sentences of three words: 14 words.
inline studies::GapLanguage tiny_language() {
  studies::GapLanguage language;
  language.roles = "dv", language.role_words = 2;
  language.topics = 2, language.nouns = 3, language.adjectives = 2;
  language.templates = {"dna", "nva", "adn"};
  language.words = {"d0", "d1", "v0", "v1", "n00", "n01", "n02", "n10", "n11", "n12", "bad0", "bad1", "good0", "good1"};
  return language;
}

class BruteForce {
 public:
  BruteForce(studies::GapLanguage language, int replacements)
      : language_(std::move(language)), replacements_(replacements) {}

  studies::Belief belief(const studies::ShownPair& pair) {
    pair_ = &pair;
    shown_ = pair.a;
    shown_.insert(shown_.end(), pair.b.begin(), pair.b.end());
    words_.assign(shown_.size(), 0);
    total_ = 0, same_ = 0;
    joint_.assign(shown_.size(), std::vector<double>(language_.words.size(), 0.0));
    const int themes = language_.themes();
    for (int of_a = 0; of_a < themes; ++of_a) {
      enumerate(0, of_a, of_a, true, pair.continues / themes);
      for (int of_b = 0; of_b < themes; ++of_b) enumerate(0, of_a, of_b, false, (1 - pair.continues) / themes / themes);
    }
    studies::Belief belief;
    belief.continues = same_ / total_;
    for (std::size_t i = 0; i < shown_.size(); ++i) {
      if (shown_[i] != studies::ShownPair::hidden) continue;
      std::vector<double>& p = belief.hidden.emplace_back(joint_[i]);
      for (double& x : p) x /= total_;
    }
    return belief;
  }

  /// The probability of what is shown, that its lengths are so and that so many words are chosen being given.
  double total() const { return total_; }

 private:
  // Every sentence from the place `begin` on, then what masking makes of them.
  void enumerate(std::size_t begin, int of_a, int of_b, bool continues, double probability) {
    if (begin == words_.size()) {
      const double seen = probability * masked(0, pair_->chosen, 1);
      total_ += seen;
      if (continues) same_ += seen;
      for (std::size_t i = 0; i < words_.size(); ++i) joint_[i][static_cast<std::size_t>(words_[i])] += seen;
      return;
    }
    for (const std::string& letters : language_.templates)
      fill(begin, 0, letters, of_a, of_b, continues, probability / static_cast<double>(language_.templates.size()));
  }

  void fill(std::size_t begin, std::size_t i, const std::string& letters, int of_a, int of_b, bool continues,
            double probability) {
    if (i == letters.size()) return enumerate(begin + i, of_a, of_b, continues, probability);
    const studies::WordRange range = language_.range(letters[i], begin < pair_->a.size() ? of_a : of_b);
    for (int word = range.first; word < range.first + range.count; ++word) {
      words_[begin + i] = word;
      fill(begin, i + 1, letters, of_a, of_b, continues, probability / range.count);
    }
  }

  // The probability that masking shows shown_[i ...] for words_[i ...], `chosen` of which are still to be chosen: the
  // next place is one of them with probability chosen / left.
  double masked(std::size_t i, int chosen, double probability) const {
    if (probability == 0) return 0;
    if (i == words_.size()) return probability;
    const double choose = static_cast<double>(chosen) / static_cast<double>(words_.size() - i);
    const bool kept = shown_[i] == words_[i], hidden = shown_[i] == studies::ShownPair::hidden;
    const double if_chosen = hidden ? 0.8 : 0.1 / replacements_ + (kept ? 0.1 : 0.0);
    return masked(i + 1, chosen - 1, probability * choose * if_chosen) +
           masked(i + 1, chosen, probability * (1 - choose) * (kept ? 1 : 0));
  }

  studies::GapLanguage language_;
  double replacements_;
  const studies::ShownPair* pair_ = nullptr;
  std::vector<int> shown_, words_;  // [places]
  double total_ = 0, same_ = 0;
  std::vector<std::vector<double>> joint_;  // [places][words]
};

}  // namespace primer::test
