// The tape: runs operations forward as they are called, remembers them, and plays them backward.
//
// Order of creation, reversed, is the chain rule: every step is played after all steps that used its output. So there
// is no sorting, no recursion and no set of visited nodes. Values stay until reset(); a gradient lives from its first
// write to the backward step of the op that made the tensor.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "autograd/arena.h"
#include "autograd/into.h"
#include "autograd/op_clock.h"
#include "autograd/pool.h"
#include "autograd/product.h"
#include "autograd/tensor.h"

namespace primer::autograd {

/// What fixes the random numbers of a step. They are indexed over the whole step's batch, so that a batch cut into
/// micro-batches draws the same numbers.
struct Noise {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  long first_sequence = 0;  // index in the step's batch of the micro-batch's first sequence
  long sequences = 1;       // in this micro-batch
};

/// Sees, and may replace, any named tensor of a model: `blocks.3.attention` has a leaf `pattern`.
template <class T>
struct Observer {
  virtual ~Observer() = default;
  virtual bool wants(std::string_view path, std::string_view leaf) = 0;
  virtual Tensor<T> see(std::string_view path, std::string_view leaf, Tensor<T> x) = 0;
};

template <class T>
class Tape {
 public:
  bool training = true;  // dropout is active
  Noise noise;
  Observer<T>* observer = nullptr;  // null: nobody watches, at the cost of this check
  OpClock* clock = nullptr;         // null: nobody asks where the time goes
  Multiplier multiplier;            // makes and counts the products of the ops
  bool poison = false;              // new memory is filled with NaN: an element left unwritten shows

  /// A tape without memory measures: ops ask it for what they ask any tape for, and compute nothing. Their numbers are
  /// not there and must not be touched. Ids are, since shapes depend on them.
  explicit Tape(Memory memory = Memory::real);
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // ---- for those who use the tape ------------------------------------------------------------------------------

  /// A copy of numbers that take part and have no gradient.
  Tensor<T> constant(Shape shape, std::span<const T> values) { return leaf(shape, values, false); }

  /// A copy of numbers whose gradient is wanted; grad() is there after backward (null if nothing depended on it).
  Tensor<T> input(Shape shape, std::span<const T> values) { return leaf(shape, values, true); }

  /// Keeps x's gradient until reset().
  void keep_gradient(Tensor<T> x) { x.node->keep = true; }

  /// Plays the steps backward from root, a single number: afterwards every parameter and kept tensor that root
  /// depends on has its gradient d root / d x, added to what parameters already held. Once per recording.
  void backward(Tensor<T> root) {
    if (root.size() != 1) refuse("backward", "expected one number to start from, got " + root.shape.text());
    if (root.tape != this) refuse("backward", "the root was made on another tape");
    if (played_) refuse("backward", "this recording was already played; reset() and run forward again");
    if (!root.node->needs_grad) return;
    played_ = true;
    grad(root).each_element(1, [](long) { return T(1); });
    for (Step* step = last_; step; step = step->previous) {
      Node<T>* y = step->output;
      if (!y->grad) continue;
      if (clock) clock->start();
      step->play(step, y->grad);
      if (clock) clock->backward(step->op);
      if (!y->keep) drop_gradient(y);
    }
  }

  /// Forgets everything recorded. Memory stays, so that a second step of the same shapes allocates nothing. While the
  /// tape is paused it is refused: the pause gives its own memory back.
  void reset() {
    if (pauses_ > 0) refuse("reset", "the tape is paused; end the pause first", Fault::bug);
    arena_.rewind(0);
    if (records_) records_->rewind(0);
    pool_.clear();
    last_ = nullptr;
    played_ = false;
  }

  /// Until the guard dies nothing is recorded and dropout is off; what was made meanwhile is freed with it.
  class Pause {
   public:
    explicit Pause(Tape& tape)
        : tape_(tape), mark_(tape.arena_.mark()), recording_(tape.recording_), training_(tape.training) {
      tape.recording_ = tape.training = false;
      ++tape.pauses_;
    }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;
    ~Pause() {
      --tape_.pauses_;
      tape_.arena_.rewind(mark_);
      tape_.recording_ = recording_;
      tape_.training = training_;
    }

