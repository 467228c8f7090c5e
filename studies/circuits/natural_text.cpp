// A small model that reads a book does not learn to copy: its pairs and triples are worth more than what stood before.
// The same model learns it where copying pays: what follows some symbols is drawn for every sequence.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "studies/circuits/paths.h"
#include "studies/circuits/texts/triggers.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/circuits/looks.h"

namespace primer::studies {

namespace {

constexpr long length = 128, heads = 4;

/// Attention alone, with norms and rotary positions.
nn::ModelConfig shape(long vocabulary, long layers) {
  nn::ModelConfig config = attention_only(vocabulary, length, layers);
  config.head_size = 32;
  config.position = nn::Position::rotary;
  config.norm = nn::NormPlace::pre;
  return config;
}

/// Losses at each place of a window, and what they say of learning from the context: the loss around place 0.9 T less
/// that around 0.1 T, T / 20 to each side, sequence by sequence. Olsson et al. 2022, "in-context learning score".
struct ByPlace {
  std::vector<double> scores;  // of sequences that have targets in both ranges
  train::Curve curve;          // the mean over sequences

  ByPlace(const nn::Model<float>& model, const data::Batch& batch, std::string name) {
    const std::size_t T = batch.length, places = batch.tokens.size();
    std::vector<double> nats(places, 0), sums(T, 0), counts(T, 0);
    for (const Judged& one : judge(model, batch)) {
      nats[one.place] = one.nll;
      sums[one.place % T] += one.nll;
      ++counts[one.place % T];
    }
    for (std::size_t first = 0; first < places; first += T) {
      const auto around = [&](std::size_t middle) {  // NaN: no target counts there
        double sum = 0, count = 0;
        for (std::size_t i = first + middle - T / 20; i <= first + middle + T / 20; ++i) {
          if (batch.targets[i] < 0) continue;
          sum += nats[i];
          ++count;
        }
        return sum / count;
      };
      const double score = around(T * 9 / 10) - around(T / 10);
      if (!std::isnan(score)) scores.push_back(score);
    }
    curve.name = std::move(name);
    for (std::size_t t = 0; t < T; ++t) {
      if (counts[t] > 0) curve.add(t, sums[t] / counts[t]);
    }
  }
};

/// Random symbols whose block is repeated; targets count from the second block on.
data::Batch repeated_blocks(long vocabulary, std::uint64_t seed, long sequences) {
  std::vector<int> symbols(vocabulary);
  std::iota(symbols.begin(), symbols.end(), 0);
  const train::Repeated twice{.block = std::min(25L, vocabulary), .times = 4, .sequences = sequences};
  data::Batch batch = twice.batch(symbols, seed);
  for (long b = 0; b < sequences; ++b) {
    for (long t = b * batch.length + twice.block; t + 1 < (b + 1) * batch.length; ++t) {
      batch.targets[t] = batch.tokens[t + 1];
    }
  }
  return batch;
}

/// The most that a head of the last layer looks at what followed earlier occurrences of a token, from the places that
/// count: the mean over these.
double most_matching(const nn::Model<float>& model, const data::Batch& batch) {
  const std::vector<float> pattern = train::patterns_of(model, batch).back();  // [B, H, T, T]
  const long T = batch.length;
  std::vector<double> spent(heads, 0);
  for (long place = 0; place < batch.sequences * T; ++place) {
    if (batch.targets[place] < 0) continue;
    const long b = place / T, t = place % T;
    for (long s = 0; s <= t; ++s) {
      if (!train::is_look(train::Look::prefix_matching, batch.tokens.data() + b * T, t, s)) continue;
      for (long h = 0; h < heads; ++h) spent[h] += pattern[((b * heads + h) * T + t) * T + s];
    }
  }
  return *std::max_element(spent.begin(), spent.end()) / batch.target_count();
}

void run(Lab& lab) {
  const Symbols text(lab.text());
  const std::size_t trained = text.ids.size() * 9 / 10;
  const Triggers triggers(text, trained);
  std::vector<train::Curve> curves, courses;
  lab.each_seed([&](std::uint64_t seed) {
    const long tests = lab.size(512, 8);
    lab.at("the text, two layers");
    Net<float> reader(shape(text.size(), 2), seed);
    fit<float>(reader, {.steps = lab.steps(2000), .lr = 5e-3, .seed = seed}, lab.interruption,
               [&](long step) { return text.windows(seed, step, 16, length, 0, trained); });
    const data::Batch blocks = repeated_blocks(text.size(), seed, lab.size(64, 4));
    const data::Batch unread = text.windows(seed + 1'000'000, 0, 4 * tests, length, trained, text.ids.size());
    const ByPlace found(reader.model, unread, "the text, two layers");
    if (seed == 1) curves.push_back(found.curve);
    lab.claim("the text: repeated blocks continued right, two layers", correct(reader.model, blocks), at_most(0.05));
    lab.claim("the text: loss at 0.9 T less that at 0.1 T, two layers", found.scores, between(-0.03, 0.03));
    lab.figure("the text: attention to what followed before, best head", most_matching(reader.model, blocks));

    const data::Batch test = triggers.batch(seed + 1'000'000, 0, tests, length);
    const data::Batch all = triggers.batch(seed + 2'000'000, 0, tests, length, false);
    const data::Batch watched = triggers.batch(seed + 3'000'000, 0, lab.size(32, 2), length);
    std::vector<double> right[2], gain[2];  // of one layer, and of two
    double matching = 0;                    // of two
    for (const long layers : {2L, 1L}) {
      const std::string name = layers == 2 ? "behind triggers, two layers" : "behind triggers, one layer";
      lab.at(name);
      Net<float> net(shape(text.size(), layers), seed);
      train::Curve course{name};
      Fit how{.steps = lab.steps(600), .lr = 5e-3, .seed = seed};
      how.after = [&](long step) {
        if (step % 25 != 0 && step != how.steps) return;
        course.add(step, mean_of(correct(net.model, watched), "sequences").mean);
      };
      fit<float>(net, how, lab.interruption,
                 [&](long step) { return triggers.batch(seed, step, 32, length, step < how.steps / 2); });
      const ByPlace behind(net.model, all, name);
      right[layers - 1] = correct(net.model, test);
      gain[layers - 1] = behind.scores;
      if (layers == 2) matching = most_matching(net.model, watched);
      if (seed == 1) curves.push_back(behind.curve), courses.push_back(course);
    }
    lab.claim("behind triggers seen before: right, two layers", right[1], at_least(0.85));
    lab.claim("the same, one layer", right[0], at_most(0.35));
    lab.claim("behind triggers: loss at 0.9 T less that at 0.1 T, two layers", gain[1], at_most(-0.15));
    lab.claim("the same, one layer", gain[0], at_least(-0.07));
    lab.claim("behind triggers: attention to what followed before, best head", matching, at_least(0.6));
  });
  lab.picture(train::line_chart({"What the context brings",
                                 "The mean loss at each place of a window. Only two layers, "
                                 "and only where copying pays, are better at its end than at its beginning."},
                                {.name = "place"}, {.name = "nats", .low = 0}, curves));
  lab.picture(train::line_chart({"Copying is learned where it pays",
                                 "The share of triggers' successors that are right where the trigger stood before; a "
                                 "guess is right once in five."},
                                {.name = "step"}, {.name = "share", .low = 0, .high = 1}, courses));
  lab.note(
      "Symbols are bytes, windows have 128. The text's first nine tenths are trained on, the last tenth is judged. "
      "Blocks of 25 random symbols, or all if they are fewer, are repeated four times.");
  lab.note(
      "Triggers are the fourth to the eighth commonest symbol; the next five follow them, in an order drawn for each "
      "sequence. All else follows by the text's pairs, and is no target. In the first half of the training targets "
      "are only where the trigger stood before, since so copying is learned in fewer steps; then behind every one.");
  lab.note("A place's loss is the mean over a twentieth of all places to each side. Behind triggers it counts all.");
}

}  // namespace

const Study natural_text{"natural-text",
                         "circuits",
                         "A small model of a book does not learn to copy; it does where copying pays.",
                         "Olsson et al. 2022; Bietti et al. 2023, Birth of a Transformer: A Memory Viewpoint",
                         4,
                         run,
                         true};

}  // namespace primer::studies
