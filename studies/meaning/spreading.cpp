// Activation that spreads from word to word, and a memory that completes a pattern: where "attention is like it" is
// exact. Along a graph of a text, similar words are reached in the second step, by those that they both stand beside.
#include <algorithm>
#include <cmath>

#include "autograd/random.h"
#include "studies/kernels/smoother.h"
#include "studies/lab/lab.h"
#include "studies/meaning/activation.h"
#include "studies/meaning/company.h"
#include "studies/studies.h"

namespace primer::studies {

using train::Matrix;
using Relation = Company::Relation;

namespace {

/// Which words of a text stand side by side, how often, either way: of nouns, adjectives and frames, [N, N].
Matrix graph_of(std::uint64_t seed, long sequences) {
  const Matrix behind = neighbours(Company::batch(seed, 0, sequences), Company::vocabulary);
  const long first = Company::first_noun, N = Company::vocabulary - first;
  Matrix graph = train::zeros(N, N);
  for (long a = 0; a < N; ++a) {
    for (long b = 0; b < N; ++b) graph(a, b) = behind(first + a, first + b) + behind(first + b, first + a);
  }
  return graph;
}

/// What reaches the nouns, mean over those that are this to the word where it began.
double reached(const Matrix& activation, Relation wanted) {
  double sum = 0, count = 0;
  for (int target = Company::first_noun; target < Company::first_adjective; ++target) {
    for (int prime = Company::first_noun; prime < Company::first_frame; ++prime) {
      if (prime == target || Company::relation(prime, target) != wanted) continue;
      sum += activation(prime - Company::first_noun, target - Company::first_noun);
      ++count;
    }
  }
  return sum / count;
}

/// Patterns of which a share of the numbers is drawn anew.
Matrix damaged(const Matrix& patterns, double share, std::uint64_t seed) {
  const Matrix others = of_length(normal_rows(patterns.rows, patterns.columns, seed));
  const long D = patterns.columns, drawn = std::lround(share * static_cast<double>(D));
  Matrix states = patterns;
  for (long i = 0; i < states.rows; ++i) {
    for (long d = 0; d < drawn; ++d) states(i, (i + d) % D) = others(i, (i + d) % D);
  }
  return states;
}

void run(Lab& lab) {
  double step = 0, layers = 0, kept = 0, direct = 0, risen = -INFINITY;
  std::vector<double> associated, nearer, one, before, rival;
  constexpr long M = 64, D = 64, most_steps = 12;
  constexpr double rate = 0.5;
  for (const std::uint64_t seed : lab.seeds()) {
    lab.at("seed " + std::to_string(seed));
    const Matrix graph = graph_of(seed, lab.size(500, 50));
    const Matrix attended = attend_along(graph, train::identity(graph.rows));
    for (long i = 0; i < graph.rows; ++i) {
      double degree = 0;
      for (long j = 0; j < graph.rows; ++j) degree += graph(i, j);
      for (long j = 0; j < graph.rows; ++j) step = std::max(step, std::abs(attended(i, j) - graph(i, j) / degree));
    }
    std::vector<train::Curve> curves{{"similar"}, {"associated"}, {"unrelated noun"}};
    for (long steps = 0; steps <= most_steps; ++steps) {
      const Matrix all = spread(graph, rate, steps);
      for (long i = 0; i < graph.rows; ++i) {
        const std::vector<double> own = walked(graph, rate, steps, i);
        double sum = 0;
        for (long j = 0; j < graph.rows; ++j) {
          layers = std::max(layers, std::abs(all(i, j) - own[static_cast<std::size_t>(j)]));
          sum += all(i, j);
        }
        kept = std::max(kept, std::abs(sum - 1));
      }
      const double found[]{reached(all, Relation::similar), reached(all, Relation::associated),
                           reached(all, Relation::unrelated_noun)};
      for (std::size_t i = 0; i < curves.size(); ++i) {
        curves[i].x.push_back(static_cast<double>(steps));
        curves[i].y.push_back(found[i]);
      }
      if (steps == 1) direct = std::max(direct, found[0]), associated.push_back(found[1]);
      if (steps == 2) nearer.push_back(found[0] / found[2]);
    }

    const Matrix patterns = of_length(normal_rows(M, D, seed)), others = of_length(normal_rows(M, D, seed + 1'000'000));
    std::vector<train::Curve> recalled{{"before"}, {"beta 2"}, {"beta 8"}, {"beta 20"}};
    for (long tenth = 0; tenth <= 10; ++tenth) {
      const Matrix states = damaged(patterns, static_cast<double>(tenth) / 10, seed + 2'000'000);
      const auto found = [&](const Matrix& x) { return std::ranges::min(cosines(x, patterns)); };
      const Matrix at_20 = retrieved(patterns, states, 20);
      const double least[]{found(states), found(retrieved(patterns, states, 2)), found(retrieved(patterns, states, 8)),
                           found(at_20)};
      for (std::size_t i = 0; i < recalled.size(); ++i) {
        recalled[i].x.push_back(static_cast<double>(tenth) / 10);
        recalled[i].y.push_back(least[i]);
      }
      if (tenth == 1) before.push_back(least[0]), one.push_back(least[3]);
    }
    for (const double beta : {1.0, 4.0, 20.0}) {
      Matrix states = damaged(patterns, 1, seed + 3'000'000);
      for (long i = 0; i < 20; ++i) {
        const Matrix next = retrieved(patterns, states, beta);
        const auto then = energies(patterns, next, beta), now = energies(patterns, states, beta);
        for (std::size_t n = 0; n < now.size(); ++n) risen = std::max(risen, then[n] - now[n]);
        states = next;
      }
      if (beta < 20) continue;
      const auto then = energies(patterns, retrieved(others, states, beta), beta);
      const auto now = energies(patterns, states, beta);
      for (std::size_t n = 0; n < now.size(); ++n) rival.push_back(then[n] - now[n]);
    }
    if (seed > 1) continue;
    lab.picture(train::line_chart({"Activation that spreads along a text",
                                   "What reaches a noun, from an associated word, a similar noun and an unrelated one. "
                                   "Similar nouns stand nowhere side by side: they are reached in the second step."},
                                  {.name = "step"}, {.name = "activation", .low = 0}, curves));
    lab.picture(train::line_chart({"A damaged pattern is given back in one step",
                                   "The worst of 64 patterns. With a small beta a mixture of all of them comes back."},
                                  {.name = "share of the pattern that is drawn anew"},
                                  {.name = "cosine with the pattern", .high = 1}, recalled));
  }
  lab.claim("one step of the walk from attention with scores ln W, at most", exact(step), at_most(1e-12));
  lab.claim("layers with a residual from a walk word by word, at most", exact(layers), at_most(1e-12));
  lab.claim("all activation from 1, at most", exact(kept), at_most(1e-12));
  lab.claim("what reaches similar nouns in one step", exact(direct), between(0, 0));
  lab.claim("what reaches associated nouns in one step", mean_of(associated, "seeds"), at_least(0.05));
  lab.claim("two steps: similar nouns over unrelated ones", mean_of(nearer, "seeds"), at_least(2));
  lab.claim("a tenth drawn anew: cosine before, the worst pattern", mean_of(before, "seeds"), at_most(0.97));
  lab.claim("the same after one step, beta 20", mean_of(one, "seeds"), at_least(0.99));
  lab.claim("the most that a step raised the energy", exact(risen), at_most(1e-12));
  lab.claim("what a step of another memory raised it", mean_of(rival, "states"), at_least(0.1));
  lab.note(
      "The graph is that of the study of priming: which of 80 words stand side by side, and how often. Half of the "
      "activation stays in a step. 64 random patterns of length 1 in 64 dimensions.");
}

}  // namespace

const Study spreading{"spreading",
                      "meaning",
                      "Spreading activation and a memory of patterns: where they are attention, exactly.",
                      "Collins & Loftus 1975; Anderson 1983; Ramsauer et al. 2020, Hopfield Networks is All You Need",
                      0.1,
                      run};

}  // namespace primer::studies
