// Texts of hidden Markov models, and exact Bayesian prediction of them: identities in double.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "autograd/error.h"
#include "studies/context/ginc_exam.h"
#include "studies/lab/estimate.h"
#include "studies/lab/fit.h"

using namespace primer::studies;
using primer::train::Matrix;

namespace {

const GincShape small{.values = 2, .slots = 3, .vocabulary = 4, .concepts = 6, .uniform = 0.1};
const GincShape wide{.values = 5, .slots = 6, .vocabulary = 24, .concepts = 10, .uniform = 0.05};

double sum(const std::vector<double>& p) { return std::accumulate(p.begin(), p.end(), 0.0); }

int token_of(const Ginc& ginc, long v, long s) {
  return ginc.table[static_cast<std::size_t>(v * ginc.shape.slots + s)];
}

/// p(tokens t ... | state of token t), path by path.
double paths(const Ginc& ginc, const Concept& theta, std::span<const int> tokens, std::size_t t, long v, long s) {
  if (token_of(ginc, v, s) != tokens[t]) return 0;
  if (t + 1 == tokens.size()) return 1;
  double p = 0;
  for (long w = 0; w < ginc.shape.values; ++w) {
    for (long r = 0; r < ginc.shape.slots; ++r) {
      p += ginc.values(v, w) * theta.slots(s, r) * paths(ginc, theta, tokens, t + 1, w, r);
    }
  }
  return p;
}
double likelihood(const Ginc& ginc, const Concept& theta, std::span<const int> tokens) {
  double p = 0;
  for (long v = 0; v < ginc.shape.values; ++v) {
    for (long s = 0; s < ginc.shape.slots; ++s) p += theta.start(v, s) * paths(ginc, theta, tokens, 0, v, s);
  }
  return p;
}

Reader reading(const Ginc& ginc, Ginc::Family family, std::span<const int> tokens, bool infers = true) {
  Reader reader(ginc, family, infers);
  for (const int token : tokens) reader.read(token);
  return reader;
}

/// Every token but the delimiter tells its state; a text's first state tells nothing of its concept.
Ginc legible(std::uint64_t seed, GincShape shape = wide) {
  Ginc ginc(seed, shape);
  ginc.shape.vocabulary = static_cast<int>(ginc.table.size());
  for (std::size_t i = 0; i < ginc.table.size(); ++i) {
    ginc.table[i] = static_cast<long>(i) % ginc.shape.slots == 0 ? 0 : static_cast<int>(i);
  }
  for (Concept& theta : ginc.concepts) std::fill(theta.start.values.begin(), theta.start.values.end(), 1.0 / 30);
  return ginc;
}

double accuracy(const Ginc& ginc, Ginc::Family family, long n, long k) {
  double right = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const Prompt prompt = ginc.prompt(family, 1, i, 32, k);
    const std::vector<double> p = reading(ginc, family, prompt.with(n)).next();
    right += std::max_element(p.begin(), p.end()) - p.begin() == prompt.label;
  }
  return right / 200;
}

}  // namespace

TEST_CASE("the forward algorithm is the sum over all hidden paths, of 6 tokens to 1e-12; so are posterior and next") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Ginc ginc(seed, small);
    const Ginc::Family family = ginc.trained();
    for (std::uint64_t index = 0; index < 5; ++index) {
      const std::vector<int> text = ginc.document(index % 2 ? ginc.unseen() : family, seed, index, 6);
      const Reader reader = reading(ginc, family, text);
      std::vector<double> of_concept, next(4, 0.0);
      for (const Concept& theta : family) of_concept.push_back(likelihood(ginc, theta, text));
      for (std::size_t c = 0; c < family.size(); ++c) {
        CHECK(std::abs(std::exp(reader.log_likelihoods()[c]) / of_concept[c] - 1) < 1e-12);
        CHECK(std::abs(reader.posterior()[c] - of_concept[c] / sum(of_concept)) < 1e-12);
        for (int token = 0; token < 4; ++token) {
          std::vector<int> longer = text;
          longer.push_back(token);
          next[static_cast<std::size_t>(token)] += likelihood(ginc, family[c], longer) / sum(of_concept);
        }
      }
      for (std::size_t token = 0; token < 4; ++token) CHECK(std::abs(reader.next()[token] - next[token]) < 1e-12);
    }
  }
  // 30 states, some of which have the same token
  const Ginc ginc(4, wide);
  const std::vector<int> text = ginc.document(ginc.trained(), 4, 0, 6);
  const Reader reader = reading(ginc, ginc.trained(), text);
  for (std::size_t c = 0; c < 5; ++c) {
    CHECK(std::abs(std::exp(reader.log_likelihoods()[c]) / likelihood(ginc, ginc.trained()[c], text) - 1) < 1e-12);
  }
}

