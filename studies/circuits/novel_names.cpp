// "Doctor Gigamuru went home. Mrs Tolira ... Doctor" -> Gigamuru: a name that was never seen with this title, or never
// at all, is completed from its one earlier occurrence. A head that copies names can guess among those in the text; to
// find the one behind the same title takes a second layer.
#include <algorithm>
#include <cmath>

#include "studies/circuits/paths.h"
#include "studies/circuits/texts/draws.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"

namespace primer::studies {

namespace {

/// Documents of short sentences about three people, each called by title and name wherever a sentence begins. Tokens: a
/// mark, titles, words, syllables. A name is one syllable of `single`, or three of the others.
struct People {
  static constexpr int mark = 0, titles = 4, words = 40, single = 200, syllables = 40, length = 64;
  static constexpr int first_word = 1 + titles, first_name = first_word + words, first_syllable = first_name + single;
  static constexpr int vocabulary = first_syllable + syllables;
  bool cut_into_syllables = false;
  bool novel = false;  // names kept from training with this title, or from training at all

  /// Of one-token names a twentieth is kept from each title: title t does not take names n with n % 20 = t. Of names
  /// in three syllables a tenth is kept from all.
  bool is_kept(int title, std::span<const int> name) const {
    if (!cut_into_syllables) return (name[0] - first_name) % 20 == title;
    return (name[0] * 31 + name[1] * 17 + name[2] * 7) % 10 == 0;
  }

  struct Person {
    int title;  // 0 ... 3
    std::vector<int> name;
  };

  /// Three people of different titles and names; of the first one, who is asked for, the name is kept or not.
  std::vector<Person> three(Draws& draws) const {
    std::vector<Person> people;
    while (people.size() < 3) {
      Person one{draws.below(titles), {}};
      if (cut_into_syllables) {
        for (int i = 0; i < 3; ++i) one.name.push_back(first_syllable + draws.below(syllables));
      } else {
        one.name = {first_name + draws.below(single)};
      }
      const bool wanted = novel && people.empty();
      if (is_kept(one.title, one.name) != wanted) continue;
      if (std::any_of(people.begin(), people.end(),
                      [&](const Person& p) { return p.title == one.title || p.name[0] == one.name[0]; }))
        continue;
      people.push_back(one);
    }
    return people;
  }

  /// Training: sentences about any of the three until the text is full. Names are learned; words follow by chance.
  data::Batch documents(std::uint64_t seed, long step, long sequences) const {
    data::Batch batch = empty_batch(sequences, length);
    for (long b = 0; b < sequences; ++b) {
      Draws draws("people", seed, step, b * 4096);
      const std::vector<Person> people = three(draws);
      std::vector<int> text{mark};
      while (text.size() < length + 1) sentence(people[draws.below(3)], draws, text);
      std::copy_n(text.begin(), length, batch.tokens.begin() + b * length);
      for (long t = 0; t < length; ++t) {
        if (text[t + 1] >= first_name) batch.targets[b * length + t] = text[t + 1];
      }
    }
    return batch;
  }

  static void sentence(const Person& who, Draws& draws, std::vector<int>& text) {
    text.push_back(1 + who.title);
    text.insert(text.end(), who.name.begin(), who.name.end());
    for (int n = 2 + draws.below(3); n > 0; --n) text.push_back(first_word + draws.below(words));
  }

