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
const double t = std::sqrt(static_cast<double>(D));  // the temperature of attention

/// The weights of one query over keys that stand along a line, or around a circle: x tells where.
train::Picture weights_of_one(const train::Words& words, const train::Axis& axis, const std::vector<double>& x,
                              const Matrix& q, const Matrix& k) {
  const double own = std::sqrt(static_cast<double>(q.columns));
  const std::vector<double> prior = key_prior(k, own);
  std::vector<double> long_keys(prior);
  double sum = 0;
  for (double& w : long_keys) sum += w = std::exp(w);
  for (double& w : long_keys) w /= sum;
  return train::line_chart(words, axis, {.name = "weight", .low = 0},
                           {{"attention", x, pattern_of(q, k).values, {}, {}},
                            {"kernel alone", x, smoother_weights(q, k, own, {}).values, {}, {}},
                            {"prior alone", x, long_keys, {}, {}}});
}

void draw(Lab& lab) {
  std::vector<double> x, angles;
  Matrix line = train::zeros(61, 1), circle = train::zeros(61, 2);
  for (long j = 0; j < 61; ++j) {
    x.push_back(static_cast<double>(j - 30) / 10);
    angles.push_back(static_cast<double>(j - 30) * 6);
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
  double off = 0;     // the pattern from the smoother with its prior, at most
  double moved = 0;   // the share of weight that lies elsewhere without the prior, mean over heads
  double spread = 0;  // the standard deviation of ln w over the keys, mean over heads

  HeadsFound(const nn::Model<float>& model, const data::Batch& batch) {
    const long H = model.config().heads, B = batch.sequences;
    std::set<std::string> names;
    for (long i = 0; i < layers; ++i) {
      for (const char* leaf : {".q", ".k", ".pattern"}) names.insert(train::attention_path(i) + leaf);
    }
    train::Recorder<float> seen(names);
    train::watch<float>(model, {.tokens = batch.tokens, .batch = B, .length = T}, seen);
    for (long one = 0; one < layers * B * H; ++one) {
      const long i = one / (B * H), b = one / H % B, h = one % H;
      const auto rows = [&](const char* leaf) {  // of one sequence and head, [T, D], from [B, T, H D]
        const std::vector<float>& all = seen.values(train::attention_path(i) + leaf);
        Matrix x = train::zeros(T, D);
        for (long s = 0; s < T; ++s) std::copy_n(all.begin() + ((b * T + s) * H + h) * D, D, &x(s, 0));
        return x;
      };
      const auto from = seen.values(train::attention_path(i) + ".pattern").begin() + (b * H + h) * T * T;
      const Matrix q = rows(".q"), k = rows(".k"), pattern{T, T, {from, from + T * T}};
      const std::vector<double> prior = key_prior(k, t);
      off = std::max(off, furthest(pattern, smoother_weights(q, k, t, prior, true)));
      moved += studies::moved(pattern, smoother_weights(q, k, t, {}, true)) / static_cast<double>(layers * B * H);
      spread += mean_of(prior, "keys").error * std::sqrt(static_cast<double>(T)) / static_cast<double>(layers * B * H);
    }
  }
};

void run(Lab& lab) {
  draw(lab);
  double with_prior = 0, equal = 0, output = 0, cosine = 0, pivot = INFINITY, twice = 0;
  std::vector<double> without, off, moved_by, spread;
  const Symbols text(lab.text());
  for (const std::uint64_t seed : lab.seeds()) {
    const Matrix q = normal_rows(N, D, 3 * seed), k = normal_rows(N, D, 3 * seed + 1),
                 v = normal_rows(N, D, 3 * seed + 2);
    const Matrix pattern = pattern_of(q, k), weights = smoother_weights(q, k, t, key_prior(k, t));
    with_prior = std::max(with_prior, furthest(pattern, weights));
    output = std::max(output, furthest(attention_of(q, k, v), product(weights, v)));
    without.push_back(moved(pattern, smoother_weights(q, k, t, {})));
    const Matrix same = of_length(k, 3);
    equal = std::max(equal, furthest(pattern_of(q, same), smoother_weights(q, same, t, {})));
    const Matrix unit_q = of_length(q), unit_k = of_length(k), scores = product(unit_q, transposed(unit_k));
    for (long i = 0; i < N; ++i) {
      for (long j = 0; j < N; ++j) {
        double squared = 0;  // |q - k|^2 = 2 - 2 cos, the law of cosines
        for (long d = 0; d < D; ++d) squared += std::pow(unit_q(i, d) - unit_k(j, d), 2);
        cosine = std::max(cosine, std::abs(scores(i, j) - (1 - squared / 2)));
      }
    }
    pivot = std::min(pivot, least_pivot(gram_of(k, t)));
    Matrix repeated = k;
    std::copy_n(repeated.values.begin(), D, repeated.values.begin() + D);
    twice = std::max(twice, least_pivot(gram_of(repeated, t)));

    lab.at("a model of a text, seed " + std::to_string(seed));
    Net<float> net({.vocabulary = text.size(), .context = T, .layers = layers, .heads = heads, .channels = heads * D},
                   seed);
    fit<float>(
        net, {.steps = lab.steps(600), .seed = seed},
        [&](long step) { return text.windows(seed, step, 16, T, 0, text.ids.size() * 9 / 10); }, lab.interruption);
    const HeadsFound found(
        net.model, text.windows(seed, 1'000'000, lab.size(16, 1), T, text.ids.size() * 9 / 10, text.ids.size()));
    off.push_back(found.off);
    moved_by.push_back(found.moved);
    spread.push_back(found.spread);
  }
  lab.claim("attention from kernel times prior, at most", exact(with_prior), at_most(1e-12));
  lab.claim("what it brings from the smoother's, at most", exact(output), at_most(1e-12));
  lab.claim("share of weight elsewhere without the prior, random keys", mean_of(without, "seeds"), at_least(0.1));
  lab.claim("keys of one length: attention from the kernel alone, at most", exact(equal), at_most(1e-12));
  lab.claim("unit queries and keys: scores from cosines, at most", exact(cosine), at_most(1e-12));
  lab.claim("Gram matrix of distinct keys: least pivot", exact(pivot), at_least(1e-3));
  lab.claim("Gram matrix with a key twice: least pivot", exact(twice), at_most(1e-10));
  lab.claim("a trained model's heads from kernel times prior, at most", mean_of(off, "seeds"), at_most(1e-5));
  lab.claim("share of their weight elsewhere without the prior", mean_of(moved_by, "seeds"), at_least(0.01));
  lab.figure("standard deviation of ln w over their keys", mean_of(spread, "seeds"));
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
