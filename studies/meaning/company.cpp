#include "studies/meaning/company.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "studies/circuits/texts/draws.h"
#include "studies/lab/fit.h"

namespace primer::studies {

using train::Matrix;

Company::Relation Company::relation(int prime, int target) {
  if (!is_noun(prime)) {
    if (prime == adjective_of(target)) return Relation::associated;
    const int mate = first_noun + category(target) * members;
    for (int i = 0; i < members; ++i) {
      if (prime == adjective_of(mate + i)) return Relation::mates_adjective;
    }
    return Relation::unrelated_adjective;
  }
  return category(prime) == category(target) ? Relation::similar : Relation::unrelated_noun;
}

data::Batch Company::batch(std::uint64_t seed, long step, long sequences, Kind kind) {
  data::Batch batch = empty_batch(sequences, length);
  for (long b = 0; b < sequences; ++b) {
    Draws draws("company", seed, step, b * 4096);
    const auto begin = batch.tokens.begin() + b * length, end = begin + length;
    auto next = begin;
    const auto write = [&](int word) {
      if (next != end) *next++ = word;
    };
    write(mark);
    const int topic = draws.below(categories);
    for (int before = -1; next != end;) {
      const int of = kind != Kind::no_topics && draws.below(5) < 4 ? topic : draws.below(categories);
      const int noun = first_noun + of * members + draws.below(members);
      if (noun == before) continue;
      before = noun;
      if (draws.below(2) == 0) write(adjective_of(noun));
      write(noun);
      for (int i = 0; i < 2; ++i) write(first_frame + of * frames + draws.below(frames));
      write(comma);
    }
    if (kind == Kind::shuffled_within) draws.shuffle(std::span(begin + 1, end), length - 1);
  }
  if (kind == Kind::shuffled_over_all) {  // marks stay where they are
    std::vector<int> words;
    for (const int word : batch.tokens) {
      if (word != mark) words.push_back(word);
    }
    Draws("company", seed, step, sequences * 4096).shuffle(std::span(words), words.size());
    auto next = words.begin();
    for (int& word : batch.tokens) {
      if (word != mark) word = *next++;
    }
  }
  for (std::size_t i = 0; i + 1 < batch.tokens.size(); ++i) {
    if (batch.tokens[i + 1] != mark) batch.targets[i] = batch.tokens[i + 1];
  }
  return batch;
}

Matrix neighbours(const data::Batch& batch, long vocabulary) {
  Matrix counts = train::zeros(vocabulary, vocabulary);
  for (long b = 0; b < batch.sequences; ++b) {
    const int* x = batch.tokens.data() + b * batch.length;
    for (long s = 0; s + 1 < batch.length; ++s) ++counts(x[s], x[s + 1]);
  }
  return counts;
}

Matrix likeness(const Matrix& neighbours) {
  const long V = neighbours.rows;
  double all = 0;
  std::vector<double> first(V, 0), second(first);
  for (long a = 0; a < V; ++a) {
    for (long b = 0; b < V; ++b) {
      const double n = neighbours(a, b);
      all += n, first[a] += n, second[b] += n;
    }
  }
  Matrix company = train::zeros(V, 2 * V);  // of each word, those behind it and those before
  for (long a = 0; a < V; ++a) {
    for (long b = 0; b < V; ++b) {
      if (neighbours(a, b) == 0) continue;
      const double expected = first[a] * second[b] / all;
      company(a, b) = company(b, V + a) = std::max(0.0, std::log(neighbours(a, b) / expected));
    }
  }
  Matrix alike = product(company, transposed(company));
  std::vector<double> lengths;
  for (long a = 0; a < V; ++a) lengths.push_back(std::sqrt(alike(a, a)));
  for (long a = 0; a < V; ++a) {
    for (long b = 0; b < V; ++b) {
      const double both = lengths[a] * lengths[b];
      alike(a, b) = both > 0 ? alike(a, b) / both : 0;
    }
  }
  return alike;
}

Weights regressed(const std::vector<double>& y, const std::vector<double>& a, const std::vector<double>& b) {
  const auto centred = [](std::vector<double> x) {
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / x.size();
    for (double& value : x) value -= mean;
    return x;
  };
  const std::vector<double> ys = centred(y), as = centred(a), bs = centred(b);
  const auto product = [](const auto& p, const auto& q) {
    return std::inner_product(p.begin(), p.end(), q.begin(), 0.0);
  };
  const auto correlation = [&](const auto& p, const auto& q) {
    return product(p, q) / std::sqrt(product(p, p) * product(q, q));
  };
  const double ya = correlation(ys, as), yb = correlation(ys, bs), ab = correlation(as, bs);
  return {(ya - yb * ab) / (1 - ab * ab), (yb - ya * ab) / (1 - ab * ab)};
}

}  // namespace primer::studies
