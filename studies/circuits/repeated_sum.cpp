// "48 + 76 = 124" is known in two ways: because it stood there before, or because it was added. A model takes the way
// that what it has read pays, and cannot go the other; sums with wrong answers tell the two apart.
#include <algorithm>
#include <cmath>
#include <set>

#include "studies/circuits/paths.h"
#include "studies/circuits/texts/sums.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/circuits/observers.h"

namespace primer::studies {

using train::Head;

namespace {

using Kind = Sums::Kind;
constexpr long T = Sums::length, heads = 8, digits = Sums::digits;

/// Attention alone, and places by learned positions: what a sum is recognised by stands 1 to 8 places back.
nn::ModelConfig copier_shape(long layers) {
  nn::ModelConfig config = attention_only(Sums::vocabulary, T, layers);
  config.heads = heads;
  config.head_size = 32;
  config.position = nn::Position::learned;
  config.norm = nn::NormPlace::pre;
  return config;
}

/// What is added always stands at the same distance: positions are rotary.
nn::ModelConfig adder_shape(bool feed_forward) {
  return {.vocabulary = Sums::vocabulary,
          .context = T,
          .layers = 2,
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
  for (auto place = places.begin(); place != places.end(); place += digits) {
    right.push_back(std::all_of(place, place + digits, [](const Judged& one) { return one.correct; }));
  }
  return right;
}

/// How much the heads of a layer look, from the place before each digit of a repeated answer, at the same digit of the
/// answer that stood there before, and at the numbers of this sum. Means, [digits, H] each.
struct Sources {
  std::vector<double> copied, added;

  Sources(const std::vector<float>& pattern, const data::Batch& batch) : copied(digits * heads, 0), added(copied) {
    const double count = 1.0 * batch.target_count() / digits;
    for (long place = 0; place < batch.sequences * T; ++place) {
      if (batch.targets[place] < 0) continue;
      const long b = place / T, t = place % T, i = (t - 1) / Sums::each, begin = 1 + i * Sums::each;
      const long digit = t - begin - Sums::first_answer;
      const long before = Sums::earlier(batch.tokens.data() + b * T, i) + t + 1 - begin;
      for (long h = 0; h < heads; ++h) {
        const float* row = pattern.data() + ((b * heads + h) * T + t) * T;
        const long cell = digit * heads + h;
        copied[cell] += row[before] / count;
        for (const long k : {0, 1, 3, 4}) added[cell] += row[begin + k] / count;
      }
    }
  }
};

/// The head that looks most, and how much, for each digit: of shares [digits, H].
struct Best {
  std::vector<long> head;
  double mean = 0;  // of how much, over the digits

  explicit Best(const std::vector<double>& shares) {
    for (auto row = shares.begin(); row != shares.end(); row += heads) {
      const auto most = std::max_element(row, row + heads);
      head.push_back(most - row);
      mean += *most / digits;
    }
  }
};

/// Of the first sequence. Rows: what was read of a repeated sum before each digit of its answer, as the best head for
/// this digit sees it; columns: the whole sequence.
train::Picture looks(const train::Words& words, const std::vector<float>& pattern, const data::Batch& batch,
                     const Best& best) {
  std::string text;
  for (long s = 0; s < T; ++s) text += "0123456789+=;|"[batch.tokens[s]];
  train::Table table;
  for (const char sign : text) table.columns.emplace_back(1, sign);
  for (long t = 0; t < T; ++t) {
    if (batch.targets[t] < 0) continue;
    const long read = (t - 1) % Sums::each + 1;
    table.rows.push_back(text.substr(t + 1 - read, read));
    const long head = best.head[read - 1 - Sums::first_answer];
    const auto row = pattern.begin() + (head * T + t) * T;
    table.values.insert(table.values.end(), row, row + T);
  }
  return train::heat_map(words, table, 0, 1);
}

void run(Lab& lab) {
  lab.each_seed([&](std::uint64_t seed) {
    const long tests = lab.size(256, 4);
    const auto learn = [&](Net<float>& net, const Fit& how, const std::vector<Kind>& kinds, const std::string& what) {
      lab.at(what);
      fit<float>(net, how, lab.interruption,
                 [&](long step) { return Sums::batch(seed, step, 32, kinds[step % kinds.size()], false, true); });
    };
    const Fit to_copy{.steps = lab.steps(2000), .lr = 5e-3, .seed = seed};
    const Fit to_add{.steps = lab.steps(1200), .lr = 3e-3, .seed = seed};
    const std::vector<Kind> repetitions{Kind::repeated, Kind::misquoted}, sums{Kind::fresh};
    Net<float> copying(copier_shape(2), seed), one(copier_shape(1), seed);
    learn(copying, to_copy, repetitions, "repetitions, two layers");
    learn(one, to_copy, repetitions, "repetitions, one layer");
    Net<float> adding(adder_shape(true), seed), plain(adder_shape(false), seed);
    learn(adding, to_add, sums, "sums that do not repeat, with feed-forward");
    learn(plain, to_add, sums, "sums that do not repeat, attention alone");
    Net<float> table(adder_shape(true), seed);
    learn(table, to_add, {Kind::arbitrary}, "answers by no rule, with feed-forward");

    const auto right = [&](const Net<float>& net, Kind kind) {
      const data::Batch asked = Sums::batch(seed + 1'000'000, static_cast<long>(kind), tests, kind, true);
      return whole_answers(net.model, asked);
    };
    const data::Batch test = Sums::batch(seed + 2'000'000, 0, tests, Kind::repeated, true);
    const data::Batch unseen = Sums::batch(seed + 2'000'000, 1, tests, Kind::fresh, true);
    const data::Batch by_no_rule = Sums::batch(seed + 2'000'000, 1, tests, Kind::arbitrary, true);

    // Where an answer comes from, and what is lost without the heads that bring it.
    const data::Batch few = Sums::batch(seed + 3'000'000, 0, lab.size(64, 2), Kind::repeated, true);
    const auto patterns = train::patterns_of(copying.model, few), at_sum = train::patterns_of(adding.model, few);
    const Sources of_copier(patterns[1], few), first(at_sum[0], few), second(at_sum[1], few);
    std::set<Head> bringing, rest;
    for (std::size_t cell = 0; cell < of_copier.copied.size(); ++cell) {
      if (of_copier.copied[cell] > 0.3) bringing.insert({1, static_cast<long>(cell % heads)});
    }
    for (long h = 0; h < heads; ++h) {
      if (!bringing.contains({1, h})) rest.insert({1, h});
    }
    train::WithoutHeads<float> cut(copying.model, bringing), control(copying.model, rest);

    constexpr double one_of_three = 1.0 / 3;  // right of those who take the answer of any of the three sums
    lab.claim("copying: repeated answers, two layers", right(copying, Kind::repeated), at_least(0.95));
    lab.claim("the same, one layer", whole_answers(one.model, test), at_most(one_of_three));
    lab.claim("copying: sums that were not there before", right(copying, Kind::fresh), at_most(0.05));
    lab.claim("copying: wrong answers are repeated", right(copying, Kind::misquoted), at_least(0.9));
    lab.claim("copying: right answers where wrong ones stood", right(copying, Kind::corrected), at_most(0.05));
    lab.claim("copying: attention to the digit that is copied, best heads", Best(of_copier.copied).mean, at_least(0.5));
    lab.claim("copying: repeated answers without heads above 0.3 of it", whole_answers(copying.model, test, &cut),
              at_most(one_of_three));
    lab.claim("copying: without the others of the second layer", whole_answers(copying.model, test, &control),
              at_least(0.9));
    lab.claim("adding: sums that were not there before", right(adding, Kind::fresh), at_least(0.95));
    lab.claim("the same, attention alone", whole_answers(plain.model, unseen), at_least(0.95));
    lab.claim("answers by no rule: pairs that were not trained on", whole_answers(table.model, by_no_rule),
              at_most(0.05));
    lab.claim("adding: right answers where wrong ones stood", right(adding, Kind::corrected), at_least(0.95));
    lab.claim("adding: wrong answers are repeated", right(adding, Kind::misquoted), at_most(0.05));
    lab.claim("adding: attention to the digit that stood there before",
              std::max(Best(first.copied).mean, Best(second.copied).mean), at_most(0.1));
    lab.figure("adding: attention to the numbers of the sum, best heads",
               std::max(Best(first.added).mean, Best(second.added).mean));
    if (seed > 1) return;
    lab.picture(looks({"Copied: from the answer that stood there before",
                       "Rows are what was read of a repeated sum, columns all tokens: by the head that looks most at "
                       "the digit to come where it stood before."},
                      patterns[1], few, Best(of_copier.copied)));
    const bool is_first = Best(first.added).mean > Best(second.added).mean;
    lab.picture(looks({"Added: from the numbers of this sum",
                       "The same text as the model reads it that adds, by the heads that look most at the numbers."},
                      at_sum[is_first ? 0 : 1], few, Best((is_first ? first : second).added)));
  });
  lab.figure("a guess that reads nothing", exact(Sums::blind_guess()));
  lab.note(
      "Six sums of two-digit numbers a text, digit by digit. A tenth of the pairs of numbers is kept from training, "
      "either way round, and all tests are made of them. An answer is right if its three digits are.");
  lab.note(
      "The model that copies reads three sums twice, in every second batch with wrong answers; its targets are what "
      "stood there before. The one that adds reads six sums, none twice; its targets are the answers.");
}

}  // namespace

const Study repeated_sum{"repeated-sum",
                         "circuits",
                         "A sum is copied from where it stood before, or added; which, depends on what was read.",
                         "Elhage et al. 2021; the example of 48 + 76 from articles on it",
                         4,
                         run};

}  // namespace primer::studies
