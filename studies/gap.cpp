// The study of the gap: a BERT that has read unlabelled text learns a task from few labels, and knows it of words that
// the labels never showed; the same model from scratch cannot, whatever it learns of the labels (gap_corpus.h says
// why). What can be known at best is computed (gap_oracle.h), and the model is held beside it.
#include <cmath>
#include <sstream>

#include "data/bytes/file.h"
#include "studies/gap_corpus.h"
#include "studies/gap_exam.h"
#include "studies/lab/run.h"
#include "studies/studies.h"

namespace primer::studies {

namespace {

/// How much of everything.
struct Size {
  std::uint64_t documents, labelled, tested;  // labelled and tested: of mirrored pairs of sentences
  long pretraining, tuning, batch;            // steps, steps, sequences a step
};
constexpr Size whole{20000, 100, 500, 3000, 200, 64}, small{300, 10, 20, 12, 4, 8};

/// "steps 200 lr 0.0003 ...", a key and its value after the other, and `more`.
RunOptions options(const std::string& words, RunOptions more) {
  std::istringstream in(words);
  for (std::string key, value; in >> key >> value;) more.emplace_back(key, value);
  return more;
}

/// Trainings on the labels, one a seed. Their items are 1 or 0, the sentence with its mirror image as one: their mean.
struct Trainings {
  std::string name, source;  // the run that they begin with, or none
  std::string options;
  Tally test = {}, training = {};   // of sentences whose adjectives no label showed, of the labelled ones
  std::vector<double> points = {};  // the share of each seed in the test

