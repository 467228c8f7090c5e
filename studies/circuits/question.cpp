// How often was X at P? An encoder reads the question and a story of people who enter places, leave them, or only
// decide to go there, and answers 0 to 4, also of stories half as long again as any that it was trained on.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "autograd/ops/arithmetic.h"
#include "studies/circuits/stories.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/circuits/observers.h"

namespace primer::studies {

namespace {

constexpr long least = 8, most = 10, longer = 15;  // sentences
constexpr long layers = 3, heads = 4, channels = 64;

nn::ModelConfig encoder(nn::Position position) {
  return {.vocabulary = Stories::vocabulary,
          .context = Stories::length(longer),
          .layers = getenv("LAYERS") ? atol(getenv("LAYERS")) : layers,
          .heads = heads,
          .channels = channels,
          .causal = false,
          .position = position,
          .deviation = getenv("DEV") ? atof(getenv("DEV")) : 0.1,
          .output = {.tie = false}};
}

/// All look at all places alike: what the mark gets is the mean of what words bring, a bag of words.
struct Uniform : autograd::Observer<float> {
  bool wants(std::string_view, std::string_view leaf) override { return leaf == "pattern"; }
  autograd::Tensor<float> see(std::string_view, std::string_view, autograd::Tensor<float> x) override {
    return x.tape->constant(
        x.shape, std::vector<float>(static_cast<std::size_t>(x.size()), 1.0f / static_cast<float>(x.shape.last())));
  }
};

void run(Lab& lab) {
  const long steps = lab.steps(getenv("STEPS") ? atol(getenv("STEPS")) : 3000);
  const double lr = getenv("LR") ? atof(getenv("LR")) : 2e-3;
  const long batch = getenv("BATCH") ? atol(getenv("BATCH")) : 64;
  for (const std::uint64_t seed : lab.seeds()) {
    const auto stories = [&](long step) {
      const autograd::Random random(seed, autograd::hash("lengths"));
      return Stories::batch(seed, step, batch,
                            least + static_cast<long>(random.below(most - least + 1, static_cast<std::uint64_t>(step))),
                            getenv("PLAIN") ? atol(getenv("PLAIN")) : 2);
    };
    const data::Batch test = Stories::batch(seed + 1'000'000, 0, lab.size(300, 4), longer);
    const data::Batch seen = Stories::batch(seed + 1'000'000, 1, lab.size(300, 4), most);
    Net<float> net(encoder(nn::Position::rotary), seed);
    Fit how{.steps = steps, .lr = lr, .seed = seed};
    how.after = [&](long step) {
      if (step % 200 == 0)
        fprintf(stderr, "step %ld: seen %.3f longer %.3f\n", step, mean_of(correct(net.model, seen), "i").mean,
                mean_of(correct(net.model, test), "i").mean);
    };
    fit<float>(net, how, stories, lab.interruption);
    lab.claim("longer", mean_of(correct(net.model, test), "stories"), at_least(0.95));
  }
}

}  // namespace

const Study question{"question",
                     "circuits",
                     "How often was X at the place? An encoder looks at the sentences that count, and counts them.",
                     "Vaswani et al. 2017; the example from an article on BERT",
                     4,
                     run};

}  // namespace primer::studies
