// What computes: BLAS, its kernels, threads; and what makes them slower than they could be.
#pragma once

#include <string>
#include <vector>

#include "autograd/product.h"
#include "train/tasks/config.h"

namespace primer::train {

/// How this configuration wants its products made.
autograd::Products products_of(const Config& config);

/// What makes such products: "tiles of 64 bytes", as wide as this program was built for, or BLAS's core, "Haswell".
std::string products_name(autograd::Products products);

/// The processors that this code was compiled for, as the compiler's -march names them: "native", "x86-64-v3".
std::string machine_code();

/// "OpenBLAS 0.3.21, core Haswell, 2 threads, -march=native; products by tiles of 64 bytes".
std::string machine_text(autograd::Products products);

/// How wide a processor computes, the later the wider. BLAS has kernels for each.
enum class Width { sse, avx, avx2, avx512 };

/// What this processor can do; `sse` where that is not known.
Width processor_width();

/// What this program was built for.
Width built_width();

/// Why BLAS's products are slower than this machine could make them, each with its cure, one line each. `asks_core` and
/// `asks_cache`: whether the environment has OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE.
std::vector<std::string> slowed_by(const autograd::BlasInfo& blas, Width processor, bool asks_core, bool asks_cache);

/// Why everything else is.
std::vector<std::string> slowed_by(Width built, Width processor);

/// What slows this process, with products made so.
std::vector<std::string> slowed_by(autograd::Products products);

}  // namespace primer::train
