// Which paths of two layers of attention matter: tokens straight to the logits, through one head, or through a head of
// each layer, a virtual head? All heads look where they looked; the loss is taken with paths of order 0 alone, with
// those of order 1 too, and with all. What a trained model uses is held beside what one needs: another is trained
// without virtual heads, and one, to see that such a cut can hurt, without K-composition.
#include <cmath>
#include <memory>

#include "studies/circuits/paths.h"
#include "studies/circuits/texts/periodic.h"
#include "studies/circuits/texts/symbols.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"

namespace primer::studies {

namespace {

using train::Head, train::Matrix;

constexpr long heads = 4, length = 64;

struct Data {
  std::string name;
  long vocabulary, steps;
  bool copies;  // nothing but what followed earlier counts
  std::function<data::Batch(std::uint64_t seed, long step, long sequences)> train, test;
};

/// Where much is left to learn of all kinds, and where nothing but what followed earlier counts.
std::vector<Data> all_data(const std::string& book) {
  const auto text = std::make_shared<Symbols>(book);
  const std::size_t end = text->ids.size(), cut = end * 9 / 10;
  const auto windows = [=](std::size_t from, std::size_t to) {
    return [=](std::uint64_t seed, long step, long n) { return text->windows(seed, step, n, length, from, to); };
  };
  const Periodic periodic;
  const auto blocks = [=](std::uint64_t seed, long step, long n) { return periodic.batch(seed, step, n); };
  return {{"a book", text->size(), 1000, false, windows(0, cut), windows(cut, end)},
          {"repeated blocks", periodic.vocabulary(), 1500, true, blocks, blocks}};
}

double mean(const std::vector<double>& values) { return mean_of(values, "targets").mean; }

double loss_of(const nn::Model<float>& model, const data::Batch& test, autograd::Observer<float>* observer) {
  std::vector<double> nats;
  for (const Judged& one : judge(model, test, observer)) nats.push_back(one.nll);
  return mean(nats);
}

/// Mean -ln p with paths of some kinds, nats.
struct Losses {
  double uniform, direct, first, second, single, all;  // first, second: order 1 through heads of this layer alone
  Matrix without;                                      // [H, H]: all but one virtual head; a row a head of layer 2

  double individual() const { return direct - single; }
  double virtual_heads() const { return single - all; }
};

Losses losses_of(const nn::Model<float>& model, const data::Batch& test) {
  const Paths<float> paths(model, test);
  const Matrix& tokens = paths.tokens();
  const Matrix first = paths.written(0, tokens), second = paths.written(1, tokens);
  const Matrix single = sum(sum(tokens, first), second), all = sum(single, paths.written(1, first));
  Losses found{std::log(static_cast<double>(model.config().vocabulary)),
               mean(paths.nats(tokens)),
               mean(paths.nats(sum(tokens, first))),
               mean(paths.nats(sum(tokens, second))),
               mean(paths.nats(single)),
               mean(paths.nats(all)),
               train::zeros(heads, heads)};
  for (long g = 0; g < heads; ++g) {
    const Matrix read = paths.written(Head{0, g}, tokens);
    for (long h = 0; h < heads; ++h) {
      found.without(h, g) = mean(paths.nats(sum(all, paths.written(Head{1, h}, read), -1)));
    }
  }
  return found;
}

void draw(Lab& lab, const std::string& name, const Losses& found) {
  lab.picture(train::bar_chart({"Loss by the order of paths: " + name,
                                "Paths of order 0 alone, with those through one head of a layer, of both layers, and "
                                "with virtual heads, which is the whole model. Nothing else changes from bar to bar."},
                               {.name = "nats"},
                               {{.name = "uniform", .value = found.uniform},
                                {.name = "direct path", .value = found.direct},
                                {.name = "and heads of layer 0", .value = found.first},
                                {.name = "or heads of layer 1", .value = found.second},
                                {.name = "and all heads", .value = found.single},
                                {.name = "and virtual heads", .value = found.all}}));
  train::Table table;
  for (long h = 0; h < heads; ++h) {
    table.rows.push_back("layer 1, head " + std::to_string(h));
    table.columns.push_back("layer 0, head " + std::to_string(h));
    for (long g = 0; g < heads; ++g) table.values.push_back(found.without(h, g) - found.all);
  }
  lab.picture(train::heat_map({"What each virtual head is worth: " + name,
                               "The loss without one virtual head, less that of the whole model, nats: a row is the "
                               "later head, a column the one that it reads."},
                              table));
}

void run(Lab& lab) {
  for (const Data& data : all_data(lab.text())) {
    lab.each_seed([&](std::uint64_t seed) {
      const data::Batch test = data.test(seed + 1'000'000, 0, lab.size(64, 2));
      const auto learn = [&](Net<float>& net, const std::string& how, FromTokens* cut) {
        lab.at(data.name + how);
        fit<float>(
            net, {.steps = lab.steps(data.steps), .seed = seed}, lab.interruption,
            [&](long step) { return data.train(seed, step, lab.size(64, 8)); }, cut);
        return loss_of(net.model, test, cut);
      };
      const nn::ModelConfig shape = attention_only(data.vocabulary, length, 2);
      Net<float> net(shape, seed), no_virtual(shape, seed), no_composition(shape, seed);
      FromTokens values(no_virtual.model, "v"), keys(no_composition.model, "k");
      const double loss = learn(net, "", nullptr);
      const Losses found = losses_of(net.model, test);
      lab.figure(data.name + ": direct path, nats below uniform", found.uniform - found.direct);
      lab.figure(data.name + ": individual heads, nats below that", found.individual());
      lab.figure(data.name + ": virtual heads, nats below these", found.virtual_heads());
      lab.claim(data.name + ": virtual heads over individual ones", found.virtual_heads() / found.individual(),
                at_least(0.1));
      lab.figure(data.name + ": loss of the whole model", loss);
      lab.claim(data.name + ": more if trained without virtual heads",
                learn(no_virtual, ", without virtual heads", &values) - loss, at_most(0.05));
      const double more = learn(no_composition, ", without K-composition", &keys) - loss;
      const std::string without_keys = data.name + ": more if trained without K-composition";
      if (data.copies) lab.claim(without_keys, more, at_least(1));
      else lab.figure(without_keys, more);
      if (seed == 1) draw(lab, data.name, found);
    });
  }
  lab.note(
      "Two layers of four heads. The book is read by bytes, its last tenth is the test; the blocks are those of the "
      "study of induction. Elhage et al. report about 0.3 nats of virtual heads to 5.2 of individual ones, in a model "
      "with 12 heads a layer and a context of 2048.");
}

}  // namespace

const Study term_importance{
    "term-importance",
    "circuits",
    "Straight to the logits, through one head or through two: which paths does a model of two layers live by?",
    "Elhage et al. 2021, A Mathematical Framework for Transformer Circuits, Term Importance Analysis",
    4,
    run,
    true};

}  // namespace primer::studies
