#include <charconv>
#include <cmath>
#include <span>

#include "data/bytes/strict_json.h"
#include "train/circuits/circuits.h"
#include "train/step/json_line.h"

namespace primer::train {

namespace {

/// [a, b, ...]
template <class List, class Text>
std::string array(const List& list, Text text) {
  std::string all;
  for (const auto& one : list) all += (all.empty() ? "" : ",") + text(one);
  return "[" + all + "]";
}

std::string scores(const LookScores& scores) {
  JsonLine line;
  for (std::size_t look = 0; look < look_count; ++look) {
    line.add(autograd::name(static_cast<Look>(look)), scores[look]);
  }
  return line.text();
}

std::string number(double value) {
  if (!std::isfinite(value)) return "null";
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

std::string rows(const Matrix& matrix) {
  std::vector<long> places;
  for (long i = 0; i < matrix.rows; ++i) places.push_back(i);
  return array(places, [&](long row) {
    const double* first = matrix.values.data() + row * matrix.columns;
    return array(std::span(first, static_cast<std::size_t>(matrix.columns)), number);
  });
}

std::string head_json(const HeadReport& report) {
  JsonLine line;
  line.add("layer", report.head.layer)
      .add("head", report.head.head)
      .add_json("names", array(report.names(), data::json_quoted))
      .add_json("repeated", scores(report.repeated))
      .add_json("text", scores(report.text))
      .add("ov_positivity", report.ov_positivity)
      .add("copying", report.copying)
      .add("qk_positivity", report.qk_positivity)
      .add("added_loss", report.added_loss)
      .add_json("raises", array(report.raises, [](const TokenPair& pair) {
                  return JsonLine()
                      .add_text("source", pair.source)
                      .add_text("raised", pair.raised)
                      .add("logit", pair.logit)
                      .text();
                }));
  return line.text();
}

}  // namespace

std::string circuits_json(const Circuits& circuits) {
  JsonLine repeated, text, line;
  repeated.add("sequences", circuits.repeated.sequences)
      .add("block", circuits.repeated.block)
      .add("times", circuits.repeated.times)
      .add_json("uniform", scores(circuits.uniform_repeated));
  text.add("windows", circuits.windows)
      .add("window", circuits.window)
      .add("targets", circuits.targets)
      .add("loss", circuits.loss)
      .add_json("uniform", scores(circuits.uniform_text));
  line.add_text("run", circuits.run)
      .add("step", circuits.step)
      .add("layers", circuits.shape.layers)
      .add("heads_per_layer", circuits.shape.heads)
      .add("causal", circuits.shape.causal)
      .add_text("unit", circuits.unit)
      .add("threshold", name_threshold)
      .add_json("repeated", repeated.text())
      .add_json("text", text.text())
      .add("compared_tokens", circuits.compared)
      .add_json("heads", array(circuits.heads, head_json))
      .add("random_composition", 1 / std::sqrt(static_cast<double>(circuits.shape.channels)))
      .add_json("compositions", array(circuits.compositions,
                                      [](const LayerComposition& one) {
                                        return JsonLine()
                                            .add("later", one.later)
                                            .add("earlier", one.earlier)
                                            .add_json("q", rows(one.q))
                                            .add_json("k", rows(one.k))
                                            .add_json("v", rows(one.v))
                                            .text();
                                      }))
      .add_json("notes", array(circuits.notes, data::json_quoted));
  return line.text() + "\n";
}

}  // namespace primer::train
