// Examples: what a model is shown, one by one or side by side in a batch, and the order in which it sees them.
//
// An epoch shows every example once, in an order that is a bijection of (seed, epoch, position). So the whole state of
// the reading is a Cursor, and going on from a saved Cursor is exactly going on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace primer::data {

/// Sequences of equal length T, padded at the end with token 0 and target -1.
struct Batch {
  long sequences = 0;                    // B
  long length = 0;                       // T
  std::vector<int> tokens;               // [B, T]
  std::vector<int> targets;              // [B, T]; -1 is not counted
  std::vector<int> lengths;              // [B], the real length of each, 1 ... T
  std::vector<int> segments;             // [B, T], 0 or 1; empty where examples have one part only
  std::vector<int> labels;               // [B], -1 is not counted; empty where examples have none
  long source_length = 0;                // S, 0 where examples have no source
  std::vector<int> sources = {};         // [B, S], padded at the end with token 0
  std::vector<int> source_lengths = {};  // [B], the real length of each, 1 ... S
  bool padded = false;                   // some length is below T
  long unknown = 0;                      // targets that would count, but are Tokenizer::unknown()
  long target_count() const;             // targets that count
  long label_count() const;              // labels that count
};

/// What examples are read for: what is drawn at random is drawn anew for every epoch of training, and is always the
/// same in an evaluation.
enum class Purpose { training, evaluation };

/// Where one example goes.
struct ExampleRow {
  std::span<int> tokens, targets;  // [T], as padding beforehand
  std::span<int> segments;         // [T], zero beforehand; empty if the examples have one part only
  int label = -1;
  std::span<int> source = {};  // [S], as padding beforehand; empty if the examples have no source
  long source_length = 0;      // real tokens of it
};

/// The examples of a text. They are numbered within an epoch, and each is a pure function of its epoch and number.
class Examples {
 public:
  /// `context` is T, the most tokens of an example.
  explicit Examples(long context) : context_(context) {}
  virtual ~Examples() = default;
  long context() const { return context_; }
  /// A token that is not predicted: see Tokenizer::unknown(). -1: none.
  int unknown = -1;

  /// From now on the examples of this epoch are meant.
  virtual void begin(Purpose purpose, std::uint64_t epoch) = 0;
  virtual std::uint64_t count() const = 0;
  /// Writes example `index` and returns its length.
  virtual long write(std::uint64_t index, ExampleRow& row) const = 0;

  /// Examples of unequal lengths are sorted by length as far as chance allows, and a batch is as long as its longest.
  virtual bool varies() const { return false; }
  /// The tokens of example `index`; asked only if they vary.
  virtual long length(std::uint64_t) const { return context_; }
  virtual bool has_segments() const { return false; }
  virtual bool has_labels() const { return false; }
  virtual bool has_source() const { return false; }
  /// How many are longer than the context, and lost a part of themselves.
  virtual std::uint64_t cut() const { return 0; }

 private:
  long context_;
};

/// A place in the order of examples.
struct Cursor {
  std::uint64_t epoch = 0;
  std::uint64_t position = 0;  // examples of this epoch that were drawn
  bool operator==(const Cursor&) const = default;
};

/// Batches for training, without end.
class TrainingBatches {
 public:
  TrainingBatches(std::unique_ptr<Examples> examples, std::uint64_t seed);

  /// Fills `batch` with the next examples and moves the cursor. A batch is always full: it may reach into the next
  /// epoch, or over several when there are few examples. Allocates only while `batch` grows.
  void next(long sequences, Batch& batch);

  Cursor cursor() const { return cursor_; }
  void seek(Cursor cursor);  // a place that does not exist: Fault::checkpoint
  double epochs() const;     // how many were seen, with fraction

 private:
  std::uint64_t example_at(std::uint64_t position);

  std::unique_ptr<Examples> examples_;
  std::uint64_t seed_;
  Cursor cursor_;
  struct Sorted {
    std::uint64_t key, position, example;
  };
  std::vector<Sorted> sorted_;  // the pool of positions that `pool_` names, by length
  std::optional<Cursor> pool_;
};

/// Batches for evaluation: every example once, in order, or some that are spread evenly over all.
class EvaluationBatches {
 public:
  /// Reads `most` of the examples, all if that is 0: example floor(i count / most) as its i-th.
  explicit EvaluationBatches(std::unique_ptr<Examples> examples, std::uint64_t most = 0);

  /// Fills `batch` with the next examples, at most `sequences`; false, and an empty batch, when there are none left.
  bool next(long sequences, Batch& batch);
  void restart() { next_ = 0; }
  std::uint64_t examples() const { return count_; }  // that are read
  std::uint64_t all() const { return examples_->count(); }
  std::uint64_t cut() const { return examples_->cut(); }  // of all: see Examples

 private:
  std::unique_ptr<Examples> examples_;
  std::uint64_t count_, next_ = 0;
};

}  // namespace primer::data
