// What computes: BLAS, its kernels, threads; and what makes them slower than they could be.
#pragma once

#include <string>
#include <vector>

#include "autograd/blas.h"

namespace primer::train {

/// "OpenBLAS 0.3.21, core Haswell, 2 threads".
std::string machine_text();

/// How wide a processor computes, the later the wider. BLAS has kernels for each.
enum class Width { sse, avx, avx2, avx512 };

/// What this processor can do; `sse` where that is not known.
Width processor_width();

/// Why products are slower than this machine could make them, each with its cure, one line each. `asks_core` and
/// `asks_cache`: whether the environment has OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE.
std::vector<std::string> slowed_by(const autograd::BlasInfo& blas, Width processor, bool asks_core, bool asks_cache);

/// The same for this process.
std::vector<std::string> slowed_by();

}  // namespace primer::train