TEST_CASE("what is predicted sums to 1, to 1e-12, and so do all texts of a length; who keeps the prior has the mean") {
  const Ginc ginc(5, wide);
  Reader reader(ginc, ginc.trained()), keeps(ginc, ginc.trained(), false);
  for (const int token : ginc.document(ginc.unseen(), 5, 0, 100)) {
    CHECK(std::abs(sum(reader.next()) - 1) < 1e-12);
    CHECK(std::abs(sum(keeps.next()) - 1) < 1e-12);
    CHECK(std::abs(sum(reader.posterior()) - 1) < 1e-12);
    reader.read(token), keeps.read(token);
  }
  const std::vector<int> text = ginc.document(ginc.trained(), 5, 1, 30);
  std::vector<double> mean(24, 0.0), kept = reading(ginc, ginc.trained(), text, false).next();
  for (std::size_t c = 0; c < 5; ++c) {
    const std::vector<double> alone = reading(ginc, ginc.trained().subspan(c, 1), text).next();
    for (std::size_t i = 0; i < 24; ++i) mean[i] += alone[i] / 5;
  }
  double apart = 0;
  for (std::size_t i = 0; i < 24; ++i) {
    CHECK(std::abs(kept[i] - mean[i]) < 1e-12);
    apart = std::max(apart, std::abs(kept[i] - reading(ginc, ginc.trained(), text).next()[i]));
  }
  CHECK(apart > 0.01);
  const Ginc few(5, small);
  double all = 0;
  for (int i = 0; i < 64; ++i) {
    double p = 1;
    Reader own(few, few.trained());
    for (const int token : {i % 4, i / 4 % 4, i / 16}) {
      const double here = own.next()[static_cast<std::size_t>(token)];
      p *= here;
      if (here == 0) break;
      own.read(token);
    }
    all += p;
  }
  CHECK(std::abs(all - 1) < 1e-12);
}

TEST_CASE("rows and columns of all transitions sum to 1, none is below its uniform part, and only slot 0 is silent") {
  for (const std::uint64_t seed : {1, 2}) {
    const Ginc ginc(seed, wide);
    const auto check = [](const Matrix& m, double least) {
      for (long i = 0; i < m.rows; ++i) {
        double row = 0, column = 0;
        for (long j = 0; j < m.rows; ++j) {
          row += m(i, j), column += m(j, i);
          CHECK(m(i, j) >= least * (1 - 1e-12));
        }
        CHECK(std::abs(row - 1) < 1e-12);
        CHECK(std::abs(column - 1) < 1e-12);
      }
    };
    check(ginc.values, 0.1 * 0.05 / 5);
    for (long v = 0; v < 5; ++v) CHECK(ginc.values(v, v) >= 0.9);
    CHECK(ginc.concepts.size() == 10);
    for (const Concept& theta : ginc.concepts) {
      check(theta.slots, 0.05 / 6);
      CHECK(std::abs(sum(theta.start.values) - 1) < 1e-12);
      const auto [least, most] = std::minmax_element(theta.start.values.begin(), theta.start.values.end());
      CHECK(*most / *least <= std::exp(0.1));
      CHECK(*most > *least);
    }
    for (long v = 0; v < 5; ++v) {
      for (long s = 0; s < 6; ++s) CHECK((token_of(ginc, v, s) == 0) == (s == 0));
    }
    CHECK(*std::max_element(ginc.table.begin(), ginc.table.end()) < 24);
    CHECK(ginc.concepts[0].slots.values != ginc.concepts[1].slots.values);
    CHECK(ginc.table != Ginc(seed + 7, wide).table);
  }
  // a slot goes on as the weights say: one of them is most of the matrix, as softmax((U - 1/2) / 0.1) is sharp
  double largest = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (const Concept& theta : Ginc(seed, wide).concepts) largest += std::ranges::max(theta.slots.values) / 200;
  }
  CHECK(largest > 0.6);
  CHECK(largest < 0.95);
}

