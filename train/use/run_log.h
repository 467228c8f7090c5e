// What a training wrote down on its way, as curves.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "train/pages/chart.h"

namespace primer::train {

/// Over the steps: x is a step. What a training does not have, an objective without bits a byte say, has no points.
struct RunLog {
  Curve loss, val_loss;  // nats a target
  Curve bits;            // of the validation part, for each byte of text
  Curve accuracy, train_accuracy;
  Curve rate, norm;  // learning rate, length of the gradient
  Curve speed;       // tokens a second

  struct Sample {
    long step;
    std::string text;
  };
  std::vector<Sample> samples;
};

/// Reads metrics.jsonl, timing.jsonl and samples.jsonl of a run, which may be in training: each up to its last whole
/// line, or to one that says nothing. One that cannot be read is a warning.
RunLog read_log(const std::string& directory, std::vector<std::string>& warnings);

/// A curve of at most so many points: means over neighbours, with the least and the largest of them as its band.
Curve binned(const Curve& curve, std::size_t most);

}  // namespace primer::train
