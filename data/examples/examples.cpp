#include "data/examples/examples.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "autograd/error.h"
#include "autograd/random.h"
#include "data/examples/permutation.h"

namespace primer::data {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr std::uint64_t pool_size = 1024;  // examples among which lengths are sorted
constexpr long bucket_width = 8;           // tokens; examples of one bucket stay shuffled

/// Gives the batch its shape, everything padding.
void shape_batch(Batch& batch, long sequences, long length, const Examples& examples) {
  if (sequences < 1) autograd::refuse("batches", "a batch needs at least 1 sequence, got " + std::to_string(sequences));
  const auto rows = static_cast<std::size_t>(sequences);
  const std::size_t places = rows * static_cast<std::size_t>(length);
  batch.sequences = sequences;
  batch.length = length;
  batch.tokens.assign(places, 0);    // [B, T]
  batch.targets.assign(places, -1);  // [B, T]
  batch.segments.assign(examples.has_segments() ? places : 0, 0);
  batch.lengths.assign(rows, 0);
  batch.labels.assign(examples.has_labels() ? rows : 0, -1);
  batch.source_length = examples.has_source() ? length : 0;
  batch.sources.assign(rows * static_cast<std::size_t>(batch.source_length), 0);  // [B, S]
  batch.source_lengths.assign(examples.has_source() ? rows : 0, 0);
  batch.padded = false;
  batch.unknown = 0;
}

void fill_row(Batch& batch, long row, const Examples& examples, std::uint64_t example) {
  const auto part = [&](std::vector<int>& all, long width) {
    return all.empty() ? std::span<int>{} : std::span(all.data() + row * width, width);
  };
  ExampleRow out{part(batch.tokens, batch.length), part(batch.targets, batch.length),
                 part(batch.segments, batch.length)};
  out.source = part(batch.sources, batch.source_length);
  const long length = examples.write(example, out);
  batch.lengths[static_cast<std::size_t>(row)] = static_cast<int>(length);
  if (!batch.labels.empty()) batch.labels[static_cast<std::size_t>(row)] = out.label;
  if (!batch.source_lengths.empty())
    batch.source_lengths[static_cast<std::size_t>(row)] = static_cast<int>(out.source_length);
  batch.padded = batch.padded || length < batch.length;
  if (examples.unknown < 0) return;
  for (int& target : out.targets) {
    if (target != examples.unknown) continue;
    target = -1;
    ++batch.unknown;
  }
}

/// Cuts rows to their longest, of `lengths`; `length` is what they have, and gets what they are left with.
void trim_rows(std::initializer_list<std::vector<int>*> arrays, const std::vector<int>& lengths, long& length) {
  const long longest = *std::max_element(lengths.begin(), lengths.end()), rows = static_cast<long>(lengths.size());
  for (std::vector<int>* all : arrays) {
    if (all->empty()) continue;
    for (long row = 1; row < rows; ++row) {
      std::copy_n(all->begin() + row * length, longest, all->begin() + row * longest);
    }
    all->resize(static_cast<std::size_t>(rows * longest));
  }
  length = longest;
}

/// Cuts the batch to its longest sequence, and to its longest source.
void trim(Batch& batch) {
  trim_rows({&batch.tokens, &batch.targets, &batch.segments}, batch.lengths, batch.length);
  if (!batch.sources.empty()) trim_rows({&batch.sources}, batch.source_lengths, batch.source_length);
  const long longest = batch.length;
  const int shortest = *std::min_element(batch.lengths.begin(), batch.lengths.end());
  batch.padded = shortest < longest;
}

long count_of(const std::vector<int>& ids) {
  return std::count_if(ids.begin(), ids.end(), [](int id) { return id >= 0; });
}

}  // namespace

long Batch::target_count() const { return count_of(targets); }
long Batch::label_count() const { return count_of(labels); }

