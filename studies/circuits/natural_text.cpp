// Do induction heads form on natural text? In a model of this size, not on the characters of a book: what they would
// bring is little there. They do where copying pays: in sequences with the book's pairs of characters, in which some
// characters have a successor that is drawn anew for every sequence.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "studies/circuits/periodic.h"
#include "studies/circuits/symbols.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/circuits/looks.h"

namespace primer::studies {

namespace {

constexpr long length = 128, sequences = 32;

/// Sequences of the text's pairs: what follows a symbol is drawn as in the text; but what follows one of five triggers
/// is one symbol for the whole sequence, drawn evenly. Bietti et al. 2023, Birth of a Transformer, section 3.
class Triggers {
 public:
  explicit Triggers(const Symbols& text) : V_(text.size()), sums_(static_cast<std::size_t>(V_ * V_), 0) {
    std::vector<long> counts(static_cast<std::size_t>(V_), 0);
    for (std::size_t i = 0; i + 1 < text.ids.size(); ++i) {
      ++sums_[static_cast<std::size_t>(text.ids[i] * V_ + text.ids[i + 1])];
      ++counts[static_cast<std::size_t>(text.ids[i])];
    }
    for (long a = 0; a < V_; ++a) std::partial_sum(row(a), row(a) + V_, row(a));
    std::vector<int> order(static_cast<std::size_t>(V_));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return counts[a] > counts[b]; });
    for (std::size_t i = 0; i < triggers_.size(); ++i) triggers_[i] = order[2 * i + 1];
  }

  /// Where `later`, targets count only at triggers that stood in the sequence before: there a copy is right every time.
  data::Batch batch(std::uint64_t seed, long step, bool later) const {
    const autograd::Random random(seed, autograd::hash("triggers"), static_cast<std::uint64_t>(step));
    data::Batch batch = empty_batch(sequences, length);
    for (long b = 0; b < sequences; ++b) {
      std::uint64_t drawn = static_cast<std::uint64_t>(b * 2 * length);
      std::array<int, 5> answers, seen{};
      for (int& answer : answers) answer = static_cast<int>(random.below(static_cast<std::uint64_t>(V_), drawn++));
      int x = triggers_[random.below(triggers_.size(), drawn++)];
      for (long t = 0; t < length; ++t) {
        batch.tokens[static_cast<std::size_t>(b * length + t)] = x;
        const auto at = std::find(triggers_.begin(), triggers_.end(), x) - triggers_.begin();
        const bool triggers = at < static_cast<long>(triggers_.size());
        const int next = triggers ? answers[static_cast<std::size_t>(at)] : follow(x, random.uniform(drawn++));
        if (!later || (triggers && seen[static_cast<std::size_t>(at)]++)) {
          batch.targets[static_cast<std::size_t>(b * length + t)] = next;
        }
        x = next;
      }
    }
    return batch;
  }

 private:
  std::vector<double>::iterator row(long a) { return sums_.begin() + a * V_; }
  int follow(long a, double share) const {
    const auto begin = sums_.begin() + a * V_, end = begin + V_;
    const auto found = std::upper_bound(begin, end, share * *(end - 1));
    return static_cast<int>(std::min(found - begin, V_ - 1));
  }

  long V_;
  std::vector<double> sums_;  // [V, V], running sums of the counts of pairs
  std::array<int, 5> triggers_{};
};

/// The loss around place 0.9 T less that around 0.1 T: below 0 where what was read before helps. Olsson et al. 2022.
std::vector<double> learning_from_context(const nn::Model<float>& model, const data::Batch& batch) {
  const long reach = length / 16, early = length / 10, late = 9 * length / 10;
  std::vector<double> scores(static_cast<std::size_t>(batch.sequences), 0);
  for (const Judged& one : judge(model, batch)) {
    const long b = one.place / length, t = one.place % length;
    const double share = one.nll / static_cast<double>(2 * reach + 1);
    if (std::abs(t - late) <= reach) scores[static_cast<std::size_t>(b)] += share;
    if (std::abs(t - early) <= reach) scores[static_cast<std::size_t>(b)] -= share;
  }
  return scores;
}