   private:
    Tape& tape_;
    Arena::Mark mark_;
    bool recording_, training_;
  };
  [[nodiscard]] Pause pause() { return Pause(*this); }

  /// True if an observer asks for this tensor: layers that would not make it otherwise check first.
  bool watched(std::string_view path, std::string_view name) { return observer && observer->wants(path, name); }
  /// Shows x to the observer, who may hand back another tensor of the same shape to go on with.
  Tensor<T> watch(Tensor<T> x, std::string_view path, std::string_view name) {
    if (!watched(path, name)) return x;
    Tensor<T> seen = observer->see(path, name, x);
    if (!(seen.shape == x.shape))
      refuse("watch", std::string(path) + "." + std::string(name) + ": expected a replacement of shape " +
                          x.shape.text() + ", got " + seen.shape.text());
    return seen;
  }

  /// Calls f(name) for every recorded step, newest first.
  template <class F>
  void each_recorded(F f) const {
    for (const Step* step = last_; step; step = step->previous) f(std::string_view(step->op));
  }

  std::size_t bytes_of_values() const { return arena_.used(); }
  std::size_t bytes_of_gradients() const { return pool_.in_use(); }
  std::size_t most_bytes_of_gradients() const { return pool_.reached(); }  // working space included

  // ---- for those who write ops ---------------------------------------------------------------------------------

  bool recording() const { return recording_; }

  /// False: a tape without memory. Loops of ops that are not made by what follows ask first.
  bool computes() const { return !records_; }
  template <class F>
  void each(long n, F f) const {
    if (computes()) autograd::each(n, f);
  }
  template <class... Loop>
  void split(Loop... loop) const {
    if (computes()) autograd::split(loop...);
  }

  /// c = a b + beta c: see Multiplier.
  void product(long m, long n, long k, Operand<T> a, Operand<T> b, T beta, T* c, long c_stride) {
    multiplier.product(m, n, k, a, b, beta, c, c_stride);
  }
  /// Counts a pass that reads and writes so many numbers.
  void moves(long numbers) { multiplier.work.bytes += static_cast<double>(numbers) * sizeof(T); }

  /// Memory until reset() (or the end of a pause), contents undefined.
  template <class U>
  U* keep(long count) {
    constexpr bool is_number = std::is_floating_point_v<U>;
    U* data = static_cast<U*>(is_number ? arena_.allocate(count * sizeof(U)) : real(count * sizeof(U)));
    if constexpr (is_number)
      if (poison && computes()) std::fill_n(data, count, std::numeric_limits<U>::quiet_NaN());
    return data;
  }
  /// A copy of the caller's numbers: a step may be played long after they are gone.
  template <class U>
  U* keep(std::span<const U> values) {
    U* data = keep<U>(static_cast<long>(values.size()));
    if (computes() || !std::is_floating_point_v<U>) std::copy(values.begin(), values.end(), data);
    return data;
  }

  /// Memory until the end of the scope, contents undefined.
  Scratch<T> scratch(long count) { return {pool_, acquire(count)}; }

  /// An unwritten result that depends on `inputs`.
  Tensor<T> output(Shape shape, std::initializer_list<Tensor<T>> inputs) {
    if (clock) clock->start();
    const bool needs = recording_ && std::any_of(inputs.begin(), inputs.end(),
                                                 [](const Tensor<T>& x) { return x.node && x.node->needs_grad; });
    return made(shape, keep<T>(shape.size()), needs);
  }

  /// Remembers how the gradient of y flows on: play(dy), with dy [y.size()] never null, adds to the gradients of the
  /// op's inputs. What play captures must be plain and owned by the tape. Returns y.
  template <class Play>
  Tensor<T> record(const char* op, Tensor<T> y, Play play) {
    static_assert(std::is_trivially_destructible_v<Play>, "a step owns nothing: nobody destroys it");
    if (clock) clock->forward(op);
    if (!y.node->needs_grad) return y;
    struct Recorded : Step {
      Play play_it;
      Recorded(Step base, Play p) : Step(base), play_it(p) {}
    };
    static_assert(alignof(Recorded) <= 64);
    void (*const run)(Step*, const T*) = [](Step* self, const T* dy) { static_cast<Recorded*>(self)->play_it(dy); };
    last_ = new (real(sizeof(Recorded))) Recorded(Step{last_, op, y.node, run}, play);
    return y;
  }

