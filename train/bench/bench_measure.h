// What the measurements of bench share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/tokenizers/tokenizer.h"
#include "train/bench/bench.h"

namespace primer::train {

/// Linux keeps the high-water mark of a process's resident memory: starts it again.
void restart_peak_memory();
double peak_memory_mb();  // since then, in 2^20 bytes

std::vector<int> random_tokens(long count, int vocabulary);

/// A vocabulary of so many symbols, the objective's special ones included; which they are does not matter.
std::shared_ptr<const data::Tokenizer> bench_tokenizer(const BenchCase& bench);

/// Median, spread, rate and memory from the seconds that so many tokens took each time.
BenchResult result_of(const std::string& name, std::vector<double> seconds, double tokens);

}  // namespace primer::train
