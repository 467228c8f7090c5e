// Windows: the pieces of a token sequence that a model sees, and the order in which it sees them.
//
// An epoch makes every token a target once. Windows do not overlap; where the first one ends is drawn for each epoch,
// so that a token meets other contexts in other epochs. Their order is a bijection of (seed, epoch, position). So the
// whole state of the reading is a Cursor, and going on from a saved Cursor is exactly going on.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/masking.h"
#include "data/token_file.h"

namespace primer::data {

/// Sequences of equal length T, padded at the end with token 0 and target -1.
struct Batch {
  long sequences = 0;        // B
  long length = 0;           // T
  std::vector<int> tokens;   // [B, T]
  std::vector<int> targets;  // [B, T]; -1 is not counted
  std::vector<int> lengths;  // [B], the real length of each, 1 ... T
  bool padded = false;       // some length is below T
  long target_count() const;  // targets that count
};

/// How a sequence is cut in one epoch. Items are what is counted once: the targets of next-token prediction (all tokens
/// but the first), or the tokens themselves when some are masked.
struct WindowPlan {
  std::uint64_t items = 0;
  std::uint64_t context = 1;  // T, the most items in a window
  std::uint64_t first = 1;    // items in the first window, 1 ... T
  std::uint64_t count() const;
  std::uint64_t begin(std::uint64_t window) const;  // its first item
  std::uint64_t end(std::uint64_t window) const;    // past its last item
};

/// A place in the order of windows.
struct Cursor {
  std::uint64_t epoch = 0;
  std::uint64_t position = 0;  // windows of this epoch that were drawn
  bool operator==(const Cursor&) const = default;
};

/// Training windows, without end. With a Masking, tokens are masked and the targets are what they hide; without, the
/// target of a token is the next one.
class TrainingWindows {
 public:
  /// `tokens` must live as long; `context` is T >= 1. Too short a sequence (2 tokens, or 1 when masked): Fault::input.
  TrainingWindows(const TokenSequence& tokens, long context, std::uint64_t seed, std::optional<Masking> masking = {});

  /// Fills `batch` with the next `sequences` windows and moves the cursor. A batch is always full: it may reach into
  /// the next epoch, or over several when there are few windows. Allocates only while `batch` grows.
  void next(long sequences, Batch& batch);

  Cursor cursor() const { return cursor_; }
  void seek(Cursor cursor);  // a place that does not exist: Fault::checkpoint

  std::uint64_t windows(std::uint64_t epoch) const { return plan(epoch).count(); }
  double epochs() const;  // how many were seen, with fraction
  WindowPlan plan(std::uint64_t epoch) const;

 private:
  const TokenSequence* tokens_;
  long context_;
  std::uint64_t seed_;
  std::optional<Masking> masking_;
  Cursor cursor_;
  WindowPlan plan_;  // of cursor_.epoch
};

/// Evaluation windows: from the sequence's beginning, not overlapping, every target once. Without a Masking these are
/// size - 1 targets. The masks are the same at every evaluation.
class EvaluationWindows {
 public:
  EvaluationWindows(const TokenSequence& tokens, long context, std::optional<Masking> masking = {});

  /// Fills `batch` with the next windows, at most `sequences`; false, and an empty batch, when there are none left.
  bool next(long sequences, Batch& batch);
  void restart() { window_ = 0; }
  std::uint64_t windows() const { return plan_.count(); }

 private:
  const TokenSequence* tokens_;
  std::optional<Masking> masking_;
  WindowPlan plan_;
  std::uint64_t window_ = 0;
};

}  // namespace primer::data
