// Which paths of two layers of attention matter: tokens straight to the logits, through one head, or through a head of
// each layer, a virtual head? With all heads looking where they looked, the loss is taken with paths of order 0 alone,
// with those of order 1, and with all.
#include <cmath>

#include "studies/circuits/doctor.h"
#include "studies/circuits/paths.h"
#include "studies/circuits/periodic.h"
#include "studies/circuits/symbols.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"

namespace primer::studies {

namespace {

using train::Head, train::Matrix;

constexpr long heads = 4, length = 64;

struct Data {
  std::string name;
  long vocabulary, steps;
  std::function<data::Batch(std::uint64_t seed, long step, long sequences)> batch;
};

std::vector<Data> all_data(const std::string& book) {
  const auto text = std::make_shared<Symbols>(book);
  const Periodic periodic;
  return {{"a book", text->size(), 1500,
           [=](std::uint64_t seed, long step, long n) {
             return text->windows(seed, step, n, length, 0, text->ids.size() * 9 / 10);
           }},
          {"names", Doctor::vocabulary, 2000, Doctor::documents},
          {"repeated blocks", periodic.vocabulary(), 1500, [=](std::uint64_t seed, long step, long n) {
             return periodic.batch(seed, step, n);
           }}};
}

double mean(const std::vector<double>& v) { return mean_of(v, "items").mean; }

void run(Lab& lab) {
  long i = 0;
  for (const Data& data : all_data(lab.text())) {
    if (getenv("DATA") && atol(getenv("DATA")) != i++) continue;
    for (const std::uint64_t seed : lab.seeds()) {
      lab.at(data.name + ", seed " + std::to_string(seed));
      Net<float> net({.vocabulary = data.vocabulary,
                      .context = length,
                      .layers = 2,
                      .heads = heads,
                      .channels = 64,
                      .ffn_channels = -1,
                      .position = nn::Position::qk,
                      .norm = nn::NormPlace::none,
                      .deviation = 0.1,
                      .output = {.tie = false}},
                     seed);
      Fit how{.steps = lab.steps(std::getenv("STEPS") ? atol(std::getenv("STEPS")) : data.steps), .seed = seed};
      how.after = [&](long step) {
        if (step % 250 && step != how.steps) return;
        const data::Batch test = data.batch(seed + 1'000'000, 0, lab.size(32, 2));
        const Paths<float> paths(net.model, test);
        const Matrix& direct = paths.tokens();
        const Matrix first = paths.written(0, direct), second = paths.written(1, direct),
                     virtual_ = paths.written(1, first);
        const Matrix one = sum(direct, first), other = sum(direct, second), both = sum(one, second);
        const Matrix all = sum(both, virtual_);
        const double u = std::log(data.vocabulary), d = mean(paths.nats(direct)), l1 = mean(paths.nats(one)),
                     l2 = mean(paths.nats(other)), b = mean(paths.nats(both)), a = mean(paths.nats(all));
        double j = 0;
        for (const Judged& x : judge(net.model, test)) j += x.nll;
        j /= test.target_count();
        printf("%s %ld: uniform %.3f direct %.3f +l1 %.3f +l2 %.3f both %.3f all %.3f (%.3f): virtual / individual %.3f\n",
               data.name.c_str(), step, u, d, l1, l2, b, a, j, (b - a) / (d - b));
        fflush(stdout);
      };
      fit<float>(
          net, how, [&](long step) { return data.batch(seed, step, 64); }, lab.interruption);
    }
  }
}

}  // namespace

const Study term_importance{"term-importance", "circuits", "Which paths of two layers of attention matter.",
                            "Elhage et al. 2021, A Mathematical Framework for Transformer Circuits, Term Importance", 3,
                            run, true};

}  // namespace primer::studies
