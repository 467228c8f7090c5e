// An encoder-decoder without recurrence (Vaswani et al. 2017) learns pairs with no more arithmetic than the
// recurrent one, and what becomes of it without its parts: positions, the mask of the decoder, scaled tokens, warmup.
#include <numeric>

#include "nn/encoder_decoder.h"
#include "studies/alignment/learner.h"
#include "studies/alignment/written_dates.h"
#include "studies/studies.h"

namespace primer::studies {

namespace {

constexpr double smoothing = 0.1;
constexpr long heads = 4, layers = 2, kept_pairs = 1000;

/// Section 3 of the paper, small: after its norms, sinusoids, rows times sqrt(C), the output tied to the target's rows.
struct Variant {
  const char* name;
  const PairTask* task;
  bool positions = true, mask = true, scaled = true;
  long warmup = 200;

  nn::ModelConfig shape() const {
    return {.vocabulary = task->target_words,
            .context = task->longest + 1,
            .layers = layers,
            .decoder_layers = layers,
            .source_vocabulary = task->source_words,
            .heads = heads,
            .channels = 64,
            .ffn_channels = 128,
            .bias = true,
            .position = positions ? nn::Position::sinusoidal : nn::Position::none,
            .scale_tokens = scaled,
            .norm = nn::NormPlace::post,
            .activation = autograd::Activation::relu};
  }
};

/// A variant that has learned in as many steps as need no more operations than 1000 of the recurrent model of `dates`.
struct Learned {
  Net<float> net;
  std::vector<Pair> pairs;      // kept ones
  std::vector<double> losses;   // of its steps, with smoothing
  std::vector<double> right;    // of the kept pairs
  double steps = 0, share = 0;  // of those operations
  double floor = 0;             // the least that the smoothed loss can be

  Learned(const Variant& variant, std::uint64_t seed, Lab& lab)
      : net(variant.shape(), seed),
        pairs(pairs_of(*variant.task, seed, 0, lab.size(kept_pairs, 4), true)),
        floor(smoothed_floor(smoothing, variant.task->target_words)) {
    lab.at(variant.name);
    Lesson lesson{.fit = {.steps = 1000, .lr = 5e-3, .weight_decay = 0, .seed = seed}, .batch = lab.size(64, 4)};
    const Net<float> recurrent(recurrent_shape(*variant.task, nn::Align::additive, 64), seed);
    const double theirs = operations(recurrent, *variant.task, lesson);
    lesson.smoothing = smoothing;
    lesson.fit.steps = static_cast<long>(1000 * theirs / operations(net, *variant.task, lesson));
    share = operations(net, *variant.task, lesson) / theirs;
    steps = static_cast<double>(lesson.fit.steps);
    lesson.fit.steps = lab.steps(lesson.fit.steps);
    lesson.fit.warmup = variant.warmup;
    see_all(!variant.mask);
    losses = learn(net, *variant.task, lesson, lab);
    see_all(false);  // what is not yet said cannot be seen
    right = exactly_right(net, pairs);
  }

  /// Lets the decoder look at later words, too, or not.
  void see_all(bool all) {
    auto& body = dynamic_cast<nn::EncoderDecoder<float>&>(*net.model.body);
    for (auto& block : body.decoder.blocks) block.attention.causal = !all;
  }

