// Two layers of attention copy what followed an earlier occurrence of a token. One layer cannot, since where it looks
// depends on two tokens and their places, and not on what stands beside them; unless a key is mixed with the one
// before.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/linear.h"
#include "nn/transformer.h"
#include "studies/circuits/periodic.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/circuits/head_weights.h"
#include "train/circuits/looks.h"

namespace primer::studies {

namespace {

using autograd::Tensor;
using train::Composition, train::composition_of, train::copying_score, train::Head, train::Look, train::look_scores,
    train::ov_positivity, train::patterns_of, train::WithoutHeads;

constexpr long heads = 4, channels = 64, head_size = 32;
const Periodic data_of;

nn::ModelConfig shape(long layers) {
  return {.vocabulary = data_of.vocabulary(),
          .context = data_of.length,
          .layers = layers,
          .heads = heads,
          .head_size = head_size,
          .channels = channels,
          .ffn_channels = -1,
          .position = nn::Position::qk,
          .norm = nn::NormPlace::none,
          .deviation = 0.1,
          .output = {.tie = false}};
}

/// One layer whose keys are mixed with those before them. Olsson et al. 2022, "Smeared keys".
std::unique_ptr<nn::Body<float>> smeared_body(autograd::Parameters<float>& parameters) {
  auto body = std::make_unique<nn::Transformer<float>>(parameters, shape(1));
  body->blocks[0].attention.smear = parameters.declare("blocks.0.attention.smear", {heads}, {}, false);
  return body;
}

/// Cuts K-composition: the keys of the second layer are made of the tokens, not of what the first layer has written.
class KeysFromTokens : public autograd::Observer<float> {
 public:
  explicit KeysFromTokens(const nn::Model<float>& model)
      : attention_(dynamic_cast<const nn::Transformer<float>&>(*model.body).blocks[1].attention) {}
  bool wants(std::string_view path, std::string_view leaf) override {
    return (path == "embedding" && leaf == "output") || (path == attention_.path && leaf == "k");
  }
  Tensor<float> see(std::string_view, std::string_view leaf, Tensor<float> x) override {
    if (leaf == "output") return tokens_ = x;
    autograd::Tape<float>& tape = *x.tape;
    const Tensor<float> weight = slice(on(tape, attention_.qkv.weight), 0, heads * head_size, heads * head_size);
    const Tensor<float> places = linear(slice(on(tape, attention_.positions), 0, 0, x.shape[1]), weight);
    return add(linear(tokens_, weight), reshape(repeat(places, x.shape[0]), x.shape));
  }

