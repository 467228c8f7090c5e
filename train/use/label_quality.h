// How well a model tells labelled lines apart, label by label.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "data/examples/token_sequence.h"
#include "train/checkpoints/loaded_run.h"

namespace primer::train {

/// Of one label: the lines that have it, those that the model gives it, and those that have it and are given it.
struct LabelScore {
  std::uint64_t lines = 0, given = 0, right = 0;

  double precision() const { return share(right, given); }  // right / given
  double recall() const { return share(right, lines); }     // right / lines
  /// The harmonic mean of both: 2 right / (lines + given). van Rijsbergen: Information Retrieval (1979).
  double f1() const { return share(2 * right, lines + given); }

 private:
  /// 0 where nothing could be right, as scikit-learn's zero_division=0.
  static double share(std::uint64_t part, std::uint64_t all) {
    return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0;
  }
};

/// What a model says of labelled lines beside what they are.
struct LabelQuality {
  std::uint64_t lines = 0;
  std::vector<LabelScore> labels;                               // [K]
  std::map<std::pair<int, int>, std::uint64_t> confusion = {};  // {label, label that is given}: lines, where there are
  int commonest = 0;                                            // the label that most lines have

  LabelQuality() = default;
  /// Line i has the label `own[i]` and is given `given[i]`, of `count` labels.
  LabelQuality(std::size_t count, std::span<const int> own, std::span<const int> given);

  /// The mean of the F1 of labels that a line has or is given: scikit-learn's average="macro".
  double macro_f1() const;
  /// The accuracy of who always says the commonest label.
  double commonest_share() const;
};

/// Reads `most` lines of `tokens`, spread evenly over all, 0: all. A model without labels: Fault::input.
LabelQuality label_quality(LoadedRun& run, const data::TokenSequence& tokens, std::uint64_t most = 0);

}  // namespace primer::train
