// What can go wrong, and how it is said: one line with what, where, why and the likely cure.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace primer::autograd {

/// The kind of a failure. The numbers are the program's exit codes.
enum class Fault {
  usage = 2,       // an option, a configuration or a call that makes no sense
  input = 3,       // a text, a tokenizer or a run that cannot be used
  checkpoint = 4,  // a saved model that is corrupt, foreign or newer than this program
  io = 5,          // the disk: no space, read-only, permission, a failing device
  busy = 6,        // the run is in use by another process
  diverged = 7,    // the loss is no longer a number
  memory = 8,      // the machine has not enough memory
  bug = 70,        // primer's own mistake
};

/// Every failure that a caller can meet. `what()` is the whole message, one line.
class Error : public std::runtime_error {
 public:
  Error(Fault fault, const std::string& message) : std::runtime_error(message), fault_(fault) {}
  Fault fault() const { return fault_; }

 private:
  Fault fault_;
};

/// Throws Error with the message `[where] what`: the form in which ops and layers refuse their arguments.
[[noreturn]] inline void refuse(std::string_view where, const std::string& what, Fault fault = Fault::usage) {
  throw Error(fault, "[" + std::string(where) + "] " + what);
}

}  // namespace primer::autograd
