#include <cstdio>
#include <map>
#include <memory>

#include "autograd/blas.h"
#include "autograd/error.h"
#include "autograd/parallel.h"
#include "data/bytes/file.h"
#include "data/bytes/utf8.h"
#include "program/commands.h"
#include "program/output.h"
#include "train/bench/bench.h"
#include "train/step/json_line.h"
#include "train/step/machine.h"
#include "train/step/progress.h"

namespace primer::program {

using namespace train;
namespace {

struct BenchOptions {
  std::vector<std::string> cases = {"A", "B"};
  std::vector<std::string> parts = {"training", "sampling", "files", "ops"};
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

BenchReport measure(const BenchOptions& options) {
  const auto asks = [&](const char* part) {
    return std::find(options.parts.begin(), options.parts.end(), part) != options.parts.end();
  };
  const std::vector<BenchCase> cases = chosen_cases(options.cases);
  BenchReport report;
  const auto add = [&](const std::vector<BenchResult>& results) {
    report.results.insert(report.results.end(), results.begin(), results.end());
  };
  report.look_at_machine();
  for (const BenchCase& bench : cases) {
    if (!asks("training")) continue;
    say("training " + bench.name + " ...\n");
    add({run_case(bench, report.bandwidth)});
    report.look_at_machine();
  }
  for (const BenchCase& bench : cases) {
    if (bench.config.dropout > 0 || !bench.config.objective->writes())
      continue;  // these sample and save as their namesakes
    if (asks("sampling")) {
      say("sampling " + bench.name + " ...\n");
      for (const long sequences : {1L, 8L}) add(run_sampling(bench, sequences));
    }
    if (asks("files")) {
      say("files of " + bench.name + " ...\n");
      add(run_files(bench));
    }
    report.look_at_machine();
  }
  if (asks("files")) {
    say("tokenizers ...\n");
    add(run_tokenizers());
  }
  if (asks("growth")) {
    say("growth ...\n");
    add(run_growth());
  }
  if (asks("ops")) {
    say("ops ...\n");
    report.ops = run_ops(report.peak(), report.bandwidth);
  }
  report.look_at_machine();
  return report;
}

std::string as_json(const BenchReport& report) {
  const autograd::BlasInfo blas = autograd::blas_info();
  const auto append = [](std::string& list, const JsonLine& line) { list += (list.empty() ? "" : ",") + line.text(); };
  std::string cases, ops;
  for (const BenchResult& r : report.results) {
    JsonLine line;
    line.add_text("name", r.name).add("ms", r.ms).add("ms_spread", r.ms_spread).add("tokens_per_s", r.tokens_per_s);
    line.add("gflops", r.gflops).add("share_of_peak", report.share_of_peak(r)).add("gb_per_s", r.gb_per_s);
    line.add("share_of_limit", report.share_of_limit(r)).add("peak_rss_mb", r.peak_rss_mb);
    if (!r.parts.empty()) {
      std::string parts;
      for (const PartTime& part : r.parts) {
        JsonLine one;
        append(parts,
               one.add_text("name", part.name).add("forward_ms", part.forward_ms).add("backward_ms", part.backward_ms));
      }
      line.add("bound_ms", r.bound_ms).add("blas_ms", r.blas_ms).add_json("parts", "[" + parts + "]");
    }
    append(cases, line);
  }
  for (const OpResult& op : report.ops) {
    JsonLine line;
    line.add_text("name", op.name).add("fused_ms", op.fused_ms).add("textbook_ms", op.textbook_ms);
    append(ops, line.add("limit_ms", op.limit_ms));
  }
  JsonLine line;
  line.add_text("blas", blas.config).add_text("core", blas.core).add("threads", static_cast<long>(autograd::threads()));
  line.add("sgemm_peak_gflops", report.peak())
      .add("sgemm_peak_moved", report.moved())
      .add("triad_gb_s", report.bandwidth);
  return line.add_json("cases", "[" + cases + "]").add_json("ops", "[" + ops + "]").text() + "\n";
}

/// Training steps: beside the peak of products, and beside the bound of their own shapes.
std::string training_text(const BenchReport& report) {
  std::string text, parts;
  for (const BenchResult& r : report.results) {
    if (r.parts.empty()) continue;
    text += format("%-14s %10.2f %8.2f %10.0f %8.0f %7.1f%% %9.2f %8.1f%% %9.2f %+6.1f%% %7.0f\n", r.name.c_str(), r.ms,
                   r.ms_spread, r.tokens_per_s, r.gflops, 100 * report.share_of_peak(r), r.bound_ms,
                   100 * r.bound_ms / r.ms, r.blas_ms, 100 * (r.ms / r.blas_ms - 1), r.peak_rss_mb);
    parts += format("\n%-20s %10s %10s %7s\n", ("time in " + r.name).c_str(), "forward", "backward", "share");
    for (const PartTime& part : r.parts) {
      parts += format("  %-18s %10.3f %10.3f %6.1f%%\n", part.name.c_str(), part.forward_ms, part.backward_ms,
                      100 * (part.forward_ms + part.backward_ms) / r.mean_ms);
    }
  }
  if (text.empty()) return text;
  return format("\n%-14s %10s %8s %10s %8s %8s %9s %9s %9s %7s %7s\n", "training", "ms", "spread", "tokens/s",
                "GFLOP/s", "of peak", "bound", "of bound", "by BLAS", "cost", "MB") +
         text + parts +
         "\nThe cost is that of the same numbers for any number of threads: a step by tiles against one by BLAS.\n";
}

/// Everything else: beside the peak, or beside the rate at which bytes can move.
std::string other_text(const BenchReport& report) {
  std::string text;
  for (const BenchResult& r : report.results) {
    if (!r.parts.empty()) continue;
    text += format("%-30s %10.2f %8.2f %10.0f", r.name.c_str(), r.ms, r.ms_spread, r.tokens_per_s);
    if (r.gb_per_s > 0) {
      text += format(" %9.2f GB/s  ", r.gb_per_s);
    } else {
      text += format(" %9.0f GFLOP/s", r.gflops);
    }
    text += format(" %8.1f%% %7.0f\n", 100 * report.share_of_limit(r), r.peak_rss_mb);
  }
  if (text.empty()) return text;
  return format("\n%-30s %10s %8s %10s %17s %9s %7s\n", "", "ms", "spread", "tokens/s", "rate", "of limit", "MB") +
         text;
}

std::string ops_text(const BenchReport& report) {
  std::string text;
  for (const OpResult& op : report.ops) {
    text += format("%-16s %10.3f %10.3f %8.1f %10.3f %8.1f%%\n", op.name.c_str(), op.fused_ms, op.textbook_ms,
                   op.textbook_ms / op.fused_ms, op.limit_ms, 100 * op.limit_ms / op.fused_ms);
  }
  if (text.empty()) return text;
  return format("\n%-16s %10s %10s %8s %10s %9s\n", "op", "fused ms", "spelled", "times", "limit", "of limit") + text;
}

std::string as_text(const BenchReport& report) {
  constexpr autograd::Products products = autograd::Products::tiles;
  std::string text = machine_text(products) + "\n";
  for (const std::string& cause : slowed_by(products)) text += "note: " + cause + "\n";
  text += format("sgemm peak %.0f GFLOP/s, triad %.1f GB/s\n", report.peak(), report.bandwidth);
  text += training_text(report) + other_text(report) + ops_text(report);
  if (!report.is_steady()) {
    text +=
        format("\nThe peak moved by %.0f %% meanwhile: something else uses this machine, and the shares say little.\n",
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
  CLI::App* const command =
      add_command(root, "bench", "measure training and sampling beside the machine's limits",
                  "Examples:\n"
                  "  primer bench                    nanoGPT's two settings for characters\n"
                  "  primer bench --cases C,D        GPT-2 124M\n"
                  "  primer bench --cases LSTM,GRU   recurrent nets, 2 layers of 256 channels\n"
                  "  primer bench --cases E,E-GRU    encoder-decoders, a Transformer and one of GRU cells\n"
                  "  primer bench --parts ops        each fused op beside its composition\n"
                  "  primer bench --json >before.json\n"
                  "  primer bench --check before.json");
  const CLI::Option* const cases =
      command
          ->add_option("--cases", options->cases,
                       "of A, B, C, D, each with -masked too, B-dropout, LSTM, GRU, E, E-GRU, "
                       "A-linear, A-favor and A-rfa; A,B unless given")
          ->delimiter(',');
  command
      ->add_option("--parts", options->parts,
                   "of training, sampling, files, ops, growth; all but the last unless given")
      ->delimiter(',')
      ->check(CLI::IsMember({"training", "sampling", "files", "ops", "growth"}));
  command->add_option("--threads", options->threads, "processor threads; 0: all")->check(CLI::Range(0, 4096));
  command
      ->add_option("--check", options->check,
                   "an earlier --json: exit code 1 when a case lost more than a tenth of its share")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "one JSON object");
  command->callback([options, cases] {
    if (!cases->empty() && options->parts == std::vector<std::string>{"growth"})
      throw autograd::Error(autograd::Fault::usage, "--cases does not go with --parts growth, which has its own");
    use_threads(options->threads);
    std::map<std::string, double> before;
    if (!options->check.empty())
      before = read_shares(data::read_file(options->check, 1 << 20), data::printable(options->check));
    const BenchReport report = measure(*options);
    put(options->json ? as_json(report) : as_text(report));
    if (!options->check.empty()) check(report, before);
  });
}

}  // namespace primer::program
