#include "studies/gap_corpus.h"

#include <sstream>
#include <utility>

#include "autograd/error.h"
#include "data/examples/permutation.h"
#include "studies/circuits/texts/draws.h"

namespace primer::studies {

namespace {

/// Determiners, verbs, adverbs, prepositions, conjunctions, a role a line; nouns, a topic after the other; negative
/// adjectives; positive ones.
constexpr const char* word_list = R"(the this that every our some
is was seems looks feels stays
very quite rather truly really so
near behind beside above under with
and but while as when because

ship sail harbor captain anchor wave tide island coast sailor lighthouse reef whale dolphin beach shell pirate voyage
compass deck mast ferry dock oyster lagoon gull net boat raft canoe
kitchen oven bread butter cheese soup spoon knife plate cook recipe sugar salt pepper onion garlic tomato potato carrot
apple lemon honey flour egg milk cake pie sauce bowl kettle
forest tree oak pine birch moss fern mushroom bear wolf fox deer owl squirrel hedgehog badger path meadow brook valley
hill hunter cabin berry leaf branch root nest beetle rabbit
piano violin cello flute trumpet drum guitar harp organ singer choir concert melody rhythm chorus opera ballad composer
conductor orchestra stage audience rehearsal tune chord lyric microphone album dancer waltz
court judge lawyer jury witness trial verdict crime thief prison police detective clue evidence contract treaty statute
clause appeal lawsuit sentence penalty bailiff attorney suspect alibi testimony warrant parole plaintiff
stadium referee goal ball team coach player striker keeper match league medal trophy race runner swimmer boxer wrestler
jockey racket tennis hockey soccer rugby golf tournament champion athlete gym javelin
hospital doctor nurse patient surgeon medicine pill vaccine fever cough bandage wound clinic dentist tooth bone muscle
heart lung liver kidney brain nerve virus symptom diagnosis therapy syringe ambulance pharmacy
computer keyboard screen mouse printer server network router cable program compiler browser website password database
folder file memory processor laptop robot sensor battery circuit pixel algorithm software modem cursor byte

bad awful terrible horrible dreadful nasty ugly gloomy dismal miserable rotten filthy foul vile wicked cruel hostile
rude clumsy boring dull tedious bleak grim shabby shoddy sloppy stupid stale sour bitter broken faulty defective
useless worthless hopeless pathetic lousy wretched appalling atrocious abysmal disgusting revolting repulsive hideous
ghastly grisly gruesome harmful hateful painful poisonous pitiful scary sinister tragic unpleasant unhappy

good great fine splendid lovely wonderful superb excellent brilliant charming delightful pleasant beautiful graceful
elegant gorgeous magnificent marvelous fantastic terrific admirable adorable amazing awesome blissful bright cheerful
clever comfortable cozy dazzling divine enchanting exquisite fabulous faithful flawless friendly generous gentle
glorious happy harmonious helpful honest impressive inspiring joyful kind lively merry noble outstanding perfect
precious radiant refreshing stunning sublime tasty)";

Sentence sentence(Draws& draws, const GapLanguage& language, int theme, std::span<const int> adjectives) {
  Sentence words;
  for (const char letter : language.templates[draws.below(language.templates.size())]) {
    const WordRange range = language.range(letter, theme);
    const bool is_adjective = letter == 'a';
    words.push_back(range.first +
                    (is_adjective ? adjectives[draws.below(adjectives.size())] : draws.below(range.count)));
  }
  return words;
}

}  // namespace

WordRange GapLanguage::range(char letter, int theme) const {
  if (letter == 'n') return {first_noun() + theme / 2 * nouns, nouns};
  if (letter == 'a') return {first_adjective() + theme % 2 * adjectives, adjectives};
  const std::size_t role = roles.find(letter);
  if (role != std::string::npos) return {static_cast<int>(role) * role_words, role_words};
  autograd::refuse("gap language", std::string("no role has the letter ") + letter, autograd::Fault::bug);
}