  void add(const std::string& run, const std::string& folder) {
    const auto right = [&](const char* file) { return means_of_pairs(labelled_right(run, folder + file)); };
    training.add(right("training.tsv"));
    test.add(right("test.tsv"));
    points.push_back(mean_of(right("test.tsv"), "seeds").mean);
  }
};

void run(Lab& lab) {
  const Size size = lab.options.quick ? small : whole;
  const GapCorpus corpus(gap_language(), 2018);
  const std::string folder = lab.options.folder + "/";
  using Purpose = GapCorpus::Purpose;
  for (const auto& [file, text] : {std::pair{"corpus.txt", corpus.text(0, size.documents)},
                                   {"vocab.txt", gap_vocabulary(corpus.language())},
                                   {"training.tsv", corpus.labelled_text(Purpose::training, size.labelled)},
                                   {"test.tsv", corpus.labelled_text(Purpose::test, size.tested)}}) {
    data::write_file_atomically(folder + file, text);
  }

  const auto text = [](auto number) { return std::to_string(number); };
  const RunOptions vocabulary{{"tokenizer", folder + "vocab.txt"}};
  const std::string shape = " layers 2 heads 4 channels 64 ffn_channels 256 context 48";
  const std::string filling = "objective mlm lr 0.001 weight_decay 0.01 dropout 0 val_fraction 0.1 patience 0 batch " +
                              text(size.batch) + " steps " + text(size.pretraining) + " warmup " +
                              text(size.pretraining / 30) + " eval_batches 0 eval_every " + text(size.pretraining / 4);
  const std::string paired_run = folder + "pretrained", unpaired_run = folder + "pretrained-without-pairs";
  for (const std::string& run : {paired_run, unpaired_run}) {
    const bool pairs = run == paired_run;
    lab.at("pretraining on " + text(size.documents) + " documents, " + text(size.pretraining) + " steps" +
           (pairs ? "" : ", without next sentences"));
    train_new_run(run, folder + "corpus.txt",
                  options(filling + shape + " next_sentence " + (pairs ? "true" : "false"), vocabulary), "",
                  lab.options.style, lab.interruption);
  }

  const std::string labels = "objective classify batch 32 dropout 0 weight_decay 0.01 val_fraction 0 warmup " +
                             text(size.tuning / 10) + " seed ";
  const std::string whole_model = " lr 0.0003 pooling cls steps " + text(size.tuning);
  const std::string head_only = " lr 0.01 pooling mean freeze true steps " + text(2 * size.tuning);
  Trainings tuned{"fine-tuned", paired_run, whole_model}, unpaired{"without-pairs", unpaired_run, whole_model},
      scratch{"scratch", "", whole_model + shape}, probe{"probe", paired_run, head_only};
  lab.each_seed([&](std::uint64_t seed) {
    for (Trainings* each : {&tuned, &unpaired, &scratch, &probe}) {
      lab.at(each->name);
      const std::string run = folder + each->name + "-" + text(seed);
      train_new_run(run, folder + "training.tsv",
                    options(labels + text(seed) + each->options, each == &scratch ? vocabulary : RunOptions{}),
                    each->source, train::Progress::Style::quiet, lab.interruption);
      each->add(run, folder);
    }
  });

  lab.at("the model beside the oracle");
  const auto pretrained = train::load_run(paired_run, {train::Choice::Kind::last, 0});
  const auto tokens = train::open_tokens(*pretrained, pretrained->paths.tokens());
  const LengthTable lengths = lengths_of_pairs(*pretrained, tokens->train(), lab.options.quick ? 1 : 4);
  const GapScore exam = score(GapOracle(corpus.language(), pretrained->tokenizer->vocabulary_size() - 3),
                              answers_of(*pretrained, tokens->validation(), lengths, lab.interruption));
  const double ceiling = next_sentence_ceiling(corpus.language());

  std::vector<train::Bar> bars;
  const auto claim = [&](const std::string& what, const Estimate& found, Bound wanted, const char* bar,
                         std::vector<double> points = {}) {
    lab.claim(what, found, wanted);
    bars.push_back(bar_of(bar, found, wanted));
    bars.back().points = std::move(points);
  };
  claim("fine-tuned, words that no label showed", tuned.test.estimate(), at_least(0.9), "fine-tuned", tuned.points);
  claim("from scratch, the same", scratch.test.estimate(), between(0.4, 0.6), "from scratch", scratch.points);
  claim("frozen, a probe on top", probe.test.estimate(), at_least(0.85), "frozen probe", probe.points);
  lab.figure("pretrained without pairs, fine-tuned", unpaired.test.estimate());
  for (const Trainings* each : {&tuned, &scratch, &probe, &unpaired}) {
    lab.figure(each->name + ", the labelled sentences", each->training.estimate());
  }
  lab.figure("hidden words, nats", exam.loss);
  lab.figure("hidden words, nats at best", exam.best_loss);
  lab.claim("hidden words, nats above the best", exam.excess, at_most(0.15));
  lab.claim("hidden words right, of what the best gets right", exam.share_right, at_least(0.9));
  claim("next sentence right", exam.next_accuracy, between(0.88, ceiling + 2 * exam.next_accuracy.error),
        "next sentence");
  lab.figure("next sentence right at best, words hidden", exam.next_best_accuracy);
  lab.figure("next sentence right at best, nothing hidden", exact(ceiling));
  lab.picture(
      train::bar_chart({"What pretraining is worth",
                        "Accuracy on words that no label showed, and of the next sentence. Dots are seeds, "
                        "frames what is claimed: the pretrained model knows the words, the one from scratch guesses."},
                       {.name = "accuracy", .low = 0, .high = 1}, bars));
  lab.note(
      "Sentences of a language of primer's own, in which topics and moods of words can be told from what stands "
      "beside them. " +
      text(2 * size.labelled) + " labelled sentences; the test has other adjectives. " + text(exam.hidden) +
      " hidden words in " + text(exam.pairs) + " pairs.");
}

}  // namespace

const Study gap{"gap",
                "pretraining",
                "A model that has read plain text knows from few labels what none of them showed.",
                "Devlin et al. 2019, BERT",
                2.5,
                run};

}  // namespace primer::studies
