// Attention has the form of an update of weights, and so has fine-tuning: do examples in the context change what a
// model computes as training on them does? What each does to a layer's output is compared, direction by direction.
#include <cmath>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/reduce.h"
#include "studies/circuits/texts/draws.h"
#include "studies/context/regressor.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/circuits/linear_algebra.h"
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

using train::dot;

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
    const long C = shape.channels;
    const std::vector<double> p = difference(a.added[l], base.added[l]), q = difference(b.added[l], base.added[l]);
    const double pq = dot(p.data(), q.data(), C), pp = dot(p.data(), p.data(), C), qq = dot(q.data(), q.data(), C);
    sum += pq / std::sqrt(pp * qq) / layers;
  }
  return sum;
}

/// The base with a random change of each layer.
Seen at_random(Seen base, std::uint64_t seed, long b) {
  Draws draws("dual-form", seed, b);
  for (auto& layer : base.added)
    for (double& one : layer) one += draws.normal();
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
  lab.each_seed([&](std::uint64_t seed) {
    lab.at("a transformer that reads regression");
    Regressor<float> model(shape, seed), with_momentum(shape, seed);
    learn(model, source, lab.steps(800), seed, lab);
    lab.at("updates by the context and by training");
    const double rate = best_rate(model, source.draw(seed + 2'000'000, 0, lab.size(100, 1)));
    const Tasks test = source.draw(seed + 1'000'000, 0, lab.size(400, 3));
    std::vector<double> own, others, turned, chance;                // likeness of the context's update to another
    std::vector<double> without, read_by, trained_by, by_momentum;  // squared errors over d
    for (long b = 0; b < test.count; ++b) {
      const Tasks task = test.part(b, 0, k + 1), other = test.part((b + 1) % test.count, 0, k + 1);
      const Seen base = seen(model, task.part(0, k, 1)), read = seen(model, task);
      const Seen trained = tuned(model, task, task, rate), trained_on_other = tuned(model, other, task, rate);
      own.push_back(alike(read, trained, base));
      others.push_back(alike(read, trained_on_other, base));
      turned.push_back(std::copysign(1, (read.y - base.y) * (trained_on_other.y - base.y)) * others.back());
      chance.push_back(alike(read, at_random(base, seed, b), base));
      const double y = task.y_of(0, k);
      without.push_back(square(base.y - y) / d);
      read_by.push_back(square(read.y - y) / d);
      trained_by.push_back(square(trained.y - y) / d);
    }
    lab.at("the same with momentum");
    Momentum<float> momentum(0.5);
    learn(with_momentum, source, lab.steps(800), seed, lab, &momentum);
    const std::vector<double> said = predictions(with_momentum, test, &momentum);
    for (long b = 0; b < test.count; ++b) by_momentum.push_back(square(said[b * (k + 1) + k] - test.y_of(b, k)) / d);

    lab.figure("error without examples", without);
    lab.figure("error with ten examples in the context", read_by);
    lab.figure("the same of a model with momentum 0.5 in its attention", by_momentum);
    lab.figure("error after training on each once, keys and values alone", trained_by);
    lab.figure("cosine of what the context and training change", own);
    lab.claim("a random change", chance, between(-0.02, 0.02));
    lab.claim("training on another task's examples", others, between(-0.06, 0.06));
    lab.figure("the same, turned round where its answer moves the other way", turned);
    lab.claim("training on the task's own examples, less on another's, turned round", difference(own, turned),
              at_least(0));
  });
  lab.picture(train::bar_chart(
      {"What training does to attention's output, and what reading does",
       "Cosines of the two changes, means over layers and tasks, by what was trained on."},
      {.name = "cosine"},
      {bar_of("the same examples", lab.findings[4].found), bar_of("another task's", lab.findings[6].found),
       bar_of("another's, sign of the answer", lab.findings[7].found),
       bar_of("a random change", lab.findings[5].found)}));
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
