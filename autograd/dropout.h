// What a layer says about its dropout.
#pragma once

#include <cstdint>

namespace primer::autograd {

/// Where dropout happens and how often. The purpose is the hash of the module's path and the use.
struct Dropout {
  double probability = 0;  // of zeroing, in [0, 1)
  std::uint64_t purpose = 0;
};

}  // namespace primer::autograd
