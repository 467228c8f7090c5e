// "48 + 76 = 124" is known in two ways: because it stood there before, or because it was added. Two models that differ
// in what they have read, and in a feed-forward part, take one way each; sums with wrong answers tell them apart.
#include <algorithm>
#include <cmath>
#include <set>

#include "studies/circuits/sums.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/circuits/observers.h"

namespace primer::studies {

using train::Head;

namespace {

using Kind = Sums::Kind;
constexpr long T = Sums::length, heads = 8;

nn::ModelConfig shape(long layers, bool feed_forward) {
  return {.vocabulary = Sums::vocabulary,
          .context = T,
          .layers = layers,
          .heads = heads,
          .head_size = 16,
          .channels = 64,
          .ffn_channels = feed_forward ? 256 : -1,
          .position = nn::Position::rotary,
          .output = {.tie = false}};
}

/// Whether all digits of an answer are right, answer by answer. Each digit is judged behind the right ones before it:
/// all are right exactly if the model, writing on from "=", writes the answer.
std::vector<double> whole_answers(const nn::Model<float>& model, const data::Batch& batch,
                                  autograd::Observer<float>* observer = nullptr) {
  const std::vector<Judged> places = judge(model, batch, observer);
  std::vector<double> right;
  for (std::size_t i = 0; i < places.size(); i += Sums::digits) {
    right.push_back(std::all_of(places.begin() + static_cast<long>(i),
                                places.begin() + static_cast<long>(i) + Sums::digits,
                                [](const Judged& one) { return one.correct; })
                        ? 1
                        : 0);
  }
  return right;
}

/// Where the heads of a layer look from places whose next token is a digit of a repeated answer: at the same digit of
/// the answer that stood there before, at the numbers of this sum, anywhere in the other one. Means, [H] each.
struct Sources {
  std::vector<double> copy, numbers;

