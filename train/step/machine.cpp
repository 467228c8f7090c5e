#include "train/step/machine.h"

#include <cstdlib>
#include <map>

#include "autograd/kernels/tile.h"
#include "autograd/parallel.h"

namespace primer::train {

namespace {

// OpenBLAS's names of its kernel families on x86-64; what is newer than this list is taken for the widest.
Width width_of(const std::string& core) {
  static const std::map<std::string, Width> narrow{
      {"Prescott", Width::sse},     {"Core2", Width::sse},     {"Penryn", Width::sse},     {"Dunnington", Width::sse},
      {"Nehalem", Width::sse},      {"Atom", Width::sse},      {"Athlon", Width::sse},     {"Opteron", Width::sse},
      {"Opteron_SSE3", Width::sse}, {"Barcelona", Width::sse}, {"Bobcat", Width::sse},     {"Nano", Width::sse},
      {"Sandybridge", Width::avx},  {"Bulldozer", Width::avx}, {"Piledriver", Width::avx}, {"Steamroller", Width::avx},
      {"Excavator", Width::avx2},   {"Haswell", Width::avx2},  {"Zen", Width::avx2}};
  const auto found = narrow.find(core);
  return found == narrow.end() ? Width::avx512 : found->second;
}

std::string name_of(Width width) {
  return width == Width::avx512 ? "AVX-512" : width == Width::avx2 ? "AVX2" : width == Width::avx ? "AVX" : "SSE";
}

}  // namespace

autograd::Products products_of(const Config& config) {
  return config.deterministic ? autograd::Products::tiles : autograd::Products::blas;
}

std::string products_name(autograd::Products products) {
  if (products == autograd::Products::blas) return autograd::blas_info().core.substr(0, 31);
  return "tiles of " + std::to_string(autograd::Tile<float>::bytes) + " bytes";
}

std::string machine_code() { return PRIMER_ARCH; }

std::string machine_text(autograd::Products products) {
  const autograd::BlasInfo blas = autograd::blas_info();
  std::string name = blas.config.substr(0, blas.config.find(' ', blas.config.find(' ') + 1));  // and the version
  const int threads = autograd::threads();
  return name + ", core " + blas.core + ", " + std::to_string(threads) + (threads == 1 ? " thread" : " threads") +
         ", -march=" + machine_code() + "; products by " + products_name(products);
}

Width processor_width() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return Width::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Width::avx2;
  if (__builtin_cpu_supports("avx")) return Width::avx;
#endif
  return Width::sse;
}

Width built_width() {
#if defined(__AVX512F__) && defined(__AVX512VL__)
  return Width::avx512;
#elif defined(__AVX2__) && defined(__FMA__)
  return Width::avx2;
#elif defined(__AVX__)
  return Width::avx;
#else
  return Width::sse;
#endif
}

std::vector<std::string> slowed_by(const autograd::BlasInfo& blas, Width processor, bool asks_core, bool asks_cache) {
  std::vector<std::string> causes;
  if (!blas.openmp) {
    causes.push_back(
        "this OpenBLAS is not the OpenMP build, and several times slower inside our parallel loops: install "
        "libopenblas-openmp-dev and build again");
  }
  if (width_of(blas.core) < processor) {
    causes.push_back("BLAS computes with the kernels of " + blas.core + ", this processor has " + name_of(processor) +
                     (asks_core ? ": unset OPENBLAS_CORETYPE" : ": a newer OpenBLAS would choose better ones"));
  }
  if (asks_cache) causes.push_back("OPENBLAS_L2_SIZE is set, which can make products half as fast: unset it");
  return causes;
}

std::vector<std::string> slowed_by(Width built, Width processor) {
  if (built >= processor) return {};
  return {"this program was built for " + name_of(built) + ", this processor has " + name_of(processor) +
          ": build it on this machine"};
}

std::vector<std::string> slowed_by(autograd::Products products) {
  std::vector<std::string> causes = slowed_by(built_width(), processor_width());
  if (products == autograd::Products::tiles) return causes;  // BLAS has nothing to do
  const std::vector<std::string> more =
      slowed_by(autograd::blas_info(), processor_width(), std::getenv("OPENBLAS_CORETYPE") != nullptr,
                std::getenv("OPENBLAS_L2_SIZE") != nullptr);
  causes.insert(causes.end(), more.begin(), more.end());
  return causes;
}

}  // namespace primer::train
