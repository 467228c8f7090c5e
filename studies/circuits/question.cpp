// How often was X at P? An encoder reads the question and a story of people who enter places, leave them, or only
// decide to go there, and answers 0 to 4, also of stories half as long again as any that it was trained on.
//
// A head's output is a mean, not a sum, but a mean over a story of any length can tell a count: with a score s for each
// of n sentences that count, a score of 0 for one fixed place, and far lower ones for all others,
//
//   share of the sentences that count = n e^s / (n e^s + 1)
//
// which depends on n and not on the length. The mark and the question are places that every story has.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "studies/circuits/texts/stories.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/circuits/observers.h"

namespace primer::studies {

namespace {

using autograd::Observer, autograd::Tensor;

constexpr long least = 8, most = 10, longer = 15;  // sentences
constexpr long layers = 2, heads = 4, channels = 64;
constexpr long questions = 7;  // more of a story that is learned from

nn::ModelConfig shape(nn::Position position, nn::BodyKind body = nn::BodyKind::transformer) {
  const bool recurrent = body != nn::BodyKind::transformer;
  return {.body = body,
          .vocabulary = Stories::vocabulary,
          .context = Stories::length(longer) + questions,
          .layers = recurrent ? 1 : layers,
          .heads = heads,
          .head_size = recurrent ? 0 : 32,
          .channels = recurrent ? 2 * channels : channels,
          .causal = recurrent,
          .position = position,
          .deviation = 0.1,
          .output = {.tie = false}};
}

/// All look at all places alike, so that the mark gets the mean over the words: a bag of words.
struct Alike : Observer<float> {
  bool wants(std::string_view, std::string_view leaf) override { return leaf == "pattern"; }
  Tensor<float> see(std::string_view, std::string_view, Tensor<float> x) override {
    const std::vector<float> shares(static_cast<std::size_t>(x.size()), 1.0f / static_cast<float>(x.shape.last()));
    return x.tape->constant(x.shape, shares);
  }
};

/// The question's places, which alone know what is asked, cannot look at the sentences of one kind: those that count,
/// or as many of those that do not.
struct Hidden : Observer<float> {
  const data::Batch& batch;
  bool counting;

  Hidden(const data::Batch& batch_, bool counting_) : batch(batch_), counting(counting_) {}
  bool wants(std::string_view, std::string_view leaf) override { return leaf == "pattern"; }
  Tensor<float> see(std::string_view, std::string_view, Tensor<float> x) override {
    std::vector<float> shares(x.data(), x.data() + x.size());  // [B, H, T, T]
    const long B = x.shape[0], H = x.shape[1], T = x.shape[2], sentences = (T - Stories::question) / Stories::sentence;
    for (long b = 0; b < B; ++b) {
      const int* story = batch.tokens.data() + b * T;
      long left = 0;  // sentences to hide
      for (long i = 0; i < sentences; ++i) left += Stories::counts(story, i);
      std::vector<bool> hidden(static_cast<std::size_t>(T));
      for (long i = 0; i < sentences && left > 0; ++i) {
        if (Stories::counts(story, i) != counting) continue;
        for (long t = 0; t < Stories::sentence; ++t)
          hidden[static_cast<std::size_t>(Stories::question + i * Stories::sentence + t)] = true;
        --left;
      }
      for (long h = 0; h < H; ++h)
        for (long t = 0; t < Stories::question; ++t) {
          float* row = shares.data() + ((b * H + h) * T + t) * T;
          for (long s = 0; s < T; ++s) row[s] = hidden[static_cast<std::size_t>(s)] ? 0 : row[s];
          const float sum = std::accumulate(row, row + T, 0.0f);
          for (long s = 0; s < T; ++s) row[s] /= std::max(sum, 1e-20f);
        }
    }
    return x.tape->constant(x.shape, shares);
  }
};

/// What a head of the last layer spends, from the mark, on the sentences that count, story by story, and the answers.
struct Spent {
  std::vector<std::vector<double>> share;  // [H][B]
  std::vector<int> answer;                 // [B]

