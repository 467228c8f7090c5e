// A checkpoint's contents: from a trainer to a folder and back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/bytes/safetensors.h"
#include "data/tokenizers/tokenizer.h"
#include "train/checkpoints/checkpoint_store.h"
#include "train/checkpoints/model_file.h"
#include "train/checkpoints/training_state.h"
#include "train/tasks/config.h"

namespace primer::train {

/// A verified checkpoint, its small files read and its large ones open: what is open can be read when it was pruned
/// too.
struct Checkpoint {
  CheckpointId id;
  std::string path;  // of its folder
  Config config;
  std::shared_ptr<const data::Tokenizer> tokenizer;
  std::vector<std::string> labels;  // of --objective classify: class k has the name labels[k]
  TrainingState state;
  std::shared_ptr<const data::SafetensorsFile> model, moments;  // the parameters; what the optimizer keeps of them
};

/// A moment of a training, to be saved. The blocks point into the trainer, or at a copy of what was there.
struct Snapshot {
  CheckpointId id;
  TrainingState state;
  std::vector<NamedBlock> model, moments;

  Snapshot() = default;
  Snapshot(Snapshot&&) = default;  // the blocks may point into it, so it is moved and never copied
  Snapshot& operator=(Snapshot&&) = default;

  /// Keeps what the blocks point at now, however the training goes on: 12 bytes a parameter with Adam, 4 of a frozen
  /// one.
  void copy(const autograd::Parameters<float>& parameters);

 private:
  std::vector<std::vector<float>> copies_;  // [blocks][their size]
};

/// The trainer as it is. `state` is completed with what the trainer and its optimizer know.
Snapshot snapshot(CheckpointId id, Trainer<float>& trainer, TrainingState state);

/// Saves a moment of a training. With a parameter or moment that is not a number nothing is saved: Fault::diverged.
/// Fault::io.
void save_checkpoint(CheckpointStore& store, const Snapshot& snapshot, const autograd::Parameters<float>& parameters,
                     const Config& config, const data::Tokenizer& tokenizer,
                     const std::vector<std::string>& labels = {});

/// Reads a checkpoint that verify() has accepted. Contents that do not fit together: Fault::checkpoint.
Checkpoint open_checkpoint(const CheckpointStore& store, CheckpointId id);

/// Opens the file of tokens, `path`, of the checkpoint's run. Another text's, or one of other tokens than the model's:
/// Fault::checkpoint. The tokens themselves are not read: see TokenFile::verify().
std::unique_ptr<data::TokenFile> open_tokens(const Checkpoint& checkpoint, const std::string& path);

/// Brings a trainer of the checkpoint's configuration to where the checkpoint was made. Fault::checkpoint.
void restore_trainer(const Checkpoint& checkpoint, Trainer<float>& trainer);

/// What reading commands mean by a checkpoint.
struct Choice {
  enum class Kind { best, last, step } kind = Kind::best;
  long step = 0;
};

/// "best", "last" or a step. Fault::usage.
Choice parse_choice(const std::string& text);

/// Finds, verifies and opens a checkpoint, while a training may save and prune: the best one is that of the lowest
/// validation loss so far (the last one where nothing is validated, or nothing but the beginning was yet), the last one
/// the newest that is whole. What is broken and had to be passed over is added to `warnings`, and which step it is
/// where that is not the one that was asked for by its number, nor both best and last. A step that was not kept:
/// Fault::input, naming those that are there; a broken one, or none: Fault::checkpoint; NewerFormat.
Checkpoint choose_checkpoint(const CheckpointStore& store, Choice choice, std::vector<std::string>& warnings);

}  // namespace primer::train
