// A body turns tokens into hidden rows. Heads stand on it: see model.h.
#pragma once

#include <memory>
#include <span>

#include "nn/linear.h"
#include "nn/model_config.h"

namespace primer::nn {

/// What B sequences are made from, as a translation is from its source: B sequences of S places.
struct Source {
  std::span<const int> tokens = {};   // [B, S], row by row
  long length = 0;                    // S
  std::span<const int> lengths = {};  // [B], how many tokens of each are real, 1 ... S; none: all
};

/// B sequences of T places. The spans are the caller's.
struct Sequences {
  std::span<const int> tokens;         // [B, T], row by row
  long batch = 0, length = 0;          // B, T
  std::span<const int> lengths = {};   // [B], how many tokens of each are real, 1 ... T; none: all
  std::span<const int> segments = {};  // [B, T], which segment a token belongs to; none: all to segment 0
  Source source = {};                  // of a body that has an encoder
};

/// What a body keeps of the tokens that B sequences have read, as many of each, so that what follows costs no more than
/// itself: the keys and values of attention, say.
template <class T>
class State {
 public:
  virtual ~State() = default;
  long sequences() const { return sequences_; }  // B
  long past() const { return past_; }            // tokens of each that were read

  /// Forgets all; so many sequences come next. Error(usage) when these are more than there is room for.
  virtual void clear(long sequences) {
    past_ = 0;
    repeat(sequences);
  }

  /// So many sequences that have all begun as the first one. Error(usage) as above.
  void repeat(long sequences) {
    expect_room(sequences);
    sequences_ = sequences;
    for (long b = 1; b < sequences; ++b) copy(0, b);
  }

  /// Lets sequence `to` be as sequence `from` is: one of sequences(), or the next one, for a search that goes on from
  /// the better ones. Error(usage) as above.
  void branch(long from, long to) {
    expect_room(std::max(sequences_, to + 1));
    sequences_ = std::max(sequences_, to + 1);
    copy(from, to);
  }

  /// Gives up sequence b; the last one takes its place.
  void drop(long b) {
    if (b != --sequences_) copy(sequences_, b);
  }

  void advance(long n) { past_ += n; }  // n tokens of each were read

 protected:
  explicit State(long most) : most_(most) {}
  const long most_;  // sequences that there is room for
  long sequences_ = 0, past_ = 0;

 private:
  void expect_room(long sequences) const {
    if (sequences < 0 || sequences > most_)
      autograd::refuse("state",
                       "expected " + std::to_string(most_) + " sequences or fewer, got " + std::to_string(sequences));
  }

  /// Puts what is kept of one sequence in the place of another one's.
  virtual void copy(long from, long to) = 0;
};

template <class T>
struct Body {
  const ModelConfig config;

  /// Throws Error(usage) on a shape that makes no model.
  explicit Body(const ModelConfig& c) : config(c) { c.check(); }
  virtual ~Body() = default;

  /// What it makes of the tokens: [B, T, C]. With a state, which this body made, the tokens follow those that its B
  /// sequences have read, and join them: past() grows by T; the tape must be paused, and in.lengths empty. A body that
  /// has an encoder needs in.source; it keeps that in a state whose past() is 0, and goes on without. Throws
  /// Error(usage): arrays of another size, an id that there is not, a sequence or source longer than the context, a
  /// source that is not needed, or none that is.
  virtual Tensor<T> hidden(Tape<T>& tape, const Sequences& in, State<T>* state = nullptr) const = 0;

  /// Room for the state of up to `most` sequences that have read nothing. Error(usage) from a body that cannot go on
  /// with a text; Error(memory).
  virtual std::unique_ptr<State<T>> state(long most) const = 0;

  /// The rows that tokens begin as, [V, C]. An output that is tied to them has the same.
  virtual Tensor<T> token_rows() const = 0;

  /// Numbers of a learned table of positions, of which a token needs one row.
  virtual long position_count() const { return 0; }

  /// A state has no room for more tokens than the context. One that is not bounded goes on for ever.
  virtual bool is_bounded() const { return true; }

  /// Layers that can show which tokens look at which: `blocks.i.attention.pattern`.
  virtual long attention_layers() const { return 0; }

 protected:
  /// Throws Error(usage) unless there is a source where one is needed and nowhere else, and hidden() can go on with
  /// `state`, if there is one; `fits`: this body has made it.
  void expect_state(const char* body, const Tape<T>& tape, const Sequences& in, const State<T>* state,
                    bool fits) const {
    const bool given = in.source.length > 0 || !in.source.tokens.empty(), encodes = config.decoder_layers > 0;
    if (given && !encodes) autograd::refuse(body, "this model has no encoder to read a source");
    if (given && state && state->past() > 0) autograd::refuse(body, "the state has read its source; go on without");
    if (!given && encodes && !(state && state->past() > 0)) autograd::refuse(body, "expected a source to be read");
    if (!state) return;
    if (!fits) autograd::refuse(body, "the state was made for a model of another shape");
    if (tape.recording()) autograd::refuse(body, "what is kept has no gradient; pause the tape");
    if (in.batch != state->sequences() || !in.lengths.empty())
      autograd::refuse(body, "the state goes on with " + std::to_string(state->sequences()) +
                                 " sequences, all of one length, got " + std::to_string(in.batch));
  }
};

}  // namespace primer::nn