TEST_CASE("a text's slots and values move by B and A, the same A in every concept, and it is a function of its index") {
  const Ginc ginc = legible(3);
  CHECK(ginc.document(ginc.trained(), 8, 2, 50) == ginc.document(ginc.trained(), 8, 2, 50));
  CHECK(ginc.document(ginc.trained(), 8, 2, 50) != ginc.document(ginc.trained(), 8, 3, 50));
  CHECK(ginc.document(ginc.trained(), 8, 2, 50) != ginc.document(ginc.trained(), 9, 2, 50));
  for (std::size_t c = 0; c < 3; ++c) {
    const Concept& theta = ginc.concepts[c];
    Matrix slots = primer::train::zeros(6, 6), values = primer::train::zeros(5, 5);
    for (std::uint64_t index = 0; index < 100; ++index) {
      const std::vector<int> text = ginc.document({&theta, 1}, 8, index, 500);
      for (std::size_t t = 0; t + 1 < text.size(); ++t) {
        ++slots(text[t] % 6, text[t + 1] % 6);
        if (text[t] > 0 && text[t + 1] > 0) ++values(text[t] / 6, text[t + 1] / 6);
      }
    }
    const auto check = [](const Matrix& count, const Matrix& wanted) {
      for (long i = 0; i < count.rows; ++i) {
        double all = 0;
        for (long j = 0; j < count.rows; ++j) all += count(i, j);
        CHECK(all > 1000);
        for (long j = 0; j < count.rows; ++j) {
          const double p = wanted(i, j);
          CHECK(std::abs(count(i, j) / all - p) < 5 * std::sqrt(p * (1 - p) / all));
        }
      }
    };
    check(slots, theta.slots);
    check(values, ginc.values);
  }
}

TEST_CASE("a prompt's examples begin in one slot, its label is the likeliest next token, and the question stays") {
  const Ginc ginc = legible(4);
  std::map<std::size_t, long> concepts;
  std::map<int, long> slots;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const Prompt prompt = ginc.prompt(ginc.trained(), 2, i, 4, 5);
    ++concepts[prompt.theta];
    CHECK(prompt.tokens == ginc.prompt(ginc.trained(), 2, i, 4, 5).tokens);
    CHECK(prompt.tokens.size() == 4 * 6 + 4);
    const int slot = prompt.tokens[0] % 6;
    ++slots[slot];
    CHECK(slot > 0);
    for (std::size_t example = 0; example <= 4; ++example) {
      CHECK(prompt.tokens[6 * example] % 6 == slot);
      if (example > 0) CHECK(prompt.tokens[6 * example - 1] == 0);
    }
    for (const long n : {0L, 1L, 4L}) {
      CHECK(std::ssize(prompt.with(n)) == n * 6 + 4);
      CHECK(std::ranges::equal(prompt.with(n).last(4), prompt.with(0)));
    }
    const Prompt misled = ginc.prompt(ginc.trained(), 2, i, 4, 5, true);
    CHECK(std::ranges::equal(misled.with(0), prompt.with(0)));
    CHECK(misled.label == prompt.label);
    CHECK(misled.tokens != prompt.tokens);
  }
  CHECK(concepts.size() == 5);
  CHECK(slots.size() == 5);
  // with shared words the label is of all paths that begin in that slot, and of no others
  const Ginc shared(4, wide);
  for (std::uint64_t i = 0; i < 30; ++i) {
    const Prompt prompt = shared.prompt(shared.trained(), 2, i, 1, 4);
    std::vector<int> text(prompt.with(0).begin(), prompt.with(0).end());
    text.push_back(0);
    // the slot is not in the prompt: that of the same prompt in the legible world, which draws the same
    const long slot = ginc.prompt(ginc.trained(), 2, i, 1, 4).tokens[0] % 6;
    std::vector<double> p;
    for (int token = 0; token < 24; ++token) {
      text.back() = token;
      double of_token = 0;
      for (long v = 0; v < 5; ++v) of_token += paths(shared, shared.trained()[prompt.theta], text, 0, v, slot);
      p.push_back(of_token);
    }
    CHECK(std::max_element(p.begin(), p.end()) - p.begin() == prompt.label);
  }
}

