// Two layers of attention copy what followed an earlier occurrence of a token. One layer cannot: where it looks
// depends on two tokens and their places, not on what stands beside them; unless a key is mixed with the one before.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "nn/transformer.h"
#include "studies/circuits/paths.h"
#include "studies/circuits/probes.h"
#include "studies/circuits/texts/periodic.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/circuits/head_weights.h"
#include "train/circuits/looks.h"

namespace primer::studies {

namespace {

using train::Head, train::Look, train::look_scores, train::patterns_of, train::WithoutHeads;

constexpr long heads = 4, head_size = 32;
const Periodic data_of;

nn::ModelConfig shape(long layers) {
  nn::ModelConfig config = attention_only(data_of.vocabulary(), data_of.length, layers);
  config.head_size = head_size;
  return config;
}

double most(const std::vector<double>& scores) { return *std::max_element(scores.begin(), scores.end()); }

/// What the context brings where the block repeats, in nats: ln 64, the best without it, less the mean of -ln p.
double gained(const nn::Model<float>& model, const data::Batch& test, autograd::Observer<float>* observer = nullptr) {
  double sum = 0;
  const std::vector<Judged> places = judge(model, test, observer);
  for (const Judged& one : places) sum += one.nll;
  return std::log(data_of.symbols) - sum / places.size();
}

/// What is seen of a model on the way, [evaluations] each; `last_looks` is [evaluations, H, T]: where each head of the
/// last layer looks from the last place of the first sequence.
struct Course {
  std::vector<double> steps, accuracy, loss, prefix, previous;
  std::vector<float> last_looks;

