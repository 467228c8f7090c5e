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
  virtual int stop() { return 0; }          // the signal that asks to end, 0 if there is none
  virtual bool save() { return false; }     // true once for each request to save and go on
};

/// The signals of this process, from construction to destruction. SIGINT, SIGTERM and SIGHUP ask to end; a second of
/// them ends the process at once. SIGUSR1 asks to save. SIGHUP stays ignored where it was (nohup).
/// Only one at a time: signals belong to the process.
class Signals : public Interruption {
 public:
  Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() override;

  int stop() override;
  bool save() override;

 private:
  std::array<std::pair<int, struct sigaction>, 4> before_;  // what was done with each signal
};

}  // namespace primer::train
