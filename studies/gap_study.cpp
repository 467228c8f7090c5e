#include "studies/gap_study.h"

#include <chrono>
#include <cmath>
#include <cstdio>

#include "data/bytes/file.h"
#include "studies/gap_corpus.h"
#include "studies/gap_report.h"
#include "train/checkpoints/run_directory.h"

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

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string text_of(double value, const char* format) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double center = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

std::vector<std::string> failed_claims(const GapFigures& figures) {
  using Claims = GapClaims;
  std::vector<std::string> failed;
  const auto claim = [&](bool holds, const std::string& what, double found, const std::string& wanted) {
    if (!holds) failed.push_back(what + " " + text_of(found, "%.3f") + ", " + wanted);
  };
  const auto seeds = static_cast<double>(figures.tuned.test.size());
  if (!(seeds >= Claims::seeds)) {
    failed.push_back(text_of(seeds, "%.0f") + " seeds, at least " + std::to_string(Claims::seeds) + " wanted");
  }
  const double tuned = mean(figures.tuned.test), scratch = mean(figures.scratch.test), probe = mean(figures.probe.test);
  claim(tuned >= Claims::tuned, "fine-tuned", tuned, "at least 0.90 wanted");
  claim(std::abs(scratch - Claims::scratch) <= Claims::scratch_margin, "from scratch", scratch, "0.5 +- 0.1 wanted");
  claim(probe >= Claims::probe, "frozen probe", probe, "at least 0.85 wanted");
  const double excess = figures.exam.oracle.excess.mean;
  claim(excess <= Claims::excess, "hidden words", excess, "at most 0.15 nat above the oracle wanted");
  const double share = figures.exam.accuracy.mean / figures.exam.oracle.expected_accuracy.mean;
  claim(share >= Claims::accuracy, "hidden words right", share, "at least 0.9 of the oracle's wanted");
  const Estimate& next = figures.exam.next_accuracy;
  claim(next.mean >= Claims::next, "next sentence", next.mean, "at least 0.88 wanted");
  const double most = figures.ceiling + 2 * next.error;
  claim(next.mean <= most, "next sentence", next.mean, "at most the ceiling, " + text_of(most, "%.3f") + ", possible");
  return failed;
}

GapFigures run_gap_study(const GapOptions& options, train::Interruption& interruption) {
  const auto began = std::chrono::steady_clock::now();
  const Size size = options.quick ? small : whole;
  const GapCorpus corpus(gap_language(), corpus_seed);

  train::NewRun made(options.folder, options.force);  // the folder is locked as long as this lives
  const std::string staging = made.staging().directory;
  const auto labelled = [&](GapCorpus::Purpose purpose, std::uint64_t mirrored) {
    return labelled_text(corpus, corpus.labelled(purpose, mirrored));
  };
  data::write_file_atomically(staging + "/corpus.txt", corpus.text(0, size.documents));
  data::write_file_atomically(staging + "/vocab.txt", gap_vocabulary(corpus.language()));
  data::write_file_atomically(staging + "/training.tsv", labelled(GapCorpus::Purpose::training, size.labelled));
  data::write_file_atomically(staging + "/test.tsv", labelled(GapCorpus::Purpose::test, size.tested));
  std::string moved_to;
  const std::string folder = made.publish(&moved_to).directory + "/";
  if (!moved_to.empty()) train::say("note   what was there is now " + moved_to + "\n");

  GapFigures figures;
  figures.quick = options.quick;
  const RunOptions fresh = shape + RunOptions{{"tokenizer", folder + "vocab.txt"}};
  const std::string steps = std::to_string(size.pretraining), batch = std::to_string(size.batch);
  const std::string paired = folder + "pretrained", unpaired = folder + "pretrained-without-pairs";
  for (const std::string& run : {paired, unpaired}) {
    train::say("study  pretraining on " + std::to_string(size.documents) + " documents, " + steps + " steps" +
               (run == paired ? "" : ", without next sentences") + "\n");
    train_new_run(run, folder + "corpus.txt",
                  fresh + RunOptions{{"objective", "mlm"},
                                     {"next_sentence", run == paired ? "true" : "false"},
                                     {"batch", batch},
                                     {"steps", steps},
                                     {"lr", "0.001"},
                                     {"warmup", std::to_string(size.pretraining / 30)},
                                     {"weight_decay", "0.01"},
                                     {"val_fraction", "0.1"},
                                     {"eval_batches", "0"},
                                     {"eval_every", std::to_string(size.pretraining / 4)},
                                     {"patience", "0"}},
                  "", options.style, interruption);
  }
  figures.pretraining_seconds = since(began);

  const auto learn = [&](const char* name, long seed, const RunOptions& more, const std::string& source,
                         GapAccuracies& accuracies) {
    const std::string run = folder + name + "-" + std::to_string(seed);
    train::say("study  " + std::string(name) + ", seed " + std::to_string(seed) + "\n");
    train_new_run(run, folder + "training.tsv",
                  more + RunOptions{{"objective", "classify"},
                                    {"seed", std::to_string(seed)},
                                    {"batch", "32"},
                                    {"dropout", "0"},
                                    {"weight_decay", "0.01"},
                                    {"val_fraction", "0"},
                                    {"warmup", std::to_string(size.tuning / 10)}},
                  source, train::Progress::Style::quiet, interruption);
    accuracies.training.push_back(labelled_accuracy(run, folder + "training.tsv"));
    accuracies.test.push_back(labelled_accuracy(run, folder + "test.tsv"));
  };
  const RunOptions short_training{{"steps", std::to_string(size.tuning)}, {"lr", "0.0003"}, {"pooling", "cls"}};
  const RunOptions head_only{
      {"steps", std::to_string(2 * size.tuning)}, {"lr", "0.01"}, {"pooling", "mean"}, {"freeze", "true"}};
  for (long seed = 1; seed <= options.seeds; ++seed) {
    learn("fine-tuned", seed, short_training, paired, figures.tuned);
    learn("without-pairs", seed, short_training, unpaired, figures.unpaired);
    learn("scratch", seed, fresh + short_training, "", figures.scratch);
    learn("probe", seed, head_only, paired, figures.probe);
  }

  train::say("study  the model beside the oracle\n");
  const auto pretrained = train::load_run(paired, {train::Choice::Kind::last, 0});
  const auto tokens = train::open_tokens(*pretrained, pretrained->paths.tokens());
  const LengthTable lengths = lengths_of_pairs(*pretrained, tokens->train(), options.quick ? 1 : 4);
  figures.exam = examine(*pretrained, corpus.language(), tokens->validation(), lengths, interruption);
  figures.ceiling = next_sentence_ceiling(corpus.language());
  figures.seconds = since(began);
  data::write_file_atomically(folder + "figures.json", gap_json(figures) + "\n");
  data::write_file_atomically(folder + "gap.svg", train::svg_file(gap_picture(figures)));
  return figures;
}

}  // namespace primer::studies