  Sources(const std::vector<float>& pattern, const data::Batch& batch) : copy(heads, 0), numbers(heads, 0) {
    const double count = static_cast<double>(batch.target_count());
    for (long b = 0; b < batch.sequences; ++b) {
      const int* x = batch.tokens.data() + b * T;
      for (long t = 0; t < T; ++t) {
        if (batch.targets[static_cast<std::size_t>(b * T + t)] < 0) continue;
        const long i = (t - 1) / Sums::each, begin = 1 + i * Sums::each;
        const long before = Sums::earlier(x, i) + t - begin + 1;
        for (long h = 0; h < heads; ++h) {
          const float* row = pattern.data() + ((b * heads + h) * T + t) * T;
          copy[static_cast<std::size_t>(h)] += row[before] / count;
          for (const long k : {0, 1, 3, 4}) numbers[static_cast<std::size_t>(h)] += row[begin + k] / count;
        }
      }
    }
  }
};

std::size_t best(const std::vector<double>& scores) {
  return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

/// Rows: the three places from which an answer is written, of one head; columns: the whole sequence.
train::Picture looks(const train::Words& words, const std::vector<float>& pattern, const data::Batch& batch,
                     std::size_t head) {
  constexpr std::string_view signs = "0123456789+=;|";
  train::Table table;
  for (long s = 0; s < T; ++s)
    table.columns.emplace_back(1, signs[static_cast<std::size_t>(batch.tokens[static_cast<std::size_t>(s)])]);
  for (long t = T - Sums::each + Sums::first_answer; t < T - 2; ++t) {
    table.rows.push_back("before " + table.columns[static_cast<std::size_t>(t + 1)]);
    const auto row = pattern.begin() + (static_cast<long>(head) * T + t) * T;
    table.values.insert(table.values.end(), row, row + T);
  }
  return train::heat_map(words, table, 0, 1);
}

/// What the two ways lead to, for each kind of text.
struct Answers {
  Tally repeated, misquoted, corrected, fresh;

  void add(const nn::Model<float>& model, std::uint64_t seed, long sequences) {
    const auto right = [&](Kind kind) {
      return whole_answers(model, Sums::batch(seed + 1'000'000, static_cast<long>(kind), sequences, kind, true));
    };
    repeated.add(right(Kind::repeated));
    misquoted.add(right(Kind::misquoted));
    corrected.add(right(Kind::corrected));
    fresh.add(right(Kind::fresh));
  }
};

void run(Lab& lab) {
  Answers copier, adder;
  Tally single, ablated, others, without;
  std::vector<double> copied_from, numbers_of, adder_copies;
  for (const std::uint64_t seed : lab.seeds()) {
    const long tests = lab.size(256, 4);
    const auto learn = [&](Net<float>& net, Kind kind, long steps, const std::string& what) {
      lab.at(what + ", seed " + std::to_string(seed));
      fit<float>(
          net, {.steps = lab.steps(steps), .lr = 3e-3, .seed = seed},
          [&](long step) { return Sums::batch(seed, step, 32, kind, false, true); }, lab.interruption);
    };
    Net<float> copying(shape(2, false), seed), one(shape(1, false), seed), adding(shape(2, true), seed),
        plain(shape(2, false), seed);
    learn(copying, Kind::repeated, 1500, "repeated sums, two layers of attention");
    learn(one, Kind::repeated, 1500, "repeated sums, one layer of attention");
    learn(adding, Kind::fresh, 1000, "sums that do not repeat, with feed-forward");
    learn(plain, Kind::fresh, 1000, "sums that do not repeat, attention alone");
    copier.add(copying.model, seed, tests);
    adder.add(adding.model, seed, tests);
    const data::Batch test = Sums::batch(seed + 2'000'000, 0, tests, Kind::repeated, true);
    const data::Batch unseen = Sums::batch(seed + 2'000'000, 1, tests, Kind::fresh, true);
    single.add(whole_answers(one.model, test));
    without.add(whole_answers(plain.model, unseen));

    // Where the answer comes from, and what is lost without the heads that bring it.
    const data::Batch few = Sums::batch(seed + 2'000'000, 2, lab.size(64, 2), Kind::repeated, true);
    const auto patterns = train::patterns_of(copying.model, few),
               others_patterns = train::patterns_of(adding.model, few);
    const Sources last(patterns[1], few), first_adder(others_patterns[0], few), last_adder(others_patterns[1], few);
    copied_from.push_back(last.copy[best(last.copy)]);
    adder_copies.push_back(std::max(first_adder.copy[best(first_adder.copy)], last_adder.copy[best(last_adder.copy)]));
    numbers_of.push_back(
        std::max(first_adder.numbers[best(first_adder.numbers)], last_adder.numbers[best(last_adder.numbers)]));
    std::set<Head> bringing, rest;
    for (long h = 0; h < heads; ++h) (last.copy[static_cast<std::size_t>(h)] > 0.2 ? bringing : rest).insert({1, h});
    train::WithoutHeads<float> cut(copying.model, bringing), control(copying.model, rest);
    ablated.add(whole_answers(copying.model, test, &cut));
    others.add(whole_answers(copying.model, test, &control));
    if (seed == 1) {
      lab.picture(looks({"Copied: the head that looks most at the answer that stood there before",
                         "The last sum of a text whose sums were all there before. Columns are its tokens, rows the "
                         "places before each digit of the answer."},
                        patterns[1], few, best(last.copy)));
      const bool in_first =
          first_adder.numbers[best(first_adder.numbers)] > last_adder.numbers[best(last_adder.numbers)];
      lab.picture(looks({"Added: the head that looks most at the numbers of this sum",
                         "The same text, read by the model that adds: it looks at the sum itself."},
                        others_patterns[in_first ? 0 : 1], few,
                        best(in_first ? first_adder.numbers : last_adder.numbers)));
    }
  }
  lab.claim("copying: repeated answers, two layers", copier.repeated.estimate(), at_least(0.95));
  lab.claim("the same, one layer", single.estimate(), at_most(0.5));
  lab.claim("copying: sums that were not there before", copier.fresh.estimate(), at_most(0.05));
  lab.claim("copying: wrong answers are repeated", copier.misquoted.estimate(), at_least(0.9));
  lab.claim("copying: right answers where wrong ones stood", copier.corrected.estimate(), at_most(0.05));
  lab.claim("copying: attention of the best head to the digit that is copied", mean_of(copied_from, "seeds"),
            at_least(0.5));
  lab.claim("copying: repeated answers without the heads that look there", ablated.estimate(), at_most(0.15));
  lab.figure("copying: without the other heads of the second layer", others.estimate());
  lab.claim("adding: sums that were not there before", adder.fresh.estimate(), at_least(0.95));
  lab.claim("the same, attention alone", without.estimate(), at_most(0.5));
  lab.claim("adding: right answers where wrong ones stood", adder.corrected.estimate(), at_least(0.95));
  lab.claim("adding: wrong answers are repeated", adder.misquoted.estimate(), at_most(0.05));
  lab.figure("adding: most attention of a head to the numbers of the sum", mean_of(numbers_of, "seeds"));
  lab.claim("adding: most attention of a head to the digit that stood there before", mean_of(adder_copies, "seeds"),
            at_most(0.1));
  lab.figure("a guess that reads nothing", exact(Sums::blind_guess()));
  lab.note(
      "Six sums of two-digit numbers a text, digit by digit. A tenth of the pairs of numbers, either way round, "
      "is kept from training, and all tests are made of them. An answer counts if its three digits do.");
}

}  // namespace

const Study repeated_sum{"repeated-sum",
                         "circuits",
                         "A sum is copied from where it stood before, or added; which, depends on what was read.",
                         "Elhage et al. 2021; the example of 48 + 76 from articles on it",
                         4,
                         run};

}  // namespace primer::studies