TEST_CASE(
    "where tokens tell their states, what they say of two concepts is the sum of ln B / B' over steps, to 1e-12") {
  const Ginc ginc = legible(5);
  const Ginc::Family family = ginc.trained();
  const std::vector<int> text = ginc.document(family, 5, 0, 40);
  double odds = 0;
  Reader reader(ginc, family);
  for (std::size_t t = 0; t < text.size(); ++t) {
    reader.read(text[t]);
    if (t > 0)
      odds += std::log(family[0].slots(text[t - 1] % 6, text[t] % 6) / family[1].slots(text[t - 1] % 6, text[t] % 6));
    CHECK(std::abs(reader.log_likelihoods()[0] - reader.log_likelihoods()[1] - odds) < 1e-12 * (1 + std::abs(odds)));
  }
}

TEST_CASE("the order of examples does not change the posterior, to 1e-12, where tokens tell states; else it does") {
  const auto change = [](const Ginc& ginc) {
    double most = 0;
    for (std::uint64_t i = 0; i < 20; ++i) {
      std::vector<int> tokens = ginc.prompt(ginc.trained(), 3, i, 3, 3).tokens;
      tokens.resize(3 * 4);  // whole examples, each with its delimiter
      const std::vector<double> before = reading(ginc, ginc.trained(), tokens).posterior();
      std::rotate(tokens.begin(), tokens.begin() + 4, tokens.end());
      const std::vector<double> after = reading(ginc, ginc.trained(), tokens).posterior();
      for (std::size_t c = 0; c < before.size(); ++c) raise_to(most, std::abs(after[c] - before[c]));
    }
    return most;
  };
  CHECK(change(legible(6)) < 1e-12);
  CHECK(change(Ginc(6, wide)) > 1e-3);
}

TEST_CASE("exact prediction comes near to always right with more examples; of equal concepts nothing is learned") {
  GincShape hard = wide;
  hard.uniform = 0.4;
  const Ginc ginc = legible(7, hard);
  const double none = accuracy(ginc, ginc.trained(), 0, 8), many = accuracy(ginc, ginc.trained(), 32, 8);
  CHECK(many >= 0.97);
  CHECK(none < many - 0.05);
  Ginc equal = ginc;
  for (Concept& theta : equal.concepts) theta = equal.concepts[0];
  const Prompt prompt = equal.prompt(equal.trained(), 1, 0, 8, 8);
  const Reader reader = reading(equal, equal.trained(), prompt.tokens);
  for (const double p : reader.posterior()) CHECK(std::abs(p - 0.2) < 1e-12);
  const std::vector<double> alone = reading(equal, equal.trained().first(1), prompt.tokens).next();
  for (std::size_t token = 0; token < alone.size(); ++token)
    CHECK(std::abs(reader.next()[token] - alone[token]) < 1e-12);
}

