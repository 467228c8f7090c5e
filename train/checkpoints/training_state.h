// The small part of a checkpoint: all that a training is, besides its parameters, moments and configuration. Nothing in
// it comes from a clock: the same training makes the same bytes.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "data/examples/token_file.h"
#include "train/step/trainer.h"

namespace primer::train {

struct TrainingState {
  TrainerState trainer;
  long updates = 0;         // that the optimizer made; skipped steps are none
  long schedule_steps = 0;  // the schedule's length: a run that is extended keeps its schedule
  double best_val_loss = std::numeric_limits<double>::infinity();  // nats for each target
  long best_step = -1;                                             // of that loss; -1: nothing was evaluated yet
  long without_better = 0;                                         // evaluations since then
  bool stopped_early = false;
  std::optional<StepReport> unevaluated;  // the last step, when the evaluation due after it was interrupted
  std::uint64_t metrics_bytes = 0;        // length of metrics.jsonl
  std::array<std::uint32_t, 4> tokens{};  // checksums that tell the token file: see fingerprint()
  long threads = 0;                       // that made the last steps
  std::string products;                   // likewise: see products_name(); at most 31 characters
};

/// What tells a token file from every other: checksums of its parts, of the text and of the tokenizer.
std::array<std::uint32_t, 4> fingerprint(const data::TokenFileFacts& facts);

/// The state as bytes: a title, the length and CRC32C of the rest, and the rest, by cereal.
std::string encode_state(const TrainingState& state);

/// Reads such bytes; `name` is the file's, for messages. Length and checksum are compared before anything is read from
/// them, and numbers that no training can have are refused. Fault::checkpoint.
TrainingState decode_state(std::string_view bytes, const std::string& name);

/// The part behind the checksum, alone: whoever makes a file can make its checksum too.
TrainingState decode_state_record(std::string_view record, const std::string& name);

}  // namespace primer::train
