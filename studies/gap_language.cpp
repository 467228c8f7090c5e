#include "studies/gap_language.h"

#include <sstream>

#include "autograd/error.h"

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

}  // namespace primer::studies
