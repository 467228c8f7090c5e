// The language of the study of the gap and its texts: documents without labels, and a few labelled sentences. Devlin et
// al.: BERT (2019), sections 3.1 and 3.2, on a language that is known completely.
//
// Every sentence has a theme, which is a topic and a polarity: its nouns are of the topic, its adjectives of the
// polarity, and nothing else in it depends on either. All sentences are equally long. So polarity can be read from
// adjectives only, and the length of a text says nothing.
//
// A document draws a theme, evenly, and four to eight sentences of it; a sentence draws a template and then a word for
// each of its letters, evenly and each for itself. So the sentences of a document are independent once its theme is
// known, and what is known of the one about the other is what both say about the theme.
//
// The labelled task is the polarity of one sentence. Ten adjectives of each polarity, `seen`, are in the training
// sentences; the test sentences have the other ones only.
//
// From scratch the accuracy on the test sentences is 1/2, in expectation over the initial weights and whatever the
// model: let s exchange the i-th unseen negative and the i-th unseen positive adjective, for all i.
//   1. Initial embeddings are drawn alike and independently for each word: their distribution is the same after s.
//   2. No training sentence holds a word that s moves. So training does to exchanged embeddings what it does to the
//      others: the model trained from initial weights s(w) answers a text x as the one trained from w answers s(x).
//      (An optimizer that decays every weight changes nothing in this: it treats the words alike.)
//   3. s maps the test set to itself, every label to the other one: the set holds each sentence with its mirror image.
// The expected accuracy p is hence E[share of f(x) = y] = E[share of f(s(x)) = y] = E[share of f(x) = 1 - y] = 1 - p.
// Nothing but adjectives can tell the labels apart, in the training sentences neither: those are mirrored too, so
// nouns, function words, templates and lengths are the same for both labels.
// A model that saw the documents knows more: there the adjectives of one polarity keep company, seen and unseen alike.
#pragma once

#include <cstdint>
#include <span>
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

using Sentence = std::vector<int>;  // words, [sentence_length]

struct Document {
  int theme = 0;
  std::vector<Sentence> sentences;  // 4 to 8
};

struct LabelledSentence {
  int polarity = 0;  // 0 negative, 1 positive
  Sentence words;
};

/// All texts are pure functions of (seed, index): documents of the one index are independent of those of another.
class GapCorpus {
 public:
  static constexpr int fewest_sentences = 4, most_sentences = 8;  // of a document

  /// `seen` adjectives of each polarity, 1 ... language.adjectives - 1, are for training; else Fault::usage.
  GapCorpus(GapLanguage language, std::uint64_t seed, int seen = 10);

  const GapLanguage& language() const { return language_; }

  Document document(std::uint64_t index) const;

  enum class Purpose { training, test };

  /// 2 `mirrored` sentences with seen adjectives for training, with unseen ones for a test: a positive one, then its
  /// mirror image, the same but for the polarity of its adjectives, and so on.
  std::vector<LabelledSentence> labelled(Purpose purpose, std::uint64_t mirrored) const;

  /// The same with the adjectives of the other polarity, each one's partner being that of the same place in the list.
  Sentence mirror(const Sentence& sentence) const;

  /// Which adjectives of each polarity, by their places in its list, are seen in training.
  std::span<const int> seen() const { return std::span(adjectives_).first(seen_); }

  std::string text(const Sentence& sentence) const;  // its words with spaces between

  /// Documents first ... first + count - 1: a sentence a line, an empty line between documents.
  std::string text(std::uint64_t first, std::uint64_t count) const;

  /// Labelled sentences as lines of `label<TAB>sentence`, the labels being "negative" and "positive".
  std::string labelled_text(Purpose purpose, std::uint64_t mirrored) const;

 private:
  GapLanguage language_;
  std::uint64_t seed_;
  std::vector<int> adjectives_;  // places in the list of a polarity, drawn; those that are seen in training come first
  std::size_t seen_;
};

}  // namespace primer::studies
