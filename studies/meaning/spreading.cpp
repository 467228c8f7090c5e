// Activation that spreads from word to word, and a memory that completes a pattern: where "attention is like it" is
// exact. Along a graph of a text, similar words are reached in the second step, by those that they both stand beside.
#include <algorithm>
#include <cmath>

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
  const long D = patterns.columns, drawn = std::lround(share * D);
  Matrix states = patterns;
  for (long i = 0; i < states.rows; ++i) {
    for (long d = 0; d < drawn; ++d) states(i, (i + d) % D) = others(i, (i + d) % D);
  }
  return states;
}

void run(Lab& lab) {
  constexpr long M = 64, D = 64, most_steps = 12;
  constexpr double rate = 0.5;
  double direct = 0, risen = -INFINITY;
  lab.each_seed([&](std::uint64_t seed) {
    lab.at("a graph and a memory");
    const Matrix graph = graph_of(seed, lab.size(500, 50));
    std::vector<train::Curve> curves{{"similar"}, {"associated"}, {"unrelated noun"}};
    for (long steps = 0; steps <= most_steps; ++steps) {
      const Matrix all = spread(graph, rate, steps);
      curves[0].add(steps, reached(all, Relation::similar));
      curves[1].add(steps, reached(all, Relation::associated));
      curves[2].add(steps, reached(all, Relation::unrelated_noun));
    }
    raise_to(direct, curves[0].y[1]);

    const Matrix patterns = of_length(normal_rows(M, D, seed)), others = of_length(normal_rows(M, D, seed + 1'000'000));
    std::vector<train::Curve> recalled{{"before"}, {"beta 2"}, {"beta 8"}, {"beta 20"}};
    for (long tenth = 0; tenth <= 10; ++tenth) {
      const double share = tenth / 10.0;
      const Matrix states = damaged(patterns, share, seed + 2'000'000);
      const auto least = [&](const Matrix& x) { return std::ranges::min(cosines(x, patterns)); };
      recalled[0].add(share, least(states));
      recalled[1].add(share, least(retrieved(patterns, states, 2)));
      recalled[2].add(share, least(retrieved(patterns, states, 8)));
      recalled[3].add(share, least(retrieved(patterns, states, 20)));
    }
    std::vector<double> raised;  // what a step of another memory raises the energy of each state, beta 20
    for (const double beta : {1.0, 4.0, 20.0}) {
      const auto rise = [&](const Matrix& then, const Matrix& now) {
        return difference(energies(patterns, then, beta), energies(patterns, now, beta));
      };
      Matrix states = damaged(patterns, 1, seed + 3'000'000);
      for (long i = 0; i < 20; ++i) {
        const Matrix next = retrieved(patterns, states, beta);
        for (const double one : rise(next, states)) raise_to(risen, one);
        states = next;
      }
      raised = rise(retrieved(others, states, beta), states);
    }
    lab.claim("what reaches similar nouns in one step", exact(direct), between(0, 0));
    lab.claim("what reaches associated nouns in one step", curves[1].y[1], at_least(0.05));
    lab.claim("two steps: similar nouns over unrelated ones", curves[0].y[2] / curves[2].y[2], at_least(2));
    lab.claim("a tenth drawn anew: cosine before, the worst pattern", recalled[0].y[1], at_most(0.97));
    lab.claim("the same after one step, beta 20", recalled[3].y[1], at_least(0.99));
    lab.claim("the most that a step raised the energy", exact(risen), at_most(1e-12));
    lab.claim("what a step of another memory raised it", {raised, "states"}, at_least(0.1));
    if (seed > 1) return;
    lab.picture(train::line_chart({"Activation that spreads along a text",
                                   "What reaches a noun, from an associated word, a similar noun and an unrelated one. "
                                   "Similar nouns stand nowhere side by side: they are reached in the second step."},
                                  {.name = "step"}, {.name = "activation", .low = 0}, curves));
    lab.picture(train::line_chart({"A damaged pattern is given back in one step",
                                   "The worst of 64 patterns. With a small beta a mixture of all of them comes back."},
                                  {.name = "share of the pattern that is drawn anew"},
                                  {.name = "cosine with the pattern", .high = 1}, recalled));
  });
  lab.note(
      "The graph is that of the study of priming: which of 80 words stand side by side, and how often. Half of the "
      "activation stays in a step. 64 random patterns of length 1 in 64 dimensions.");
}

}  // namespace

const Study spreading{"spreading",
                      "meaning",
                      "Spreading activation and a memory of patterns, both steps of attention.",
                      "Collins & Loftus 1975; Anderson 1983; Ramsauer et al. 2020, Hopfield Networks is All You Need",
                      0.1,
                      run};

}  // namespace primer::studies