TrainingBatches::TrainingBatches(std::unique_ptr<Examples> examples, std::uint64_t seed)
    : examples_(std::move(examples)), seed_(seed) {
  examples_->begin(Purpose::training, 0);
  if (examples_->varies()) sorted_.reserve(pool_size);
}

std::uint64_t TrainingBatches::example_at(std::uint64_t position) {
  const std::uint64_t count = examples_->count();
  const Permutation order(count, seed_, cursor_.epoch);
  if (!examples_->varies()) return order(position);
  const Cursor pool{cursor_.epoch, position / pool_size};
  if (pool_ != pool) {
    pool_ = pool;
    const std::uint64_t first = pool.position * pool_size, last = std::min(first + pool_size, count);
    const autograd::Random random(seed_, autograd::mix(autograd::hash("data.buckets") + pool.position), pool.epoch);
    sorted_.clear();
    for (std::uint64_t i = first; i < last; ++i) {
      const std::uint64_t example = order(i);
      const auto bucket = static_cast<std::uint64_t>(examples_->length(example) / bucket_width);
      // The buckets come in a random order, so that lengths do not rise with the steps.
      sorted_.push_back({static_cast<std::uint64_t>(random.word(bucket)) << 32 | bucket, i, example});
    }
    std::sort(sorted_.begin(), sorted_.end(), [](const Sorted& a, const Sorted& b) {
      return std::tie(a.key, a.position) < std::tie(b.key, b.position);
    });
  }
  return sorted_[position % pool_size].example;
}

void TrainingBatches::next(long sequences, Batch& batch) {
  shape_batch(batch, sequences, examples_->context(), *examples_);
  for (long row = 0; row < sequences; ++row) {
    if (cursor_.position == examples_->count()) {
      cursor_ = {cursor_.epoch + 1, 0};
      examples_->begin(Purpose::training, cursor_.epoch);
    }
    fill_row(batch, row, *examples_, example_at(cursor_.position));
    ++cursor_.position;
  }
  if (examples_->varies()) trim(batch);
}

void TrainingBatches::seek(Cursor cursor) {
  examples_->begin(Purpose::training, cursor.epoch);
  if (cursor.position > examples_->count()) {
    throw Error(Fault::checkpoint, "the saved place in the data is example " + std::to_string(cursor.position) +
                                       " of epoch " + std::to_string(cursor.epoch) + ", which has only " +
                                       std::to_string(examples_->count()) + "; the checkpoint belongs to another text");
  }
  cursor_ = cursor;
}

double TrainingBatches::epochs() const {
  return static_cast<double>(cursor_.epoch) +
         static_cast<double>(cursor_.position) / static_cast<double>(examples_->count());
}

EvaluationBatches::EvaluationBatches(std::unique_ptr<Examples> examples, std::uint64_t most)
    : examples_(std::move(examples)) {
  examples_->begin(Purpose::evaluation, 0);
  count_ = most == 0 ? examples_->count() : std::min(most, examples_->count());
}

using Wide = unsigned __int128;  // a product of two counts

bool EvaluationBatches::next(long sequences, Batch& batch) {
  const std::uint64_t left = count_ - next_;
  if (left == 0) {
    batch = {};
    return false;
  }
  const auto example = [&](long row) {
    return static_cast<std::uint64_t>(Wide{next_ + static_cast<std::uint64_t>(row)} * examples_->count() / count_);
  };
  const long rows = std::min(sequences, static_cast<long>(std::min<std::uint64_t>(left, 1u << 30)));
  long length = examples_->context();
  if (examples_->varies()) {  // as wide as the longest: a file may claim any context, whatever its lines are
    length = 0;
    for (long row = 0; row < rows; ++row) length = std::max(length, examples_->length(example(row)));
  }
  shape_batch(batch, rows, length, *examples_);
  for (long row = 0; row < rows; ++row) fill_row(batch, row, *examples_, example(row));
  if (examples_->has_source()) trim(batch);
  next_ += static_cast<std::uint64_t>(rows);
  return true;
}

}  // namespace primer::data
