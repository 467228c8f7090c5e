// What a model is trained to do: how a text becomes batches with targets. One trainer carries every objective.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/tokenizer.h"
#include "data/windows.h"
#include "train/run/config.h"

namespace primer::train {

class Objective {
 public:
  virtual ~Objective() = default;

  /// Training windows without end over `tokens`, which must live as long.
  virtual data::TrainingWindows training(const data::TokenSequence& tokens) const = 0;

  /// Every target of `tokens` once.
  virtual data::EvaluationWindows evaluation(const data::TokenSequence& tokens) const = 0;

  /// True if the losses of a text's tokens add up to the length of its best code, so that bits per byte mean something.
  virtual bool is_a_code() const = 0;
};

/// Tokens that the objective needs beside those of the text: "[MASK]" for mlm.
std::vector<std::string> special_tokens(const Config& config);

/// The fewest tokens that this objective can be trained or evaluated on.
long fewest_tokens(const Config& config);

/// Throws Fault::input when the tokenizer lacks one of special_tokens(config).
std::unique_ptr<Objective> make_objective(const Config& config, const data::Tokenizer& tokenizer);

}  // namespace primer::train
