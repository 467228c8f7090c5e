// A model without layers sees one token: the best it can be is the text's table of pairs, and that is what it becomes.
#include <algorithm>
#include <cmath>

#include "autograd/error.h"
#include "studies/circuits/texts/symbols.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"

namespace primer::studies {

namespace {

/// [V, V], of the first n symbols.
std::vector<double> pairs_of(const Symbols& text, std::size_t n) {
  const long V = text.size();
  std::vector<double> pairs(V * V, 0);
  for (std::size_t i = 0; i + 1 < n; ++i) ++pairs[text.ids[i] * V + text.ids[i + 1]];
  return pairs;
}

/// sum over a, b of n(a, b) nats(a, b) / sum of n(a, b)
template <class F>
double mean_nats(const std::vector<double>& pairs, F nats) {
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i] > 0) sum += pairs[i] * nats(i);
    count += pairs[i];
  }
  return sum / count;
}

/// H(b | a) = -sum of n(a, b) ln(n(a, b) / n(a)) / N: no model that sees only a can be better on these pairs.
double entropy_of(const std::vector<double>& pairs, long V) {
  std::vector<double> rows(V, 0);
  for (std::size_t i = 0; i < pairs.size(); ++i) rows[i / V] += pairs[i];
  return mean_nats(pairs, [&](std::size_t i) { return -std::log(pairs[i] / rows[i / V]); });
}

/// What the model says of every pair: -ln p(b | a), [V, V].
std::vector<double> nats_of(const nn::Model<float>& model) {
  const long V = model.config().vocabulary;
  data::Batch each = empty_batch(V, 1);
  std::vector<double> nats;
  for (int a = 0; a < V; ++a) each.tokens[a] = a;
  const std::vector<float> logits = logits_of(model, each);  // [V, 1, V]
  for (long a = 0; a < V; ++a) {
    const float* row = logits.data() + a * V;
    const double most = *std::max_element(row, row + V);
    double sum = 0;
    for (long b = 0; b < V; ++b) sum += std::exp(row[b] - most);
    for (long b = 0; b < V; ++b) nats.push_back(std::log(sum) + most - row[b]);
  }
  return nats;
}

constexpr long narrow_width = 8;  // channels

void run(Lab& lab) {
  const Symbols text(lab.text());
  const long V = text.size(), sequences = 64, length = 64;
  const std::size_t trained = text.ids.size() * 9 / 10;
  if (V <= narrow_width) {
    throw autograd::Error(autograd::Fault::input, "this study needs a text of more than 8 different bytes");
  }
  const std::vector<double> pairs = pairs_of(text, trained);
  const double entropy = entropy_of(pairs, V);
  lab.figure("entropy of the pairs, nats", exact(entropy));

  std::vector<train::Curve> curves;
  lab.each_seed([&](std::uint64_t seed) {
    double above[2];  // as many channels as symbols, and fewer
    for (const long channels : {V, narrow_width}) {
      lab.at("a model of " + std::to_string(channels) + " channels");
      Net<float> net({.vocabulary = V,
                      .context = length,
                      .layers = 0,
                      .heads = 1,
                      .channels = channels,
                      .position = nn::Position::none,
                      .norm = nn::NormPlace::none,
                      .output = {.tie = false}},
                     seed);
      train::Curve curve{std::to_string(channels) + " channels"};
      Fit how{.steps = lab.steps(1500), .lr = 1e-2, .weight_decay = 0, .seed = seed};
      how.after = [&](long step) {
        if (step % 25 != 0 && step != how.steps) return;
        const std::vector<double> nats = nats_of(net.model);
        curve.add(step, mean_nats(pairs, [&](std::size_t i) { return nats[i]; }));
      };
      fit<float>(net, how, lab.interruption,
                 [&](long step) { return text.windows(seed, step, sequences, length, 0, trained); });
      above[channels == V ? 0 : 1] = curve.y.back() - entropy;
      if (seed == 1) curves.push_back(std::move(curve));
    }
    lab.claim("above it, as many channels as symbols", above[0], between(-1e-6, 0.02));
    lab.figure("above it, 8 channels", above[1]);
    lab.claim("what 8 channels cannot hold", above[1] - above[0], at_least(0.02));
  });
  curves.push_back({"entropy", {curves.front().x.front(), curves.front().x.back()}, {entropy, entropy}});
  lab.picture(train::line_chart({"A model without layers becomes a table of pairs",
                                 "Its loss falls to the entropy of the text's pairs, and stays there; with fewer "
                                 "channels than symbols the table does not fit."},
                                {.name = "step"}, {.name = "nats a symbol"}, curves));
  lab.note("Symbols are bytes: " + std::to_string(V) +
           " of them. The loss is exact, over all pairs of the first nine "
           "tenths of the text, which is what was trained on.");
}

}  // namespace

const Study bigram{"bigram",
                   "circuits",
                   "A transformer without layers becomes the text's bigram table.",
                   "Elhage et al. 2021, A Mathematical Framework for Transformer Circuits, Zero-Layer Transformers",
                   0.5,
                   run,
                   true};

}  // namespace primer::studies
