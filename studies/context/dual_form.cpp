// Attention has the form of an update of weights, and so has fine-tuning: do examples in the context change what a
// model computes as training on them does? What each does to a layer's output is compared, direction by direction.
#include <cmath>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/reduce.h"
#include "autograd/random.h"
#include "studies/context/momentum.h"
#include "studies/context/regressor.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/circuits/observers.h"

namespace primer::studies {

namespace {

constexpr long d = 5, k = 10, layers = 2;  // inputs, examples
const Regression source{.inputs = d, .points = k + 1};
const RegressorShape shape{.inputs = d, .layers = layers};

/// At the last point of a task: what is predicted there, and what each layer's attention adds to the residual stream.
struct Seen {
  double y;
  std::vector<std::vector<double>> added;  // [layers][C]
};

Seen seen(const Regressor<float>& model, const Tasks& task) {
  std::set<std::string> names;
  for (const auto& block : model.blocks) names.insert(block.attention.path + ".output");
  train::Recorder<float> recorder(names);
  Seen found{predictions(model, task, &recorder).back(), {}};
  for (const std::string& name : names) {
    const std::vector<float>& rows = recorder.values(name);  // [2 n, C]; the last x stands before the last y
    found.added.emplace_back(rows.end() - 2 * shape.channels, rows.end() - shape.channels);
  }
  return found;
}

double square(double x) { return x * x; }

/// One pass of gradient descent over the examples of a task, each alone and without a context, on the weights of keys
/// and values; a look at the last point of `asked`, alone too; and back to the weights as they were.
Seen tuned(Regressor<float>& model, const Tasks& task, const Tasks& asked, double rate) {
  autograd::Parameters<float>& all = model.parameters;
  const std::vector<float> before(all.values(), all.values() + all.size());
  for (long i = 0; i < k; ++i) {
    autograd::Tape<float> tape;
    const auto off = scale(model(tape, task.part(0, i, 1)), 1, -task.y_of(0, i));
    all.zero_grad();
    tape.backward(sum(multiply(off, off)));
    all.settle();
    for (const auto& block : model.blocks) {
      const auto& weight = block.attention.qkv.weight;  // [3 C, C]: queries, keys, values
      for (long j = weight.size() / 3; j < weight.size(); ++j)
        weight.data()[j] -= static_cast<float>(rate) * weight.grad()[j];
    }
  }
  const Seen found = seen(model, asked.part(0, k, 1));
  std::copy(before.begin(), before.end(), all.values());
  return found;
}

/// The mean over layers of the cosine of a - base and b - base: SimAOU of Dai et al. 2023, section 4.3.
double alike(const Seen& a, const Seen& b, const Seen& base) {
  double sum = 0;
  for (std::size_t l = 0; l < layers; ++l) {
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t c = 0; c < a.added[l].size(); ++c) {
      const double p = a.added[l][c] - base.added[l][c], q = b.added[l][c] - base.added[l][c];
      ab += p * q, aa += p * p, bb += q * q;
    }
    sum += ab / std::sqrt(aa * bb) / layers;
  }
  return sum;
}

/// The base with a random change of each layer.
Seen at_random(Seen base, std::uint64_t seed, long b) {
  const autograd::Random random(seed, autograd::hash("dual-form"), static_cast<std::uint64_t>(b));
  std::uint64_t i = 0;
  for (auto& layer : base.added)
    for (double& one : layer) one += random.normal(i++);
  return base;
}

/// The rate at which training on the examples helps most.
double best_rate(Regressor<float>& model, const Tasks& tasks) {
  double best = INFINITY, found = 0;
  for (const double rate : {0.003, 0.006, 0.012, 0.025, 0.05}) {
    double loss = 0;
    for (long b = 0; b < tasks.count; ++b) {
      const Tasks task = tasks.part(b, 0, k + 1);
      loss += square(tuned(model, task, task, rate).y - task.y_of(0, k));
    }
    if (loss < best) best = loss, found = rate;
  }
  return found;
}

void run(Lab& lab) {
  Tally own, others, turned, chance, beyond;  // likeness of the context's update to another, task by task; own - turned
  Tally without, read_by, trained_by, moved;  // squared errors over d
  std::vector<train::Bar> bars;
  for (const std::uint64_t seed : lab.seeds()) {
    const std::string of_seed = ", seed " + std::to_string(seed);
    lab.at("a transformer that reads regression" + of_seed);
    Regressor<float> model(shape, seed);
    learn(model, source, lab.steps(800), seed, lab);
    lab.at("updates by the context and by training" + of_seed);
    const double rate = best_rate(model, source.draw(seed + 2'000'000, 0, lab.size(100, 1)));
    const Tasks test = source.draw(seed + 1'000'000, 0, lab.size(400, 3));
    std::vector<double> by_own, by_others, by_turned, by_chance, more, errors[4];
    for (long b = 0; b < test.count; ++b) {
      const Tasks task = test.part(b, 0, k + 1), other = test.part((b + 1) % test.count, 0, k + 1);
      const Seen base = seen(model, task.part(0, k, 1)), read = seen(model, task);
      const Seen trained = tuned(model, task, task, rate), strange = tuned(model, other, task, rate);
      by_own.push_back(alike(read, trained, base));
      by_others.push_back(alike(read, strange, base));
      by_turned.push_back(std::copysign(1, (read.y - base.y) * (strange.y - base.y)) * by_others.back());
      by_chance.push_back(alike(read, at_random(base, seed, b), base));
      more.push_back(by_own.back() - by_turned.back());
      const double y = task.y_of(0, k);
      errors[0].push_back(square(base.y - y) / d);
      errors[1].push_back(square(read.y - y) / d);
      errors[2].push_back(square(trained.y - y) / d);
    }
    own.add(by_own), others.add(by_others), turned.add(by_turned), chance.add(by_chance), beyond.add(more);
    lab.at("the same with momentum" + of_seed);
    Momentum<float> momentum(0.5);
    Regressor<float> other_model(shape, seed);
    learn(other_model, source, lab.steps(800), seed, lab, &momentum);
    const std::vector<double> said = predictions(other_model, test, &momentum);
    for (long b = 0; b < test.count; ++b) {
      errors[3].push_back(square(said[static_cast<std::size_t>(b * (k + 1) + k)] - test.y_of(b, k)) / d);
    }
    moved.add(errors[3]);
    without.add(errors[0]), read_by.add(errors[1]), trained_by.add(errors[2]);
  }
  const auto bar = [&](const char* name, const Tally& of) {
    const Estimate found = of.estimate();
    bars.push_back({name, found.mean, found.low, found.high, {}, NAN, NAN});
  };
  bar("the same examples", own), bar("another task's", others), bar("another's, sign of the answer", turned);
  bar("a random change", chance);
  lab.picture(train::bar_chart({"What training does to attention's output, and what reading does",
                                "Cosines of the two changes, means over layers and tasks, by what was trained on."},
                               {.name = "cosine"}, bars));
  lab.figure("error without examples", without.estimate());
  lab.figure("error with ten examples in the context", read_by.estimate());
  lab.figure("the same of a model with momentum 0.5 in its attention", moved.estimate());
  lab.figure("error after training on each once, keys and values alone", trained_by.estimate());
  lab.figure("cosine of what the context and training change", own.estimate());
  lab.claim("a random change", chance.estimate(), between(-0.02, 0.02));
  lab.claim("training on another task's examples", others.estimate(), between(-0.06, 0.06));
  lab.figure("the same, turned round where its answer moves the other way", turned.estimate());
  lab.claim("training on the task's own examples, less on another's, turned round", beyond.estimate(), at_least(0));
  lab.note(
      "A transformer of two layers reads ten examples of a linear function and a new x. Compared is what its layers of "
      "attention add there: with the examples, and without them after a step of gradient descent on each, less what "
      "they add with neither. Alone, a token looks at itself: keys have no gradient, values have one.");
}

}  // namespace

const Study dual_form{
    "dual-form",
    "context",
    "Examples in the context change what attention brings as training on them does, in part.",
    "Dai et al. 2023, Why Can GPT Learn In-Context? Language Models Implicitly Perform Gradient Descent",
    0.7,
    run};

}  // namespace primer::studies
