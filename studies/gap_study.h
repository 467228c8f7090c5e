// The study of the gap: a BERT that has read unlabelled text learns a task from few labels, and knows it of words that
// the labels never showed; the same model from scratch cannot, whatever it learns of the labels (gap_corpus.h says
// why). Devlin et al.: BERT (2019). What can be known at best is computed (gap_oracle.h), and the model is held beside
// it.
#pragma once

#include <string>
#include <vector>

#include "studies/gap_exam.h"

namespace primer::studies {

/// What a study is asked for.
struct GapOptions {
  std::string folder;  // new; gets corpus.txt, vocab.txt, training.tsv, test.tsv, the runs, figures.json, gap.svg
  long seeds = 3;      // of each training on labels
  bool quick = false;  // a few steps of everything: shows that it works, and claims nothing
  bool force = false;  // moves aside what has the folder's name
  train::Progress::Style style = train::Progress::Style::quiet;  // of the pretraining
};

/// Accuracies of trainings on the labels, one for each seed.
struct GapAccuracies {
  std::vector<double> training;  // on the labelled sentences themselves
  std::vector<double> test;      // on sentences whose adjectives are in none of those
};

struct GapFigures {
  bool quick = false;
  GapAccuracies tuned, scratch, probe;
  GapAccuracies unpaired;  // fine-tuned after a pretraining without next sentences; nothing is claimed of it
  GapExam exam;
  double ceiling = 1;  // of next-sentence accuracy
  double pretraining_seconds = 0, seconds = 0;
};

/// What the study claims. Shares, but for the excess: nats for each hidden word.
struct GapClaims {
  static constexpr long seeds = 3;       // at least
  static constexpr double tuned = 0.90;  // at least
  static constexpr double probe = 0.85;  // at least
  static constexpr double scratch = 0.5, scratch_margin = 0.1;
  static constexpr double excess = 0.15;   // at most
  static constexpr double accuracy = 0.9;  // of hidden words, at least this share of the oracle's
  static constexpr double next = 0.88;     // at least, and at most the ceiling and two standard errors
};

double mean(const std::vector<double>& values);
double deviation(const std::vector<double>& values);  // of a sample, n - 1; 0 of a single value

/// The claims that the figures do not bear out, each as a few words; empty: all are borne out. A figure that is not a
/// number bears nothing out.
std::vector<std::string> failed_claims(const GapFigures& figures);

/// Writes the texts, pretrains, trains on the labels and examines, all in options.folder, saying on standard error what
/// it is at. Throws what a training throws, and StudyStopped.
GapFigures run_gap_study(const GapOptions& options, train::Interruption& interruption);

}  // namespace primer::studies
