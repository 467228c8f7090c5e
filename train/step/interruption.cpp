#include "train/step/interruption.h"

#include <unistd.h>

#include <atomic>

namespace primer::train {

namespace {

// The handlers touch nothing else, and these are lock-free: all that a handler may do.
std::atomic<int> stop_signal{0};
std::atomic<bool> save_asked{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void ask_to_stop(int signal) {
  int none = 0;
  if (!stop_signal.compare_exchange_strong(none, signal)) ::_exit(128 + signal);
}

void ask_to_save(int) { save_asked = true; }

constexpr std::array handled{SIGINT, SIGTERM, SIGHUP, SIGUSR1};  // the first three ask to stop

// The first `count` of them.
sigset_t set_of(std::size_t count) {
  sigset_t set;
  ::sigemptyset(&set);
  for (std::size_t i = 0; i < count; ++i) ::sigaddset(&set, handled[i]);
  return set;
}
const sigset_t stopping_set = set_of(3), handled_set = set_of(handled.size());

}  // namespace

void hold_signals() { ::pthread_sigmask(SIG_BLOCK, &handled_set, nullptr); }

void release_stop_signals() { ::pthread_sigmask(SIG_UNBLOCK, &stopping_set, nullptr); }

Signals::Signals() {
  stop_signal = 0;
  save_asked = false;
  for (std::size_t i = 0; i < before_.size(); ++i) {
    auto& [signal, before] = before_[i];
    signal = handled[i];
    ::sigaction(signal, nullptr, &before);
    if (signal == SIGHUP && before.sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = signal == SIGUSR1 ? ask_to_save : ask_to_stop;
    action.sa_flags = SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(signal, &action, nullptr);
  }
  ::pthread_sigmask(SIG_UNBLOCK, &handled_set, &held_before_);
}

Signals::~Signals() {
  ::pthread_sigmask(SIG_SETMASK, &held_before_, nullptr);
  for (const auto& [signal, before] : before_) ::sigaction(signal, &before, nullptr);
}

int Signals::stop() { return stop_signal; }

int Signals::stop_or_never() {
  int signal = 0;
  // Any number but 0 makes the handler end the process.
  if (stop_signal.compare_exchange_strong(signal, -1)) return 0;
  return signal;
}

bool Signals::save() { return save_asked.exchange(false); }

}  // namespace primer::train
