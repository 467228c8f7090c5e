// Which bracket does this one close? The answer may stand forty places before, and only the structure between tells
// which it is. Attention looks at it; a recurrent net has to carry all that is open in a state of one size.
#include <algorithm>
#include <cmath>

#include "studies/lab/fit.h"
#include "studies/meaning/brackets.h"
#include "studies/studies.h"
#include "train/circuits/observers.h"

namespace primer::studies {

namespace {

constexpr long T = Brackets::length + 1, heads = 4, layers = 2, far = 20, widths = 5;

/// Two layers of each body, with about as many weights.
nn::ModelConfig shape(nn::BodyKind body, long channels) {
  return {.body = body,
          .vocabulary = Brackets::vocabulary,
          .context = T,
          .layers = layers,
          .heads = heads,
          .channels = channels,
          .bias = true,
          .output = {.tie = false}};
}

/// Every closing bracket of a batch: the place before it, where its kind is asked, and where its partner stands.
struct Closing {
  long place, sequence, t, match;  // place = b T + t
  long distance() const { return t + 1 - match; }
};
std::vector<Closing> closings(const data::Batch& batch) {
  std::vector<Closing> found;
  for (long b = 0; b < batch.sequences; ++b) {
    const auto matches = Brackets::matches(std::span(batch.tokens).subspan(static_cast<std::size_t>(b * T), T));
    for (long t = 0; t + 1 < T; ++t) {
      const long match = matches[static_cast<std::size_t>(t + 1)];
      if (match >= 0) found.push_back({b * T + t, b, t, match});
    }
  }
  return found;
}

/// Whether each closing bracket within these distances is right.
std::vector<double> right(const std::vector<Judged>& judged, const std::vector<Closing>& asked, long least, long most) {
  std::vector<double> found;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (asked[i].distance() >= least && asked[i].distance() <= most) found.push_back(judged[i].correct ? 1 : 0);
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
      const std::vector<float>& pattern = patterns[static_cast<std::size_t>(h / heads)];
      spent[static_cast<std::size_t>(h)] +=
          pattern[static_cast<std::size_t>(((one.sequence * heads + h % heads) * T + one.t) * T + one.match)];
    }
  }
  for (double& x : spent) x /= count;
  return spent;
}

void draw(Lab& lab, const std::vector<float>& pattern, long head, const data::Batch& batch) {
  train::Table table;
  std::string text;
  for (long s = 0; s < T; ++s) text += "|([)]"[batch.tokens[static_cast<std::size_t>(s)]];
  for (const char sign : text) table.columns.emplace_back(1, sign);
  for (const Closing& one : closings(batch)) {
    if (one.sequence > 0) break;
    table.rows.emplace_back(1, text[static_cast<std::size_t>(one.t + 1)]);
    const auto row = pattern.begin() + (head * T + one.t) * T;
    table.values.insert(table.values.end(), row, row + T);
  }
  lab.picture(train::heat_map({"Where the best head looks before a bracket is closed",
                               "A row is a closing bracket to come, a column a bracket that was read. What is looked "
                               "at is the bracket that will be closed."},
                              table, 0, 1));
}

void run(Lab& lab) {
  struct Kind {
    const char* name;
    nn::BodyKind body;
    long channels;
    Tally near = {}, distant = {};
    std::vector<Tally> by_distance = std::vector<Tally>(Brackets::length / widths);
    double weights = 0;
  };
  std::vector<Kind> kinds{{"attention", nn::BodyKind::transformer, 48},
                          {"tanh", nn::BodyKind::rnn, 120},
                          {"GRU", nn::BodyKind::gru, 69},
                          {"LSTM", nn::BodyKind::lstm, 60}};
  std::vector<double> best, second;
  for (const std::uint64_t seed : lab.seeds()) {
    const data::Batch test = Brackets::batch(seed + 1'000'000, 0, lab.size(1000, 20));
    const std::vector<Closing> asked = closings(test);
    for (Kind& kind : kinds) {
      lab.at(std::string(kind.name) + ", seed " + std::to_string(seed));
      Net<float> net(shape(kind.body, kind.channels), seed);
      kind.weights = static_cast<double>(net.parameters.count());
      fit<float>(
          net, {.steps = lab.steps(std::getenv("ST") ? atol(std::getenv("ST")) : 1500), .lr = std::getenv("LR") ? atof(std::getenv("LR")) : 3e-3, .seed = seed},
          [&](long step) { return Brackets::batch(seed, step, 32); }, lab.interruption);
      const std::vector<Judged> judged = judge(net.model, test);
      kind.near.add(right(judged, asked, 1, far));
      kind.distant.add(right(judged, asked, far + 1, T));
      for (std::size_t i = 0; i < kind.by_distance.size(); ++i) {
        const long least = 1 + widths * static_cast<long>(i);
        kind.by_distance[i].add(right(judged, asked, least, least + widths - 1));
      }
      if (kind.body != nn::BodyKind::transformer) continue;
      const auto patterns = train::patterns_of(net.model, test);
      std::vector<double> spent = looks(patterns, asked);
      const auto most = std::max_element(spent.begin(), spent.end());
      best.push_back(*most);
      const long head = most - spent.begin();
      if (seed == 1) draw(lab, patterns[static_cast<std::size_t>(head / heads)], head % heads, test);
    }
  }
  std::vector<train::Curve> curves;
  for (Kind& kind : kinds) {
    lab.figure(std::string(kind.name) + ", near", kind.near.estimate("brackets"));
    lab.figure(std::string(kind.name) + ", far", kind.distant.estimate("brackets"));
    lab.figure("weights", exact(kind.weights));
  }
  lab.figure("best", mean_of(best, "seeds"));
}

}  // namespace

const Study structure{"structure",
                      "meaning",
                      "Which bracket is closed is found by looking at it; a state of one size loses it.",
                      "Hewitt et al. 2020; Ebrahimi et al. 2020; Yao et al. 2021",
                      3,
                      run};

}  // namespace primer::studies