  /// Mean of the last 50 steps' losses less the floor.
  double excess() const {
    const long n = std::min<long>(50, std::ssize(losses));
    return std::accumulate(losses.end() - n, losses.end(), 0.0) / static_cast<double>(n) - floor;
  }
};

void show_alignment(Lab& lab, const Learned& learned, std::uint64_t seed) {
  for (long layer = layers; layer-- > 0;) {
    const Looks looks =
        looks_of(learned.net, learned.pairs, "decoder.blocks." + std::to_string(layer) + ".cross_attention");
    const auto of = [&](long first, long last) {
      return agreement(looks, learned.pairs, is_content, {.first = first, .last = last});
    };
    std::vector<double> best;
    long best_head = 0;
    for (long h = 0; h < heads; ++h) {
      std::vector<double> one = of(h, h);
      if (h > 0 && mean_of(one, "pairs").mean <= mean_of(best, "pairs").mean) continue;
      best = std::move(one), best_head = h;
    }
    const bool last = layer == layers - 1;
    const std::string name = last ? "last layer" : "first layer";
    if (last)
      lab.claim("sentences: content words aligned right, mean of the last layer's heads", of(0, heads - 1),
                at_least(0.9));
    else lab.figure("the same of the first layer", of(0, heads - 1));
    lab.figure("the best head of the " + name, best);
    if (last && seed == 1)
      lab.picture(picture_of(
          {"Where the best head of the last layer looks",
           "A row is a word to be said, a column a word that was read. Two words that belong together have one name, "
           "small in the source and capital in the target; | is the end. Seed 1, the first kept sentence."},
          looks, sentences, learned.pairs, 0, best_head));
  }
}

void run(Lab& lab) {
  lab.each_seed([&](std::uint64_t seed) {
    std::vector<double> of_strings;
    for (const Variant& variant :
         {Variant{"sentences", &sentences}, Variant{"strings", &reversal}, Variant{"dates", &written_dates}}) {
      const Learned learned(variant, seed, lab);
      const std::string name(variant.name);
      if (variant.task == &sentences) lab.claim(name + ": exactly right", learned.right, at_least(0.98));
      else lab.figure(name + ": exactly right", learned.right);
      if (variant.task == &reversal) of_strings = learned.right;
      lab.figure(name + ": steps", learned.steps);
      lab.claim(name + ": operations over those of additive alignment", learned.share, at_most(1));
      if (variant.task != &sentences) continue;
      lab.claim("sentences: smoothed loss less its floor", learned.excess(), between(0, 0.05));
      lab.figure("the floor, nats", learned.floor);
      show_alignment(lab, learned, seed);
    }
    const Learned set({.name = "strings without positions", .task = &reversal, .positions = false}, seed, lab);
    lab.claim("strings without positions: exactly right", set.right, at_most(0.05));
    lab.claim("strings: with positions less without", difference(of_strings, set.right), at_least(0.5));
    const Learned leaks({.name = "sentences without a mask", .task = &sentences, .mask = false}, seed, lab);
    lab.claim("sentences without a mask: smoothed loss less its floor", leaks.excess(), at_most(0.05));
    lab.claim("the same: exactly right", leaks.right, at_most(0.5));
    const Learned small({.name = "sentences, rows not scaled", .task = &sentences, .scaled = false}, seed, lab);
    lab.figure("sentences, rows not scaled: exactly right", small.right);
    lab.figure("the same: smoothed loss less its floor", small.excess());
    const Learned cold({.name = "sentences without warmup", .task = &sentences, .warmup = 0}, seed, lab);
    lab.claim("sentences without warmup: exactly right", cold.right, at_most(0.5));
    lab.figure("the same: smoothed loss less its floor", cold.excess());
  });
  lab.note(
      "Two layers in the encoder and two in the decoder, 64 channels, 4 heads, 128 channels in the feed-forward part, "
      "post-norm, no dropout, label smoothing 0.1 with 1 - e + e / V for the right word. A step reads 64 new pairs, "
      "and "
      "there are as many steps as need no more operations than 1000 steps of the recurrent model with additive "
      "alignment of the studies alignment and dates; operations are those of all products, forward and backward, "
      "padding included. Rate 5e-3 after 200 steps of warmup, then a cosine. Without a mask the decoder sees later "
      "words while it learns; when it goes on from its own words there are none. 1000 kept pairs a seed; the "
      "smoothed loss is the mean of the last 50 steps.");
}

}  // namespace

const Study transformer_study{
    "transformer",
    "alignment",
    "With no more arithmetic than a recurrent decoder a transformer translates; without positions or a mask not.",
    "Vaswani et al. 2017",
    2,
    run};

}  // namespace primer::studies
