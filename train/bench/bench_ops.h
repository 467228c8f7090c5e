// What fusing an op is worth: each fused op beside the primitives that spell it.
#pragma once

#include <string>
#include <vector>

namespace primer::train {

/// Forward and backward together, at the width of case B with 8 sequences; medians.
struct OpResult {
  std::string name;
  double fused_ms = 0;
  double textbook_ms = 0;
  double limit_ms = 0;  // its products at the peak, or its bytes at the bandwidth
};

/// `peak` in 10^9 operations a second, `bandwidth` in 10^9 bytes a second.
std::vector<OpResult> run_ops(double peak, double bandwidth);

}  // namespace primer::train
