#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <omp.h>

#include <algorithm>

#include "tests/places.h"

const char* source_directory() { return PRIMER_SOURCE_DIR; }
const char* binary_directory() { return PRIMER_BINARY_DIR; }

int main(int argc, char** argv) {
  // OpenBLAS waits for ever for threads that the runtime promises and then does not hand out.
  omp_set_dynamic(0);
  omp_set_num_threads(std::min(omp_get_max_threads(), omp_get_thread_limit()));
  return doctest::Context(argc, argv).run();
}