GapLanguage gap_language() {
  GapLanguage language;
  language.roles = "dvrpc", language.role_words = 6;
  language.topics = 8, language.nouns = 30, language.adjectives = 60;
  language.templates = {
      "dannpanva",  // the gentle harbor captain near quiet lighthouse seems happy
      "anpanvdan",  // gentle captain beside quiet harbor is our happy sailor
      "danncanva",  // the gentle harbor captain and quiet sailor looks happy
      "ancanvdan",  // gentle captain and quiet sailor was every happy crew
      "pandannva",  // near quiet lighthouse the gentle harbor captain seems happy
      "dnnvapann",  // the harbor captain is happy near quiet harbor lighthouse
      "dnnpnvaca",  // the harbor captain near lighthouse seems happy and proud
      "aanpnnvra",  // proud gentle captain near harbor lighthouse feels very happy
  };
  std::istringstream text(word_list);
  for (std::string word; text >> word;) language.words.push_back(word);
  return language;
}

std::string gap_vocabulary(const GapLanguage& language) {
  std::string lines;
  for (const std::string_view special : gap_specials) lines.append(special) += '\n';
  for (const std::string& word : language.words) lines.append(word) += '\n';
  return lines;
}

GapCorpus::GapCorpus(GapLanguage language, std::uint64_t seed, int seen)
    : language_(std::move(language)), seed_(seed), seen_(static_cast<std::size_t>(seen)) {
  if (seen < 1 || seen >= language_.adjectives) {
    autograd::refuse("gap corpus", "expected 1 to " + std::to_string(language_.adjectives - 1) +
                                       " adjectives of each polarity for training, got " + std::to_string(seen));
  }
  const auto count = static_cast<std::uint64_t>(language_.adjectives);
  const data::Permutation order(count, seed, autograd::hash("studies.gap.seen"));
  for (std::uint64_t i = 0; i < count; ++i) adjectives_.push_back(static_cast<int>(order(i)));
}

Document GapCorpus::document(std::uint64_t index) const {
  Draws draws("studies.gap.document", seed_, index);
  Document document{draws.below(language_.themes()), {}};
  const int sentences = fewest_sentences + draws.below(most_sentences - fewest_sentences + 1);
  for (int i = 0; i < sentences; ++i) {
    document.sentences.push_back(sentence(draws, language_, document.theme, adjectives_));
  }
  return document;
}

std::vector<LabelledSentence> GapCorpus::labelled(Purpose purpose, std::uint64_t mirrored) const {
  const bool training = purpose == Purpose::training;
  const std::span<const int> all(adjectives_);
  std::vector<LabelledSentence> sentences;
  for (std::uint64_t i = 0; i < mirrored; ++i) {
    Draws draws(training ? "studies.gap.labelled" : "studies.gap.labelled.test", seed_, i);
    const int theme = language_.theme(draws.below(language_.topics), 1);
    const Sentence words = sentence(draws, language_, theme, training ? all.first(seen_) : all.subspan(seen_));
    sentences.push_back({1, words});
    sentences.push_back({0, mirror(words)});
  }
  return sentences;
}

Sentence GapCorpus::mirror(const Sentence& sentence) const {
  Sentence words = sentence;
  const int negative = language_.first_adjective(), positive = negative + language_.adjectives;
  for (int& word : words) {
    if (word >= positive) word -= language_.adjectives;
    else if (word >= negative) word += language_.adjectives;
  }
  return words;
}

std::string GapCorpus::text(const Sentence& sentence) const {
  std::string line;
  for (const int word : sentence) line += (line.empty() ? "" : " ") + language_.words[word];
  return line;
}

std::string GapCorpus::text(std::uint64_t first, std::uint64_t count) const {
  std::string lines;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i > 0) lines += '\n';
    for (const Sentence& sentence : document(first + i).sentences) lines += text(sentence) + '\n';
  }
  return lines;
}

std::string GapCorpus::labelled_text(Purpose purpose, std::uint64_t mirrored) const {
  std::string lines;
  for (const LabelledSentence& sentence : labelled(purpose, mirrored)) {
    lines += (sentence.polarity == 1 ? "positive\t" : "negative\t") + text(sentence.words) + '\n';
  }
  return lines;
}

}  // namespace primer::studies
