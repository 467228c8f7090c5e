#include "train/run/machine.h"

#include <cstdlib>
#include <map>

#include "autograd/parallel.h"

namespace primer::train {

namespace {

// OpenBLAS's names of its kernel families on x86-64; what is newer than this list is taken for the widest.
Width width_of(const std::string& core) {
  static const std::map<std::string, Width> narrow{
      {"Prescott", Width::sse},    {"Core2", Width::sse},       {"Penryn", Width::sse},       {"Dunnington", Width::sse},
      {"Nehalem", Width::sse},     {"Atom", Width::sse},        {"Athlon", Width::sse},       {"Opteron", Width::sse},
      {"Opteron_SSE3", Width::sse}, {"Barcelona", Width::sse},  {"Bobcat", Width::sse},       {"Nano", Width::sse},
      {"Sandybridge", Width::avx}, {"Bulldozer", Width::avx},   {"Piledriver", Width::avx},   {"Steamroller", Width::avx},
      {"Excavator", Width::avx2},  {"Haswell", Width::avx2},    {"Zen", Width::avx2}};
  const auto found = narrow.find(core);
  return found == narrow.end() ? Width::avx512 : found->second;
}

std::string name_of(Width width) {
  return width == Width::avx512 ? "AVX-512" : width == Width::avx2 ? "AVX2" : width == Width::avx ? "AVX" : "SSE";
}

}  // namespace

std::string machine_text() {
  const autograd::BlasInfo blas = autograd::blas_info();
  std::string name = blas.config.substr(0, blas.config.find(' ', blas.config.find(' ') + 1));  // and the version
  const int threads = autograd::threads();
  return name + ", core " + blas.core + ", " + std::to_string(threads) + (threads == 1 ? " thread" : " threads");
}

Width processor_width() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return Width::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Width::avx2;
  if (__builtin_cpu_supports("avx")) return Width::avx;
#endif
  return Width::sse;
}

std::vector<std::string> slowed_by(const autograd::BlasInfo& blas, Width processor, bool asks_core, bool asks_cache) {
  std::vector<std::string> causes;
  if (!blas.openmp) {
    causes.push_back("this OpenBLAS is not the OpenMP build, and several times slower inside our parallel loops: install "
                     "libopenblas-openmp-dev and build again");
  }
  if (width_of(blas.core) < processor) {
    causes.push_back("BLAS computes with the kernels of " + blas.core + ", this processor has " + name_of(processor) +
                     (asks_core ? ": unset OPENBLAS_CORETYPE" : ": a newer OpenBLAS would choose better ones"));
  }
  if (asks_cache) causes.push_back("OPENBLAS_L2_SIZE is set, which can make products half as fast: unset it");
  return causes;
}

std::vector<std::string> slowed_by() {
  return slowed_by(autograd::blas_info(), processor_width(), std::getenv("OPENBLAS_CORETYPE") != nullptr,
                   std::getenv("OPENBLAS_L2_SIZE") != nullptr);
}

}  // namespace primer::train