  void see(const nn::Model<float>& model, const data::Batch& probe, long step) {
    const auto patterns = patterns_of(model, probe);
    steps.push_back(static_cast<double>(step));
    accuracy.push_back(mean_of(correct(model, probe), "items").mean);
    loss.push_back(-gained(model, probe));
    prefix.push_back(most(look_scores(Look::prefix_matching, patterns.back(), probe, heads)));
    previous.push_back(most(look_scores(Look::previous_token, patterns.front(), probe, heads)));
    for (long h = 0; h < heads; ++h) {
      const float* from = patterns.back().data() + ((h + 1) * probe.length - 1) * probe.length;
      last_looks.insert(last_looks.end(), from, from + probe.length);
    }
  }
};

void draw(Lab& lab, const Course& course, const Course& single, const data::Batch& probe, long best) {
  lab.picture(train::line_chart({"An induction head appears at once",
                                 "Accuracy where the block repeats, the best prefix-matching score of the second layer "
                                 "and the best previous-token score of the first rise together; one layer stays."},
                                {.name = "step"}, {.name = "share", .low = 0, .high = 1},
                                {{"accuracy", course.steps, course.accuracy},
                                 {"prefix matching", course.steps, course.prefix},
                                 {"previous token", course.steps, course.previous},
                                 {"accuracy, one layer", single.steps, single.accuracy}}));
  train::Table looks;  // [evaluations, T]
  for (long t = 0; t < probe.length; ++t) looks.columns.push_back(std::to_string(probe.tokens.data()[t]));
  for (std::size_t i = 0; i < course.steps.size(); ++i) {
    looks.rows.push_back(std::to_string(static_cast<long>(course.steps[i])));
    const auto from = course.last_looks.begin() + (static_cast<long>(i) * heads + best) * probe.length;
    looks.values.insert(looks.values.end(), from, from + probe.length);
  }
  lab.picture(train::heat_map({"Where the induction head looks while it is learned",
                               "A row is a step of training, a column a token of one sequence. What looks is the last "
                               "token. In the end it looks at what followed it before, and at nothing else."},
                              looks, 0, 1));
}

void run(Lab& lab) {
  lab.each_seed([&](std::uint64_t seed) {
    const data::Batch test = data_of.batch(seed + 1'000'000, 0, lab.size(256, 4));
    const data::Batch probe = data_of.batch(seed + 2'000'000, 0, lab.size(32, 2));
    const auto batches = [&](long step) { return data_of.batch(seed, step, 64); };
    const Fit how{.steps = lab.steps(1500), .seed = seed};
    const auto watched = [&](const Net<float>& net, Course& course) {
      Fit with = how;
      with.after = [&, every = how.steps / std::min(60L, how.steps)](long step) {
        if (step % every == 0) course.see(net.model, probe, step);
      };
      return with;
    };
    Course course, single_course;
    lab.at("two layers");
    Net<float> net(shape(2), seed);
    fit<float>(net, watched(net, course), lab.interruption, batches);
    lab.at("one layer");
    Net<float> single(shape(1), seed);
    fit<float>(single, watched(single, single_course), lab.interruption, batches);
    lab.at("one layer with smeared keys");
    Net<float> smeared([](auto& parameters) { return smeared_body(parameters, shape(1)); }, seed);
    fit<float>(smeared, how, lab.interruption, batches);
    lab.at("two layers, the second one's keys made of tokens");
    Net<float> tokens(shape(2), seed);
    FromTokens from_tokens(tokens.model, "k");
    fit<float>(tokens, how, lab.interruption, batches, &from_tokens);

    // Which heads look for what followed, and which look one token back.
    const auto patterns = patterns_of(net.model, test);
    const std::vector<double> matching = look_scores(Look::prefix_matching, patterns[1], test, heads);
    const std::vector<double> before = look_scores(Look::previous_token, patterns[0], test, heads);
    const auto best = std::max_element(matching.begin(), matching.end()) - matching.begin();
    const auto earlier = std::max_element(before.begin(), before.end()) - before.begin();
    const Found found = found_by(net.model, {1, best}, written_by(net.model, 0, before));
    const train::Composition pair = train::composition_of(net.model, {1, best}, {0, earlier});

    // What is lost without heads, while all look where they looked.
    std::set<Head> induction_heads, others;
    for (long h = 0; h < heads; ++h) {
      if (matching[h] > 0.3) induction_heads.insert({1, h});
    }
    for (const long layer : {1L, 0L}) {
      for (long h = 0; h < heads && others.size() < induction_heads.size(); ++h) {
        if (!induction_heads.contains({layer, h})) others.insert({layer, h});
      }
    }
    WithoutHeads<float> cut_off(net.model, induction_heads, &patterns), control(net.model, others, &patterns);
    const double gain = gained(net.model, test);
    const auto lost = [&](WithoutHeads<float>& without) { return 1 - gained(net.model, test, &without) / gain; };

    const std::size_t window = std::max<std::size_t>(1, course.accuracy.size() / 5);
    const Rise rise = steepest(course.accuracy, window);
    const auto from_rise = [&](const std::vector<double>& series) {
      return std::abs(rise.middle - steepest(series, window).middle);
    };
    lab.claim("two layers, accuracy where the block repeats", correct(net.model, test), at_least(0.95));
    lab.claim("their loss there, nats", std::log(data_of.symbols) - gain, at_most(0.25));
    lab.claim("one layer", correct(single.model, test), at_most(0.15));
    lab.claim("one layer with smeared keys", correct(smeared.model, test), at_least(0.90));
    lab.claim("two layers without K-composition", correct(tokens.model, test, &from_tokens), at_most(0.20));
    lab.claim("best prefix-matching score of the second layer", most(matching), at_least(0.6));
    lab.claim("previous-token scores of the first layer's heads, their sum",
              std::accumulate(before.begin(), before.end(), 0.0), at_least(0.5));
    lab.claim("positivity of the induction head's OV circuit", train::ov_positivity(net.model, {1, best}),
              at_least(0.8));
    lab.claim("tokens that it raises most when it looks at them", raise_themselves(net.model, {1, best}),
              at_least(0.9));
    lab.figure("its K-composition with previous-token heads, over chance", found.over_chance);
    lab.claim("over its Q- and V-composition with the best of them", pair.k / std::max(pair.q, pair.v), at_least(2));
    lab.claim("positivity of its QK circuit through them", found.positivity, at_least(0.8));
    lab.claim("accuracy without the induction heads", correct(net.model, test, &cut_off), at_most(0.15));
    lab.claim("share of what the context brings that goes with them", lost(cut_off), at_least(0.8));
    lab.claim("accuracy without as many others, of the second layer first", correct(net.model, test, &control),
              at_least(0.8));
    lab.claim("share of what the context brings that goes with those", lost(control), at_most(0.2));
    lab.claim("share of the rise within a fifth of the steps", rise.share, at_least(0.6));
    lab.claim("from it to the rise of prefix matching, of all steps", from_rise(course.prefix), at_most(0.1));
    lab.claim("to where the loss leaves one layer's, of all steps",
              from_rise(difference(single_course.loss, course.loss)), at_most(0.1));
    lab.claim("change of log odds by the swap, two layers", swapped(net.model, seed, lab.size(4000, 4)), at_least(3));
    lab.claim("change of log odds by the swap, one layer", swapped(single.model, seed, lab.size(4000, 4)),
              between(-0.1, 0.1));
    if (seed == 1) draw(lab, course, single_course, probe, best);
  });
  lab.note(
      "Blocks of 16 to 32 distinct tokens of 64 are repeated to fill 64 places. What is learned and counted are "
      "the places whose token stood before: there copying is right every time, and any guess once in 64.");
  lab.note(
      "Attention alone; positions reach queries and keys only. Without heads, all look where they looked with them.");
}

}  // namespace

const Study induction{"induction",
                      "circuits",
                      "Two layers of attention copy what followed an earlier occurrence; one layer cannot.",
                      "Elhage et al. 2021; Olsson et al. 2022, In-context Learning and Induction Heads",
                      4,
                      run};

}  // namespace primer::studies
