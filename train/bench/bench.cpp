#include "train/bench/bench.h"

#include <algorithm>
#include <cstdlib>

#include "autograd/error.h"
#include "data/bytes/strict_json.h"
#include "train/bench/bench_limits.h"
#include "train/tasks/presets.h"

namespace primer::train {

std::vector<BenchCase> bench_cases() {
  Config a, b, gpt2;
  apply_preset(a, "nanogpt-cpu");
  apply_preset(b, "nanogpt-gpu");
  b.dropout = 0;
  Config b_dropout = b;
  b_dropout.dropout = 0.2;
  gpt2.layers = gpt2.heads = 12;
  gpt2.channels = 768;
  gpt2.bias = true;
  gpt2.batch = 4;
  gpt2.steps = 1000;
  Config c = gpt2, d = gpt2;
  c.context = 256;
  d.context = 64;
  Config lstm, gru;
  lstm.body = nn::BodyKind::lstm;
  lstm.layers = 2, lstm.channels = 256, lstm.context = 64, lstm.batch = 64, lstm.bias = true, lstm.steps = 1000;
  gru = lstm;
  gru.body = nn::BodyKind::gru;
  std::vector<BenchCase> cases = {
      {"A", a, 65, 200}, {"B", b, 65, 5}, {"C", c, 50304, 5}, {"D", d, 50304, 9}, {"B-dropout", b_dropout, 65, 5}};
  for (int i = 0; i < 4; ++i) {
    BenchCase masked = cases[i];
    masked.name += "-masked";
    masked.config.objective = masked_task();
    cases.push_back(masked);
  }
  cases.push_back({"LSTM", lstm, 65, 30});
  cases.push_back({"GRU", gru, 65, 30});
  Config pairs, gru_pairs = gru;
  pairs.layers = 3, pairs.heads = 8, pairs.channels = 512, pairs.context = 64, pairs.batch = 16, pairs.bias = true;
  pairs.steps = 1000;
  for (Config* config : {&pairs, &gru_pairs})
    set(*config, field_named("objective"), "translate", ChosenBy::preset, "objective");
  gru_pairs.layers = 1, gru_pairs.context = 32;
  cases.push_back({"E", pairs, 8000, 9});
  cases.push_back({"E-GRU", gru_pairs, 8000, 9});
  for (const nn::AttentionKind kind : {nn::AttentionKind::linear, nn::AttentionKind::favor, nn::AttentionKind::rfa}) {
    BenchCase other = cases[0];
    other.name += "-" + std::string(autograd::name(kind));
    other.config.attention = kind;
    cases.push_back(other);
  }
  return cases;
}

void BenchReport::look_at_machine() {
  bandwidth = std::max(bandwidth, triad_bandwidth());
  peaks.push_back(sgemm_peak());
}

double BenchReport::peak() const { return *std::max_element(peaks.begin(), peaks.end()); }

double BenchReport::moved() const { return 1 - *std::min_element(peaks.begin(), peaks.end()) / peak(); }

std::map<std::string, double> read_shares(const std::string& json, const std::string& name) {
  std::map<std::string, double> shares;
  std::string bench;
  try {
    data::read_json(json, {}, [&](const data::JsonPath& at, const data::JsonValue& value) {
      if (at.size() != 3 || at[0] != "cases") return;
      if (at[2] == "name") bench = value.text;
      if (at[2] == "share_of_limit") shares[bench] = std::strtod(value.text.c_str(), nullptr);
    });
  } catch (const data::JsonError& error) {
    throw autograd::Error(autograd::Fault::input, name + ": " + error.what());
  }
  if (shares.empty()) {
    throw autograd::Error(autograd::Fault::input, name + ": it has no cases; primer bench --json makes such a file");
  }
  return shares;
}

std::string lost_cases(const BenchReport& report, const std::map<std::string, double>& before) {
  std::string lost;
  for (const BenchResult& r : report.results) {
    const auto found = before.find(r.name);
    if (found == before.end() || report.share_of_limit(r) >= 0.9 * found->second) continue;
    lost += (lost.empty() ? "" : ", ") + r.name;
  }
  return lost;
}

}  // namespace primer::train