 private:
  const nn::SelfAttention<float>& attention_;
  Tensor<float> tokens_;
};

double most(const std::vector<double>& scores) { return *std::max_element(scores.begin(), scores.end()); }

/// What is seen on the way, [evaluations] each.
struct Course {
  std::vector<double> steps, accuracy, prefix, previous;
};

/// The largest share of a series' whole rise that lies within a window of this many of its points, and its middle.
std::pair<double, double> steepest(const std::vector<double>& series, std::size_t window) {
  const double whole = series.back() - series.front();
  if (!(whole > 0)) return {NAN, NAN};
  double share = 0, middle = 0;
  for (std::size_t i = 0; i + window < series.size(); ++i) {
    const double rise = (series[i + window] - series[i]) / whole;
    if (rise > share) share = rise, middle = static_cast<double>(i) + static_cast<double>(window) / 2;
  }
  return {share, middle};
}

/// The change of ln p(B) - ln p(B') when A and C change places in ... A B ... C B' ... A: a reader that looks for what
/// followed A changes its mind; where weights depend on tokens and places alone, B and B' gain and lose alike but for
/// the sum that they share.
std::vector<double> swapped(const nn::Model<float>& model, std::uint64_t seed, long count) {
  constexpr long length = 24, a = 5, c = 14;  // B and B' stand behind A and C, A once more at the end
  // The first places of periodic sequences without a repetition: distinct tokens behind the mark.
  const Periodic distinct{.length = length, .least = length, .most = length};
  const data::Batch drawn = distinct.batch(seed, 3'000'000, count);
  data::Batch batch = empty_batch(2 * count, length);
  for (long i = 0; i < count; ++i) {
    int *one = batch.tokens.data() + 2 * i * length, *other = one + length;
    std::copy_n(drawn.tokens.begin() + i * length, length, one);
    one[length - 1] = one[a];
    std::copy_n(one, length, other);
    std::swap(other[a], other[c]);
  }
  const std::vector<float> logits = logits_of(model, batch);  // [2 count, T, V]
  std::vector<double> changes;
  for (long i = 0; i < count; ++i) {
    const int* one = batch.tokens.data() + 2 * i * length;
    const auto odds = [&](long b) {
      const float* last = logits.data() + (b * length + length - 1) * data_of.vocabulary();
      return static_cast<double>(last[one[a + 1]] - last[one[c + 1]]);
    };
    changes.push_back(odds(2 * i) - odds(2 * i + 1));
  }
  return changes;
}

void run(Lab& lab) {
  const long sequences = 64, tested = lab.size(256, 4);
  Tally two, one, smeared, cut, without_induction, without_others, swap_two, swap_one;
  std::vector<double> prefix, previous, all_previous, copying, positive, phase, apart;
  std::array<std::vector<double>, 3> composed;  // of keys, queries, values
  for (const std::uint64_t seed : lab.seeds()) {
    const data::Batch test = data_of.batch(seed + 1'000'000, 0, tested);
    const data::Batch probe = data_of.batch(seed + 2'000'000, 0, lab.size(32, 2));
    const auto batches = [&](long step) { return data_of.batch(seed, step, sequences); };
    const Fit how{.steps = lab.steps(1500), .seed = seed};

    lab.at("two layers, seed " + std::to_string(seed));
    Net<float> net(shape(2), seed);
    Course course;
    Fit watched = how;
    watched.after = [&](long step) {
      if (step % (how.steps / std::min(60L, how.steps)) != 0) return;
      const auto patterns = patterns_of(net.model, probe);
      course.steps.push_back(static_cast<double>(step));
      course.accuracy.push_back(mean_of(correct(net.model, probe), "items").mean);
      course.prefix.push_back(most(look_scores(Look::prefix_matching, patterns[1], probe, heads)));
      course.previous.push_back(most(look_scores(Look::previous_token, patterns[0], probe, heads)));
    };
    fit<float>(net, watched, batches, lab.interruption);
    two.add(correct(net.model, test));
    swap_two.add(swapped(net.model, seed, lab.size(4000, 4)));

    // What is lost without heads, while all look where they looked.
    const auto patterns = patterns_of(net.model, test);
    const std::vector<double> matching = look_scores(Look::prefix_matching, patterns[1], test, heads);
    const std::vector<double> before = look_scores(Look::previous_token, patterns[0], test, heads);
    const auto best = std::max_element(matching.begin(), matching.end()) - matching.begin();
    const auto earlier = std::max_element(before.begin(), before.end()) - before.begin();
    std::set<Head> induction_heads, others;
    for (long h = 0; h < heads; ++h) {
      if (matching[static_cast<std::size_t>(h)] > 0.3) induction_heads.insert({1, h});
    }
    for (const long layer : {1L, 0L}) {
      for (long h = 0; h < heads && others.size() < induction_heads.size(); ++h) {
        if (!induction_heads.contains({layer, h})) others.insert({layer, h});
      }
    }
    WithoutHeads<float> cut_off(net.model, induction_heads, &patterns), control(net.model, others, &patterns);
    without_induction.add(correct(net.model, test, &cut_off));
    without_others.add(correct(net.model, test, &control));
    prefix.push_back(most(matching));
    previous.push_back(most(before));
    all_previous.push_back(std::accumulate(before.begin(), before.end(), 0.0));
    copying.push_back(copying_score(net.model, {1, best}));
    positive.push_back(ov_positivity(net.model, {1, best}));
    const double by_chance = 1 / std::sqrt(static_cast<double>(channels));
    const Composition pair = composition_of(net.model, {1, best}, {0, earlier});
    composed[0].push_back(pair.k / by_chance);
    composed[1].push_back(pair.q / by_chance);
    composed[2].push_back(pair.v / by_chance);
    const std::size_t window = std::max<std::size_t>(1, course.accuracy.size() / 5);
    const auto [share, middle] = steepest(course.accuracy, window);
    phase.push_back(share);
    apart.push_back(std::abs(middle - steepest(course.prefix, window).second) /
                    static_cast<double>(course.accuracy.size()));

    lab.at("one layer, seed " + std::to_string(seed));
    Net<float> single(shape(1), seed);
    fit<float>(single, how, batches, lab.interruption);
    one.add(correct(single.model, test));
    swap_one.add(swapped(single.model, seed, lab.size(4000, 4)));
    lab.at("one layer with smeared keys, seed " + std::to_string(seed));
    Net<float> smear(smeared_body, seed);
    fit<float>(smear, how, batches, lab.interruption);
    smeared.add(correct(smear.model, test));
    lab.at("two layers, the second one's keys made of tokens, seed " + std::to_string(seed));
    Net<float> tokens(shape(2), seed);
    KeysFromTokens from_tokens(tokens.model);
    data::Batch batch;
    fit<float>(
        tokens.parameters, how,
        [&](autograd::Tape<float>& tape, long step) {
          tape.observer = &from_tokens;
          batch = batches(step);
          return batch_loss(tokens.model, tape, batch);
        },
        lab.interruption);
    cut.add(correct(tokens.model, test, &from_tokens));

    if (seed != 1) continue;
    lab.picture(train::line_chart({"An induction head appears at once",
                                   "Accuracy where the block repeats, the best prefix-matching score of the "
                                   "second layer, and the best previous-token score of the first rise together."},
                                  {.name = "step"}, {.name = "share", .low = 0, .high = 1},
                                  {{"accuracy", course.steps, course.accuracy, {}, {}},
                                   {"prefix matching", course.steps, course.prefix, {}, {}},
                                   {"previous token", course.steps, course.previous, {}, {}}}));
    std::vector<std::string> places;
    std::vector<double> looks;
    for (long t = 0; t < 40; ++t) places.push_back(std::to_string(test.tokens[static_cast<std::size_t>(t)]));
    for (long t = 0; t < 40; ++t) {
      for (long s = 0; s < 40; ++s) {
        looks.push_back(patterns[1][static_cast<std::size_t>((best * data_of.length + t) * data_of.length + s)]);
      }
    }
    lab.picture(train::heat_map({"Where the induction head looks",
                                 "A row is a token that looks, a column one that is "
                                 "looked at. In the repeated part a token looks at what followed it before."},
                                {places, places, looks}, 0, 1));
  }
  lab.claim("two layers, accuracy where the block repeats", two.estimate(), at_least(0.95));
  lab.claim("one layer", one.estimate(), at_most(0.15));
  lab.claim("one layer with smeared keys", smeared.estimate(), at_least(0.90));
  lab.claim("two layers without K-composition", cut.estimate(), at_most(0.20));
  lab.claim("best prefix-matching score of the second layer", mean_of(prefix, "seeds"), at_least(0.6));
  lab.claim("best previous-token score of the first layer", mean_of(previous, "seeds"), at_least(0.3));
  lab.claim("the sum of them over its heads", mean_of(all_previous, "seeds"), at_least(0.5));
  lab.claim("positivity of the induction head's OV circuit", mean_of(positive, "seeds"), at_least(0.8));
  lab.figure("its copying score, of 65 tokens in 32 channels", mean_of(copying, "seeds"));
  lab.figure("its K-composition with the best previous-token head, over chance", mean_of(composed[0], "seeds"));
  lab.figure("its Q-composition", mean_of(composed[1], "seeds"));
  lab.figure("its V-composition", mean_of(composed[2], "seeds"));
  lab.claim("accuracy without the induction heads", without_induction.estimate(), at_most(0.15));
  lab.claim("without as many other heads, of the second layer first", without_others.estimate(), at_least(0.8));
  lab.claim("share of the rise within a fifth of the steps", mean_of(phase, "seeds"), at_least(0.6));
  lab.claim("distance of the rise of prefix matching, of all steps", mean_of(apart, "seeds"), at_most(0.1));
  lab.claim("change of log odds by the swap, two layers", swap_two.estimate(), at_least(3));
  lab.claim("change of log odds by the swap, one layer", swap_one.estimate(), between(-0.1, 0.1));
  lab.note(
      "Blocks of 16 to 32 distinct tokens of 64 are repeated to fill 64 places. What is learned and counted are "
      "the places whose token stood before: there copying is right every time, and any guess once in 64.");
  lab.note(
      "Attention only, no norms, positions for queries and keys alone, so that values carry tokens. Heads are "
      "taken away while all heads look where they looked with them.");
}

}  // namespace

const Study induction{"induction",
                      "circuits",
                      "Two layers of attention copy what followed an earlier occurrence; one layer cannot.",
                      "Elhage et al. 2021; Olsson et al. 2022, In-context Learning and Induction Heads",
                      4,
                      run};

}  // namespace primer::studies
