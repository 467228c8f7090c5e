// How often was X at P? An encoder reads the question and a story of a person who enters places, leaves them, or only
// decides to go there, and answers 0 to 4, also of stories half as long again as any that it was trained on.
//
// A head's output is a mean, not a sum, but a mean over a story of any length can tell a count: with a score s for each
// of n sentences that count, a score of 0 for one fixed place, and far lower ones for all others,
//
//   share of the sentences that count = n e^s / (n e^s + 1)
//
// which depends on n and not on the length. The question is a place that every story has. That a trained model counts
// in this way is not claimed: it looks at other places that are entered, too, and values tell which is which.
//
// The encoder has one layer and no positions. Its keys are smeared, each one mixed with the key before it: that a verb
// stands before a place is all that it knows of the order, and holds in a story of any length.
#include <algorithm>
#include <array>
#include <numeric>

#include "studies/circuits/paths.h"
#include "studies/circuits/texts/stories.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"
#include "train/circuits/observers.h"

namespace primer::studies {

namespace {

using autograd::Observer, autograd::Tensor, train::Matrix;

constexpr long least = 4, most = 10, longer = 15;  // sentences: of what is learned from, and of the longer test
constexpr long heads = 4, channels = 64;
constexpr long asks = Stories::sentence - 1;  // the place of the first question, which answers

nn::ModelConfig shape(nn::BodyKind body = nn::BodyKind::transformer) {
  const bool recurrent = body != nn::BodyKind::transformer;
  return {.body = body,
          .vocabulary = Stories::vocabulary,
          .context = Stories::length(longer),
          .layers = 1,
          .heads = heads,
          .head_size = recurrent ? 0 : 32,
          .channels = recurrent ? 2 * channels : channels,
          .causal = recurrent,
          .position = nn::Position::none,
          .deviation = 0.1,
          .output = {.tie = false}};
}

/// Every pattern [B, H, T, T] is replaced by what change(pattern, B, H, T) leaves of it.
template <class Change>
struct Patterns : Observer<float> {
  Change change;

