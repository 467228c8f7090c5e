// Windows: the pieces of a token sequence that a model sees. An epoch makes every token a target once. Windows do not
// overlap; where the first one ends is drawn for each epoch, so that a token meets other contexts in other epochs.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/examples/examples.h"
#include "data/examples/masking.h"
#include "data/examples/token_sequence.h"

namespace primer::data {

/// How a sequence is cut in one epoch. Items are what is counted once: the targets of next-token prediction (all tokens
/// but the first), or the tokens themselves when some are masked.
struct WindowPlan {
  std::uint64_t items = 0;
  std::uint64_t context = 1;  // the most items in a window
  std::uint64_t first = 1;    // items in the first window, 1 ... context
  std::uint64_t count() const;
  std::uint64_t begin(std::uint64_t window) const;  // its first item
  std::uint64_t end(std::uint64_t window) const;    // past its last item
};

/// The windows of one sequence, as examples. With a Masking, tokens are masked and the targets are what they hide, and
/// a window stands between the masking's begin and end tokens, if it has such; without, the target of a token is the
/// next one. In an evaluation the first window is full.
class Windows final : public Examples {
 public:
  /// `tokens` must live as long. A context without place for a token, too short a sequence (2 tokens, or 1 when
  /// masked): Fault::usage, Fault::input.
  Windows(const TokenSequence& tokens, long context, std::uint64_t seed, std::optional<Masking> masking = {});

  void begin(Purpose purpose, std::uint64_t epoch) override;
  std::uint64_t count() const override { return plan_.count(); }
  long write(std::uint64_t window, ExampleRow& row) const override;
  const WindowPlan& plan() const { return plan_; }

 private:
  const TokenSequence* tokens_;
  std::uint64_t seed_;
  std::optional<Masking> masking_;
  Purpose purpose_ = Purpose::training;
  std::uint64_t epoch_ = 0;
  WindowPlan plan_;
};

/// The windows of each run by itself, a document or what a part of the text has of it: no token sees another document,
/// and positions and recurrent states begin anew with each. All tokens are targets, the first one behind `end`, where a
/// sample begins, too.
class DocumentWindows final : public Examples {
 public:
  /// `tokens` must live as long. No token: Fault::input.
  DocumentWindows(const TokenSequence& tokens, long context, std::uint64_t seed, int end);

  void begin(Purpose purpose, std::uint64_t epoch) override;
  std::uint64_t count() const override { return before_.back(); }
  bool varies() const override { return true; }
  long length(std::uint64_t window) const override;
  long write(std::uint64_t window, ExampleRow& row) const override;

 private:
  /// Where a window lies: its run, and its items there.
  struct Place {
    std::size_t run;
    std::uint64_t begin, end;
  };
  WindowPlan plan(std::size_t run) const;
  Place place(std::uint64_t window) const;

  const TokenSequence* tokens_;
  std::uint64_t seed_;
  int end_;
  Purpose purpose_ = Purpose::training;
  std::uint64_t epoch_ = 0;
  std::vector<std::uint64_t> before_;  // [runs + 1], windows of this epoch in the runs before
};

}  // namespace primer::data
