// What a head of attention weighs its keys by: how near they are to the query, and how long they are. Exactly.
#include <algorithm>
#include <cmath>

#include "studies/circuits/texts/symbols.h"
#include "studies/kernels/smoother.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/circuits/observers.h"

namespace primer::studies {

using train::Matrix;

namespace {

constexpr long N = 64, D = 16, T = 64, heads = 4, layers = 2;
const double t = std::sqrt(D);  // the temperature of attention

/// The weights of one query over keys that stand along a line, or around a circle: x tells where.
train::Picture weights_of_one(const train::Words& words, const train::Axis& axis, const std::vector<double>& x,
                              const Matrix& q, const Matrix& k) {
  const double own = std::sqrt(q.columns);
  const std::vector<double> prior = key_prior(k, own);
  std::vector<double> long_keys(prior);
  double sum = 0;
  for (double& w : long_keys) sum += w = std::exp(w);
  for (double& w : long_keys) w /= sum;
  return train::line_chart(words, axis, {.name = "weight", .low = 0},
                           {{"attention", x, pattern_of(q, k).values},
                            {"kernel alone", x, smoother_weights(q, k, own, {}).values},
                            {"prior alone", x, long_keys}});
}

void draw(Lab& lab) {
  std::vector<double> x, angles;
  Matrix line = train::zeros(61, 1), circle = train::zeros(61, 2);
  for (long j = 0; j < 61; ++j) {
    x.push_back((j - 30) / 10.0);
    angles.push_back((j - 30) * 6);
    const double angle = angles.back() * std::acos(-1) / 180;
    line(j, 0) = x.back();
    circle(j, 0) = 2 * std::cos(angle), circle(j, 1) = 2 * std::sin(angle);
  }
  lab.picture(weights_of_one({"Keys along a line: attention is kernel times prior",
                              "One query, at 1. The kernel favours keys near it, the prior long ones; attention does "
                              "both, so its weight grows with the key and is no bump."},
                             {.name = "key"}, x, {1, 1, {1}}, line));
  lab.picture(weights_of_one({"Keys around a circle: attention is the kernel",
                              "One query, at 60 degrees. All keys are equally long: the prior is flat, and both "
                              "curves are one, a function of the angle alone."},
                             {.name = "key, degrees"}, angles, {1, 2, {1, std::sqrt(3.0)}}, circle));
}

/// Of the heads of a model that reads a batch, by the queries and keys that it shows.
struct HeadsFound {
  double off = 0;        // the pattern from the smoother with its prior, at most
  double elsewhere = 0;  // total variation distance from the weights without the prior, mean over heads
  double spread = 0;     // the standard deviation of ln w over the keys, mean over heads

  HeadsFound(const nn::Model<float>& model, const data::Batch& batch) {
    const long H = model.config().heads, B = batch.sequences;
    std::set<std::string> names;
    for (long i = 0; i < layers; ++i) {
      for (const char* leaf : {".q", ".k", ".pattern"}) names.insert(train::attention_path(i) + leaf);
    }
    train::Recorder<float> seen(names);
    train::watch<float>(model, {.tokens = batch.tokens, .batch = B, .length = T}, seen);
    const long all_heads = layers * B * H;
    for (long one = 0; one < all_heads; ++one) {
      const long i = one / (B * H), b = one / H % B, h = one % H;
      const auto rows = [&](const char* leaf) {  // of one sequence and head, [T, D], from [B, T, H D]
        const std::vector<float>& all = seen.values(train::attention_path(i) + leaf);
        Matrix x = train::zeros(T, D);
        for (long s = 0; s < T; ++s) std::copy_n(all.begin() + ((b * T + s) * H + h) * D, D, x.row(s));
        return x;
      };
      const auto from = seen.values(train::attention_path(i) + ".pattern").begin() + (b * H + h) * T * T;
      const Matrix q = rows(".q"), k = rows(".k"), pattern{T, T, {from, from + T * T}};
      const std::vector<double> prior = key_prior(k, t);
      raise_to(off, furthest(pattern, smoother_weights(q, k, t, prior, true)));
      elsewhere += total_variation(pattern, smoother_weights(q, k, t, {}, true)) / all_heads;
      spread += mean_of(prior, "keys").error * std::sqrt(T) / all_heads;
    }
  }
};

void run(Lab& lab) {
  draw(lab);
  const Symbols text(lab.text());
  const std::size_t trained = text.ids.size() * 9 / 10;
  double with_prior = 0;
  lab.each_seed([&](std::uint64_t seed) {
    const Matrix q = normal_rows(N, D, 3 * seed), k = normal_rows(N, D, 3 * seed + 1), pattern = pattern_of(q, k);
    raise_to(with_prior, furthest(pattern, smoother_weights(q, k, t, key_prior(k, t))));
    lab.claim("attention from kernel times prior, at most", exact(with_prior), at_most(1e-12));
    lab.claim("share of weight elsewhere without the prior, random keys",
              total_variation(pattern, smoother_weights(q, k, t, {})), at_least(0.1));

    lab.at("a model of a text");
    Net<float> net({.vocabulary = text.size(), .context = T, .layers = layers, .heads = heads, .channels = heads * D},
                   seed);
    fit<float>(net, {.steps = lab.steps(600), .seed = seed}, lab.interruption,
               [&](long step) { return text.windows(seed, step, 16, T, 0, trained); });
    const HeadsFound found(net.model, text.windows(seed, 1'000'000, lab.size(16, 1), T, trained, text.ids.size()));
    lab.claim("a trained model's heads from kernel times prior, at most", found.off, at_most(1e-5));
    lab.claim("share of their weight elsewhere without the prior", found.elsewhere, at_least(0.01));
    lab.figure("standard deviation of ln w over their keys", found.spread);
  });
  lab.note(
      "64 random queries and keys of 16 channels, in double. The trained model reads characters of the text, in two "
      "layers of four heads, in single precision; its heads are judged on windows that it was not trained on.");
}

}  // namespace

const Study kernel_smoother{"kernel-smoother",
                            "kernels",
                            "Softmax attention weighs keys by a radial kernel and by their length, exactly.",
                            "Nadaraya 1964; Watson 1964; Tsai et al. 2019",
                            0.5,
                            run,
                            true};

}  // namespace primer::studies
