// A word that was read makes others more likely. A model is asked in a frame that it never read, a word alone between
// marks: "lime , ...". Is it that similar words share their frames? Texts without topics, in which they do and meet no
// more often than others, say no. Is it that an adjective stands beside its nouns? The adjectives of other nouns of the
// same topic, which tell as much of the topic and stand beside others, say no.
#include <algorithm>
#include <cmath>

#include "studies/lab/fit.h"
#include "studies/meaning/company.h"
#include "studies/studies.h"

namespace primer::studies {

using train::Matrix;
using Relation = Company::Relation;

namespace {

constexpr int first = Company::first_noun, primes = Company::nouns + Company::adjectives;
constexpr long channels = 64, layers = 2;

/// ln p of each noun as what follows "mark prime ,", for every noun and adjective: [primes, nouns].
Matrix activation_of(const nn::Model<float>& model) {
  data::Batch batch = empty_batch(primes, 3);
  for (int i = 0; i < primes; ++i) {
    const int frame[]{Company::mark, first + i, Company::comma};
    std::copy_n(frame, 3, batch.tokens.begin() + 3 * i);
  }
  const std::vector<float> logits = logits_of<float>(model, batch);  // [primes, 3, V]
  Matrix log_p = train::zeros(primes, Company::nouns);
  for (long i = 0; i < primes; ++i) {
    const float* row = logits.data() + (3 * i + 2) * Company::vocabulary;
    double sum = 0;
    for (long v = 0; v < Company::vocabulary; ++v) sum += std::exp(static_cast<double>(row[v]));
    for (long n = 0; n < Company::nouns; ++n) log_p(i, n) = row[first + n] - std::log(sum);
  }
  return log_p;
}

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

/// How far ln p depends on likeness and on standing side by side.
Weights regressed_on_both(const Matrix& log_p, const Matrix& beside) {
  const Matrix alike = likeness(beside);
  std::vector<double> y, likenesses, adjacencies;
  for (int i = 0; i < primes; ++i) {
    for (int n = 0; n < Company::nouns; ++n) {
      if (i == n) continue;
      y.push_back(log_p(i, n));
      likenesses.push_back(alike(first + i, first + n));
      adjacencies.push_back(std::log1p(beside(first + i, first + n) + beside(first + n, first + i)));
    }
  }
  return regressed(y, likenesses, adjacencies);
}

void draw(Lab& lab, const Matrix& log_p) {
  train::Table table{{}, {}, log_p.values};
  for (int i = 0; i < primes; ++i) {
    const bool is_noun = i < Company::nouns;
    const std::string category = std::to_string(i / Company::members + 1);
    const std::string name = is_noun ? category + "abcd"[i % Company::members] : "adj " + std::to_string(i - 39);
    table.rows.push_back(name);
    if (is_noun) table.columns.push_back(name);
  }
  lab.picture(train::heat_map({"What a word makes likely",
                               "Rows are words that were read, columns nouns that may follow, ln p. Four nouns of a "
                               "category stand side by side; an adjective, below, goes with four nouns of four."},
                              table));
}

void run(Lab& lab) {
  constexpr const char* texts[Company::kinds]{"topics", "no topics", "shuffled within each", "shuffled over all"};
  std::vector<train::Bar> bars;
  std::vector<double> by_likeness, by_neighbours;  // weights, of texts with topics
  for (int kind = 0; kind < Company::kinds; ++kind) {
    const std::string text = texts[kind];
    const bool has_topics = kind == 0, is_control = kind == 1 || kind == 3;
    const Bound least = at_least(has_topics ? 0.2 : 0), none = between(-0.05, 0.05);
    const std::size_t first_finding = lab.findings.size();
    lab.each_seed([&](std::uint64_t seed) {
      lab.at(text);
      Net<float> net({.vocabulary = Company::vocabulary,
                      .context = Company::length,
                      .layers = layers,
                      .heads = 4,
                      .channels = channels},
                     seed);
      fit<float>(net, {.steps = lab.steps(800), .seed = seed}, lab.interruption,
                 [&](long step) { return Company::batch(seed, step, 32, Company::Kind(kind)); });
      const Matrix log_p = activation_of(net.model);
      const auto of = [&](Relation by, Relation above) { return Measured(primed(log_p, by, above), "nouns"); };
      lab.claim(text + ": ln p behind a similar noun, above other nouns",
                of(Relation::similar, Relation::unrelated_noun), is_control ? none : least);
      lab.claim(text + ": behind a mate's adjective, above unrelated ones",
                of(Relation::mates_adjective, Relation::unrelated_adjective), is_control ? none : at_least(0));
      const std::string beyond = text + ": behind its own adjective, above mates'";
      const Measured associated = of(Relation::associated, Relation::mates_adjective);
      if (kind == 3) lab.claim(beyond, associated, none);
      else lab.figure(beyond, associated);
      if (!has_topics) return;
      const data::Batch sample = Company::batch(seed + 1'000'000, 0, lab.size(2000, 100));
      const Weights weights = regressed_on_both(log_p, neighbours(sample, Company::vocabulary));
      by_likeness.push_back(weights.a);
      by_neighbours.push_back(weights.b);
      if (seed == 1) draw(lab, log_p);
    });
    const Finding* found = &lab.findings[first_finding];
    bars.push_back(bar_of(text + ", similar", found[0].found));
    bars.push_back(bar_of(text + ", mate's adjective", found[1].found));
    bars.push_back(bar_of(text + ", associated", found[2].found));
    if (has_topics) {
      lab.claim(text + ": behind a mate's adjective, lower end of the interval", exact(found[1].found.low),
                at_least(0));
    }
  }
  lab.figure("weight of likeness in a regression", mean_of(by_likeness, "seeds"));
  lab.figure("weight of standing side by side", mean_of(by_neighbours, "seeds"));
  lab.picture(train::bar_chart({"Priming", "How much likelier a noun is behind a related word than behind others."},
                               {.name = "nats"}, bars));
  lab.note(
      "Similar nouns have the same frames and are never side by side; a noun and its adjective are. A mate's adjective "
      "is that of another noun of the category: it tells as much of the topic as the noun's own, so what its own makes "
      "likelier than it is association alone. All nouns are equally frequent. Weights are those of a regression on "
      "both, made to variance 1: the "
      "cosine of what stands beside two words, and the logarithm of how often they stand side by side.");
}

}  // namespace

const Study priming{
    "priming",
    "meaning",
    "A word makes nouns of its topic likelier; that it stands beside them adds nothing, nor do frames alone.",
    "Meyer & Schvaneveldt 1971; Digutsch & Kosinski 2023",
    1,
    run};

}  // namespace primer::studies
