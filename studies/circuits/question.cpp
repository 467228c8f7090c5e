// How often was X at P? An encoder reads the question and a story of a person who enters places, leaves them, or only
// decides to go there, and answers 0 to 4, also of stories half as long again as any that it was trained on.
//
// A head's output is a mean, not a sum, but a mean over a story of any length can tell a count: with a score s for each
// of n sentences that count, a score of 0 for one fixed place, and far lower ones for all others,
//
//   share of the sentences that count = n e^s / (n e^s + 1)
//
// which depends on n and not on the length. The question is a place that every story has. Where a head looks at all
// that is entered, its values tell what it is.
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
      long left = 0;  // sentences to hide
      for (long i = 0; i < sentences; ++i) left += Stories::counts(story, i);
      std::vector<float> seen(T, 1);
      for (long i = 0; i < sentences && left > 0; ++i) {
        if (Stories::counts(story, i) != counting) continue;
        std::fill_n(seen.begin() + (first + i) * words, words, 0.0f);
        --left;
      }
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
  double preference = 0;  // all heads: spent on a sentence that counts, over one on the same place with another verb
};

Looks looks_of(const nn::Model<float>& model, const data::Batch& batch) {
  const std::vector<float> pattern = train::patterns_of(model, batch).back();  // [B, H, T, T]
  const long T = batch.length;
  Looks looks;
  std::array<double, Stories::answers> stories{};
  double spent[2] = {}, sentences[2] = {};  // on the same place: another verb, and what counts
  for (long b = 0; b < batch.sequences; ++b) {
    const int* story = batch.tokens.data() + b * T;
    const long answer = batch.targets[b * T + asks] - Stories::first_answer;
    ++stories[answer];
    for (long i = 0; i < T / Stories::sentence - Stories::questions; ++i) {
      const long first = (Stories::questions + i) * Stories::sentence;
      if (story[first + 2] != story[asks]) continue;
      const bool counts = Stories::counts(story, i);
      sentences[counts] += 1;
      for (long h = 0; h < heads; ++h) {
        const float* look = pattern.data() + ((b * heads + h) * T + asks) * T + first;
        const double all = std::accumulate(look, look + Stories::sentence, 0.0);
        spent[counts] += all;
        if (counts) looks.shares(h, answer) += all;
      }
    }
  }
  for (long h = 0; h < heads; ++h)
    for (long answer = 0; answer < Stories::answers; ++answer) looks.shares(h, answer) /= stories[answer];
  looks.preference = spent[1] / sentences[1] / (spent[0] / sentences[0]);
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
                       "the colour says how much of its attention one head spends on each word. What is entered "
                       "is looked at, whatever the place: the values tell which it is."},
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
    Patterns counting(hidden_from_questions(test, true)), others(hidden_from_questions(test, false));
    data::Batch none = test;  // who sees nothing that counts should say 0
    for (int& target : none.targets) target = target < 0 ? -1 : Stories::first_answer;
    lab.claim("right of stories half as long again, by the encoder", right_longer, at_least(0.95));
    lab.claim("the same of stories that are not paired", other_longer, at_least(0.95));
    lab.claim("right of stories as long as in training", right, at_least(0.95));
    lab.claim("a bag of words; 1 / 5 is proven", bag[1], between(0.15, 0.25));
    lab.claim("the encoder without smeared keys; 1 / 5 is proven", orderless[1], between(0.15, 0.25));
    lab.figure("a GRU, without attention, as long as in training", recurrent[0]);
    lab.figure("a GRU, half as long again", recurrent[1]);
    lab.claim("attention on a sentence that counts, over one on this place with another verb", looks.preference,
              at_least(2));
    lab.claim("says 0 when the sentences that count are hidden", correct(net.model, none, &counting), at_least(0.8));
    lab.claim("right when as many others are hidden", correct(net.model, test, &others), at_least(0.8));
    if (seed > 1) return;
    const Matrix longest = looks.shares, shortest = looks_of(net.model, shorter).shares;
    long best = 0;
    for (long h = 1; h < heads; ++h)
      if (longest(h, Stories::answers - 1) > longest(best, Stories::answers - 1)) best = h;
    draw(lab, net.model, test, best);
    train::Curve of_longer{"15 sentences"}, of_shorter{"10, as trained"};
    for (long answer = 0; answer < Stories::answers; ++answer) {
      of_longer.add(answer, longest(best, answer));
      of_shorter.add(answer, shortest(best, answer));
    }
    lab.picture(train::line_chart({"A mean that counts",
                                   "What this head spends on sentences that count, by their number: more with each, "
                                   "in longer stories, too."},
                                  {.name = "sentences that count"}, {.name = "share of attention", .low = 0, .high = 1},
                                  {of_longer, of_shorter}));
  });
  lab.note(
      "Stories of 4 to 10 sentences in training, of 10 and 15 in the tests, answers 0 to 4 evenly in each. In a paired "
      "story the words are the same whatever the answer, but for their order; half of those in training are paired. In "
      "each two questions are asked, so that there are two answers to learn from.");
}

}  // namespace

const Study question{"question",
                     "circuits",
                     "How often was X at the place? An encoder looks at the verbs that count.",
                     "Devlin et al. 2019; the example from an article on attention",
                     4,
                     run};

}  // namespace primer::studies
