// What must hold for every input, beyond not crashing.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>

#include "autograd/error.h"
#include "data/bytes/utf8.h"

namespace primer::fuzz {

/// Ends the program, which the fuzzer and the replay of its corpus take for a finding.
inline void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: broken promise: %s\n", what);
  std::abort();
}

/// Calls read(). True if it went well; false if it was refused as files are: with Error, one of `faults`, and a message
/// of one short line that commands no terminal. Any other exception passes through and ends the program.
template <class Read>
bool accepts(std::initializer_list<autograd::Fault> faults, Read read) {
  try {
    read();
    return true;
  } catch (const autograd::Error& error) {
    const std::string message = error.what();
    bool expected = false;
    for (const autograd::Fault fault : faults) expected = expected || fault == error.fault();
    demand(expected, "the fault is one of those that the header names");
    demand(!message.empty() && message.size() < 2000, "the message is short");
    demand(data::printable(message) == message, "the message is fit for one line of a terminal");
    return false;
  }
}

}  // namespace primer::fuzz
