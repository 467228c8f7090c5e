// A layer of attention without softmax can make one step of gradient descent on the examples in its context. Trained on
// tasks of linear regression it becomes that step; two layers with the same weights find a better one.
#include <cmath>
#include <functional>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/reduce.h"
#include "studies/context/linear_self_attention.h"
#include "studies/context/regression_tasks.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"

namespace primer::studies {

namespace {

using autograd::Tensor, autograd::Tape, train::dot;

constexpr long d = 10, N = 10, D = d + 1;  // inputs, examples, channels of a token (x, y)
const Regression source{.inputs = d, .points = N + 1, .range = 0.5};

/// What a learner says of each task's query, and how that changes with the query's x.
struct Answers {
  std::vector<double> y, slopes;  // [B], [B, d]

  std::vector<double> half_squares(const Tasks& tasks) const {
    std::vector<double> all;
    for (long b = 0; b < tasks.count; ++b) all.push_back(std::pow(y[b] - tasks.y_of(b, N), 2) / 2);
    return all;
  }
  double loss(const Tasks& tasks) const { return mean_of(half_squares(tasks), "tasks").mean; }
};

/// One explicit step: y = w'x with w = eta / N sum of y_i x_i.
Answers descended(const Tasks& tasks, double eta) {
  Answers found;
  for (long b = 0; b < tasks.count; ++b) {
    const std::vector<double> w = one_step(tasks, b, N, eta);
    found.y.push_back(dot(w.data(), tasks.x_of(b, N), d));
    found.slopes.insert(found.slopes.end(), w.begin(), w.end());
  }
  return found;
}

/// How alike two learners are: means over tasks.
struct Likeness {
  double cosine = 0, apart = 0, length = 0;  // of slopes a and b: cos(a, b), |a - b|, |b|
  double answers = 0;                        // |difference| of y

  Likeness(const Answers& a, const Answers& b) {
    const double count = a.y.size();
    for (std::size_t i = 0; i < a.y.size(); ++i) {
      const double *p = a.slopes.data() + i * d, *q = b.slopes.data() + i * d;
      const double pq = dot(p, q, d), pp = dot(p, p, d), qq = dot(q, q, d);
      cosine += pq / std::sqrt(pp * qq) / count;
      apart += std::sqrt(std::max(0.0, pp - 2 * pq + qq)) / count;
      length += std::sqrt(qq) / count;
      answers += std::abs(a.y[i] - b.y[i]) / count;
    }
  }
};

/// A layer that is used `times` over, and its weights.
struct Model {
  autograd::Parameters<float> parameters;
  LinearSelfAttention<float> layer;
  long times;

  explicit Model(long times_, std::uint64_t seed = 1, double deviation = 0)
      : layer(parameters, "layer", D, deviation), times(times_) {
    parameters.build(seed);
  }
  explicit Model(const LayerProducts& products, long times_ = 1) : Model(times_) { write(layer, products); }

  /// Minus the y entry of the query at the end: [B, 1].
  Tensor<float> operator()(Tensor<float> tokens) const {
    const long B = tokens.shape[0];
    for (long i = 0; i < times; ++i) tokens = layer(tokens, N);
    return scale(reshape(slice(slice(tokens, 1, N, 1), 2, d, 1), {B, 1}), -1);
  }

  Answers answers(const Tasks& tasks) const {
    Tape<float> tape;
    const Tensor<float> tokens = pair_tokens(tape, tasks, true), y = (*this)(tokens);
    tape.backward(sum(y));  // tasks do not meet: the gradient of the sum is each one's own
    Answers found{{y.data(), y.data() + y.size()}, {}};
    for (long b = 0; b < tasks.count; ++b) {
      const float* query = tokens.grad() + (b * (N + 1) + N) * D;
      found.slopes.insert(found.slopes.end(), query, query + d);
    }
    return found;
  }
};

/// The x in [low, high] at which a function of one valley is least: golden section.
double lowest(const std::function<double(double)>& f, double low, double high, long rounds) {
  const double ratio = (std::sqrt(5.0) - 1) / 2;
  for (long i = 0; i < rounds; ++i) {
    const double a = high - ratio * (high - low), b = low + ratio * (high - low);
    const bool left = f(a) < f(b);
    (left ? high : low) = left ? b : a;
  }
  return (low + high) / 2;
}

LayerProducts step_of(double eta, double shrink = 0) { return gradient_step(train::zeros(1, d), eta / N, shrink); }

/// Two steps with the best rate, and with the best rate and shrinkage, on these tasks.
struct TwoSteps {
  LayerProducts plain, shrunk;

