// How fast this machine trains, and how fast it could: whole training steps beside the machine's own limits, all
// measured in one process.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "train/bench/bench_ops.h"
#include "train/tasks/config.h"

namespace primer::train {

/// A model and batch to train, on random tokens.
struct BenchCase {
  std::string name;
  Config config;
  int vocabulary;
  long steps;  // measured, after two to warm up
};

/// A: nanoGPT's small setting for characters; B: its large one; C and D: GPT-2 124M with contexts of 256 and 64;
/// B-dropout; A, B, C and D with the masked objective, such as A-masked; LSTM and GRU, two layers of 256 channels; E,
/// an encoder-decoder of three and three layers and 512 channels, and E-GRU, a recurrent one of 256 that aligns.
std::vector<BenchCase> bench_cases();

/// A part of a training step: an op, or what a step does besides.
struct PartTime {
  std::string name;
  double forward_ms = 0;
  double backward_ms = 0;
};

/// What was measured of a case: a training step, a part of sampling, work on files.
struct BenchResult {
  std::string name;
  double ms = 0;  // a step, a prompt, a token of every sequence, a file: the median
  double mean_ms = 0;
  double ms_spread = 0;  // between the first and the third quartile
  double tokens_per_s = 0;
  double gflops = 0;          // 10^9 operations a second
  double gb_per_s = 0;        // 10^9 bytes a second that must be moved, where that is the limit; else 0
  double limit_gb_per_s = 0;  // how fast such bytes could move; 0: as fast as the triad
  double bound_ms = 0;        // of a training step: see bench_limits.h
  double blas_ms = 0;         // of a training step, its products made by BLAS, which is what --no-deterministic does
  double peak_rss_mb = 0;     // of the process while the case ran, in 2^20 bytes
  std::vector<PartTime> parts = {};  // of a training step: the longest first, "outside" what none of them took
};

/// Forward, backward, clipping and update of every step, as train does them; counted are the operations that its
/// products need in their textbook form. `bandwidth` as in bound_ms.
BenchResult run_case(const BenchCase& bench, double bandwidth);

/// What a training and a sampling do with files: NAME-save, a durable checkpoint, beside writing and syncing as many
/// bytes; NAME-load, verifying and restoring it, beside reading them; NAME-start, from nothing to the first step,
/// beside filling as much new memory as that takes. In a folder of its own beside the system's temporary files.
/// Fault::io.
std::vector<BenchResult> run_files(const BenchCase& bench);

/// A text of 32 MiB to tokens, beside a copy of its bytes: tokenize-char, tokenize-byte.
std::vector<BenchResult> run_tokenizers();

/// Samples of `sequences` texts at once, with all that generate() does for each token. First NAME-prefill-SEQUENCES:
/// one prompt of 3/4 of the context for all of them, up to the first token. Then NAME-decode-SEQUENCES: the tokens
/// after it, each of which reads the weights, and every sequence's keys and values.
std::vector<BenchResult> run_sampling(const BenchCase& bench, long sequences);

/// How a step grows, at the width of case C: with the batch (batch-1 ... of 256 tokens each), with the context
/// (context-128 ... 2048, as many tokens each time), with threads (threads-1 ... all, each beside its sgemm_peak). And
/// what the context costs softmax, linear and FAVOR+ attention, training and sampling, in case A (A-context-128 ...
/// 4096, A-context-128-decode-1 and so on).
std::vector<BenchResult> run_growth();

struct BenchReport {
  std::vector<double> peaks;  // sgemm_peak() before, between and after the cases
  double bandwidth = 0;       // triad_bandwidth(), the best of as many
  std::vector<BenchResult> results;
  std::vector<OpResult> ops;

  void look_at_machine();
  double peak() const;   // the best
  double moved() const;  // how far the lowest was below that, as a share
  bool is_steady() const { return moved() <= 0.1; }
  double share_of_peak(const BenchResult& r) const { return r.gflops / peak(); }
  /// Of what holds the case back: the bandwidth where bytes are counted, else the peak.
  double share_of_limit(const BenchResult& r) const {
    return r.gb_per_s > 0 ? r.gb_per_s / (r.limit_gb_per_s > 0 ? r.limit_gb_per_s : bandwidth) : share_of_peak(r);
  }
};

/// The shares in what `bench --json` wrote: name -> share_of_limit. `name` is the file's, for messages. Fault::input.
std::map<std::string, double> read_shares(const std::string& json, const std::string& name);

/// The cases whose share is more than a tenth below what it was, "B, C" or "". Shares are compared, and not times: a
/// machine may be slower, the program's use of it may not.
std::string lost_cases(const BenchReport& report, const std::map<std::string, double>& before);

}  // namespace primer::train
