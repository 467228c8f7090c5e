// An induction circuit that is written into the weights: see constructed.cpp.
#pragma once

#include "studies/lab/fit.h"

namespace primer::studies {

struct ConstructedSize {
  long symbols = 20, period = 8;  // distinct tokens beside the mark; those of a block
  long length(bool marked) const { return 2 * period + (marked ? 1 : 0); }
};

Net<double> constructed_circuit(const ConstructedSize& size);

}  // namespace primer::studies
