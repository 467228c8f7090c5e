#include "studies/gap_report.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "train/step/json_line.h"

namespace primer::studies {

namespace {

/// As printf, for short lines.
[[gnu::format(printf, 1, 2)]] std::string line(const char* format, ...) {
  char text[512];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  return text;
}

std::string row_of(const char* name, const GapAccuracies& found) {
  std::string row = line("  %-14s %.3f +- %.3f  ", name, mean(found.test), deviation(found.test));
  for (const double accuracy : found.test) row += line(" %.3f", accuracy);
  return row + line("   (labelled sentences %.3f)\n", mean(found.training));
}

std::string array(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : ",") + line("%.6g", value);
  return "[" + text + "]";
}

std::string verdict(const GapFigures& figures) {
  if (figures.quick) return "study gap: quick, nothing is claimed";
  std::string reasons;
  for (const std::string& claim : failed_claims(figures)) reasons += (reasons.empty() ? "" : "; ") + claim;
  return reasons.empty() ? "study gap: pass" : "study gap: FAIL (" + reasons + ")";
}

}  // namespace

std::string gap_table(const GapFigures& figures) {
  const GapExam& exam = figures.exam;
  std::string text =
      line("accuracy on sentences of adjectives that no label showed, %zu seeds: mean, deviation, each\n",
           figures.tuned.test.size());
  text += row_of("fine-tuned", figures.tuned);
  text += row_of("from scratch", figures.scratch);
  text += row_of("frozen probe", figures.probe);
  text += row_of("without pairs", figures.unpaired);
  text += line("hidden words, %ld in %ld pairs: nats, accuracy\n", exam.hidden, exam.pairs);
  text += line("  %-14s %.3f +- %.3f   %.4f\n", "model", exam.loss.mean, exam.loss.error, exam.accuracy.mean);
  text += line("  %-14s %.3f +- %.3f   %.4f\n", "best possible", exam.oracle.loss.mean, exam.oracle.loss.error,
               exam.oracle.accuracy.mean);
  text += line("  %-14s %.3f +- %.3f\n", "excess", exam.oracle.excess.mean, exam.oracle.excess.error);
  text += "next sentence, the same pairs: accuracy\n";
  text += line("  %-14s %.3f +- %.3f\n", "model", exam.next_accuracy.mean, exam.next_accuracy.error);
  text += line("  %-14s %.3f, and %.3f where nothing is hidden\n", "best possible",
               exam.oracle.next_expected_accuracy.mean, figures.ceiling);
  text += line("%.0f s, of which pretraining %.0f s\n", figures.seconds, figures.pretraining_seconds);
  return text + verdict(figures) + "\n";
}

std::string gap_json(const GapFigures& figures) {
  const GapExam& exam = figures.exam;
  train::JsonLine json;
  json.add_text("study", "gap").add_text("verdict", verdict(figures)).add("quick", figures.quick);
  const std::pair<const char*, const GapAccuracies*> trainings[] = {{"fine_tuned", &figures.tuned},
                                                                    {"scratch", &figures.scratch},
                                                                    {"probe", &figures.probe},
                                                                    {"without_pairs", &figures.unpaired}};
  for (const auto& [name, found] : trainings) {
    json.add_json(name, array(found->test)).add_json(name + std::string("_on_training"), array(found->training));
  }
  const std::pair<const char*, const Estimate*> estimates[] = {
      {"hidden_loss", &exam.loss},
      {"hidden_loss_possible", &exam.oracle.loss},
      {"hidden_excess", &exam.oracle.excess},
      {"hidden_accuracy", &exam.accuracy},
      {"hidden_accuracy_possible", &exam.oracle.accuracy},
      {"next_sentence_accuracy", &exam.next_accuracy},
      {"next_sentence_accuracy_possible", &exam.oracle.next_expected_accuracy},
  };
  for (const auto& [name, estimate] : estimates) {
    json.add(name, estimate->mean).add(name + std::string("_error"), estimate->error);
  }
  json.add("next_sentence_ceiling", figures.ceiling).add("pairs", exam.pairs).add("hidden", exam.hidden);
  json.add("pretraining_seconds", figures.pretraining_seconds).add("seconds", figures.seconds);
  return json.text();
}

train::Picture gap_picture(const GapFigures& figures) {
  using Claims = GapClaims;
  const auto bar = [](const char* name, const std::vector<double>& values, double low, double high) {
    return train::Bar{.name = name, .value = mean(values), .points = values, .wanted_low = low, .wanted_high = high};
  };
  return train::bar_chart(
      {.title = "Accuracy on words that no label showed, and of the next sentence",
       .caption =
           line("Dots are seeds; in the dashed frames is what is claimed. Hidden words: %.3f nats, %.3f above the "
                "least possible.",
                figures.exam.loss.mean, figures.exam.oracle.excess.mean)},
      {.name = "accuracy", .low = 0, .high = 1},
      {bar("from scratch", figures.scratch.test, Claims::scratch - Claims::scratch_margin,
           Claims::scratch + Claims::scratch_margin),
       bar("frozen probe", figures.probe.test, Claims::probe, 1),
       bar("fine-tuned", figures.tuned.test, Claims::tuned, 1),
       bar("next sentence", {figures.exam.next_accuracy.mean}, Claims::next, figures.ceiling)});
}

}  // namespace primer::studies
