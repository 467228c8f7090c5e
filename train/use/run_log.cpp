#include "train/use/run_log.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <string_view>

#include "autograd/error.h"
#include "data/bytes/strict_json.h"
#include "train/checkpoints/run_directory.h"
#include "train/step/metrics.h"

namespace primer::train {

namespace {

// Calls each(key, value) for the fields of every line, the step first.
template <class F>
void read_lines(const std::string& path, std::vector<std::string>& warnings, F each) try {
  lines_of_steps(path, std::numeric_limits<long>::max(), [&](std::string_view line) {
    try {
      data::read_json(line, {.depth = 2}, [&](const data::JsonPath& at, const data::JsonValue& value) {
        if (at.size() == 1) each(at[0], value);
      });
    } catch (const data::JsonError&) {
      return false;
    }
    return true;
  });
} catch (const autograd::Error& error) {
  warnings.push_back(error.what());
}

void read_curves(const std::string& path, std::vector<std::string>& warnings,
                 const std::map<std::string_view, Curve*>& curves) {
  double step = 0;
  read_lines(path, warnings, [&](const std::string& key, const data::JsonValue& value) {
    using Kind = data::JsonValue::Kind;
    if (value.kind != Kind::integer && value.kind != Kind::number) return;
    const double number = std::strtod(value.text.c_str(), nullptr);
    if (key == "step") step = number;
    if (const auto found = curves.find(key); found != curves.end()) found->second->add(step, number);
  });
}

}  // namespace

RunLog read_log(const std::string& directory, std::vector<std::string>& warnings) {
  const RunPaths paths{directory};
  RunLog log;
  read_curves(paths.metrics(), warnings,
              {{"loss", &log.loss},
               {"val_loss", &log.val_loss},
               {"val_bits_per_byte", &log.bits},
               {"val_accuracy", &log.accuracy},
               {"train_accuracy", &log.train_accuracy},
               {"lr", &log.rate},
               {"grad_norm", &log.norm}});
  read_curves(paths.timing(), warnings, {{"tokens_per_s", &log.speed}});
  long step = 0;
  read_lines(paths.samples(), warnings, [&](const std::string& key, const data::JsonValue& value) {
    if (key == "step") step = std::strtol(value.text.c_str(), nullptr, 10);
    if (key == "text" && value.kind == data::JsonValue::Kind::string) log.samples.push_back({step, value.text});
  });
  return log;
}

Curve binned(const Curve& curve, std::size_t most) {
  const std::size_t size = curve.x.size();
  if (size <= most) return curve;
  Curve bins{.name = curve.name};
  for (std::size_t i = 0; i < most; ++i) {
    const std::size_t begin = i * size / most, end = (i + 1) * size / most;
    double sum = 0, low = INFINITY, high = -INFINITY;
    for (std::size_t k = begin; k < end; ++k) {
      sum += curve.y[k];
      low = std::min(low, curve.y[k]);
      high = std::max(high, curve.y[k]);
    }
    bins.add((curve.x[begin] + curve.x[end - 1]) / 2, sum / static_cast<double>(end - begin));
    bins.low.push_back(low);
    bins.high.push_back(high);
  }
  return bins;
}

}  // namespace primer::train
