// A word of two senses stands among fillers, and one cue, G places away, tells which is meant. A vector that is the
// word's alone is the same in both senses, and what continues it costs ln 2 more than it need. What learners make of
// the word in its sentence is held beside that: how much of ln 2 they save, and whether its vector tells the sense, to
// a probe that has seen other cues. Where the cue stands behind, only who reads in both directions can know.
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "studies/lab/fit.h"
#include "studies/meaning/senses.h"
#include "studies/studies.h"

namespace primer::studies {

using nn::BodyKind;

namespace {

constexpr long gaps[]{0, 2, 4, 8, Senses::farthest};
constexpr double worth = 0.693147180559945309;  // ln 2, of the sense

struct Learner {
  std::string name;
  BodyKind body;
  long layers, steps, batch;
  double lr;
  Senses::Asked asked = Senses::Asked::next;

  bool reads_on() const { return asked != Senses::Asked::next; }  // in both directions

  nn::ModelConfig shape() const {
    return {.body = body,
            .vocabulary = Senses::vocabulary,
            .context = Senses::length,
            .layers = layers,
            .heads = 4,
            .channels = 48,
            .bias = true,
            .causal = !reads_on(),
            .position = layers > 0 ? nn::Position::learned : nn::Position::none,
            .deviation = 0.1,
            .output = {.tie = false}};
  }
};
const std::vector<Learner> learners{
    {"static", BodyKind::transformer, 0, 1500, 64, 3e-3},
    {"tanh", BodyKind::rnn, 1, 4000, 64, 1e-2},
    {"LSTM", BodyKind::lstm, 1, 4000, 64, 1e-2},
    {"GPT", BodyKind::transformer, 2, 1500, 64, 3e-3},
    {"BERT", BodyKind::transformer, 2, 1500, 64, 3e-3, Senses::Asked::gap},
    {"BERT, asked at the word", BodyKind::transformer, 2, 1200, 32, 4e-3, Senses::Asked::hidden_next}};

/// Of sentences with one G: what continuing costs over ln 6, whether the probe is right, and how far the senses lie
/// apart.
struct Exam {
  std::vector<double> gap, probed;
  Apart apart;

