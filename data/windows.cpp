#include "data/windows.h"

#include <algorithm>

#include "autograd/random.h"
#include "data/permutation.h"

namespace primer::data {

namespace {

/// Items to be counted once; too few is Fault::input.
std::uint64_t items_of(const TokenSequence& tokens, long context, bool masked) {
  if (context < 1) autograd::refuse("windows", "the context must be at least 1, got " + std::to_string(context));
  const std::uint64_t needed = masked ? 1 : 2;
  if (tokens.size() < needed) {
    throw Error(Fault::input, "a part of the text has " + std::to_string(tokens.size()) + " tokens, at least " +
                                  std::to_string(needed) + " are needed; give a longer text or another --val-fraction");
  }
  return masked ? tokens.size() : tokens.size() - 1;
}

/// Gives the batch its shape, everything padding.
void shape_batch(Batch& batch, long sequences, long length) {
  const auto places = static_cast<std::size_t>(sequences) * static_cast<std::size_t>(length);
  batch.sequences = sequences;
  batch.length = length;
  batch.tokens.assign(places, 0);    // [B, T]
  batch.targets.assign(places, -1);  // [B, T]
  batch.lengths.assign(static_cast<std::size_t>(sequences), 0);
  batch.padded = false;
}

/// Reads window `window` of the plan into row `row` of the batch.
void fill_row(Batch& batch, long row, const TokenSequence& tokens, const WindowPlan& plan, std::uint64_t window,
              const std::optional<Masking>& masking, Masking::Purpose purpose, std::uint64_t epoch) {
  const std::uint64_t begin = plan.begin(window), count = plan.end(window) - begin;
  const auto length = static_cast<std::size_t>(count);
  const std::span<int> inputs(batch.tokens.data() + row * batch.length, length);    // [L]
  const std::span<int> targets(batch.targets.data() + row * batch.length, length);  // [L]
  tokens.read(begin, count, inputs.data());
  if (masking) {
    masking->apply(purpose, epoch, window, inputs, targets);
  } else {  // item i is the token i + 1 as a target; its input is the token i
    tokens.read(begin + 1, count, targets.data());
  }
  batch.lengths[static_cast<std::size_t>(row)] = static_cast<int>(count);
  batch.padded = batch.padded || static_cast<long>(count) < batch.length;
}

}  // namespace

long Batch::target_count() const {
  return std::count_if(targets.begin(), targets.end(), [](int target) { return target >= 0; });
}

std::uint64_t WindowPlan::count() const {
  if (items <= first) return items == 0 ? 0 : 1;
  return 1 + (items - first + context - 1) / context;
}

std::uint64_t WindowPlan::begin(std::uint64_t window) const {
  return window == 0 ? 0 : first + (window - 1) * context;
}

std::uint64_t WindowPlan::end(std::uint64_t window) const {
  return std::min(first + window * context, items);
}

TrainingWindows::TrainingWindows(const TokenSequence& tokens, long context, std::uint64_t seed,
                                 std::optional<Masking> masking)
    : tokens_(&tokens), context_(context), seed_(seed), masking_(masking) {
  items_of(tokens, context, masking.has_value());
  plan_ = plan(0);
}

WindowPlan TrainingWindows::plan(std::uint64_t epoch) const {
  const autograd::Random random(seed_, autograd::hash("data.windows.first"), epoch);
  const auto context = static_cast<std::uint64_t>(context_);
  return {items_of(*tokens_, context_, masking_.has_value()), context, 1 + random.below(context, 0)};
}

void TrainingWindows::next(long sequences, Batch& batch) {
  if (sequences < 1) autograd::refuse("windows", "a batch needs at least 1 sequence, got " + std::to_string(sequences));
  shape_batch(batch, sequences, context_);
  for (long row = 0; row < sequences; ++row) {
    if (cursor_.position == plan_.count()) {
      cursor_ = {cursor_.epoch + 1, 0};
      plan_ = plan(cursor_.epoch);
    }
    const std::uint64_t window = Permutation(plan_.count(), seed_, cursor_.epoch)(cursor_.position);
    fill_row(batch, row, *tokens_, plan_, window, masking_, Masking::Purpose::training, cursor_.epoch);
    ++cursor_.position;
  }
}

void TrainingWindows::seek(Cursor cursor) {
  const WindowPlan there = plan(cursor.epoch);
  if (cursor.position > there.count()) {
    throw Error(Fault::checkpoint, "the saved place in the data is window " + std::to_string(cursor.position) +
                                       " of epoch " + std::to_string(cursor.epoch) + ", which has only " +
                                       std::to_string(there.count()) + "; the checkpoint belongs to another text");
  }
  cursor_ = cursor;
  plan_ = there;
}

double TrainingWindows::epochs() const {
  return static_cast<double>(cursor_.epoch) +
         static_cast<double>(cursor_.position) / static_cast<double>(plan_.count());
}

EvaluationWindows::EvaluationWindows(const TokenSequence& tokens, long context, std::optional<Masking> masking)
    : tokens_(&tokens), masking_(masking) {
  const std::uint64_t items = items_of(tokens, context, masking.has_value());
  plan_ = {items, static_cast<std::uint64_t>(context), static_cast<std::uint64_t>(context)};
}

bool EvaluationWindows::next(long sequences, Batch& batch) {
  if (sequences < 1) autograd::refuse("windows", "a batch needs at least 1 sequence, got " + std::to_string(sequences));
  const std::uint64_t left = plan_.count() - window_;
  const long rows = static_cast<long>(std::min(left, static_cast<std::uint64_t>(sequences)));
  shape_batch(batch, rows, static_cast<long>(plan_.context));
  for (long row = 0; row < rows; ++row) {
    fill_row(batch, row, *tokens_, plan_, window_++, masking_, Masking::Purpose::evaluation, 0);
  }
  return rows > 0;
}

}  // namespace primer::data
