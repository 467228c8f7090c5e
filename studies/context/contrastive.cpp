// Attention is a step of gradient descent on a loss that draws two views of each example together. Changes of that loss
// are changes of attention: which of them helps a layer that is trained on regression?
#include <cmath>
#include <numeric>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/layout.h"
#include "autograd/ops/reduce.h"
#include "studies/circuits/texts/draws.h"
#include "studies/context/contrast.h"
#include "studies/context/regression_tasks.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"

namespace primer::studies {

namespace {

using autograd::Tape, autograd::Tensor;

constexpr long d = 10, N = 15, D = d + 1;  // inputs, examples, channels of a token (x, y)
const Regression source{.inputs = d, .points = N + 1, .range = 1};

struct Variant {
  const char* name;
  const char* curve;  // its name in the picture
  Changes changes;
};
const std::vector<Variant> variants{{"attention", "attention", {}},
                                    {"negatives: the 0.3 least alike, beta 0.5", "0.3 least alike", {.beta = 0.5}},
                                    {"negatives: 0.3 drawn, beta 0.5", "0.3 drawn", {.beta = 0.5, .drawn = true}},
                                    {"negatives: all others, beta 0.9", "all others", {.beta = 0.9, .share = 1}}};
enum : std::size_t { plain, few, drawn, all_others };

/// A layer with a learned read-out of one number.
struct Model {
  autograd::Parameters<float> parameters;
  ContrastAttention<float> attention;
  nn::Linear<float> out;  // [1, D]

  Model(const Changes& changes, std::uint64_t seed)
      : attention(parameters, D, changes, 0.2), out(parameters, "out", {D, 1, false, 0.2}) {
    parameters.build(seed);
  }

  /// What is said of the last y, less it: [B, 1].
  Tensor<float> off(Tape<float>& tape, const Tasks& tasks) const {
    const Tensor<float> brought = reshape(attention(pair_tokens(tape, tasks)), {tasks.count, D});
    return subtract(out(brought), last_y(tape, tasks));
  }

  /// Half the squared error of each task.
  std::vector<double> losses(const Tasks& tasks) const {
    Tape<float> tape;
    const auto pause = tape.pause();
    const Tensor<float> apart = off(tape, tasks);
    std::vector<double> all;
    for (long b = 0; b < tasks.count; ++b) all.push_back(std::pow(static_cast<double>(apart.data()[b]), 2) / 2);
    return all;
  }
};

/// How a variant is learned: its loss on the test's tasks on the way [points], and of each task at the end.
struct Course {
  std::vector<double> steps, losses, last;