  TwoSteps(const Tasks& tasks, long rounds) {
    const auto loss = [&](double eta, double by) { return Model(step_of(eta, by), 2).answers(tasks).loss(tasks); };
    const auto rate = [&](double by) { return lowest([&](double eta) { return loss(eta, by); }, 1, 30, rounds); };
    plain = step_of(rate(0));
    const double shrink = lowest([&](double by) { return loss(rate(by), by); }, 0, 0.4, rounds);
    shrunk = step_of(rate(shrink), shrink);
  }
};

Model trained(Lab& lab, std::uint64_t seed, long times, long steps, train::Curve& course) {
  lab.at("a layer used " + std::string(times == 1 ? "once" : "twice"));
  Model model(times, seed, 0.1);
  const Tasks probe = source.draw(seed + 2'000'000, 0, lab.size(2000, 8));
  Fit how{.steps = lab.steps(steps), .lr = 5e-3, .clip = 1e-3, .weight_decay = 0, .seed = seed};
  how.after = [&, every = std::max(1L, how.steps / 50)](long step) {
    if (step % every != 0) return;
    course.add(step, model.answers(probe).loss(probe));
  };
  const auto loss = [&](Tape<float>& tape, long step) {
    const Tasks tasks = source.draw(seed, step, 512);
    const auto off = subtract(model(pair_tokens(tape, tasks)), last_y(tape, tasks));
    return scale(sum(multiply(off, off)), 0.5 / tasks.count);
  };
  fit<float>(model.parameters, how, lab.interruption, loss);
  return model;
}

void draw(Lab& lab, const std::vector<train::Curve>& curves, const LayerProducts& found) {
  lab.picture(train::line_chart({"Trained attention comes down to one step of gradient descent",
                                 "One layer stays at the loss of one step at the best rate. The same layer used twice "
                                 "goes below two such steps, towards that of GD++, which moves the inputs as well."},
                                {.name = "step"}, {.name = "half the mean squared error", .low = 0.1}, curves));
  train::Table table;
  for (long i = 0; i < D; ++i) table.columns.push_back(i < d ? "x" + std::to_string(i + 1) : "y");
  table.rows = table.columns;
  table.values = found.kq.values;
  lab.picture(train::heat_map({"Learned: W_K' W_Q", "It compares the x of two tokens: the identity there, and 0 at y."},
                              table));
  table.values = found.pv.values;
  lab.picture(train::heat_map(
      {"Learned: P W_V", "It carries y to y, times minus eta / N. What it makes of x is not read."}, table));
}

void run(Lab& lab) {
  const BestStep best = best_step(source, N);
  lab.each_seed([&](std::uint64_t seed) {
    const Tasks test = source.draw(seed + 1'000'000, 0, lab.size(10'000, 64));
    const Answers step = descended(test, best.rate), nothing{std::vector<double>(test.y.size(), 0), {}};
    std::vector<double> above = step.half_squares(test);
    for (double& one : above) one -= best.loss;
    train::Curve once_course{"one layer"}, twice_course{"used twice"};
    const Model once = trained(lab, seed, 1, 1200, once_course), two = trained(lab, seed, 2, 2500, twice_course);
    const Answers answers = once.answers(test);
    const Likeness alike(answers, step);

    // Its weights, and those halfway to the ones written by hand.
    const LayerProducts found = with_unit_diagonal(products_of(once.layer), d), by_hand = step_of(best.rate);
    LayerProducts halfway = found;
    double squares = 0;  // of W_K' W_Q off its diagonal over x
    for (long i = 0; i < D; ++i) {
      for (long j = 0; j < D; ++j) {
        if (i != j || i == d) squares += found.kq(i, j) * found.kq(i, j);
        halfway.kq(i, j) = (found.kq(i, j) + by_hand.kq(i, j)) / 2;
        halfway.pv(i, j) = (found.pv(i, j) + by_hand.pv(i, j)) / 2;
      }
    }

    double most = 0;  // on inputs and weights of sizes that it was not trained on
    for (const double factor : {0.5, 0.75, 1.25, 1.5}) {
      for (const Tasks& tasks : {test.scaled(factor, 1), test.scaled(1, factor)}) {
        const double wanted = descended(tasks, best.rate).loss(tasks);
        raise_to(most, std::abs(once.answers(tasks).loss(tasks) - wanted) / wanted);
      }
    }

    const TwoSteps steps(source.draw(seed + 2'000'000, 1, lab.size(1000, 8)), lab.size(12, 2));
    const double twice = two.answers(test).loss(test), plain = Model(steps.plain, 2).answers(test).loss(test),
                 shrunk = Model(steps.shrunk, 2).answers(test).loss(test);
    lab.figure("half the mean squared error of one step at the best rate", exact(best.loss));
    lab.claim("the same of explicit steps, less that", above, between(-0.01, 0.01));
    lab.claim("loss of a trained layer over the explicit step's", answers.loss(test) / step.loss(test),
              between(0.985, 1.02));
    lab.claim("cosine of their changes with the query's x", alike.cosine, at_least(0.99));
    lab.claim("distance of these over their length", alike.apart / alike.length, at_most(0.1));
    lab.claim("distance of their predictions", alike.answers, at_most(0.05));
    lab.figure("minus eta / N of the best rate", exact(-best.rate / N));
    lab.claim("the learned product of weights in its place", found.pv(d, d), between(-0.636, -0.576));
    lab.claim("W_K' W_Q off its diagonal, over the diagonal", std::sqrt(squares / (D * D - d)), at_most(0.05));
    lab.claim("loss of weights halfway to those by hand, over the step's",
              Model(halfway).answers(test).loss(test) / step.loss(test), between(0.98, 1.02));
    lab.claim("largest relative difference of losses, x or w 0.5 to 1.5 times", most, at_most(0.1));
    lab.claim("loss with another task's examples, over that of saying 0",
              once.answers(test.with_others_examples()).loss(test) / nothing.loss(test), at_least(1));
    lab.claim("the layer used twice, trained so", twice, at_most(0.125));
    lab.figure("two steps at their best rate", plain);
    lab.figure("GD++ at its best rate and shrinkage", shrunk);
    lab.claim("the layer used twice over GD++", twice / shrunk, between(0.95, 1.05));
    if (seed > 1) return;
    std::vector<train::Curve> curves{once_course, twice_course};
    const auto level = [&](const char* name, double loss) {
      curves.push_back({name, {once_course.x.front(), twice_course.x.back()}, {loss, loss}});
    };
    level("one step", best.loss), level("two steps", plain), level("GD++", shrunk);
    draw(lab, curves, found);
  });
  lab.note(
      "Ten examples of y = w'x, x uniform within 0.5 in ten dimensions, as tokens (x, y); then the query (x, 0), which "
      "nothing looks at. Losses are half the mean squared error. Rates are tuned on tasks that are not tested.");
}

}  // namespace

const Study one_step_study{
    "one-step",
    "context",
    "A layer of linear attention, trained on regression, makes one step of gradient descent on its context.",
    "von Oswald et al. 2023, Transformers Learn In-Context by Gradient Descent",
    0.5,
    run};

}  // namespace primer::studies
