// Transformers that read examples of a linear function and then say what it is at a new x. Which of the known learners
// do they become: one step of gradient descent, least squares, ridge? It depends on their depth, and on the noise.
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>

#include "studies/context/regressor.h"
#include "studies/studies.h"
#include "train/circuits/linear_algebra.h"

namespace primer::studies {

namespace {

constexpr long d = 5, n = 2 * d + 1;  // inputs, points: the prediction of the last one follows 2 d examples
constexpr double noise = 0.5;         // of the tasks that have some
const Regression clean{.inputs = d, .points = n}, noisy{.inputs = d, .points = n, .noise = noise};

/// What is predicted at every point from the examples before it, task by task: [B, n].
using Predictions = std::vector<double>;

Predictions predicted_by(const Tasks& tasks, const std::function<std::vector<double>(long b, long k)>& weights) {
  Predictions predicted;
  for (long b = 0; b < tasks.count; ++b) {
    for (long k = 0; k < n; ++k)
      predicted.push_back(k == 0 ? 0 : train::dot(weights(b, k).data(), tasks.x_of(b, k), d));
  }
  return predicted;
}

struct Learner {
  const char* name;
  Predictions predicted;
};

/// The learners of closed form. With noise, least squares is not the best; ridge with lambda = noise^2 is.
std::vector<Learner> learners(const Regression& source, const Tasks& tasks) {
  return {{"averaging", predicted_by(tasks, [&](long b, long k) { return one_step(tasks, b, k, 1); })},
          {"one step",
           predicted_by(tasks, [&](long b, long k) { return one_step(tasks, b, k, best_step(source, k).rate); })},
          {"least squares", predicted_by(tasks, [&](long b, long k) { return ridge(tasks, b, k, 0); })}};
}
enum : std::size_t { averaging, descent, least_squares };

Predictions truth(const Tasks& tasks) {
  Predictions predicted;
  for (long b = 0; b < tasks.count; ++b) {
    for (long k = 0; k < n; ++k) predicted.push_back(tasks.exact(b, k));
  }
  return predicted;
}

/// (a - b)^2 / d at the point behind k examples, task by task: the error of a if b is the truth, else how far apart two
/// learners are. Akyurek et al. 2023, section 4.1.
std::vector<double> squares(const Predictions& a, const Predictions& b, long k) {
  std::vector<double> all;
  for (std::size_t i = k; i < a.size(); i += n) all.push_back((a[i] - b[i]) * (a[i] - b[i]) / d);
  return all;
}

double apart(const Predictions& a, const Predictions& b, long k = n - 1) {
  return mean_of(squares(a, b, k), "tasks").mean;
}

train::Curve curve(const char* name, const Predictions& predicted, const Predictions& exact) {
  train::Curve of{name};
  for (long k = 0; k < n; ++k) of.add(k, apart(predicted, exact, k));
  return of;
}

/// The largest distance of a measured error from its closed form, in its standard errors: averaging (d + 1) / k, one
/// step (d + 1) / (k + d + 1), least squares max(0, 1 - k / d). Garg et al. 2022; derived.
double from_closed_forms(const std::vector<Learner>& all, const Predictions& exact) {
  double most = 0;
  for (long k = 1; k < n; ++k) {
    const double examples = k, D = d + 1;
    const std::pair<std::size_t, double> forms[]{
        {averaging, D / examples}, {descent, D / (examples + D)}, {least_squares, std::max(0.0, 1 - examples / d)}};
    for (const auto& [learner, wanted] : forms) {
      const Estimate found = mean_of(squares(all[learner].predicted, exact, k), "tasks");
      raise_to(most, std::abs(found.mean - wanted) / (found.error + 1e-12));
    }
  }
  return most;
}

/// The lambda whose ridge is nearest to a learner, of powers of sqrt(2) times noise^2: mean distance over all points.
double nearest_ridge(const Predictions& predicted, const Tasks& tasks, long reach) {
  double best = INFINITY, found = NAN;
  for (long i = -reach; i <= reach; ++i) {
    const double lambda = noise * noise * std::pow(2.0, i / 2.0);
    const Predictions by = predicted_by(tasks, [&](long b, long k) { return ridge(tasks, b, k, lambda); });
    double distance = 0;
    for (long k = 1; k < n; ++k) distance += apart(predicted, by, k);
    if (distance < best) best = distance, found = lambda;
  }
  return found;
}

using Model = std::unique_ptr<Regressor<float>>;

Model learned(Lab& lab, const Regression& source, long layers, std::uint64_t seed) {
  lab.at(std::to_string(layers) + (layers == 1 ? " layer" : " layers") + (source.noise > 0 ? ", with noise" : ""));
  Model model = std::make_unique<Regressor<float>>(RegressorShape{.inputs = d, .layers = layers}, seed);
  learn(*model, source, lab.steps(1200), seed, lab);
  return model;
}

void run(Lab& lab) {
  lab.each_seed([&](std::uint64_t seed) {
    const long count = lab.size(4000, 8);
    const Tasks tasks = clean.draw(seed + 1'000'000, 0, count), noisy_tasks = noisy.draw(seed + 1'000'000, 1, count);
    const Tasks many = clean.draw(seed + 1'000'000, 0, lab.size(20'000, 8));
    const Predictions right = truth(tasks);
    const std::vector<Learner> known = learners(clean, tasks);
    train::Table table;
    for (const Learner& one : known) table.columns.push_back(one.name);
    std::vector<Predictions> models;   // by depth
    std::vector<double> over, errors;  // distance to least squares over that to one step, and to the truth
    Model without_noise;               // trained without noise; the deepest stays
    for (const long layers : {1L, 2L, 3L}) {
      without_noise = learned(lab, clean, layers, seed);
      const Predictions& predicted = models.emplace_back(predictions(*without_noise, tasks));
      over.push_back(apart(predicted, known[least_squares].predicted) / apart(predicted, known[descent].predicted));
      errors.push_back(apart(predicted, right));
      table.rows.push_back(std::to_string(layers) + (layers == 1 ? " layer" : " layers"));
      for (const Learner& one : known) table.values.push_back(apart(predicted, one.predicted));
    }
    const Predictions& deep = models.back();
    double leak = INFINITY, rise = -INFINITY;  // in standard errors
    for (long k = 0; k < n; ++k) {
      const Estimate less =
          mean_of(difference(squares(deep, right, k), squares(known[least_squares].predicted, right, k)), "tasks");
      leak = std::min(leak, less.mean / less.error);
      if (k == 0) continue;
      const Estimate more = mean_of(difference(squares(deep, right, k), squares(deep, right, k - 1)), "tasks");
      rise = std::max(rise, more.mean / more.error);
    }
    const Predictions with_noise = predictions(*learned(lab, noisy, 3, seed), noisy_tasks),
                      control = predictions(*without_noise, noisy_tasks);
    const Predictions best =
        predicted_by(noisy_tasks, [&](long b, long k) { return ridge(noisy_tasks, b, k, noise * noise); });
    const Predictions squared = learners(noisy, noisy_tasks)[least_squares].predicted;
    const double bayes = apart(with_noise, best) / apart(with_noise, squared),
                 clean_bayes = apart(control, best) / apart(control, squared);

    lab.claim("closed forms: largest distance of drawn tasks, in standard errors",
              from_closed_forms(learners(clean, many), truth(many)), at_most(3));
    lab.claim("three layers: error without examples, over that of 0",
              apart(deep, right, 0) / apart(Predictions(deep.size(), 0), right, 0), between(0.95, 1.05));
    lab.claim("error after ten examples; half of one step's is 0.19", errors[2], at_most(0.19));
    lab.figure("two layers", errors[1]);
    lab.figure("one layer", errors[0]);
    lab.figure("one step of gradient descent", exact((d + 1.0) / (n + d)));
    lab.claim("three layers: error less least squares', smallest over k, in standard errors", leak, at_least(-3));
    lab.claim("largest rise with one more example, in standard errors", rise, at_most(3));
    lab.claim("three layers: distance to least squares over that to one step", over[2], at_most(0.5));
    lab.figure("two layers", over[1]);
    lab.figure("one layer", over[0]);
    lab.figure("trained with noise: lambda of the nearest ridge; asked: 0.125 to 0.5, a factor of 2 of noise^2",
               nearest_ridge(with_noise, noisy_tasks, lab.size(8, 1)));
    lab.figure("trained without noise: lambda of the nearest ridge; the best is 0",
               nearest_ridge(deep, tasks, lab.size(8, 1)));
    lab.figure("trained with noise: distance to the best ridge over that to least squares", bayes);
    lab.figure("trained without, on the same tasks: the same", clean_bayes);
    lab.claim("the one trained with noise, less the one trained without", bayes - clean_bayes, at_most(0));
    if (seed > 1) return;
    lab.picture(train::line_chart(
        {"Errors by the number of examples",
         "Least squares knows all after five examples. Three layers come below one step of gradient descent, towards "
         "it; one layer stays near one step."},
        {.name = "examples"}, {.name = "mean squared error over d", .low = 0, .high = 1.2},
        {curve("three layers", deep, right), curve("one layer", models.front(), right),
         curve("least squares", known[least_squares].predicted, right),
         curve("one step", known[descent].predicted, right)}));
    lab.picture(train::heat_map({"Who is near to whom, after ten examples",
                                 "Mean squared distance of predictions, over d, of a transformer, the row, and a "
                                 "learner of closed form."},
                                table));
  });
  lab.note(
      "Eleven points of y = w'x, x and w normal in five dimensions, w new in every sequence. A point is two tokens, "
      "(x, 0) and (x, y); what is said at the first is judged. Errors are those of w'x, without noise, over d.");
}

}  // namespace

const Study regression{"regression",
                       "context",
                       "A transformer learns linear functions from its context; how well, and like which learner?",
                       "Garg et al. 2022, What Can Transformers Learn In-Context?; Akyurek et al. 2023",
                       2,
                       run};

}  // namespace primer::studies
