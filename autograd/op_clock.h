// Where the time of a step goes: seconds by op, forward and backward.
#pragma once

#include <chrono>
#include <map>
#include <string_view>

namespace primer::autograd {

struct OpTime {
  double forward = 0;   // seconds
  double backward = 0;  // seconds
  long calls = 0;
};

/// A tape that has one tells it when the work of an op begins and ends. What is no op, such as an optimizer's update,
/// is timed by those who do it.
class OpClock {
 public:
  void start() { begin_ = Clock::now(); }
  void forward(std::string_view op) {
    OpTime& time = times_[op];
    time.forward += since_start();
    ++time.calls;
  }
  void backward(std::string_view op) { times_[op].backward += since_start(); }

  const std::map<std::string_view, OpTime>& times() const {
    return times_;
  }  // by names that live as long as the program
  void clear() { times_.clear(); }

 private:
  using Clock = std::chrono::steady_clock;
  double since_start() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

  Clock::time_point begin_;
  std::map<std::string_view, OpTime> times_;
};

/// f(), under `name` if there is a clock.
template <class F>
void timed(OpClock* clock, std::string_view name, F f) {
  if (clock) clock->start();
  f();
  if (clock) clock->forward(name);
}

}  // namespace primer::autograd