  /// Where the gradient of x goes: to be assigned on its first write, added to later. False if x wants none.
  Into<T> grad(Tensor<T> x) {
    if (!x || !x.node->needs_grad) return {};
    Node<T>* n = x.node;
    if (n->parameter) return {n->grad, std::exchange(n->written, true), computes()};
    if (!n->grad) return {n->grad = acquire(n->size), false, computes()};
    if (pool_.shared(n->grad)) {  // handed over by pass(): somebody else still reads it
      T* own = acquire(n->size);
      if (computes()) std::copy_n(n->grad, n->size, own);
      pool_.release(n->grad);
      n->grad = own;
    }
    return {n->grad, true, computes()};
  }

  /// The gradient of x, zero where nobody wrote yet: for scatters, which add to some elements. Null if x wants none.
  T* grad_zeroed(Tensor<T> x) {
    const Into<T> into = grad(x);
    if (into && into.real && !into.add) std::fill_n(into.data, x.node->size, T(0));
    return into.data;
  }

  /// The gradient of y is the gradient of x: handed over without a copy where x has none yet. As many elements.
  void pass(Tensor<T> y, Tensor<T> x) {
    if (!x || !x.node->needs_grad) return;
    Node<T>* n = x.node;
    if (!n->parameter && !n->grad) {
      pool_.share(y.node->grad);
      n->grad = y.node->grad;
      return;
    }
    grad(x).each_element(n->size, [dy = y.node->grad](long i) { return dy[i]; });
  }

  /// Space for a gradient that an op makes in its forward pass, to be given to x in its backward step by deliver().
  T* early_gradient(long count) { return acquire(count); }
  void deliver(T* early, Tensor<T> x) {
    Node<T>* n = x.node;
    if (!n->parameter && !n->grad) {
      n->grad = early;
      return;
    }
    grad(x).each_element(n->size, [early](long i) { return early[i]; });
    pool_.release(early);
  }

 private:
  struct Step {
    Step* previous;
    const char* op;
    Node<T>* output;
    void (*play)(Step*, const T* dy);
  };

  /// Memory in the arena that is there on every tape.
  void* real(std::size_t bytes) {
    void* place = arena_.allocate(bytes);
    return records_ ? records_->allocate(bytes) : place;
  }

  Tensor<T> made(Shape shape, T* values, bool needs_grad) {
    auto* node = new (real(sizeof(Node<T>))) Node<T>;
    node->value = values;
    node->size = shape.size();
    node->needs_grad = needs_grad;
    return {this, node, shape};
  }

  Tensor<T> leaf(Shape shape, std::span<const T> values, bool wants_grad) {
    if (shape.size() != static_cast<long>(values.size()))
      refuse("input", "expected " + std::to_string(shape.size()) + " numbers for " + shape.text() + ", got " +
                          std::to_string(values.size()));
    Tensor<T> x = made(shape, keep(values), wants_grad);
    x.node->keep = wants_grad;
    return x;
  }

  T* acquire(long count) {
    T* data = static_cast<T*>(pool_.acquire(count * sizeof(T)));
    if (poison && computes()) std::fill_n(data, count, std::numeric_limits<T>::quiet_NaN());
    return data;
  }

  void drop_gradient(Node<T>* n) {
    pool_.release(n->grad);
    n->grad = nullptr;
  }

  Arena arena_;
  Pool pool_;
  std::optional<Arena> records_;  // of a tape without memory: what is there all the same
  Step* last_ = nullptr;
  bool recording_ = true;
  int pauses_ = 0;  // guards that live
  bool played_ = false;
};

extern template class Tape<float>;
extern template class Tape<double>;

}  // namespace primer::autograd
