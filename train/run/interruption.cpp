#include "train/run/interruption.h"

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

}  // namespace

Signals::Signals() {
  stop_signal = 0;
  save_asked = false;
  constexpr int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
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
}

Signals::~Signals() {
  for (const auto& [signal, before] : before_) ::sigaction(signal, &before, nullptr);
}

int Signals::stop() { return stop_signal; }

bool Signals::save() { return save_asked.exchange(false); }

}  // namespace primer::train