  explicit Patterns(Change change_) : change(std::move(change_)) {}
  bool wants(std::string_view, std::string_view leaf) override { return leaf == "pattern"; }
  Tensor<float> see(std::string_view, std::string_view, Tensor<float> x) override {
    std::vector<float> shares(x.data(), x.data() + x.size());
    change(shares, x.shape[0], x.shape[1], x.shape[2]);
    return x.tape->constant(x.shape, shares);
  }
};

/// All look at all places alike, so that the question gets the mean over the words: a bag of words.
const auto alike = [](std::vector<float>& shares, long, long, long T) {
  std::fill(shares.begin(), shares.end(), 1.0f / static_cast<float>(T));
};

/// The questions, which alone know what is asked, cannot look at the sentences of one kind: those that count, or as
/// many of those that do not.
auto hidden_from_questions(const data::Batch& batch, bool counting) {
  return [&batch, counting](std::vector<float>& shares, long B, long H, long T) {
    constexpr long first = Stories::questions, words = Stories::sentence;
    for (long b = 0; b < B; ++b) {
      const int* story = batch.tokens.data() + b * T;
      const long sentences = T / words - first;
      std::vector<long> counted, others;  // of the others first where another place is entered
      for (long i = 0; i < sentences; ++i) (Stories::counts(story, i) ? counted : others).push_back(i);
      std::stable_partition(others.begin(), others.end(),
                            [&](long i) { return story[(first + i) * words + 1] == Stories::enters; });
      others.resize(std::min(others.size(), counted.size()));
      std::vector<float> seen(T, 1);
      for (const long i : counting ? counted : others) std::fill_n(seen.begin() + (first + i) * words, words, 0.0f);
      for (long h = 0; h < H; ++h)
        for (long t = 0; t < first * words; ++t) {
          float* row = shares.data() + ((b * H + h) * T + t) * T;
          for (long s = 0; s < T; ++s) row[s] *= seen[s];
          const float sum = std::accumulate(row, row + T, 0.0f);
          for (long s = 0; s < T; ++s) row[s] /= std::max(sum, 1e-20f);
        }
    }
  };
}

/// Where the place of the question looks.
struct Looks {
  Matrix shares = train::zeros(heads, Stories::answers);  // of each head, on all sentences that count: means by answer
  // On the word of a place behind "enters", where that place is asked for: all heads, over what is spent
  double over_other_verbs = 0;   // on the same place behind another verb
  double over_other_places = 0;  // on another place behind "enters"
};

Looks looks_of(const nn::Model<float>& model, const data::Batch& batch) {
  const std::vector<float> pattern = train::patterns_of(model, batch).back();  // [B, H, T, T]
  const long T = batch.length;
  Looks looks;
  std::array<double, Stories::answers> stories{};
  double spent[4] = {}, words[4] = {};  // on words of places: [entered + 2 * asked for]
  for (long b = 0; b < batch.sequences; ++b) {
    const int* story = batch.tokens.data() + b * T;
    const long answer = batch.targets[b * T + asks] - Stories::first_answer;
    ++stories[answer];
    for (long i = 0; i < T / Stories::sentence - Stories::questions; ++i) {
      const long first = (Stories::questions + i) * Stories::sentence;
      const int kind = (story[first + 1] == Stories::enters) + 2 * (story[first + 2] == story[asks]);
      words[kind] += 1;
      for (long h = 0; h < heads; ++h) {
        const float* look = pattern.data() + ((b * heads + h) * T + asks) * T + first;
        spent[kind] += look[2];
        if (kind == 3) looks.shares(h, answer) += std::accumulate(look, look + Stories::sentence, 0.0);
      }
    }
  }
  for (long h = 0; h < heads; ++h)
    for (long answer = 0; answer < Stories::answers; ++answer) looks.shares(h, answer) /= stories[answer];
  looks.over_other_verbs = spent[3] / words[3] / (spent[2] / words[2]);
  looks.over_other_places = spent[3] / words[3] / (spent[1] / words[1]);
  return looks;
}

/// Trains on stories of least ... most sentences; returns the share of right answers to paired stories of `most` and of
/// `longer`, and to others of `longer`.
std::array<std::vector<double>, 3> trained(Lab& lab, Net<float>& net, std::uint64_t seed, long steps,
                                           bool at_end = false, Observer<float>* observer = nullptr) {
  const autograd::Random lengths(seed, autograd::hash("lengths"));
  const auto batches = [&](long step) {
    const auto more = static_cast<long>(lengths.below(most - least + 1, step));
    return Stories::training(seed, step, 64, least + more, at_end);
  };
  fit<float>(net, {.steps = lab.steps(steps), .seed = seed}, lab.interruption, batches, observer);
  const auto right = [&](long sentences, bool paired) {
    return correct(net.model, Stories::batch(seed + 1'000'000, sentences, lab.size(1000, 8), sentences, paired, at_end),
                   observer);
  };
  return {right(most, true), right(longer, true), right(longer, false)};
}

void draw(Lab& lab, const nn::Model<float>& model, const data::Batch& test, long head) {
  const long T = test.length;
  const auto target = [&](long b) { return test.targets[b * T + asks]; };
  long b = 0;  // the first story whose answer is 3
  while (b + 1 < test.sequences && target(b) != Stories::first_answer + 3) ++b;
  const std::vector<float> pattern = train::patterns_of(model, test).back();
  const float* row = pattern.data() + ((b * heads + head) * T + asks) * T;
  train::Table table{{}, {"person", "verb", "place"}, {}};
  for (long t = 0; t < T; t += Stories::sentence) {
    const int* words = test.tokens.data() + b * T + t;
    table.rows.push_back(Stories::word(words[1]) + " " + Stories::word(words[2]));
    table.values.insert(table.values.end(), row + t, row + t + Stories::sentence);
  }
  lab.picture(
      train::heat_map({"The verb that counts is looked at",
                       "A row is a sentence, the first two are questions, and the first of these is answered; "
                       "the colour says how much of its attention one head spends on each word. Other places that "
                       "are entered are looked at, too: values tell which place it is."},
                      table, 0));
}

void run(Lab& lab) {
  lab.each_seed([&](std::uint64_t seed) {
    lab.at("the encoder");
    Net<float> net([](auto& parameters) { return smeared_body(parameters, shape()); }, seed);
    const auto [right, right_longer, other_longer] = trained(lab, net, seed, 2000);
    lab.at("a bag of words");
    Patterns all_alike(alike);
    Net<float> words(shape(), seed);
    const auto bag = trained(lab, words, seed, 500, false, &all_alike);
    lab.at("the encoder without smeared keys");
    Net<float> blind(shape(), seed);
    const auto orderless = trained(lab, blind, seed, 500);
    lab.at("a GRU, without attention");
    Net<float> gru(shape(nn::BodyKind::gru), seed);
    const auto recurrent = trained(lab, gru, seed, 4000, true);

    // Where it looks, and what it answers when sentences are hidden from the questions.
    const data::Batch test = Stories::batch(seed + 2'000'000, 0, lab.size(1000, 32), longer, true);
    const data::Batch shorter = Stories::batch(seed + 2'000'000, 1, lab.size(1000, 32), most, true);
    const Looks looks = looks_of(net.model, test);
    constexpr long four = Stories::answers - 1;
    long best = 0;  // the head that looks most at four sentences that count
    for (long h = 1; h < heads; ++h)
      if (looks.shares(h, four) > looks.shares(best, four)) best = h;
    Patterns counting(hidden_from_questions(test, true)), others(hidden_from_questions(test, false));
    data::Batch counted = test;  // stories in which something counts
    for (int& target : counted.targets) target = target == Stories::first_answer ? -1 : target;
    data::Batch none = counted;  // who sees nothing that counts should say 0
    for (int& target : none.targets) target = target < 0 ? -1 : Stories::first_answer;
    lab.claim("right of stories half as long again, by the encoder", right_longer, at_least(0.95));
    lab.claim("the same of stories that are not paired", other_longer, at_least(0.95));
    lab.claim("right of stories as long as in training", right, at_least(0.95));
    lab.claim("a bag of words; 1 / 5 is proven", bag[1], between(0.15, 0.25));
    lab.claim("the encoder without smeared keys; 1 / 5 is proven", orderless[1], between(0.15, 0.25));
    lab.figure("a GRU, without attention, as long as in training", recurrent[0]);
    lab.figure("a GRU, half as long again", recurrent[1]);
    lab.claim("attention on this place behind enters, over behind another verb", looks.over_other_verbs, at_least(2));
    lab.claim("the same without smeared keys", looks_of(blind.model, test).over_other_verbs, between(0.9, 1.1));
    lab.figure("attention on this place behind enters, over another place behind enters", looks.over_other_places);
    lab.figure("4 sentences of 15 count: share of attention on them, one head", looks.shares(best, four));
    lab.claim("says 0 when the sentences that count are hidden", correct(net.model, none, &counting), at_least(0.8));
    lab.claim("right when as many others are hidden", correct(net.model, counted, &others), at_least(0.8));
    if (seed > 1) return;
    draw(lab, net.model, test, best);
    const Matrix shortest = looks_of(net.model, shorter).shares;
    train::Curve of_longer{"15 sentences"}, of_shorter{"10, as trained"};
    for (long answer = 0; answer < Stories::answers; ++answer) {
      of_longer.add(answer, looks.shares(best, answer));
      of_shorter.add(answer, shortest(best, answer));
    }
    lab.picture(
        train::line_chart({"A mean that counts", "What this head spends on sentences that count, by their number."},
                          {.name = "sentences that count"}, {.name = "share of attention", .low = 0, .high = 1},
                          {of_longer, of_shorter}));
  });
  lab.note(
      "Stories of 4 to 10 sentences in training, of 10 and 15 in the tests; answers 0 to 4 evenly, in training as far "
      "as "
      "a story has room. In a paired story the words are the same whatever the answer, but for their order; half of "
      "those in training are paired. The encoder learns from two questions a story, 2000 batches of 64; the GRU, of "
      "128 "
      "channels, from one at the end, 4000 batches: as many answers. The controls have 500 batches.");
}

}  // namespace

const Study question{"question",
                     "circuits",
                     "How often was X at the place? An encoder looks at the verbs that count.",
                     "Devlin et al. 2019; smeared keys: Olsson et al. 2022",
                     2,
                     run};

}  // namespace primer::studies
