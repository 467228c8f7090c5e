// A language model reads texts of five concepts and is then shown examples of one of them. Does it predict as who knows
// the five, and infers which it is? What exact inference makes of every prompt is computed, and needs no training.
#include <algorithm>
#include <memory>
#include <string>

#include "studies/context/ginc_exam.h"
#include "studies/lab/fit.h"
#include "studies/studies.h"

namespace primer::studies {

using nn::BodyKind;
using Family = Ginc::Family;

namespace {

constexpr long T = 160, most = Record::most, usual = 5;  // T holds 16 examples of 8 tokens and the question
constexpr long lengths[]{3, usual, 8};                   // k
constexpr std::uint64_t held_out = 1'000'000;            // added to the seed of what is not trained on

using Model = std::unique_ptr<Net<float>>;

Model learned(Lab& lab, BodyKind body, const Ginc& ginc, Family family, long steps, std::uint64_t seed) {
  const bool attends = body == BodyKind::transformer;
  lab.at((attends ? "GPT" : "LSTM") + std::string(family.size() == 1 ? " of one concept" : ""));
  const nn::ModelConfig shape{.body = body,
                              .vocabulary = ginc.shape.vocabulary,
                              .context = T,
                              .layers = attends ? 2 : 1,
                              .channels = attends ? 64 : 128,
                              .position = nn::Position::rotary,
                              .output = {.tie = false}};
  Model net = std::make_unique<Net<float>>(shape, seed);
  fit<float>(*net, {.steps = lab.steps(steps), .lr = attends ? 4e-3 : 1e-2, .seed = seed}, lab.interruption,
             [&](long step) { return texts(ginc, family, seed, step * 16, 16, T); });
  return net;
}

/// How sure exact inference is of a prompt's concept after each example: p(theta | n examples), mean over prompts.
train::Curve sureness(const Ginc& ginc, const Prompts& prompts) {
  const long size = prompts[0].k + 1;  // of an example with its delimiter
  train::Curve curve{"examples of " + std::to_string(size - 1), {}, std::vector<double>(most + 1, 0.0)};
  for (long n = 0; n <= most; ++n) curve.x.push_back(static_cast<double>(n));
  for (const Prompt& prompt : prompts) {
    Reader reader(ginc, ginc.trained());
    for (long t = 0; t <= most * size; ++t) {
      const auto n = static_cast<std::size_t>(t / size);
      if (t % size == 0) curve.y[n] += reader.posterior()[prompt.theta] / static_cast<double>(prompts.size());
      reader.read(prompt.tokens[static_cast<std::size_t>(t)]);
    }
  }
  return curve;
}

void run(Lab& lab) {
  Record ideal{"exact"}, kept{"prior kept"}, lstm{"LSTM"}, gpt{"GPT"};
  Record misled{"examples of another concept, LSTM"}, misled_ideal{"examples of another concept, exact"};
  Record unseen{"unseen concepts, LSTM"}, unseen_gpt{"unseen concepts, GPT"};
  Record unseen_ideal{"unseen concepts, exact for the five"}, knows{"unseen concepts, exact for these"};
  Record own{"LSTM of one concept, its prompts"}, one{"LSTM of one concept, prompts of all five"};
  Tally published;                                   // right without examples, in the authors' shape
  Tally lstm_same, lstm_right, gpt_same, gpt_right;  // where exact inference is misled, k = 3
  std::vector<double> optimum;
  std::vector<train::Curve> sure;
  lab.each_seed([&](std::uint64_t seed) {
    const Ginc ginc(seed);
    const Family family = ginc.trained(), first = family.first(1);
    const auto prompts = [&](Family from, long k, bool is_misled = false) {
      Prompts all;
      for (long i = 0; i < lab.size(500, 4); ++i) {
        all.push_back(ginc.prompt(from, seed + held_out, static_cast<std::uint64_t>(i), most, k, is_misled));
      }
      return all;
    };
    const Model recurrent = learned(lab, BodyKind::lstm, ginc, family, 2000, seed);
    const Model narrow = learned(lab, BodyKind::lstm, ginc, first, 400, seed);
    const Model attending = learned(lab, BodyKind::transformer, ginc, family, 2000, seed);
    lab.at("prompts");
    const Learner of_lstm = by(recurrent->model), of_gpt = by(attending->model), knowing = exactly(ginc, family);

    const data::Batch test = texts(ginc, family, seed + held_out, 0, lab.size(200, 2), T);
    const std::vector<double> best = losses(ginc, family, test);
    optimum.push_back(mean_of(best, "texts").mean);
    kept.excess.add(difference(losses(ginc, family, test, false), best));
    lstm.excess.add(difference(losses(recurrent->model, test), best));
    gpt.excess.add(difference(losses(attending->model, test), best));

    for (const long k : lengths) {
      const Prompts all = prompts(family, k);
      const std::vector<int> best_said = ideal.add(knowing, all);
      const std::vector<int> kept_said = kept.add(exactly(ginc, family, false), all, best_said);
      const std::vector<int> lstm_said = lstm.add(of_lstm, all, best_said), gpt_said = gpt.add(of_gpt, all, best_said);
      const auto where_misled = [&](const std::vector<int>& said, Tally& same, Tally& right) {
        std::vector<double> is_same, is_right;
        for (std::size_t i = 0; i < all.size(); ++i) {
          if (best_said[i] == all[i].label || best_said[i] == kept_said[i]) continue;
          is_same.push_back(said[i] == best_said[i]), is_right.push_back(said[i] == all[i].label);
        }
        same.add(is_same), right.add(is_right);
      };
      if (k == 3) where_misled(lstm_said, lstm_same, lstm_right), where_misled(gpt_said, gpt_same, gpt_right);
      if (seed == 1) sure.push_back(sureness(ginc, all));
      if (k == usual) one.add(by(narrow->model), all);
    }
    const Prompts others = prompts(family, usual, true), strange = prompts(ginc.unseen(), usual);
    misled.add(of_lstm, others), misled_ideal.add(knowing, others);
    unseen.add(of_lstm, strange), unseen_gpt.add(of_gpt, strange);
    unseen_ideal.add(knowing, strange), knows.add(exactly(ginc, ginc.unseen()), strange);
    own.add(by(narrow->model), prompts(first, usual));

    const Ginc authors(seed, {.values = 10, .slots = 10, .vocabulary = 50, .concepts = 10, .uniform = 0});
    std::vector<double> right;
    for (long i = 0; i < lab.size(500, 4); ++i) {
      const Prompts one_of{authors.prompt(authors.trained(), seed, static_cast<std::uint64_t>(i), 0, 8)};
      right.push_back(exactly(authors, authors.trained())(one_of, 0)[0] == one_of[0].label);
    }
    published.add(right);
  });

  const auto show = [&](const Record& record, long k) {
    const std::string what = record.name + (k == usual ? "" : ", k = " + std::to_string(k)) + ": right ";
    lab.figure(what + "without examples", record.accuracy(k, 0));
    lab.figure(what + "behind 16", record.accuracy(k, most));
  };
  lab.figure("loss of exact inference on texts, nats a token", mean_of(optimum, "seeds"));
  lab.claim("LSTM: loss less that", lstm.excess.estimate("texts"), at_most(0.05));
  lab.claim("GPT: loss less that", gpt.excess.estimate("texts"), at_most(0.05));
  lab.claim("prior kept: loss less that", kept.excess.estimate("texts"), at_least(0.15));
  for (const Record* record : {&ideal, &lstm, &gpt, &kept}) {
    for (const long k : lengths) show(*record, k);
  }
  lab.figure("exact: gain of 16 examples of 5", ideal.gained(usual));
  lab.claim("LSTM: gain of 16 examples of 5", lstm.gained(usual), at_least(0.2));
  lab.figure("GPT: gain of 16 examples of 5", gpt.gained(usual));
  lab.claim("prior kept: gain of 16 examples of 5", kept.gained(usual), at_most(0.05));
  lab.figure("exact: gain of 16 examples of 8", ideal.gained(8));
  lab.claim("LSTM: gain of 16 examples of 8", lstm.gained(8), at_least(0.2));
  lab.figure("GPT: gain of 16 examples of 8", gpt.gained(8));
  lab.figure("the published shape, k = 8, exact: right without examples", published.estimate("prompts"));
  const auto rise = [](const Record& record) {
    return exact(std::min(record.accuracy(5, most).mean - record.accuracy(3, most).mean,
                          record.accuracy(8, most).mean - record.accuracy(5, most).mean));
  };
  lab.claim("LSTM behind 16: the smaller rise, from k = 3 to 5 or to 8", rise(lstm), at_least(0.01));
  lab.figure("prior kept behind 16: the same", rise(kept));
  for (const Record* record : {&lstm, &gpt}) {
    lab.figure(record->name + " behind 16: right less often than exact by",
               record->shortfall.at(usual).estimate("prompts"));
  }
  lab.claim("LSTM behind 16, k = 8: the same", lstm.shortfall.at(8).estimate("prompts"), at_most(0.15));
  lab.figure("GPT behind 16, k = 8: the same", gpt.shortfall.at(8).estimate("prompts"));
  lab.claim("prior kept behind 16, k = 8: the same", kept.shortfall.at(8).estimate("prompts"), at_least(0.3));
  for (const Record* record : {&misled_ideal, &misled}) show(*record, usual);
  lab.claim("examples of another concept: gain of the LSTM", misled.gained(usual), at_most(-0.1));
  for (const Record* record : {&unseen_ideal, &unseen, &unseen_gpt, &knows}) show(*record, usual);
  lab.figure("unseen concepts: gain of exact inference for the five", unseen_ideal.gained(usual));
  lab.claim("unseen concepts: gain of the LSTM", unseen.gained(usual), at_most(0.05));
  lab.claim("unseen concepts: gain of exact inference for these", knows.gained(usual), at_least(0.2));
  for (const Record* record : {&own, &one}) {
    show(*record, usual);
    lab.claim(record->name + ": gain", record->gained(usual), at_most(0.05));
  }
  lab.figure("exact misled by 16 examples of 3: the LSTM says the same", lstm_same.estimate("prompts"));
  lab.figure("the LSTM is right there", lstm_right.estimate("prompts"));
  lab.figure("the GPT says the same", gpt_same.estimate("prompts"));
  lab.figure("the GPT is right there", gpt_right.estimate("prompts"));

  const auto chart = [&](const std::string& title, const std::string& caption, long k,
                         const std::vector<const Record*>& records) {
    std::vector<train::Curve> curves;
    for (const Record* record : records) curves.push_back(record->curve(k));
    lab.picture(
        train::line_chart({title, caption}, {.name = "examples"}, {.name = "right", .low = 0, .high = 1}, curves));
  };
  for (const long k : lengths) {
    chart("Examples of " + std::to_string(k) + " tokens",
          "Prompts whose next token is right. Exact inference knows the five concepts; who keeps the prior knows them, "
          "and does not infer which it is.",
          k, {&ideal, &lstm, &gpt, &kept});
  }
  chart("Examples of concepts that were not trained on",
        "Who knows only the five others gains nothing from examples, and neither does a model; there is much to be "
        "gained by who knows these.",
        usual, {&knows, &unseen_ideal, &unseen, &unseen_gpt});
  lab.picture(
      train::line_chart({"How sure exact inference is of the concept",
                         "Its posterior, mean over prompts, seed 1. Two steps of each example, to the delimiter and "
                         "from it, may speak for a wrong concept; with examples of 3 there are as many of the "
                         "right one's."},
                        {.name = "examples"}, {.name = "p(theta | examples)", .low = 0, .high = 1}, sure));
  lab.note(
      "Five concepts with 2 values, 8 slots and 24 tokens, and five unseen; a part of every transition, 0.3, is "
      "uniform. Texts of 160 tokens, new ones in every step, 16 a step; 2000 steps, for one concept 400. The LSTM has "
      "a layer of 128, the GPT two of 64. 200 texts and 500 prompts a seed. k is the length of examples, 5 unless it "
      "is "
      "said: of 8 tokens the question itself tells the concept so often that exact inference has less to gain.");
}

}  // namespace

const Study bayes{"bayes",
                  "context",
                  "A model of five kinds of text infers which kind it reads, as exact Bayesian inference does.",
                  "Xie et al. 2021, An Explanation of In-context Learning as Implicit Bayesian Inference",
                  2.5,
                  run};

}  // namespace primer::studies