  /// The step after which the loss is at most this; the last if it never is.
  double reaches(double loss) const {
    for (std::size_t i = 0; i < losses.size(); ++i) {
      if (losses[i] <= loss) return steps[i];
    }
    return steps.back();
  }
};

Course trained(Lab& lab, const Variant& variant, const Tasks& test, std::uint64_t seed) {
  lab.at(variant.name);
  Model model(variant.changes, seed);
  Course course;
  Fit how{.steps = lab.steps(4000), .lr = 5e-3, .weight_decay = 0, .seed = seed};
  how.after = [&, every = std::max(1L, how.steps / 30)](long step) {
    if (step % every != 0) return;
    course.last = model.losses(test);
    course.steps.push_back(step);
    course.losses.push_back(mean_of(course.last, "tasks").mean);
  };
  const auto loss = [&](Tape<float>& tape, long step) {
    const Tensor<float> off = model.off(tape, source.draw(seed, step, 256));
    return scale(sum(multiply(off, off)), 0.5 / off.size());
  };
  fit<float>(model.parameters, how, lab.interruption, loss);
  return course;
}

/// |f_W(q) - attention's output| after 0, 1, ... N steps on one example each: of random keys, values and a query.
std::vector<double> approach(std::uint64_t seed) {
  Draws draws("contrast", seed);
  const auto normals = [&](long rows, long columns) {
    train::Matrix all = train::zeros(rows, columns);
    for (double& one : all.values) one = 0.6 * draws.normal();
    return all;
  };
  const Views views{normals(N, D), normals(N, D), normals(1, D), normals(1, D), normals(1, D).values};
  const std::vector<double> wanted = attended(views);
  DualModel dual(views);
  std::vector<double> apart;
  for (long i = 0; i <= N; ++i) {
    const std::vector<double> found = dual.answer();
    const std::vector<double> off = difference(found, wanted);
    apart.push_back(std::sqrt(train::dot(off.data(), off.data(), D)));
    if (i < N) dual.step(std::vector{i}, 1);
  }
  return apart;
}

void draw(Lab& lab, const std::vector<double>& apart, const std::vector<train::Curve>& curves) {
  std::vector<double> steps(apart.size());
  std::iota(steps.begin(), steps.end(), 0);
  lab.picture(train::line_chart({"The dual model comes to attention's output",
                                 "Each step is one of gradient descent on one example. The distance need not fall with "
                                 "each; after the last it is 0."},
                                {.name = "steps"}, {.name = "distance", .low = 0}, {{"dual model", steps, apart}}));
  lab.picture(train::line_chart({"Attention and its changes, trained on regression",
                                 "To take values of other examples away ends lower, and comes sooner to where "
                                 "attention ends; it helps less with those that are least alike than with drawn ones."},
                                {.name = "step"}, {.name = "half the mean squared error", .low = 0.6}, curves));
}

void run(Lab& lab) {
  lab.each_seed([&](std::uint64_t seed) {
    const std::vector<double> apart = approach(seed);
    const Tasks test = source.draw(seed + 1'000'000, 0, lab.size(4000, 16));
    std::vector<Course> courses;
    std::vector<train::Curve> curves;
    for (const Variant& variant : variants) {
      const Course& course = courses.emplace_back(trained(lab, variant, test, seed));
      curves.push_back({variant.curve, course.steps, course.losses});
    }
    if (seed == 1) draw(lab, apart, curves);

    lab.figure("from the dual model to attention's output, before the first step", apart.front());
    lab.claim("after a step on each example", apart.back(), at_most(1e-10));
    for (std::size_t i = 0; i < variants.size(); ++i) {
      lab.figure(std::string("loss: ") + variants[i].name, courses[i].losses.back());
    }
    lab.figure("loss of saying 0", exact(d / 6.0));  // E (w'x)^2 / 2 = d / 3 / 2
    lab.figure("loss of one step of gradient descent, which needs no softmax", exact(best_step(source, N).loss));
    const double reached = 1.01 * courses[plain].losses.back();
    for (const std::size_t i : {few, drawn, all_others}) {
      const std::string name = variants[i].name;
      lab.claim(name + ": loss less attention's", difference(courses[i].last, courses[plain].last), at_most(0));
      lab.claim(name + ": steps to 1 % above attention's last loss, over attention's",
                courses[i].reaches(reached) / courses[plain].reaches(reached), at_most(0.8));
    }
    lab.figure("beta 0.5: loss with the 0.3 least alike, less that with 0.3 drawn",
               difference(courses[few].last, courses[drawn].last));
  });
  lab.note(
      "Fifteen examples of y = w'x, x uniform within 1 in ten dimensions, as tokens (x, y); the query (x, 0) looks at "
      "them and at itself through one head of softmax attention. Losses are half the mean squared error.");
  lab.note(
      "Beta times the mean of the values of an example's negatives is taken from its value. Negatives are a share of "
      "the examples: those with keys least like its own, or as many that are drawn.");
}

}  // namespace

const Study contrast{
    "contrast",
    "context",
    "Attention is one step of contrastive learning on its context; changes of that loss change what it can learn.",
    "Ren & Liu 2024, Towards Understanding How Transformers Learn In-context; arXiv 2310.13220",
    1,
    run};

}  // namespace primer::studies
