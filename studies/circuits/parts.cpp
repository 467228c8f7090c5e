// What the feed-forward layer is for, and what positions are for: each has a task that provably cannot be done without.
//
// 1. Labels. V words lie at random places of C channels, V far above C, and each has one of two random labels. A word
//    stands alone, so attention has weight 1, and without a feed-forward layer the logits are linear in its embedding:
//
//      W_U (x + W_O W_V x) + b = W_U (1 + W_OV) x + b
//
//    A linear function of C channels parts V points in 2 sum_(i < C) binomial(V - 1, i) ways only, of 2^V labellings:
//    linear_ceiling() has the share that none of them gets right. The embedding is fixed, as what reaches a layer deep
//    in a model is not that layer's choice. Trained, it would hold the label itself, and no layer would be needed.
//    Nor is one needed where a mark stands beside the word: how much is brought of each depends on the word, so that
//    attention is a gate.
// 2. Order. Two words, first and second, stand anywhere among others: which comes first? A model that reads in both
//    directions without positions gives the last token the same whatever the order of the others: so of a text and the
//    same with both words exchanged it gets one right.
#include <algorithm>
#include <cmath>

#include "nn/transformer.h"
#include "studies/circuits/texts/draws.h"
#include "studies/circuits/texts/part_tasks.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/step/model.h"

namespace primer::studies {

namespace {

using autograd::Activation, autograd::Tensor;
using nn::Position;

// 1. Labels of words.

constexpr long words = 512, channels = 16, wide = 48;  // V, C, F

/// All words with their labels, each a sequence of its own, behind a mark if wanted.
data::Batch labelled(std::uint64_t seed, bool marked) {
  Draws draws("labels of words", seed);
  const long length = marked ? 2 : 1;
  data::Batch batch = empty_batch(words, length);
  for (int v = 0; v < words; ++v) {
    batch.tokens[v * length] = words;
    batch.tokens[(v + 1) * length - 1] = v;
    batch.labels.push_back(draws.below(2));
  }
  return batch;
}

/// Whether each label is the more probable one.
std::vector<double> right_labels(const nn::Model<float>& model, const data::Batch& batch,
                                 autograd::Observer<float>* observer) {
  autograd::Tape<float> tape;
  const auto pause = tape.pause();
  tape.observer = observer;
  const Tensor<float> hidden = model.hidden(tape, train::part_of(batch, 0, batch.sequences).sequences);
  const Tensor<float> logits = (*model.label)(hidden).logits();  // [V, 2]
  std::vector<double> right;
  for (std::size_t v = 0; v < batch.labels.size(); ++v) {
    const float* row = logits.data() + 2 * v;
    right.push_back(row[batch.labels[v]] > row[1 - batch.labels[v]] ? 1 : 0);
  }
  return right;
}

/// A model of one layer, without norms. All have the same number of weights: without a feed-forward layer, heads are
/// larger by as many.
struct Kind {
  const char* name;
  long hidden;  // F; -1: no feed-forward layer
  Activation activation = Activation::relu;
  bool linear = false, marked = false, trained_embedding = false;
  Bound wanted = at_least(0.99);
};

/// down(up(x)): the activation is left out.
class Linear : public autograd::Observer<float> {
 public:
  explicit Linear(const nn::Model<float>& model)
      : block_(dynamic_cast<const nn::Transformer<float>&>(*model.body).blocks[0]) {}
  bool wants(std::string_view path, std::string_view leaf) override {
    return (path == block_.path && leaf == "attended") || (path == block_.feed_forward->path && leaf == "output");
  }
  Tensor<float> see(std::string_view, std::string_view leaf, Tensor<float> x) override {
    if (leaf == "attended") return attended_ = x;
    return block_.feed_forward->down(block_.feed_forward->up(attended_));
  }

