// How fast this machine trains, and how fast it could: whole training steps beside the machine's own limits, all
// measured in one process.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "train/run/config.h"

namespace primer::train {

/// A model and batch to train, on random tokens.
struct BenchCase {
  std::string name;
  Config config;
  int vocabulary;
  long steps;  // measured, after two to warm up
};

/// A: nanoGPT's small setting for characters; B: its large one; C and D: GPT-2 124M with contexts of 256 and 64.
std::vector<BenchCase> bench_cases();

struct BenchResult {
  std::string name;
  double ms = 0;             // a step, the median
  double ms_spread = 0;      // between the first and the third quartile
  double tokens_per_s = 0;
  double gflops = 0;         // 10^9 operations a second, counted as (6 N + 12 L C T) a token, N without positions
  double peak_rss_mb = 0;    // of the process while the case ran, in 2^20 bytes
};

/// Forward, backward, clipping and update of every step, as train does them.
BenchResult run_case(const BenchCase& bench);

/// The most 10^9 operations a second that the product of large matrices reaches: the best of three sizes.
double sgemm_peak();

/// 10^9 bytes a second that a[i] = b[i] + s c[i] moves over arrays beyond any cache.
double triad_bandwidth();

}  // namespace primer::train