  Spent(const nn::Model<float>& model, const data::Batch& batch) : share(heads) {
    const std::vector<float> pattern = train::patterns_of(model, batch).back();  // [B, H, T, T]
    const long T = batch.length;
    for (long b = 0; b < batch.sequences; ++b) {
      const int* story = batch.tokens.data() + b * T;
      answer.push_back(batch.targets[static_cast<std::size_t>(b * T)] - Stories::first_answer);
      for (long h = 0; h < heads; ++h) {
        const float* row = pattern.data() + (b * heads + h) * T * T;
        double sum = 0;
        for (long t = Stories::question; t < T; ++t)
          sum += Stories::counts(story, (t - Stories::question) / Stories::sentence) ? row[t] : 0;
        share[static_cast<std::size_t>(h)].push_back(sum);
      }
    }
  }

  double mean(std::size_t head, int of) const {
    double sum = 0, count = 0;
    for (std::size_t b = 0; b < answer.size(); ++b)
      if (answer[b] == of) sum += share[head][b], ++count;
    return sum / count;
  }
};

/// Trains on stories of least ... most sentences; returns the share of right answers to each test.
std::vector<std::vector<double>> trained(Lab& lab, Net<float>& net, std::uint64_t seed, long steps, bool at_end,
                                         Observer<float>* observer = nullptr) {
  const autograd::Random lengths(seed, autograd::hash("lengths"));
  data::Batch batch;
  fit<float>(
      net.parameters, {.steps = lab.steps(steps), .lr = 1e-3, .seed = seed},
      [&](autograd::Tape<float>& tape, long step) {
        const auto more = static_cast<long>(lengths.below(most - least + 1, static_cast<std::uint64_t>(step)));
        tape.observer = observer;
        batch = Stories::training(seed, step, 32, least + more, at_end ? 0 : questions, at_end);
        return batch_loss(net.model, tape, batch);
      },
      lab.interruption);
  std::vector<std::vector<double>> right;
  for (const long sentences : {most, longer})
    right.push_back(correct(
        net.model, Stories::batch(seed + 1'000'000, sentences, lab.size(1000, 8), sentences, at_end), observer));
  return right;
}

void draw(Lab& lab, const nn::Model<float>& model, const data::Batch& test, std::size_t head) {
  const long T = test.length;
  long b = 0;  // the first story whose answer is 3
  while (b + 1 < test.sequences && test.targets[static_cast<std::size_t>(b * T)] != Stories::first_answer + 3) ++b;
  const std::vector<float> pattern = train::patterns_of(model, test).back();
  const float* row = pattern.data() + (b * heads + static_cast<long>(head)) * T * T;
  train::Table table{{}, {"person", "verb", "place"}, {}};
  table.rows.push_back(Stories::word(test.tokens[static_cast<std::size_t>(b * T)]));
  table.values = {row[0], NAN, NAN};
  for (long t = Stories::question; t < T; t += Stories::sentence) {
    const int* words = test.tokens.data() + b * T + t;
    table.rows.push_back(Stories::word(words[0]) + " " + Stories::word(words[1]) + " " + Stories::word(words[2]));
    table.values.insert(table.values.end(), row + t, row + t + Stories::sentence);
  }
  lab.picture(train::heat_map({"The sentences that count are looked at",
                               "A row is a sentence, the first one the question; the colour says how much of its "
                               "attention the place that answers spends on each word, in one head of the last layer."},
                              table, 0));
}

void run(Lab& lab) {
  Tally right[2], bag, orderless, recurrent[2], without, without_others;
  std::vector<double> ratio, spent;
  for (const std::uint64_t seed : lab.seeds()) {
    const std::string of_seed = ", seed " + std::to_string(seed);
    lab.at("the encoder" + of_seed);
    Net<float> net(shape(nn::Position::rotary), seed);
    auto found = trained(lab, net, seed, 5000, false);
    right[0].add(found[0]), right[1].add(found[1]);

    // Where it looks, and what it answers when the sentences that count are hidden from it.
    const data::Batch test = Stories::batch(seed + 2'000'000, 0, lab.size(1000, 32), longer);
    const data::Batch shorter = Stories::batch(seed + 2'000'000, 1, lab.size(1000, 32), most);
    const Spent looks(net.model, test), looks_shorter(net.model, shorter);
    std::size_t best = 0;
    for (std::size_t h = 1; h < heads; ++h)
      if (looks.mean(h, 4) > looks.mean(best, 4)) best = h;
    spent.push_back(looks.mean(best, 4));
    Hidden counting(test, true), others(test, false);
    data::Batch none = test;  // those who see nothing that counts should say 0
    for (int& target : none.targets) target = target < 0 ? -1 : Stories::first_answer;
    without.add(correct(net.model, none, &counting));
    without_others.add(correct(net.model, test, &others));
    if (seed == 1) {
      draw(lab, net.model, test, best);
      std::vector<train::Curve> curves{{"15 sentences"}, {"10, as trained"}};
      for (int answer = 0; answer < Stories::answers; ++answer)
        for (train::Curve& curve : curves) {
          curve.x.push_back(answer);
          curve.y.push_back((&curve == &curves[0] ? looks : looks_shorter).mean(best, answer));
        }
      lab.picture(train::line_chart({"A mean that counts",
                                     "What this head spends on sentences that count, by their number: more with each, "
                                     "and nearly the same in longer stories."},
                                    {.name = "sentences that count"},
                                    {.name = "share of attention", .low = 0, .high = 1}, curves));
    }

    lab.at("a bag of words" + of_seed);
    Alike alike;
    Net<float> words(shape(nn::Position::none), seed);
    bag.add(trained(lab, words, seed, 600, false, &alike)[0]);
    lab.at("the encoder without positions" + of_seed);
    Net<float> blind(shape(nn::Position::none), seed);
    orderless.add(trained(lab, blind, seed, 600, false)[0]);
    lab.at("a GRU, without attention" + of_seed);
    Net<float> gru(shape(nn::Position::none, nn::BodyKind::gru), seed);
    found = trained(lab, gru, seed, 3000, true);
    recurrent[0].add(found[0]), recurrent[1].add(found[1]);
  }
  lab.claim("encoder, stories half as long again", right[1].estimate(), at_least(0.95));
  lab.claim("encoder, stories as long as in training", right[0].estimate(), at_least(0.95));
  lab.claim("a bag of words; 1 / 5 is proven", bag.estimate(), between(0.15, 0.25));
  lab.claim("encoder without positions; 1 / 5 is proven", orderless.estimate(), between(0.15, 0.25));
  lab.figure("a GRU, without attention, as long as in training", recurrent[0].estimate());
  lab.figure("a GRU, half as long again", recurrent[1].estimate());
  lab.claim("4 sentences of 15 count: share of attention on them", mean_of(spent, "seeds"), at_least(0.5));
  lab.claim("says 0 when the sentences that count are hidden", without.estimate(), at_least(0.8));
  lab.claim("right when as many others are hidden", without_others.estimate(), at_least(0.8));
  lab.note(
      "Stories of 8 to 10 sentences in training, of 10 and 15 in the tests, answers 0 to 4 evenly in each. In every "
      "story of the tests the words are the same whatever the answer, but for their order; one half of those in "
      "training is plainer, and seven more questions are asked of each: so the encoder finds what to look at.");
}

}  // namespace

const Study question{"question",
                     "circuits",
                     "How often was X at the place? An encoder looks at the sentences that count, and counts them.",
                     "Devlin et al. 2019; the example from an article on attention",
                     4,
                     run};

}  // namespace primer::studies