void append(std::vector<double>& all, const std::vector<double>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

void run(Lab& lab) {
  const Symbols text(lab.text());
  const std::size_t trained = text.ids.size() * 9 / 10;
  const Triggers triggers(text);
  // Blocks of symbols of the text, repeated: who has learned to copy copies them.
  const Periodic repeated{.symbols = std::min(text.size() - 1, 60L), .length = length, .least = 16, .most = 32};
  const long tests = lab.size(16, 1);
  Tally book_context, book_probe, right[2], context[2];
  std::vector<double> prefix;
  for (const std::uint64_t seed : lab.seeds()) {
    const auto train = [&](long layers, const std::string& what, const std::function<data::Batch(long)>& batches) {
      lab.at(what + ", " + std::to_string(layers) + (layers == 1 ? " layer" : " layers") + ", seed " +
             std::to_string(seed));
      auto net = std::make_unique<Net<float>>(nn::ModelConfig{.vocabulary = text.size(),
                                                              .context = length,
                                                              .layers = layers,
                                                              .heads = 4,
                                                              .channels = 64,
                                                              .ffn_channels = -1,
                                                              .position = nn::Position::qk,
                                                              .norm = nn::NormPlace::none,
                                                              .deviation = 0.1,
                                                              .output = {.tie = false}},
                                              seed);
      fit<float>(*net, {.steps = lab.steps(2000), .seed = seed}, batches, lab.interruption);
      return net;
    };
    const auto book =
        train(2, "a book", [&](long step) { return text.windows(seed, step, sequences, length, 0, trained); });
    std::vector<double> scores, probed;
    for (long i = 0; i < tests; ++i) {
      append(scores, learning_from_context(
                         book->model, text.windows(seed + 1'000'000, i, sequences, length, trained, text.ids.size())));
      append(probed, correct(book->model, repeated.batch(seed + 1'000'000, i, sequences)));
    }
    book_context.add(scores);
    book_probe.add(probed);
    for (const long layers : {1L, 2L}) {
      const auto net = train(layers, "triggers", [&](long step) { return triggers.batch(seed, step, false); });
      std::vector<double> copied, learned;
      for (long i = 0; i < tests; ++i) {
        append(copied, correct(net->model, triggers.batch(seed + 1'000'000, i, true)));
        append(learned, learning_from_context(net->model, triggers.batch(seed + 2'000'000, i, false)));
      }
      right[layers - 1].add(copied);
      context[layers - 1].add(learned);
      if (layers == 2) {
        const data::Batch probe = repeated.batch(seed, 0, sequences);
        const auto scores_of =
            look_scores(train::Look::prefix_matching, train::patterns_of(net->model, probe)[1], probe, 4);
        prefix.push_back(*std::max_element(scores_of.begin(), scores_of.end()));
      }
    }
  }
  lab.claim("a book: repeated blocks continued right", book_probe.estimate(), at_most(0.05));
  lab.claim("a book: loss late less loss early, nats", book_context.estimate(), between(-0.03, 0.03));
  lab.claim("triggers: successors right, two layers", right[1].estimate(), at_least(0.85));
  lab.claim("the same, one layer", right[0].estimate(), at_most(0.35));
  lab.claim("triggers: loss late less loss early, two layers", context[1].estimate(), at_most(-0.15));
  lab.claim("the same, one layer", context[0].estimate(), at_least(-0.07));
  lab.figure("best prefix-matching score of two layers, on blocks never trained on", mean_of(prefix, "seeds"));
  lab.note(
      "A model without feed-forward layers, 64 channels, 2000 steps of 32 sequences of 128 symbols. On the book "
      "the result is negative, and known to be: larger models and more text are needed before copying forms.");
}

}  // namespace

const Study natural_text{"natural-text",
                         "circuits",
                         "On a book's characters a small model forms no induction head; where copying pays, it does.",
                         "Olsson et al. 2022; Bietti et al. 2023, Birth of a Transformer",
                         3,
                         run};

}  // namespace primer::studies
