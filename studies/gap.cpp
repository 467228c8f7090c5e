// The study of the gap: a BERT that has read unlabelled text learns a task from few labels, and knows it of words that
// the labels never showed; the same model from scratch cannot, whatever it learns of the labels (gap_corpus.h says
// why). What can be known at best is computed (gap_oracle.h), and the model is held beside it.
#include <cmath>

#include "data/bytes/file.h"
#include "studies/gap_corpus.h"
#include "studies/gap_exam.h"
#include "studies/lab/run.h"
#include "studies/studies.h"

namespace primer::studies {

namespace {

constexpr std::uint64_t corpus_seed = 2018;

/// How much of everything.
struct Size {
  std::uint64_t documents, labelled, tested;  // labelled and tested: of mirrored pairs of sentences
  long pretraining, tuning, batch;            // steps, steps, sequences a step
};
constexpr Size whole{20000, 100, 500, 3000, 200, 64}, small{300, 10, 20, 12, 4, 8};

/// The shape of the model, whoever trains it.
const RunOptions shape{{"layers", "2"},         {"heads", "4"},    {"channels", "64"},
                       {"ffn_channels", "256"}, {"context", "48"}, {"dropout", "0"}};

RunOptions operator+(RunOptions options, const RunOptions& more) {
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

/// Trainings on the labels, one a seed: the shares that they get right.
struct Trainings {
  const char* name;
  std::string source;  // the run that they begin with, or none
  RunOptions options;
  std::vector<double> test = {};      // of sentences whose adjectives are in none of the labelled ones
  std::vector<double> training = {};  // of the labelled sentences themselves
};

train::Bar bar_of(const char* name, const Estimate& found, std::vector<double> points, Bound wanted) {
  const auto end = [](double x) { return std::isfinite(x) ? x : NAN; };
  return {name, found.mean, found.low, found.high, std::move(points), end(wanted.low), end(wanted.high)};
}

void run(Lab& lab) {
  const Size size = lab.options.quick ? small : whole;
  const GapCorpus corpus(gap_language(), corpus_seed);
  const std::string folder = lab.options.folder + "/";
  data::write_file_atomically(folder + "corpus.txt", corpus.text(0, size.documents));
  data::write_file_atomically(folder + "vocab.txt", gap_vocabulary(corpus.language()));
  data::write_file_atomically(folder + "training.tsv",
                              corpus.labelled_text(GapCorpus::Purpose::training, size.labelled));
  data::write_file_atomically(folder + "test.tsv", corpus.labelled_text(GapCorpus::Purpose::test, size.tested));

  const RunOptions fresh = shape + RunOptions{{"tokenizer", folder + "vocab.txt"}};
  const std::string steps = std::to_string(size.pretraining);
  const std::string paired_run = folder + "pretrained", unpaired_run = folder + "pretrained-without-pairs";
  for (const std::string& run : {paired_run, unpaired_run}) {
    lab.at("pretraining on " + std::to_string(size.documents) + " documents, " + steps + " steps" +
           (run == paired_run ? "" : ", without next sentences"));
    train_new_run(run, folder + "corpus.txt",
                  fresh + RunOptions{{"objective", "mlm"},
                                     {"next_sentence", run == paired_run ? "true" : "false"},
                                     {"batch", std::to_string(size.batch)},
                                     {"steps", steps},
                                     {"lr", "0.001"},
                                     {"warmup", std::to_string(size.pretraining / 30)},
                                     {"weight_decay", "0.01"},
                                     {"val_fraction", "0.1"},
                                     {"eval_batches", "0"},
                                     {"eval_every", std::to_string(size.pretraining / 4)},
                                     {"patience", "0"}},
                  "", lab.options.style, lab.interruption);
  }

  const RunOptions short_training{{"steps", std::to_string(size.tuning)}, {"lr", "0.0003"}, {"pooling", "cls"}};
  const RunOptions head_only{
      {"steps", std::to_string(2 * size.tuning)}, {"lr", "0.01"}, {"pooling", "mean"}, {"freeze", "true"}};
  Trainings tuned{"fine-tuned", paired_run, short_training}, unpaired{"without-pairs", unpaired_run, short_training},
      scratch{"scratch", "", fresh + short_training}, probe{"probe", paired_run, head_only};
  for (const std::uint64_t seed : lab.seeds()) {
    for (Trainings* each : {&tuned, &unpaired, &scratch, &probe}) {
      const std::string run = folder + each->name + "-" + std::to_string(seed);
      lab.at(std::string(each->name) + ", seed " + std::to_string(seed));
      train_new_run(run, folder + "training.tsv",
                    each->options + RunOptions{{"objective", "classify"},
                                               {"seed", std::to_string(seed)},
                                               {"batch", "32"},
                                               {"dropout", "0"},
                                               {"weight_decay", "0.01"},
                                               {"val_fraction", "0"},
                                               {"warmup", std::to_string(size.tuning / 10)}},
                    each->source, train::Progress::Style::quiet, lab.interruption);
      each->training.push_back(labelled_accuracy(run, folder + "training.tsv"));
      each->test.push_back(labelled_accuracy(run, folder + "test.tsv"));
    }
  }

  lab.at("the model beside the oracle");
  const auto pretrained = train::load_run(paired_run, {train::Choice::Kind::last, 0});
  const auto tokens = train::open_tokens(*pretrained, pretrained->paths.tokens());
  const LengthTable lengths = lengths_of_pairs(*pretrained, tokens->train(), lab.options.quick ? 1U : 4U);
  const GapScore exam = score(GapOracle(corpus.language(), pretrained->tokenizer->vocabulary_size() - 3),
                              answers_of(*pretrained, tokens->validation(), lengths, lab.interruption));
  const double ceiling = next_sentence_ceiling(corpus.language());

  const Bound tuned_wanted = at_least(0.9), scratch_wanted = between(0.4, 0.6), probe_wanted = at_least(0.85);
  const Bound next_wanted = between(0.88, ceiling + 2 * exam.next_accuracy.error);
  lab.claim("fine-tuned, words that no label showed", mean_of(tuned.test, "seeds"), tuned_wanted);
  lab.claim("from scratch, the same", mean_of(scratch.test, "seeds"), scratch_wanted);
  lab.claim("frozen, a probe on top", mean_of(probe.test, "seeds"), probe_wanted);
  lab.figure("pretrained without pairs, fine-tuned", mean_of(unpaired.test, "seeds"));
  for (const Trainings* each : {&tuned, &scratch, &probe, &unpaired}) {
    lab.figure(std::string(each->name) + ", the labelled sentences", mean_of(each->training, "seeds"));
  }
  lab.figure("hidden words, nats", exam.loss);
  lab.figure("hidden words, nats at best", exam.best_loss);
  lab.claim("hidden words, nats above the best", exam.excess, at_most(0.15));
  lab.claim("hidden words right, of what the best gets right", exam.share_right, at_least(0.9));
  lab.claim("next sentence right", exam.next_accuracy, next_wanted);
  lab.figure("next sentence right at best, words hidden", exam.next_best_accuracy);
  lab.figure("next sentence right at best, nothing hidden", exact(ceiling));
  lab.picture(
      train::bar_chart({"What pretraining is worth",
                        "Accuracy on words that no label showed, and of the next sentence. Dots are seeds, "
                        "frames what is claimed: the pretrained model knows the words, the one from scratch guesses."},
                       {.name = "accuracy", .low = 0, .high = 1},
                       {bar_of("from scratch", mean_of(scratch.test, "seeds"), scratch.test, scratch_wanted),
                        bar_of("frozen probe", mean_of(probe.test, "seeds"), probe.test, probe_wanted),
                        bar_of("fine-tuned", mean_of(tuned.test, "seeds"), tuned.test, tuned_wanted),
                        bar_of("next sentence", exam.next_accuracy, {}, next_wanted)}));
  lab.note(
      "Sentences of a language of primer's own, in which topics and moods of words can be told from what stands "
      "beside them. " +
      std::to_string(2 * size.labelled) + " labelled sentences; the test has other adjectives. " +
      std::to_string(exam.hidden) + " hidden words in " + std::to_string(exam.pairs) + " pairs.");
}

}  // namespace

const Study gap{"gap",
                "pretraining",
                "A model that has read plain text knows from few labels what none of them showed.",
                "Devlin et al. 2019, BERT",
                2.5,
                run};

}  // namespace primer::studies
