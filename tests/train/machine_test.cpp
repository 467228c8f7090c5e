#include "train/step/machine.h"

#include <doctest/doctest.h>

using namespace primer::train;
using primer::autograd::BlasInfo;
using primer::autograd::Products;

TEST_CASE("kernels that are narrower than the processor are named with the cure") {
  const auto causes = [](const char* core, Width processor, bool asks_core) {
    return slowed_by(BlasInfo{"OpenBLAS 0.3.21", core, true}, processor, asks_core, false);
  };
  CHECK(causes("Cooperlake", Width::avx512, false).empty());
  CHECK(causes("Haswell", Width::avx2, true).empty());
  CHECK(causes("a core of the future", Width::avx512, false).empty());
  REQUIRE(causes("Haswell", Width::avx512, true).size() == 1);
  CHECK(causes("Haswell", Width::avx512, true)[0] ==
        "BLAS computes with the kernels of Haswell, this processor has AVX-512: unset OPENBLAS_CORETYPE");
  REQUIRE(causes("Nehalem", Width::avx2, false).size() == 1);
  CHECK(causes("Nehalem", Width::avx2, false)[0].ends_with("a newer OpenBLAS would choose better ones"));
}

TEST_CASE("another build of BLAS and a foreign cache size are named") {
  CHECK(slowed_by(BlasInfo{"OpenBLAS 0.3.21", "Haswell", false}, Width::avx2, false, false).size() == 1);
  CHECK(slowed_by(BlasInfo{"OpenBLAS 0.3.21", "Haswell", true}, Width::avx2, false, true).size() == 1);
  CHECK(slowed_by(BlasInfo{"OpenBLAS 0.3.21", "Zen", false}, Width::avx512, true, true).size() == 3);
}

TEST_CASE("a program that was built for less than the processor has is told so") {
  CHECK(slowed_by(Width::avx512, Width::avx512).empty());
  CHECK(slowed_by(Width::avx512, Width::avx2).empty());
  REQUIRE(slowed_by(Width::avx2, Width::avx512).size() == 1);
  CHECK(slowed_by(Width::avx2, Width::avx512)[0] ==
        "this program was built for AVX2, this processor has AVX-512: build it on this machine");
}

TEST_CASE("the machine is told in one line") {
  const std::string text = machine_text(Products::tiles);
  CHECK(text.starts_with("OpenBLAS 0."));
  CHECK(text.find(", core ") != std::string::npos);
  CHECK(text.find(" thread") != std::string::npos);
  CHECK(text.ends_with(", -march=" + machine_code() + "; products by " + products_name(Products::tiles)));
  CHECK(text.find('\n') == std::string::npos);
}
