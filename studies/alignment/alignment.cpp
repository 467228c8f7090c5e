// A recurrent decoder that attends to its source: at which word does it look when it is to say one? Six ways to align,
// and none, learn a miniature of translation of which it is known; and strings of many lengths show what is lost
// without.
#include <algorithm>
#include <optional>

#include "studies/alignment/learner.h"
#include "studies/studies.h"

namespace primer::studies {

using nn::Align;

namespace {

constexpr long kept_pairs = 1000, shortest = 4, longest = 20, width = 4;  // lengths of strings, and of their buckets

/// A way to align, and what is wanted of translations that are exactly right.
struct Way {
  Align align;
  std::optional<Bound> right = {};
};
const Way ways[]{{Align::additive, at_least(0.98)},   {Align::concat, at_least(0.98)},
                 {Align::location, at_least(0.98)},   {Align::general, at_least(0.95)},
                 {Align::scaled_dot, at_least(0.98)}, {Align::dot},
                 {Align::none, at_most(0.2)}};

Net<float> model(const PairTask& task, Align align, std::uint64_t seed) {
  return Net<float>(recurrent_shape(task, align, 64), seed);
}

Lesson lesson(const Lab& lab, std::uint64_t seed) {
  return {.fit = {.steps = lab.steps(1000), .lr = 5e-3, .weight_decay = 0, .seed = seed}, .batch = lab.size(64, 4)};
}

void translate(Lab& lab, const Way& way) {
  const std::string name(autograd::name(way.align));
  const bool first = way.align == Align::additive;
  lab.each_seed([&](std::uint64_t seed) {
    lab.at(name);
    Net<float> net = model(sentences, way.align, seed);
    const std::vector<Pair> pairs = pairs_of(sentences, seed, 0, lab.size(kept_pairs, 4), true);
    const auto aligned = [&](bool (*counts)(int), long off = 0) {
      return agreement(looks_of(net, pairs, "alignment"), pairs, counts, {.off = off});
    };
    const std::vector<double> untrained = first ? aligned(is_content) : std::vector<double>{};
    learn(net, sentences, lesson(lab, seed), lab);
    const auto found = [&](const std::string& what, const Measured& measured, std::optional<Bound> wanted) {
      if (wanted) lab.claim(name + ": " + what, measured, *wanted);
      else lab.figure(name + ": " + what, measured);
    };
    const auto of_first = [&](Bound wanted) { return first ? std::optional(wanted) : std::nullopt; };
    found("translations that are exactly right", exactly_right(net, pairs), way.right);
    if (way.align == Align::none) return;
    found("content words aligned right", aligned(is_content), of_first(at_least(0.95)));
    lab.figure("the same, or one place beside", aligned(is_content, 1));
    lab.figure("verbs alone aligned right", aligned(is_verb));
    lab.figure("verbs for which it looks at the end mark",
               agreement(looks_of(net, pairs, "alignment"), pairs, is_verb, {.end = true}));
    std::vector<double> errors = aligned(every_word);
    for (double& x : errors) x = 1 - x;
    found("alignment error rate, all words", errors, of_first(at_most(0.05)));
    if (first) lab.claim("untrained: content words aligned right", untrained, at_most(0.4));
    if (seed > 1) return;
    const auto one = std::ranges::find_if(pairs, [](const Pair& pair) { return pair.source.size() == 11; });
    const long b = one == pairs.end() ? 0 : one - pairs.begin();
    lab.picture(picture_of(
        {"Where the decoder looks: " + name,
         "A row is a word to be said, a column a word that was read. Two words that belong together have one name, "
         "small in the source and capital in the target; | is the end. Seed 1, a sentence of 11 words."},
        looks_of(net, pairs, "alignment"), sentences, pairs, b));
  });
}

void reverse(Lab& lab) {
  const Align both[]{Align::additive, Align::none};
  std::vector<train::Curve> curves;
  std::vector<std::vector<double>> right(2), count(2);  // of every length, over all seeds
  lab.each_seed([&](std::uint64_t seed) {
    const std::vector<Pair> pairs = pairs_of(reversal, seed, 0, lab.size(2 * kept_pairs, 60), true);
    std::vector<double> of_longest[2];
    for (int way = 0; way < 2; ++way) {
      const std::string name(autograd::name(both[way]));
      lab.at(name + ", strings");
      Net<float> net = model(reversal, both[way], seed);
      learn(net, reversal, lesson(lab, seed), lab);
      const std::vector<double> exact = exactly_right(net, pairs);
      right[way].resize(longest + 1), count[way].resize(longest + 1);
      std::vector<std::vector<double>> buckets((longest - shortest) / width);  // the last one is longer by one
      for (std::size_t b = 0; b < pairs.size(); ++b) {
        const auto n = static_cast<long>(pairs[b].source.size());
        const auto bucket = std::min<std::size_t>((n - shortest) / width, buckets.size() - 1);
        buckets[bucket].push_back(exact[b]);
        right[way][n] += exact[b], ++count[way][n];
      }
      for (std::size_t i = 0; i < buckets.size(); ++i) {
        const long from = shortest + static_cast<long>(i) * width;
        const long to = i + 1 < buckets.size() ? from + width - 1 : longest;
        lab.figure(name + ": reversed exactly, " + std::to_string(from) + " to " + std::to_string(to) + " letters",
                   buckets[i]);
      }
      of_longest[way] = buckets.back();
    }
    lab.claim("the longest: additive less none", difference(of_longest[0], of_longest[1]), at_least(0.2));
  });
  for (int way = 0; way < 2; ++way) {
    train::Curve& curve = curves.emplace_back(train::Curve{std::string(autograd::name(both[way]))});
    for (long n = shortest; n <= longest; ++n)
      if (count[way][n] > 0) curve.add(static_cast<double>(n), right[way][n] / count[way][n]);
  }
  lab.picture(train::line_chart({"How long a string is reversed without an error",
                                 "Without alignment all of a string has to be in the state that the decoder begins "
                                 "with. Both have read strings of all these lengths."},
                                {.name = "letters"}, {.name = "reversed exactly", .low = 0, .high = 1}, curves));
}

void run(Lab& lab) {
  for (const Way& way : ways) translate(lab, way);
  reverse(lab);
  lab.note(
      "Encoder: one layer of GRU cells in both directions, 64 channels each. Decoder: one layer of 64; Luong's without "
      "input feeding. 1000 steps of 64 new pairs; targets of a tenth are never seen, and are what is tested: 1000 "
      "sentences, 2000 strings of 4 to 20 of 20 letters. The decoder goes on from its own words. Alignments are of the "
      "right target: the place with the largest weight. Each word has one right place, and one is chosen: so the "
      "alignment error rate of Och and Ney is the share that is wrong. Prepositions count in it, and not among content "
      "words.");
}

}  // namespace

const Study alignment_study{
    "alignment",
    "alignment",
    "A decoder that attends finds the word that it translates, and long sources do not harm it.",
    "Bahdanau, Cho & Bengio 2015; Luong, Pham & Manning 2015",
    1.5,
    run};

}  // namespace primer::studies
