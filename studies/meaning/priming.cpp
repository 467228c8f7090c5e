// A word that was read makes others more likely: similar ones, and, less, those that stand beside it. A model is asked
// in a frame that it never read, a word alone between marks: "lime , ...". Is it that similar words share their frames?
// Texts without topics, in which they do and meet no more often than others, say no.
#include <algorithm>
#include <cmath>

#include "studies/lab/fit.h"
#include "studies/meaning/company.h"
#include "studies/studies.h"
#include "train/circuits/observers.h"

namespace primer::studies {

using train::Matrix;
using Relation = Company::Relation;

namespace {

constexpr int first = Company::first_noun, primes = Company::nouns + Company::adjectives;
constexpr long channels = 64, layers = 2;

/// What a model makes of "mark prime ," for every noun and adjective: of each noun as what follows ln p, and the cosine
/// of both words' states behind the comma less the mean of all; [primes, nouns].
struct Activation {
  Matrix log_p = train::zeros(primes, Company::nouns), cosine = log_p;

  explicit Activation(const nn::Model<float>& model) {
    data::Batch batch = empty_batch(primes, 3);
    for (int i = 0; i < primes; ++i) {
      const int frame[]{Company::mark, first + i, Company::comma};
      std::copy_n(frame, 3, batch.tokens.begin() + 3 * i);
    }
    const std::string name = "blocks." + std::to_string(layers - 1) + ".output";
    train::Recorder<float> seen({name});
    const std::vector<float> logits = logits_of<float>(model, batch, &seen);  // [primes, 3, V]
    const std::vector<float>& states = seen.values(name);                     // [primes, 3, C]
    Matrix last = train::zeros(primes, channels);
    for (long c = 0; c < channels; ++c) {
      double mean = 0;
      for (long i = 0; i < primes; ++i) {
        mean += last(i, c) = states[static_cast<std::size_t>((3 * i + 2) * channels + c)];
      }
      for (long i = 0; i < primes; ++i) last(i, c) -= mean / primes;
    }
    const Matrix products = product(last, transposed(last));
    for (long i = 0; i < primes; ++i) {
      const float* row = logits.data() + (3 * i + 2) * Company::vocabulary;
      double sum = 0;
      for (long v = 0; v < Company::vocabulary; ++v) sum += std::exp(static_cast<double>(row[v]));
      for (long n = 0; n < Company::nouns; ++n) {
        log_p(i, n) = static_cast<double>(row[first + n]) - std::log(sum);
        cosine(i, n) = products(i, n) / std::sqrt(products(i, i) * products(n, n));
      }
    }
  }
};

/// The mean over primes that are this to noun n less that over those which are that, of each noun: [nouns].
std::vector<double> primed(const Matrix& activation, Relation by, Relation above) {
  std::vector<double> found;
  for (int n = 0; n < Company::nouns; ++n) {
    const auto mean = [&](Relation wanted) {
      double sum = 0, count = 0;
      for (int i = 0; i < primes; ++i) {
        if (i == n || Company::relation(first + i, first + n) != wanted) continue;
        sum += activation(i, n);
        ++count;
      }
      return sum / count;
    };
    found.push_back(mean(by) - mean(above));
  }
  return found;
}

/// Both kinds of priming, and by how much the one exceeds the other.
struct Priming {
  Tally similar, associated, gap;

