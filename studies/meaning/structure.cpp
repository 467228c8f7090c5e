// Which bracket does this one close? The answer may stand forty places before, and only the structure between tells
// which it is. Attention looks at it; a recurrent net has to carry all that is open in its state. Of 16 kinds, eight
// deep, it has not learned to in as many steps; of two kinds, six deep, it has.
#include <algorithm>
#include <cmath>

#include "studies/lab/fit.h"
#include "studies/meaning/brackets.h"
#include "studies/studies.h"
#include "train/circuits/observers.h"

namespace primer::studies {

using nn::BodyKind;

namespace {

const Brackets two{.kinds = 2, .deepest = 6}, sixteen{.kinds = 16, .deepest = 8};
constexpr long heads = 2, layers = 2, far = 20, width = 6;  // width: of a range of distances
const long T = two.length + 1;

/// Two layers of a body that learns a text. Channels are such that all have about as many weights.
struct Learner {
  const char* name;
  BodyKind body;
  long channels;
  const Brackets& text;

  nn::ModelConfig shape() const {
    return {.body = body,
            .vocabulary = text.vocabulary(),
            .context = T,
            .layers = layers,
            .heads = heads,
            .channels = channels,
            .bias = true,
            .deviation = 0.1,
            .output = {.tie = false}};
  }
};

/// A closing bracket of a batch: the place before it, t, where its kind is asked, and where its partner stands.
struct Closing {
  long sequence, t, match;
  long distance() const { return t + 1 - match; }
};
std::vector<Closing> closings(const Brackets& text, const data::Batch& batch) {  // in the order of the targets
  std::vector<Closing> found;
  for (long b = 0; b < batch.sequences; ++b) {
    const auto first = batch.tokens.begin() + b * T;
    const std::vector<long> matches = text.matches({first, first + T});
    for (long t = 0; t + 1 < T; ++t) {
      if (const long match = matches[t + 1]; match >= 0) found.push_back({b, t, match});
    }
  }
  return found;
}

/// Whether each closing bracket is right whose partner is far, or is not.
std::vector<double> right(const std::vector<Judged>& judged, const std::vector<Closing>& asked, bool is_far) {
  std::vector<double> found;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if ((asked[i].distance() > far) == is_far) found.push_back(judged[i].correct ? 1 : 0);
  }
  return found;
}

/// How much each head looks at the partner of the bracket to come, mean over those that are far: [layers H].
std::vector<double> looks(const std::vector<std::vector<float>>& patterns, const std::vector<Closing>& asked) {
  std::vector<double> spent(layers * heads, 0);
  double count = 0;
  for (const Closing& one : asked) {
    if (one.distance() <= far) continue;
    ++count;
    for (long h = 0; h < layers * heads; ++h) {
      const std::vector<float>& pattern = patterns[h / heads];  // [B, H, T, T]
      spent[h] += pattern[((one.sequence * heads + h % heads) * T + one.t) * T + one.match];
    }
  }
  for (double& x : spent) x /= count;
  return spent;
}

/// Of the first sequence. A pair of brackets has a letter, a small one where it is closed.
void draw(Lab& lab, const std::vector<float>& pattern, long head, const Brackets& text, const data::Batch& batch) {
  train::Table table;
  for (long s = 0; s < T; ++s) {
    const int word = batch.tokens[s] - Brackets::open;
    const char letter = static_cast<char>(word < text.kinds ? 'A' + word : 'a' + word - text.kinds);
    table.columns.emplace_back(1, word < 0 ? '|' : letter);
  }
  for (const Closing& one : closings(text, batch)) {
    if (one.sequence > 0) break;
    table.rows.push_back(table.columns[one.t + 1]);
    const auto row = pattern.begin() + (head * T + one.t) * T;
    table.values.insert(table.values.end(), row, row + T);
  }
  lab.picture(train::heat_map({"Where the best head looks before a bracket is closed",
                               "A row is a bracket to be closed next, a small letter; columns are what was read. The "
                               "head looks at the capital that was opened, and has not read the small one."},
                              table, 0, 1));
}

void run(Lab& lab) {
  const std::vector<Learner> learners{{"attention, 16 kinds", BodyKind::transformer, 48, sixteen},
                                      {"tanh, 16 kinds", BodyKind::rnn, 120, sixteen},
                                      {"GRU, 16 kinds", BodyKind::gru, 69, sixteen},
                                      {"LSTM, 16 kinds", BodyKind::lstm, 60, sixteen},
                                      {"attention, 2 kinds", BodyKind::transformer, 48, two},
                                      {"tanh, 2 kinds", BodyKind::rnn, 120, two}};
  std::vector<double> best, other;
  Tally without_one, without_second, without_first;
  std::vector<train::Curve> curves;
  for (const Learner& learner : learners) {
    const Brackets& text = learner.text;
    const bool attends = learner.body == BodyKind::transformer, hard = &text == &sixteen;
    std::vector<double> rights(text.length / width, 0), counts(rights);  // of ranges of distances, over all seeds
    lab.each_seed([&](std::uint64_t seed) {
      lab.at(learner.name);
      Net<float> net(learner.shape(), seed);
      fit<float>(net, {.steps = lab.steps(1500), .lr = 3e-3, .seed = seed}, lab.interruption,
                 [&](long step) { return text.batch(seed, step, 32); });
      const data::Batch test = text.batch(seed + 1'000'000, 0, lab.size(1000, 20));
      const std::vector<Closing> asked = closings(text, test);
      const std::vector<Judged> judged = judge(net.model, test);
      lab.claim(std::string(learner.name) + ": right, partner more than 20 places before",
                {right(judged, asked, true), "brackets"}, attends || !hard ? at_least(0.97) : at_most(0.92));
      lab.figure("the same, nearer", {right(judged, asked, false), "brackets"});
      lab.figure("weights", exact(net.parameters.count()));
      for (std::size_t i = 0; i < asked.size(); ++i) {
        const long range = (asked[i].distance() - 1) / width;
        rights[range] += judged[i].correct;
        ++counts[range];
      }
      if (&learner != &learners[0]) return;
      const auto patterns = train::patterns_of(net.model, test);
      const std::vector<double> spent = looks(patterns, asked);
      const long head = std::max_element(spent.begin(), spent.end()) - spent.begin();
      best.push_back(spent[head]);
      other.push_back(spent[head ^ 1]);                               // of its layer, which has two
      const auto without = [&](const std::set<train::Head>& taken) {  // all look where they looked
        train::WithoutHeads<float> cut(net.model, taken, &patterns);
        return right(judge(net.model, test, &cut), asked, true);
      };
      without_one.add(without({{head / heads, head % heads}}));
      without_second.add(without({{1, 0}, {1, 1}}));
      without_first.add(without({{0, 0}, {0, 1}}));
      if (seed == 1) draw(lab, patterns[head / heads], head % heads, text, test);
    });
    if (!hard) continue;
    train::Curve& curve = curves.emplace_back(train::Curve{learner.name});
    for (std::size_t i = 0; i < rights.size(); ++i) {
      if (counts[i] >= 10) curve.add(width * (i + 0.5), rights[i] / counts[i]);
    }
  }
  lab.claim("attention to the partner, best head, 16 kinds", mean_of(best, "seeds"), at_least(0.6));
  lab.figure("the same, the other head of its layer", mean_of(other, "seeds"));
  lab.claim("right without what the second layer's heads bring", without_second.estimate("brackets"), at_most(0.5));
  lab.figure("without what the best head brings", without_one.estimate("brackets"));
  lab.figure("without what the first layer's heads bring", without_first.estimate("brackets"));
  lab.picture(train::line_chart({"How far back a bracket's partner is found",
                                 "Of 16 kinds, in as many steps: what a state has to carry is lost with the distance, "
                                 "what is looked at is not."},
                                {.name = "places between"}, {.name = "right", .low = 0, .high = 1}, curves));
  lab.note(
      "Strings of 48 brackets, of two kinds and six deep at most, or of 16 and eight; every learner has two layers, "
      "about 60,000 weights, and reads 1500 batches of 32. Only the kind of closing brackets is asked and learned. "
      "Heads are taken away while all look where they looked.");
}

}  // namespace

const Study structure{
    "structure",
    "meaning",
    "Attention learns which of 16 kinds of bracket is closed; a recurrent net, in as many steps, does not.",
    "Hewitt et al. 2020; Ebrahimi et al. 2020; Yao et al. 2021",
    3,
    run};

}  // namespace primer::studies