TEST_CASE("a token that no concept allows is refused; without the uniform part most prompts are impossible") {
  const Ginc ginc(1, wide);
  Reader reader(ginc, ginc.trained());
  CHECK_THROWS_WITH_AS(reader.read(24), "[ginc] no concept allows token 24 there", primer::autograd::Error);
  for (const double uniform : {0.0, 0.01}) {  // the published shape
    const Ginc published(1, {.values = 10, .slots = 10, .vocabulary = 50, .concepts = 10, .uniform = uniform});
    long impossible = 0;
    for (std::uint64_t i = 0; i < 100; ++i) {
      const Prompt prompt = published.prompt(published.trained(), 1, i, 4, 10);
      try {
        reading(published, published.trained(), prompt.tokens);
      } catch (const primer::autograd::Error&) {
        ++impossible;
      }
    }
    if (uniform == 0) CHECK(impossible > 50);
    else CHECK(impossible == 0);
  }
}

TEST_CASE("the loss of texts is that of their whole probability, p(x_1 ... x_T+1) / p(x_1), to 1e-12") {
  const Ginc ginc(2);
  const auto batch = texts(ginc, ginc.trained(), 2, 7, 3, 40);
  const std::vector<double> found = losses(ginc, ginc.trained(), batch),
                            kept = losses(ginc, ginc.trained(), batch, false);
  const auto total = [](const Reader& reader) {
    double p = 0;
    for (const double one : reader.log_likelihoods()) p += std::exp(one) / 5;
    return std::log(p);
  };
  for (std::size_t b = 0; b < 3; ++b) {
    const std::vector<int> text = ginc.document(ginc.trained(), 2, 7 + b, 41);
    for (std::size_t t = 0; t < 40; ++t) {
      CHECK(batch.tokens[b * 40 + t] == text[t]);
      CHECK(batch.targets[b * 40 + t] == text[t + 1]);
    }
    const double whole = total(reading(ginc, ginc.trained(), text));
    const double first = total(reading(ginc, ginc.trained(), std::span(text).first(1)));
    CHECK(std::abs(found[b] + (whole - first) / 40) < 1e-12);
    CHECK(std::abs(kept[b] - found[b]) > 1e-3);
  }
}

TEST_CASE("a model is asked behind each prompt alone, and its record counts what it says") {
  const Ginc ginc(3);
  Net<float> net({.vocabulary = 24, .context = 30, .layers = 1, .heads = 1, .channels = 8, .deviation = 0.5}, 3);
  Prompts prompts;
  for (std::uint64_t i = 0; i < 130; ++i) prompts.push_back(ginc.prompt(ginc.trained(), 3, i, 4, 5));
  const std::vector<int> said = by(net.model)(prompts, 2);
  std::map<int, long> kinds;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    auto alone = empty_batch(1, 2 * 6 + 4);
    std::ranges::copy(prompts[i].with(2), alone.tokens.begin());
    const std::vector<float> logits = logits_of(net.model, alone);
    CHECK(said[i] == std::max_element(logits.end() - 24, logits.end()) - (logits.end() - 24));
    ++kinds[said[i]];
  }
  CHECK(kinds.size() > 3);
  const auto label_behind_4 = [](const Prompts& all, long n) {  // right behind one; behind 4 or more, on two thirds
    std::vector<int> answers;
    for (std::size_t i = 0; i < all.size(); ++i) {
      answers.push_back(n == 1 || (n >= 4 && i % 3 > 0) ? all[i].label : -1);
    }
    return answers;
  };
  Record record{"x"};
  prompts.resize(120);
  std::vector<int> exact;
  for (const Prompt& prompt : prompts) exact.push_back(prompt.label);
  CHECK(record.add(label_behind_4, prompts, exact)[1] == prompts[1].label);
  CHECK(record.accuracy(5, 2).mean == 0);
  CHECK(record.accuracy(5, 4).mean == doctest::Approx(2.0 / 3));
  CHECK(record.gained(5).mean == doctest::Approx(2.0 / 3));
  CHECK(record.shortfall.at(5).estimate().mean == doctest::Approx(1.0 / 3));
  CHECK(record.curve(5).x == std::vector<double>{0, 1, 2, 4, 8, 16});
  CHECK(record.curve(5).y[3] == doctest::Approx(2.0 / 3));
}