  void add(const Matrix& activation) {
    const auto one = primed(activation, Relation::similar, Relation::unrelated_noun);
    const auto other = primed(activation, Relation::associated, Relation::unrelated_adjective);
    std::vector<double> difference;
    for (std::size_t n = 0; n < one.size(); ++n) difference.push_back(one[n] - other[n]);
    similar.add(one), associated.add(other), gap.add(difference);
  }
};

void run(Lab& lab) {
  constexpr const char* texts[Company::kinds]{"topics", "no topics", "shuffled within each", "shuffled over all"};
  Priming nats[Company::kinds], cosine[Company::kinds];
  std::vector<double> by_likeness[2], by_neighbours[2];  // of ln p, of cosines
  for (const std::uint64_t seed : lab.seeds()) {
    const data::Batch sample = Company::batch(seed + 1'000'000, 0, lab.size(2000, 100));
    const Matrix beside = neighbours(sample, Company::vocabulary), alike = likeness(beside);
    for (int kind = 0; kind < Company::kinds; ++kind) {
      lab.at(std::string(texts[kind]) + ", seed " + std::to_string(seed));
      Net<float> net({.vocabulary = Company::vocabulary,
                      .context = Company::length,
                      .layers = layers,
                      .heads = 4,
                      .channels = channels},
                     seed);
      fit<float>(
          net, {.steps = lab.steps(800), .seed = seed},
          [&](long step) { return Company::batch(seed, step, 32, Company::Kind(kind)); }, lab.interruption);
      const Activation found(net.model);
      nats[kind].add(found.log_p);
      cosine[kind].add(found.cosine);
      if (kind > 0) continue;
      for (const bool is_cosine : {false, true}) {
        std::vector<double> y, likenesses, adjacencies;
        for (int i = 0; i < primes; ++i) {
          for (int n = 0; n < Company::nouns; ++n) {
            if (i == n) continue;
            y.push_back((is_cosine ? found.cosine : found.log_p)(i, n));
            likenesses.push_back(alike(first + i, first + n));
            adjacencies.push_back(std::log1p(beside(first + i, first + n) + beside(first + n, first + i)));
          }
        }
        const Weights weights = regressed(y, likenesses, adjacencies);
        by_likeness[is_cosine].push_back(weights.a);
        by_neighbours[is_cosine].push_back(weights.b);
      }
      if (seed > 1) continue;
      train::Table table{{}, {}, found.log_p.values};
      for (int i = 0; i < primes; ++i) {
        const bool is_noun = i < Company::nouns;
        const std::string category = std::to_string(i / Company::members + 1);
        const std::string name = is_noun ? category + "abcd"[i % Company::members] : "adj " + std::to_string(i - 39);
        table.rows.push_back(name);
        if (is_noun) table.columns.push_back(name);
      }
      lab.picture(train::heat_map({"What a word makes likely",
                                   "Rows are words that were read, columns nouns that may follow, ln p. Four nouns of "
                                   "a category stand side by side; an adjective, below, goes with four nouns of four."},
                                  table));
    }
  }
  std::vector<train::Bar> bars;
  for (int kind = 0; kind < Company::kinds; ++kind) {
    const std::string text = texts[kind];
    const Estimate similar = nats[kind].similar.estimate("nouns"), associated = nats[kind].associated.estimate("nouns");
    const bool has_topics = kind == 0, is_control = kind == 1 || kind == 3;
    const Bound least = at_least(has_topics ? 0.2 : 0), none = between(-0.05, 0.05);
    lab.claim(text + ": ln p behind a similar noun, above other nouns", similar, is_control ? none : least);
    lab.claim(text + ": behind its adjective, above other adjectives", associated, is_control ? none : at_least(0));
    bars.push_back({text + ", similar", similar.mean, similar.low, similar.high});
    bars.push_back({text + ", associated", associated.mean, associated.low, associated.high});
    if (has_topics) {
      const Estimate gap = nats[kind].gap.estimate("nouns");
      lab.claim(text + ": behind its adjective, lower end of the interval", exact(associated.low), at_least(0));
      lab.figure(text + ": similar less associated", gap);
      lab.claim(text + ": similar less associated, lower end of the interval", exact(gap.low), at_least(0));
    }
  }
  for (int kind = 0; kind < Company::kinds; ++kind) {
    lab.figure(std::string(texts[kind]) + ": cosine with a similar noun, above other nouns",
               cosine[kind].similar.estimate("nouns"));
    lab.figure("with its adjective, above other adjectives", cosine[kind].associated.estimate("nouns"));
  }
  for (const bool is_cosine : {false, true}) {
    const std::string of = is_cosine ? "cosine: " : "ln p: ";
    lab.figure(of + "weight of likeness", mean_of(by_likeness[is_cosine], "seeds"));
    lab.figure(of + "weight of standing side by side", mean_of(by_neighbours[is_cosine], "seeds"));
  }
  lab.picture(train::bar_chart({"Priming", "How much likelier a noun is behind a related word than behind others."},
                               {.name = "nats"}, bars));
  lab.note(
      "Similar nouns have the same frames and are never side by side; a noun and its adjective are, and have different "
      "ones. All nouns are equally frequent. Weights are those of a regression on both, made to variance 1: the "
      "cosine of what stands beside two words, and the logarithm of how often they stand side by side.");
}

}  // namespace

const Study priming{
    "priming",
    "meaning",
    "A word makes those of its topic likelier, and, less, those that stand beside it; frames alone prime nothing.",
    "Meyer & Schvaneveldt 1971; Digutsch & Kosinski 2023",
    1,
    run};

}  // namespace primer::studies
