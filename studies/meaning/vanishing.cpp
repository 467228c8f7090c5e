// What stood first is asked for behind D distractors. A tanh layer's gradient shrinks with every place by which it goes
// back, and the layer does not learn to keep what it read; attention looks at the place itself. But how the gradient
// falls at the start does not tell alone who will learn: a GRU's falls more steeply than an LSTM's, and it learns.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "studies/lab/fit.h"
#include "studies/meaning/recall.h"
#include "studies/studies.h"

namespace primer::studies {

using nn::BodyKind;

namespace {

constexpr std::array<long, 4> distances{10, 25, 50, 100};  // D
constexpr long farthest = distances.back(), steps = 1500, often = 50;

/// One layer of a body, and how it begins. Channels are such that all have about as many weights.
struct Learner {
  std::string name;
  BodyKind body;
  long channels;
  void (*begin)(Net<float>&) = [](Net<float>&) {};

  Net<float> net(const Recall& text, std::uint64_t seed) const {
    Net<float> made({.body = body,
                     .vocabulary = Recall::vocabulary,
                     .context = text.length(),
                     .layers = 1,
                     .heads = 2,
                     .channels = channels,
                     .bias = true,
                     .deviation = 0.1,
                     .output = {.tie = false}},
                    seed);
    begin(made);
    return made;
  }
};

const std::vector<Learner> learners{
    {"tanh", BodyKind::rnn, 96},
    {"tanh, orthogonal", BodyKind::rnn, 96, [](Net<float>& net) { set_radius(net, 1, true); }},
    {"GRU", BodyKind::gru, 56},
    {"LSTM", BodyKind::lstm, 48},
    {"LSTM, open", BodyKind::lstm, 48, [](Net<float>& net) { set_forget_bias(net, std::log(farthest)); }},
    {"attention", BodyKind::transformer, 40}};

train::Curve over_distance(const std::string& name, const std::vector<double>& norms) {
  train::Curve curve{name};
  for (std::size_t d = 1; d < norms.size(); ++d) curve.add(d, norms[d] / norms[1]);
  return curve;
}

/// The log slope of the gradient of tanh layers whose U begins with a known spectral radius.
void with_known_radius(Lab& lab, const data::Batch& batch, std::uint64_t seed, std::vector<train::Curve>& curves) {
  for (const double radius : {0.5, 0.9, 1.6}) {
    Net<float> net = learners[0].net({lab.size(farthest, 10)}, seed);
    set_radius(net, radius);
    const std::vector<double> norms = gradients_back(net, batch);
    const std::string name = "tanh, radius " + short_number(radius);
    const double slope = log_slope(norms);
    if (radius < 1) lab.claim(name + ": log slope less ln(radius)", slope - std::log(radius), at_most(0.1));
    else lab.claim(name + ": log slope", slope, at_least(-0.1));
    if (seed == 1) curves.push_back(over_distance(name, norms));
  }
}

/// ln 8 less the mean loss of the steps before the first measured slope above -0.1: above 0 where something was
/// learned.
double learned_when_flat(const train::Curve& slope, const std::vector<double>& losses) {
  std::size_t i = 1;
  while (i < slope.y.size() && !(slope.y[i] > -0.1)) ++i;
  if (i >= slope.y.size()) return NAN;
  const auto until = losses.begin() + static_cast<long>(i) * often;
  return std::log(Recall::symbols) - mean_of(std::vector(until - often, until), "steps").mean;
}

void run(Lab& lab) {
  std::vector<train::Curve> starts, slopes, rights;
  lab.each_seed([&](std::uint64_t seed) {
    const Recall far{lab.size(farthest, 10)};
    const data::Batch probe = far.batch(seed + 2'000'000, 0, lab.size(32, 4));
    lab.at("gradients");
    with_known_radius(lab, probe, seed, starts);
    for (const Learner& learner : learners) {
      train::Curve accuracy{learner.name}, slope{learner.name};
      double longest = 0, at_start = 0, at_end = 0;
      std::vector<double> right, losses;
      for (const long distance : distances) {
        const Recall text{lab.size(distance, 10)};
        lab.at(learner.name + ", " + std::to_string(distance) + " distractors");
        Net<float> net = learner.net(text, seed);
        Fit how{.steps = lab.steps(steps), .lr = 3e-3, .seed = seed};
        if (distance == farthest) {
          const std::vector<double> norms = gradients_back(net, probe);
          at_start = log_slope(norms);
          if (seed == 1) starts.push_back(over_distance(learner.name, norms));
          slope.add(0, at_start);
          how.after = [&](long made) {
            if (made % often == 0) slope.add(made, log_slope(gradients_back(net, probe)));
          };
        }
        losses =
            fit<float>(net, how, lab.interruption, [&](long step) { return text.batch(seed, step, lab.size(32, 4)); });
        right = correct(net.model, text.batch(seed + 1'000'000, 0, lab.size(500, 4)));
        const double share = mean_of(right, "sequences").mean;
        if (share > 0.9) longest = static_cast<double>(distance);
        accuracy.add(distance, share);
        if (distance == farthest) at_end = log_slope(gradients_back(net, probe));
      }
      const std::string& name = learner.name;
      lab.figure(name + ": the most distractors, of 10, 25, 50 and 100, with more than 0.9 right", longest);
      const std::string last = name + ": right behind 100";
      if (name == "attention") lab.claim(last, right, at_least(0.99));
      else if (name == "GRU") lab.claim(last, right, at_least(0.9));
      else if (name == "LSTM, open") lab.claim(last, right, at_least(0.5));
      else lab.claim(last, right, at_most(0.3));
      if (name == "tanh") lab.figure(name + ": right behind 10", accuracy.y[0]);
      if (name == "tanh, orthogonal") lab.claim(name + ": right behind 10", accuracy.y[0], at_least(0.95));
      if (name == "GRU")
        lab.claim("GRU: ln 8 less the loss when that slope first is above -0.1", learned_when_flat(slope, losses),
                  at_most(0.05));
      lab.figure(name + ": log slope of the gradient at the start, 100 distractors", at_start);
      lab.figure("the same after training", at_end);
      if (seed > 1) continue;
      rights.push_back(accuracy), slopes.push_back(slope);
    }
  });
  lab.picture(train::line_chart(
      {"What of the loss reaches a place, before training",
       "The norm of the gradient by what is read so many places before the end, over that of the place before the end. "
       "A straight line falls by the same factor with every place. Seed 1."},
      {.name = "places back"}, {.name = "gradient", .log = true, .low = 1e-12, .high = 1e3}, starts));
  lab.picture(train::line_chart({"How much is recalled", "Chance is 1/8; seed 1."}, {.name = "distractors"},
                                {.name = "right", .low = 0, .high = 1}, rights));
  lab.picture(train::line_chart({"The gradient's slope in training, 100 distractors",
                                 "At 0 the loss reaches all places alike. A GRU begins below an LSTM and comes to 0 "
                                 "before it has learned anything; seed 1."},
                                {.name = "steps"}, {.name = "log slope a place", .low = -1.5, .high = 0.5}, slopes));
  lab.note(
      "A symbol of 8, then D of 8 distractors, then a mark, where the symbol is asked for. One layer each, 20,000 to "
      "25,000 weights; a net for every D, 1500 batches of 32, AdamW at 3e-3. U of tanh begins at random, with a "
      "spectral radius of 0.58, or orthogonal; an LSTM's forget gate with a bias of 1, or open, with ln 100. Slopes "
      "are those of ln of the gradient's norm over all places, where it is above 1e-30.");
}

}  // namespace

const Study vanishing{
    "vanishing",
    "meaning",
    "The gradient of a tanh layer falls with every place that it goes back; attention recalls from any place.",
    "Hochreiter 1991; Bengio et al. 1994; Hochreiter & Schmidhuber 1997; Gers et al. 2000; Tallec & Ollivier 2018",
    3,
    run};

}  // namespace primer::studies