  /// One sentence about each, in any order, then the first one's title, and its name but for the last token: what comes
  /// next is the name. Returns the other two's names' first tokens too, [sequences, 3]: whose is whose.
  data::Batch questions(std::uint64_t seed, long sequences, std::vector<std::vector<int>>& names) const {
    data::Batch batch = empty_batch(sequences, length);
    for (long b = 0; b < sequences; ++b) {
      Draws draws("questions", seed, 0, b * 4096);
      const std::vector<Person> people = three(draws);
      std::vector<std::size_t> order{0, 1, 2};
      draws.shuffle(std::span(order), 1);
      std::vector<int> text{mark};
      for (const std::size_t i : order) sentence(people[i], draws, text);
      const std::size_t asked = text.size();
      text.push_back(1 + people[0].title);
      text.insert(text.end(), people[0].name.begin(), people[0].name.end());
      for (std::size_t t = asked; t + 1 < text.size(); ++t) batch.targets[b * length + t] = text[t + 1];
      std::copy(text.begin(), text.end(), batch.tokens.begin() + b * length);
      names.push_back({people[0].name[0], people[1].name[0], people[2].name[0]});
    }
    return batch;
  }
};

/// What was found of one model, question by question: of the name's first token whether its logit is the largest of the
/// three names', its probability, and its logit less the mean of the other two's; of its later tokens the probability.
struct Completed {
  std::vector<double> right, first, later, lift;
};

Completed complete(const nn::Model<float>& model, const People& people, std::uint64_t seed, long count) {
  Completed found;
  std::vector<std::vector<int>> names;
  const data::Batch batch = people.questions(seed + 1'000'000, count, names);
  const std::vector<float> logits = logits_of(model, batch);
  long before = -1;
  for (const Judged& one : judge(model, batch)) {
    const long b = one.place / People::length;
    if (b == before) {  // the second and third syllable
      if (found.later.size() < found.first.size()) found.later.push_back(0);
      found.later.back() += std::exp(-one.nll) / 2;
      continue;
    }
    before = b;
    const float* row = logits.data() + one.place * People::vocabulary;
    const auto& three = names[b];
    found.right.push_back(row[three[0]] > row[three[1]] && row[three[0]] > row[three[2]] ? 1 : 0);
    found.first.push_back(std::exp(-one.nll));
    found.lift.push_back(row[three[0]] - (row[three[1]] + row[three[2]]) / 2);
  }
  return found;
}

void run(Lab& lab) {
  for (const bool in_syllables : {false, true}) {
    const People training{.cut_into_syllables = in_syllables};
    const People asked{.cut_into_syllables = in_syllables, .novel = true};
    lab.each_seed([&](std::uint64_t seed) {
      Completed found[2], familiar;  // of one layer and two; of two, names of the training
      for (const long layers : {1L, 2L}) {
        lab.at(std::string(in_syllables ? "names of syllables, " : "names, ") + std::to_string(layers) + " layers");
        Net<float> net(attention_only(People::vocabulary, People::length, layers), seed);
        fit<float>(net, {.steps = lab.steps(in_syllables ? 5000 : 2000), .seed = seed}, lab.interruption,
                   [&](long step) { return training.documents(seed, step, 64); });
        found[layers - 1] = complete(net.model, asked, seed, lab.size(1000, 4));
        if (layers == 2) familiar = complete(net.model, training, seed, lab.size(1000, 4));
      }
      const auto& [one, two] = found;
      if (in_syllables) {
        lab.claim("never seen: its later syllables, two layers", two.later, at_least(0.8));
        lab.claim("the same, one layer", one.later, at_most(0.3));
      } else {
        lab.claim("never with this title: right of three, two layers", two.right, at_least(0.9));
        lab.claim("the same, one layer", one.right, at_most(0.45));
        lab.claim("log odds against the other two, two layers", two.lift, at_least(3));
        lab.claim("one layer's log odds less a quarter of these", difference(one.lift, two.lift, 0.25), at_most(0));
      }
      const std::string names = in_syllables ? "never seen" : "never with this title";
      const std::string seen = in_syllables ? "seen in training" : "seen with this title";
      lab.figure(names + ": p of its first token, two layers", two.first);
      lab.figure(names + ": p of its first token, one layer", one.first);
      lab.figure(seen + ": p of the first token, two layers", familiar.first);
    });
  }
  lab.note(
      "Documents of 64 tokens about three people, a sentence each time one is named. Every test has two others "
      "beside the one who is asked for: a head that copies any name would be right once in three times.");
}

}  // namespace

const Study novel_names{"novel-names",
                        "circuits",
                        "Two layers complete a name that they have read once; one layer guesses among the names.",
                        "Elhage et al. 2021; the example of Gigamuru from articles on it",
                        5,
                        run};

}  // namespace primer::studies