 private:
  const nn::Block<float>& block_;
  Tensor<float> attended_;
};

Net<float> net_of(const Kind& kind, std::uint64_t seed) {
  const long heads = 4, size = channels / heads, rest = wide / 2 / heads;  // 2 C F weights are 4 C of F / 2
  const nn::ModelConfig config{.vocabulary = words + 1,
                               .context = 2,
                               .layers = 1,
                               .heads = heads,
                               .head_size = kind.hidden < 0 ? size + rest : size,
                               .channels = channels,
                               .ffn_channels = kind.hidden,
                               .causal = false,
                               .position = Position::none,
                               .norm = nn::NormPlace::none,
                               .activation = kind.activation,
                               .deviation = 0.25,
                               .output = {.token = false, .pooling = nn::Pooling::mean, .labels = 2}};
  return {
      [&](autograd::Parameters<float>& parameters) -> std::unique_ptr<nn::Body<float>> {
        auto body = std::make_unique<nn::Transformer<float>>(parameters, config);
        parameters.train_only([&](std::string_view path) { return kind.trained_embedding || path != "token.weight"; });
        return body;
      },
      seed};
}

void label(Lab& lab) {
  const double ceiling = linear_ceiling(words, channels + 1);  // and a bias
  const Bound none = at_most(ceiling);
  lab.figure("most that any linear function gets right, by counting", exact(ceiling));
  const std::vector<Kind> kinds{{"no feed-forward", -1, {}, false, false, false, none},
                                {"linear", wide, {}, true, false, false, none},
                                {"ReLU", wide, Activation::relu},
                                {"GELU", wide, Activation::gelu},
                                {"SwiGLU", wide * 2 / 3, Activation::swiglu},
                                {"no feed-forward, a mark beside", -1, {}, false, true},
                                {"no feed-forward, embedding trained", -1, {}, false, false, true}};
  std::vector<train::Bar> bars;
  std::vector<double> weights;
  for (const Kind& kind : kinds) {
    lab.each_seed([&](std::uint64_t seed) {
      lab.at(std::string("labels, ") + kind.name);
      Net<float> net = net_of(kind, seed);
      if (seed == 1 && !kind.marked) weights.push_back(net.parameters.count());
      const data::Batch batch = labelled(seed, kind.marked);
      Linear linear(net.model);
      autograd::Observer<float>* const observer = kind.linear ? &linear : nullptr;
      fit<float>(
          net, {.steps = lab.steps(1000), .lr = 1e-2, .weight_decay = 0, .seed = seed}, lab.interruption,
          [&](long) { return batch; }, observer);
      lab.claim(std::string("labels that are right: ") + kind.name, right_labels(net.model, batch, observer),
                kind.wanted);
    });
    bars.push_back(bar_of(kind.name, lab.findings.back().found, kind.wanted));
  }
  const auto [fewest, most] = std::minmax_element(weights.begin(), weights.end());
  lab.claim("weights, the fewest over the most", exact(*fewest / *most), between(1, 1));
  lab.picture(
      train::bar_chart({"A random label of a word is not linear in its embedding",
                        "Linear models stay below what counting allows, with a feed-forward layer in between "
                        "all labels are learned; so they are without one where the embedding is trained, or where "
                        "attention can look at a mark instead."},
                       {.name = "share of 512 labels", .low = 0, .high = 1}, bars));
}

// 2. Order of words.

void order(Lab& lab) {
  struct Case {
    const char* name;
    Position position;
    bool causal;
  };
  std::vector<train::Bar> bars;
  for (const Case& c : {Case{"none", Position::none, false},
                        {"sinusoidal", Position::sinusoidal, false},
                        {"learned", Position::learned, false},
                        {"rotary", Position::rotary, false},
                        {"none, in one direction", Position::none, true}}) {
    const Bound wanted = c.position != Position::none ? at_least(0.95) : c.causal ? at_least(0.9) : between(0.49, 0.51);
    lab.each_seed([&](std::uint64_t seed) {
      lab.at(std::string("order, positions ") + c.name);
      Net<float> net({.vocabulary = Order::vocabulary,
                      .context = Order::longer + 1,
                      .layers = 2,
                      .heads = 4,
                      .channels = 32,
                      .causal = c.causal,
                      .position = c.position,
                      .deviation = 0.1,
                      .output = {.tie = false}},
                     seed);
      const autograd::Random lengths(seed, autograd::hash("lengths"));
      fit<float>(net, {.steps = lab.steps(1500), .seed = seed}, lab.interruption, [&](long step) {
        const auto more = lengths.below(Order::most - Order::least + 1, step);
        return Order::batch(seed, step, 32, Order::least + static_cast<long>(more));
      });
      const auto right = [&](long length) {
        return means_of_pairs(correct(net.model, Order::batch(seed + 1'000'000, length, lab.size(500, 4), length)));
      };
      lab.claim(std::string("order that is right, positions: ") + c.name, right(Order::most), wanted);
      lab.figure("the same of texts twice as long", right(Order::longer));
    });
    const auto beyond = lab.findings.rbegin(), found = beyond + 1;
    bars.push_back(bar_of(c.name, found->found, wanted));
    bars.push_back(bar_of(std::string(c.name) + ", twice as long", beyond->found));
  }
  lab.picture(train::bar_chart({"Which of two words comes first",
                                "Without positions a model that reads in both directions gets half right, exactly; "
                                "with any kind it learns the order. One direction is order enough."},
                               {.name = "share of texts", .low = 0, .high = 1}, bars));
}

void run(Lab& lab) {
  label(lab);
  order(lab);
}

}  // namespace

const Study parts{"parts",
                  "circuits",
                  "What the feed-forward layer and positions are for: a task each that cannot be done without.",
                  "Cover 1965; Vaswani et al. 2017; Shazeer 2020; Su et al. 2021",
                  2,
                  run};

}  // namespace primer::studies
