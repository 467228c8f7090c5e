#include <cstdio>
#include <map>
#include <memory>

#include "autograd/blas.h"
#include "autograd/error.h"
#include "autograd/parallel.h"
#include "data/file.h"
#include "data/utf8.h"
#include "train/program/commands.h"
#include "train/program/help.h"
#include "train/program/output.h"
#include "train/run/bench.h"
#include "train/run/machine.h"
#include "train/run/metrics.h"
#include "train/run/progress.h"

namespace primer::train {
namespace {

struct BenchOptions {
  std::vector<std::string> cases = {"A", "B"};
  std::string check;
  long threads = 0;
  bool json = false;
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

BenchReport measure(const std::vector<BenchCase>& cases) {
  BenchReport report;
  report.look_at_machine();
  for (const BenchCase& bench : cases) {
    say("case " + bench.name + " ...\n");
    report.results.push_back(run_case(bench));
    report.look_at_machine();
  }
  for (const BenchCase& bench : cases) {
    if (bench.config.dropout > 0) continue;  // samples are drawn without
    say("sampling " + bench.name + " ...\n");
    for (const long sequences : {1L, 8L}) {
      for (const BenchResult& part : run_sampling(bench, sequences)) report.results.push_back(part);
    }
    report.look_at_machine();
  }
  return report;
}

std::string as_json(const BenchReport& report) {
  const autograd::BlasInfo blas = autograd::blas_info();
  std::string cases;
  for (const BenchResult& r : report.results) {
    JsonLine line;
    line.add_text("name", r.name).add("ms", r.ms).add("ms_spread", r.ms_spread).add("tokens_per_s", r.tokens_per_s);
    line.add("gflops", r.gflops).add("share_of_peak", report.share_of_peak(r)).add("gb_per_s", r.gb_per_s);
    line.add("share_of_limit", report.share_of_limit(r)).add("peak_rss_mb", r.peak_rss_mb);
    cases += (cases.empty() ? "" : ",") + line.text();
  }
  JsonLine line;
  line.add_text("blas", blas.config).add_text("core", blas.core).add("threads", static_cast<long>(autograd::threads()));
  line.add("sgemm_peak_gflops", report.peak()).add("sgemm_peak_moved", report.moved()).add("triad_gb_s", report.bandwidth);
  return line.add_json("cases", "[" + cases + "]").text() + "\n";
}

std::string as_text(const BenchReport& report) {
  std::string text = machine_text() + "\n";
  for (const std::string& cause : slowed_by()) text += "note: " + cause + "\n";
  text += format("sgemm peak %.0f GFLOP/s, triad %.1f GB/s\n\n", report.peak(), report.bandwidth);
  text += format("%-12s %10s %8s %10s %8s %8s %6s %9s %7s\n", "case", "ms", "spread", "tokens/s", "GFLOP/s", "of peak",
                 "GB/s", "of triad", "MB");
  for (const BenchResult& r : report.results) {
    text += format("%-12s %10.2f %8.2f %10.0f %8.0f %7.1f%%", r.name.c_str(), r.ms, r.ms_spread, r.tokens_per_s,
                   r.gflops, 100 * report.share_of_peak(r));
    if (r.gb_per_s > 0) {
      text += format(" %6.1f %8.1f%%", r.gb_per_s, 100 * report.share_of_limit(r));
    } else {
      text += format(" %6s %9s", "", "");
    }
    text += format(" %7.0f\n", r.peak_rss_mb);
  }
  if (!report.is_steady()) {
    text += format("\nThe peak moved by %.0f %% meanwhile: something else uses this machine, and the shares say little.\n",
                   100 * report.moved());
  }
  return text;
}

/// Says how each case compares with an earlier run, and throws Different when one lost more than a tenth, or when this
/// machine was too busy to tell.
void check(const BenchReport& report, const std::map<std::string, double>& before) {
  for (const BenchResult& r : report.results) {
    const auto found = before.find(r.name);
    if (found == before.end()) continue;
    say(format("%-12s %6.1f %% of its limit, %6.1f %% before\n", r.name.c_str(), 100 * report.share_of_limit(r),
               100 * found->second));
  }
  if (!report.is_steady()) {
    say(format("the peak moved by %.0f %% meanwhile: this says nothing, try again when the machine is quiet\n",
               100 * report.moved()));
    throw Different{};
  }
  const std::string lost = lost_cases(report, before);
  if (lost.empty()) return;
  say("more than a tenth is lost in " + lost + "\n");
  throw Different{};
}

}  // namespace

void add_bench(CLI::App& root) {
  const auto options = std::make_shared<BenchOptions>();
  CLI::App* const command = add_command(root, "bench", "measure training and sampling beside the machine's limits",
                                        "Examples:\n"
                                        "  primer bench                    nanoGPT's two settings for characters\n"
                                        "  primer bench --cases C,D        GPT-2 124M\n"
                                        "  primer bench --json >before.json\n"
                                        "  primer bench --check before.json");
  command->add_option("--cases", options->cases, "of A, B, C, D, B-dropout; A,B unless given")->delimiter(',');
  command->add_option("--threads", options->threads, "processor threads; 0: all")->check(CLI::Range(0, 4096));
  command->add_option("--check", options->check,
                      "an earlier --json: exit code 1 when a case lost more than a tenth of its share")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "one JSON object");
  command->callback([options] {
    use_threads(options->threads);
    std::map<std::string, double> before;
    if (!options->check.empty()) before = read_shares(data::read_file(options->check, 1 << 20), data::printable(options->check));
    const BenchReport report = measure(chosen_cases(options->cases));
    put(options->json ? as_json(report) : as_text(report));
    if (!options->check.empty()) check(report, before);
  });
}

}  // namespace primer::train
