#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "autograd/blas.h"
#include "autograd/error.h"
#include "autograd/parallel.h"
#include "train/program/commands.h"
#include "train/program/help.h"
#include "train/program/output.h"
#include "train/run/bench.h"
#include "train/run/metrics.h"
#include "train/run/progress.h"

namespace primer::train {
namespace {

struct BenchOptions {
  std::vector<std::string> cases = {"A", "B"};
  long threads = 0;
  bool json = false;
};

struct Report {
  double peak = 0;         // 10^9 operations a second, the best that was measured
  double moved = 0;        // how far the lowest measurement of the peak was below that, as a share
  double bandwidth = 0;    // 10^9 bytes a second
  std::vector<BenchResult> results;
};

std::string format(const char* form, auto... values) {
  char text[256];
  std::snprintf(text, sizeof text, form, values...);
  return text;
}

std::vector<BenchCase> chosen_cases(const std::vector<std::string>& names) {
  std::vector<BenchCase> chosen;
  const std::vector<BenchCase> all = bench_cases();
  std::string known;
  for (const BenchCase& bench : all) known += (known.empty() ? "" : ", ") + bench.name;
  for (const std::string& name : names) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const BenchCase& bench) { return bench.name == name; });
    if (found == all.end()) throw autograd::Error(autograd::Fault::usage, "no case " + name + "; there are " + known);
    chosen.push_back(*found);
  }
  return chosen;
}

Report measure(const std::vector<BenchCase>& cases) {
  Report report;
  report.bandwidth = triad_bandwidth();
  std::vector<double> peaks = {sgemm_peak()};
  for (const BenchCase& bench : cases) {
    say("case " + bench.name + " ...\n");
    report.results.push_back(run_case(bench));
    peaks.push_back(sgemm_peak());
  }
  report.peak = *std::max_element(peaks.begin(), peaks.end());
  report.moved = 1 - *std::min_element(peaks.begin(), peaks.end()) / report.peak;
  return report;
}

std::string as_json(const Report& report) {
  const autograd::BlasInfo blas = autograd::blas_info();
  std::string cases;
  for (const BenchResult& r : report.results) {
    JsonLine line;
    line.add_text("name", r.name).add("ms", r.ms).add("ms_spread", r.ms_spread).add("tokens_per_s", r.tokens_per_s);
    line.add("gflops", r.gflops).add("share_of_peak", r.gflops / report.peak).add("peak_rss_mb", r.peak_rss_mb);
    cases += (cases.empty() ? "" : ",") + line.text();
  }
  JsonLine line;
  line.add_text("blas", blas.config).add_text("core", blas.core).add("threads", static_cast<long>(autograd::threads()));
  line.add("sgemm_peak_gflops", report.peak).add("sgemm_peak_moved", report.moved).add("triad_gb_s", report.bandwidth);
  return line.add_json("cases", "[" + cases + "]").text() + "\n";
}

std::string as_text(const Report& report) {
  const autograd::BlasInfo blas = autograd::blas_info();
  std::string text = blas.config + ", core " + blas.core + ", " + std::to_string(autograd::threads()) + " threads\n";
  text += format("sgemm peak %.0f GFLOP/s, triad %.1f GB/s\n\n", report.peak, report.bandwidth);
  text += format("%-10s %10s %8s %12s %10s %8s %10s\n", "case", "ms/step", "spread", "tokens/s", "GFLOP/s", "of peak",
                 "memory MB");
  for (const BenchResult& r : report.results)
    text += format("%-10s %10.2f %8.2f %12.0f %10.0f %7.1f%% %10.0f\n", r.name.c_str(), r.ms, r.ms_spread,
                   r.tokens_per_s, r.gflops, 100 * r.gflops / report.peak, r.peak_rss_mb);
  if (report.moved > 0.1)
    text +=
        format("\nThe peak moved by %.0f %% meanwhile: something else uses this machine, and the shares say little.\n",
               100 * report.moved);
  return text;
}

}  // namespace

void add_bench(CLI::App& root) {
  const auto options = std::make_shared<BenchOptions>();
  CLI::App* const command = add_command(root, "bench", "measure training steps beside the machine's limits",
                                        "Examples:\n"
                                        "  primer bench                    nanoGPT's two settings for characters\n"
                                        "  primer bench --cases C,D        GPT-2 124M\n"
                                        "  primer bench --json");
  command->add_option("--cases", options->cases, "of A, B, C, D, B-dropout; A,B unless given")->delimiter(',');
  command->add_option("--threads", options->threads, "processor threads; 0: all")->check(CLI::Range(0, 4096));
  command->add_flag("--json", options->json, "one JSON object");
  command->callback([options] {
    use_threads(options->threads);
    const Report report = measure(chosen_cases(options->cases));
    put(options->json ? as_json(report) : as_text(report));
  });
}

}  // namespace primer::train
