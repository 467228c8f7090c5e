// What reaches a training from outside while it runs.
#pragma once

#include <signal.h>

#include <array>
#include <utility>

namespace primer::train {

/// Asked after every step and before every batch of an evaluation.
class Interruption {
 public:
  virtual ~Interruption() = default;
  virtual int stop() { return 0; }       // the signal that asks to end, 0 if there is none
  virtual bool save() { return false; }  // true once for each request to save and go on
};

/// Holds back SIGINT, SIGTERM, SIGHUP and SIGUSR1: from this thread, from those that it starts, and over an execv.
void hold_signals();

/// Lets SIGINT, SIGTERM and SIGHUP through again, those that came meanwhile at once. SIGUSR1 would end a process that
/// does not handle it: it stays back until there are `Signals`.
void release_stop_signals();

/// The signals of this process, from construction to destruction. SIGINT, SIGTERM and SIGHUP ask to end; a second of
/// them ends the process at once. SIGUSR1 asks to save. SIGHUP stays ignored where it was (nohup).
/// What was held back until the construction is handled then. Only one at a time: signals belong to the process.
class Signals : public Interruption {
 public:
  Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() override;

  int stop() override;
  bool save() override;

  /// The last look: returns the signal that has asked to end, or 0; then already the next one ends the process at once.
  int stop_or_never();

 private:
  std::array<std::pair<int, struct sigaction>, 4> before_;  // what was done with each signal
  sigset_t held_before_;
};

}  // namespace primer::train