  Exam(Lab& lab, const Learner& learner, const nn::Model<float>& model, std::uint64_t seed, int after, long G) {
    const long count = lab.size(800, 80);
    const auto sentences = [&](int half) {
      return Senses::batch(seed + 1'000'000 * (1 + half), 0, count, {after, G, half}, learner.asked);
    };
    const data::Batch shown = sentences(0), asked = sentences(1);
    for (const Judged& one : judge(model, asked)) gap.push_back(one.nll - std::log(Senses::continuations));
    const train::Matrix vectors = vectors_of_words(model, asked);
    probed = sense_probed(vectors_of_words(model, shown), vectors);
    apart = senses_apart(vectors);
  }
  double gap_mean() const { return mean_of(gap, "sentences").mean; }
  double right() const { return mean_of(probed, "sentences").mean; }
  double ratio() const { return apart.between / apart.within; }
};

/// least becomes the smaller of both; a NaN stays.
void lower_to(double& least, double value) {
  double most = -least;
  raise_to(most, -value);
  least = -most;
}

void run(Lab& lab) {
  std::vector<train::Curve> gap_curves, probe_curves;
  lab.each_seed([&](std::uint64_t seed) {
    std::map<std::string, double> at_farthest;  // the mean gap
    for (const Learner& learner : learners) {
      const std::string& name = learner.name;
      lab.at(name);
      Net<float> net(learner.shape(), seed);
      fit<float>(net, {.steps = lab.steps(learner.steps), .lr = learner.lr, .seed = seed}, lab.interruption,
                 [&](long step) { return Senses::batch(seed, step, lab.size(learner.batch, 8), {}, learner.asked); });
      lab.figure(name + ": weights", exact(static_cast<double>(net.parameters.count())));
      for (const int after : {0, 1}) {
        const std::string where = after == 0 ? ", cue before" : ", cue behind";
        train::Curve gap_curve{name + where}, probe_curve{name + where};
        double worst_gap = 0, least_right = 1, most_right = 0, ratio = INFINITY, apart = 0;
        Exam last(lab, learner, net.model, seed, after, gaps[0]);
        for (const long G : gaps) {
          if (lab.options.quick && G > 0 && G < Senses::farthest) continue;
          if (G != gaps[0]) last = Exam(lab, learner, net.model, seed, after, G);
          gap_curve.add(G, last.gap_mean()), probe_curve.add(G, last.right());
          raise_to(worst_gap, last.gap_mean()), raise_to(most_right, last.right());
          raise_to(apart, last.apart.between);
          lower_to(least_right, last.right()), lower_to(ratio, last.ratio());
        }
        const bool knows = learner.reads_on() || (name == "GPT" && after == 0);
        const bool cannot = name == "static" || (name == "GPT" && after == 1);
        lab.figure(name + where + ", G = 0: gap to the oracle, nats", gap_curve.y[0]);
        const std::string what = name + where + ", G = 16: gap to the oracle, nats";
        if (cannot) lab.claim(what, {last.gap, "sentences"}, between(worth - 0.03, worth + 0.03));
        else lab.figure(what, {last.gap, "sentences"});
        if (knows) {
          lab.claim(name + where + ": the largest gap of any G", worst_gap, at_most(0.1));
          const bool asked_elsewhere = learner.asked == Senses::Asked::gap;
          lab.claim(name + where + ": sense probed, the least of any G", least_right,
                    at_least(asked_elsewhere ? 0.7 : 0.97));
          lab.claim(name + where + ": senses apart over one sense, the least of any G", ratio,
                    at_least(asked_elsewhere ? 1.3 : 1.5));
        } else if (cannot) {
          lab.claim(name + where + ": sense probed, the most of any G", most_right, between(0.45, 0.55));
        } else {
          lab.figure(name + where + ", G = 0: sense probed", probe_curve.y[0]);
          lab.figure(name + where + ", G = 16: sense probed", {last.probed, "sentences"});
        }
        if (name == "static") lab.claim(name + where + ": how far its senses lie apart", apart, at_most(1e-9));
        if (after == 0) at_farthest[name] = last.gap_mean();
        if (seed == 1) gap_curves.push_back(gap_curve), probe_curves.push_back(probe_curve);
      }
    }
    lab.claim("tanh: gap less that of the GPT, cue 16 before", at_farthest["tanh"] - at_farthest["GPT"], at_least(0.1));
    lab.figure("LSTM: the same", at_farthest["LSTM"] - at_farthest["GPT"]);
  });
  const auto chart = [&](const std::string& title, const std::string& caption, const std::string& what, double high,
                         const std::vector<train::Curve>& curves) {
    lab.picture(train::line_chart({title, caption}, {.name = "places between"}, {.name = what, .low = 0, .high = high},
                                  curves));
  };
  chart("What the continuation costs over the oracle",
        "Who knows the word alone loses ln 2 = 0.693; a cue behind the word serves only who reads on. Seed 1.", "nats",
        0.9, gap_curves);
  chart("Whether the word's vector tells the sense",
        "Read off by a logistic regression that has seen other cues; seed 1.", "right", 1, probe_curves);
  lab.note(
      "20 words of two senses, each of a topic of 8; 12 cues a topic, 20 fillers, six continuations a sense. Half of "
      "the cues stand before the word, half behind its continuation, G is 0 to 16. 48 channels; batches of 64: "
      "attention and static have 1500 at 3e-3, a tanh net and an LSTM 4000 at 1e-2. A BERT is asked where the "
      "continuation is hidden, or at the word, then with 1200 batches of 32 at 4e-3; all others at the word. Probes "
      "learn from 800 sentences of each G with half of the "
      "cues and are asked of 800 with the other half; on these all else is measured, too.");
}

}  // namespace

const Study polysemy{
    "polysemy",
    "meaning",
    "A static vector of a word of two senses costs ln 2; attention makes of it the vector of the sense that is meant.",
    "Peters et al. 2018; Devlin et al. 2019; Ethayarajh 2019",
    2,
    run};

}  // namespace primer::studies
