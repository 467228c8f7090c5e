// The language of the study of the gap: its words, and the sentences that can be made of them.
//
// Every sentence has a theme, which is a topic and a polarity: its nouns are of the topic, its adjectives of the
// polarity, and nothing else in it depends on either. All sentences are equally long. So polarity can be read from
// adjectives only, and the length of a text says nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace primer::studies {

/// Words that follow each other in the list of words, and are equally likely.
struct WordRange {
  int first = 0, count = 0;
  bool holds(int word) const { return word >= first && word < first + count; }
};

/// A word is its place in `words`: function words role by role, then nouns topic by topic, then negative and then
/// positive adjectives.
struct GapLanguage {
  std::string roles;                   // of function words: a letter each
  int role_words = 0;                  // of each role; they can take each other's place
  int topics = 0, nouns = 0;           // nouns: of each topic
  int adjectives = 0;                  // of each polarity
  std::vector<std::string> templates;  // equally long; a letter a word: a role's, 'n' a noun, 'a' an adjective
  std::vector<std::string> words;

  int size() const { return static_cast<int>(words.size()); }
  int sentence_length() const { return static_cast<int>(templates.front().size()); }  // words
  int themes() const { return 2 * topics; }
  int theme(int topic, int polarity) const { return 2 * topic + polarity; }  // polarity: 0 negative, 1 positive
  int first_noun() const { return static_cast<int>(roles.size()) * role_words; }
  int first_adjective() const { return first_noun() + topics * nouns; }

  /// The words that a letter of a template may become in a sentence of this theme. An unknown letter: Fault::bug.
  WordRange range(char letter, int theme) const;

  /// How many words there are in the only range that holds this one.
  int alike(int word) const { return word < first_noun() ? role_words : word < first_adjective() ? nouns : adjectives; }
};

/// 30 function words, 8 topics of 30 nouns, 60 adjectives of each polarity; sentences of nine words, five or six of
/// them nouns and adjectives, at least two of each: of texts that are mostly function words a small model learns no
/// theme for long, since those drown what attention gathers. Words are lower-case ASCII.
GapLanguage gap_language();

/// What a vocabulary has before its words.
inline constexpr std::string_view gap_specials[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

/// The vocabulary as BERT's vocab.txt: the specials, then the words, each in a line. The token of a word is its place
/// among the words plus the number of specials.
std::string gap_vocabulary(const GapLanguage& language);

}  // namespace primer::studies
