// Transformers that read examples of a linear function and then say what it is at a new x. Which of the known learners
// do they become: one step of gradient descent, least squares, ridge? It depends on their depth, and on the noise.
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>

#include "studies/context/regressor.h"
#include "studies/studies.h"

namespace primer::studies {

namespace {

constexpr long d = 5, n = 2 * d + 1;  // inputs, points: what is said of the last one follows 2 d examples
constexpr double noise = 0.5;         // of the tasks that have some
const Regression clean{.inputs = d, .points = n}, noisy{.inputs = d, .points = n, .noise = noise};

/// What is said at every point from the examples before it, task by task: [B, n].
using Said = std::vector<double>;

Said said_by(const Tasks& tasks, const std::function<std::vector<double>(long b, long k)>& weights) {
  Said said;
  for (long b = 0; b < tasks.count; ++b) {
    for (long k = 0; k < n; ++k) said.push_back(k == 0 ? 0 : dot(weights(b, k).data(), tasks.x_of(b, k), d));
  }
  return said;
}

struct Learner {
  const char* name;
  Said said;
};

/// The learners of closed form. With noise, least squares is not the best; ridge with lambda = noise^2 is.
std::vector<Learner> learners(const Regression& source, const Tasks& tasks) {
  Said nearest;
  for (long b = 0; b < tasks.count; ++b) {
    for (long k = 0; k < n; ++k) nearest.push_back(three_nearest(tasks, b, k, tasks.x_of(b, k)));
  }
  return {
      {"averaging", said_by(tasks, [&](long b, long k) { return one_step(tasks, b, k, 1); })},
      {"one step", said_by(tasks, [&](long b, long k) { return one_step(tasks, b, k, best_step(source, k).rate); })},
      {"least squares", said_by(tasks, [&](long b, long k) { return ridge(tasks, b, k, 0); })},
      {"three nearest", nearest}};
}
enum : std::size_t { averaging, descent, least_squares, nearest };

Said truth(const Tasks& tasks) {
  Said said;
  for (long b = 0; b < tasks.count; ++b) {
    for (long k = 0; k < n; ++k) said.push_back(tasks.exact(b, k));
  }
  return said;
}

/// (a - b)^2 / d at the point behind k examples, task by task: the error of a if b is the truth, else how far apart two
/// learners are. Akyurek et al. 2023, section 4.1.
std::vector<double> squares(const Said& a, const Said& b, long k) {
  std::vector<double> all;
  for (std::size_t i = static_cast<std::size_t>(k); i < a.size(); i += n)
    all.push_back((a[i] - b[i]) * (a[i] - b[i]) / d);
  return all;
}

double apart(const Said& a, const Said& b, long k = n - 1) { return mean_of(squares(a, b, k), "tasks").mean; }

train::Curve curve(const char* name, const Said& said, const Said& exact) {
  train::Curve of{name, {}, {}, {}, {}};
  for (long k = 0; k < n; ++k) of.x.push_back(static_cast<double>(k)), of.y.push_back(apart(said, exact, k));
  return of;
}

/// The largest distance of a measured error from its closed form, in its standard errors: averaging (d + 1) / k, one
/// step (d + 1) / (k + d + 1), least squares max(0, 1 - k / d). Garg et al. 2022; derived.
double from_closed_forms(const std::vector<Learner>& all, const Said& exact) {
  double most = 0;
  for (long k = 1; k < n; ++k) {
    const double examples = static_cast<double>(k), D = d + 1;
    const std::pair<std::size_t, double> forms[]{
        {averaging, D / examples}, {descent, D / (examples + D)}, {least_squares, std::max(0.0, 1 - examples / d)}};
    for (const auto& [learner, wanted] : forms) {
      const Estimate found = mean_of(squares(all[learner].said, exact, k), "tasks");
      most = std::max(most, std::abs(found.mean - wanted) / (found.error + 1e-12));
    }
  }
  return most;
}

/// The lambda whose ridge is nearest to a learner, of powers of sqrt(2) times noise^2: mean distance over all points.
double nearest_ridge(const Said& said, const Tasks& tasks, long reach) {
  double best = INFINITY, found = NAN;
  for (long i = -reach; i <= reach; ++i) {
    const double lambda = noise * noise * std::pow(2.0, static_cast<double>(i) / 2);
    const Said by = said_by(tasks, [&](long b, long k) { return ridge(tasks, b, k, lambda); });
    double distance = 0;
    for (long k = 1; k < n; ++k) distance += apart(said, by, k);
    if (distance < best) best = distance, found = lambda;
  }
  return found;
}

using Model = std::unique_ptr<Regressor<float>>;

Model learned(Lab& lab, const Regression& source, long layers, std::uint64_t seed) {
  lab.at(std::to_string(layers) +
         (source.noise > 0 ? " layers, with noise"
          : layers == 1    ? " layer"
                           : " layers") +
         ", seed " + std::to_string(seed));
  Model model = std::make_unique<Regressor<float>>(RegressorShape{.inputs = d, .layers = layers}, seed);
  learn(*model, source, lab.steps(1200), seed, lab);
  return model;
}

void run(Lab& lab) {
  std::vector<double> forms, first, last, leak, rise, lambda, clean_lambda, bayes, clean_bayes;
  std::vector<std::vector<double>> over(3), errors(3);  // by depth: distance to least squares over that to one step
  for (const std::uint64_t seed : lab.seeds()) {
    const long count = lab.size(4000, 8);
    const Tasks tasks = clean.draw(seed + 1'000'000, 0, count), blurred = noisy.draw(seed + 1'000'000, 1, count);
    const Said exact = truth(tasks);
    const std::vector<Learner> known = learners(clean, tasks);
    const Tasks many = clean.draw(seed + 1'000'000, 0, lab.size(20'000, 8));
    forms.push_back(from_closed_forms(learners(clean, many), truth(many)));
    train::Table table;
    for (const Learner& one : known) table.columns.push_back(one.name);
    std::vector<Said> models;
    Model sure;  // trained without noise; the deepest stays
    for (const long layers : {1L, 2L, 3L}) {
      sure = learned(lab, clean, layers, seed);
      const Said& said = models.emplace_back(predictions(*sure, tasks));
      const auto depth = static_cast<std::size_t>(layers - 1);
      over[depth].push_back(apart(said, known[least_squares].said) / apart(said, known[descent].said));
      errors[depth].push_back(apart(said, exact));
      table.rows.push_back(std::to_string(layers) + (layers == 1 ? " layer" : " layers"));
      for (const Learner& one : known) table.values.push_back(apart(said, one.said));
    }
    const Said& deep = models.back();
    first.push_back(apart(deep, exact, 0) / apart(Said(deep.size(), 0), exact, 0));
    last.push_back(apart(deep, exact));
    double below = INFINITY, up = -INFINITY;  // in standard errors
    for (long k = 0; k < n; ++k) {
      const Estimate less = paired(squares(deep, exact, k), squares(known[least_squares].said, exact, k), "tasks");
      below = std::min(below, less.mean / less.error);
      if (k == 0) continue;
      const Estimate more = paired(squares(deep, exact, k), squares(deep, exact, k - 1), "tasks");
      up = std::max(up, more.mean / more.error);
    }
    leak.push_back(below), rise.push_back(up);
    const Said unsure = predictions(*learned(lab, noisy, 3, seed), blurred);
    lambda.push_back(nearest_ridge(unsure, blurred, lab.size(8, 1)));
    clean_lambda.push_back(nearest_ridge(deep, tasks, lab.size(8, 1)));
    const Said best = said_by(blurred, [&](long b, long k) { return ridge(blurred, b, k, noise * noise); });
    const Said squared = learners(noisy, blurred)[least_squares].said, control = predictions(*sure, blurred);
    bayes.push_back(apart(unsure, best) / apart(unsure, squared));
    clean_bayes.push_back(apart(control, best) / apart(control, squared));
    if (seed > 1) continue;
    lab.picture(train::line_chart(
        {"Errors by the number of examples",
         "Least squares knows all after five examples. Three layers come below one step of gradient descent, towards "
         "it; "
         "one layer stays near one step."},
        {.name = "examples"}, {.name = "mean squared error over d", .low = 0, .high = 1.2},
        {curve("three layers", deep, exact), curve("one layer", models.front(), exact),
         curve("least squares", known[least_squares].said, exact), curve("one step", known[descent].said, exact)}));
    lab.picture(train::heat_map({"Who is near to whom, after ten examples",
                                 "Mean squared distance of predictions, over d, of a transformer, the row, and a "
                                 "learner of closed form."},
                                table));
  }
  const auto seeds = [](const std::vector<double>& of) { return mean_of(of, "seeds"); };
  lab.claim("closed forms: largest distance of drawn tasks, in standard errors", seeds(forms), at_most(3));
  lab.claim("three layers: error without examples, over that of 0", seeds(first), between(0.95, 1.05));
  lab.claim("error after ten examples; half of one step's is 0.19", seeds(last), at_most(0.19));
  lab.figure("two layers", seeds(errors[1]));
  lab.figure("one layer", seeds(errors[0]));
  lab.figure("one step of gradient descent", exact((d + 1.0) / (n + d)));
  lab.claim("three layers: error less least squares', smallest over k, in standard errors", seeds(leak), at_least(-3));
  lab.claim("largest rise with one more example, in standard errors", seeds(rise), at_most(3));
  lab.claim("three layers: distance to least squares over that to one step", seeds(over[2]), at_most(0.5));
  lab.figure("two layers", seeds(over[1]));
  lab.figure("one layer", seeds(over[0]));
  lab.figure("trained with noise: lambda of the nearest ridge; asked: 0.125 to 0.5, a factor of 2 of noise^2",
             seeds(lambda));
  lab.figure("trained without noise: lambda of the nearest ridge; the best is 0", seeds(clean_lambda));
  lab.figure("trained with noise: distance to the best ridge over that to least squares", seeds(bayes));
  lab.figure("trained without, on the same tasks: the same", seeds(clean_bayes));
  lab.claim("the one trained with noise, less the one trained without", paired(bayes, clean_bayes, "seeds"),
            at_most(0));
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
