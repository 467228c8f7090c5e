#include "data/examples/windows.h"

#include <algorithm>
#include <string>

#include "autograd/error.h"
#include "autograd/random.h"

namespace primer::data {

using autograd::Error;
using autograd::Fault;

std::uint64_t WindowPlan::count() const {
  if (items <= first) return items == 0 ? 0 : 1;
  return 1 + (items - first + context - 1) / context;
}

std::uint64_t WindowPlan::begin(std::uint64_t window) const { return window == 0 ? 0 : first + (window - 1) * context; }

std::uint64_t WindowPlan::end(std::uint64_t window) const { return std::min(first + window * context, items); }

Windows::Windows(const TokenSequence& tokens, long context, std::uint64_t seed, std::optional<Masking> masking)
    : Examples(context), tokens_(&tokens), seed_(seed), masking_(masking) {
  const long places = context - (masking ? masking->framing() : 0);
  if (places < 1) {
    autograd::refuse("windows", "the context must be at least " + std::to_string(context - places + 1) + ", got " +
                                    std::to_string(context));
  }
  const std::uint64_t needed = masking ? 1 : 2;
  if (tokens.size() < needed) {
    throw Error(Fault::input, "a part of the text has " + std::to_string(tokens.size()) + " tokens, at least " +
                                  std::to_string(needed) + " are needed; give a longer text or another --val-fraction");
  }
  plan_.items = masking ? tokens.size() : tokens.size() - 1;
  plan_.context = static_cast<std::uint64_t>(places);
  begin(Purpose::training, 0);
}

void Windows::begin(Purpose purpose, std::uint64_t epoch) {
  purpose_ = purpose;
  epoch_ = epoch;
  plan_.first = plan_.context;
  if (purpose == Purpose::training) {
    plan_.first = 1 + autograd::Random(seed_, autograd::hash("data.windows.first"), epoch).below(plan_.context, 0);
  }
}

long Windows::write(std::uint64_t window, ExampleRow& row) const {
  const std::uint64_t begin = plan_.begin(window), count = plan_.end(window) - begin;
  if (!masking_) {  // item i is the token i + 1 as a target; its input is the token i
    tokens_->read(begin, count, row.tokens.data());
    tokens_->read(begin + 1, count, row.targets.data());
    return static_cast<long>(count);
  }
  const std::size_t framing = static_cast<std::size_t>(masking_->framing()), before = framing / 2;
  const std::size_t length = static_cast<std::size_t>(count) + framing;
  tokens_->read(begin, count, row.tokens.data() + before);
  if (framing > 0) {
    row.tokens[0] = masking_->begin;
    row.tokens[length - 1] = masking_->end;
  }
  masking_->apply(purpose_, epoch_, window, row.tokens.first(length), row.targets.first(length));
  return static_cast<long>(length);
}

DocumentWindows::DocumentWindows(const TokenSequence& tokens, long context, std::uint64_t seed, int end)
    : Examples(context), tokens_(&tokens), seed_(seed), end_(end) {
  if (context < 1) autograd::refuse("windows", "the context must be at least 1, got " + std::to_string(context));
  begin(Purpose::training, 0);
  if (count() == 0)
    throw Error(Fault::input, "a part of the text has no token; give a longer text or another --val-fraction");
}

// A run that has no room in one window is cut anew in each epoch.
WindowPlan DocumentWindows::plan(std::size_t run) const {
  const auto T = static_cast<std::uint64_t>(context());
  WindowPlan plan{tokens_->examples()[run].tokens, T, T};
  if (purpose_ == Purpose::training && plan.items > T)
    plan.first = 1 + autograd::Random(seed_, autograd::hash("data.windows.document"), epoch_).below(T, run);
  return plan;
}

void DocumentWindows::begin(Purpose purpose, std::uint64_t epoch) {
  purpose_ = purpose;
  epoch_ = epoch;
  before_.assign(1, 0);
  for (std::size_t run = 0; run < tokens_->examples().size(); ++run)
    before_.push_back(before_.back() + plan(run).count());
}

DocumentWindows::Place DocumentWindows::place(std::uint64_t window) const {
  const auto run = static_cast<std::size_t>(std::ranges::upper_bound(before_, window) - before_.begin()) - 1;
  const WindowPlan of_run = plan(run);
  return {run, of_run.begin(window - before_[run]), of_run.end(window - before_[run])};
}

long DocumentWindows::length(std::uint64_t window) const {
  const Place at = place(window);
  return static_cast<long>(at.end - at.begin);
}

long DocumentWindows::write(std::uint64_t window, ExampleRow& row) const {  // item i is the token i as a target
  const Place at = place(window);
  const std::uint64_t first = tokens_->examples()[at.run].begin + at.begin, count = at.end - at.begin;
  tokens_->read(first, count, row.targets.data());
  row.tokens[0] = end_;
  if (at.begin > 0) tokens_->read(first - 1, 1, row.tokens.data());
  std::copy_n(row.targets.begin(), count - 1, row.tokens.begin() + 1);
  return static_cast<long>(count);
}

}  // namespace primer::data
