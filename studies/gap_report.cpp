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

std::string gap_picture(const GapFigures& figures) {
  constexpr double left = 60, top = 50, height = 260, slot = 130, bar = 70, right = left + 4 * slot;
  const auto y = [&](double share) { return top + height * (1 - share); };
  std::string svg = line(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f 410\" font-family=\"sans-serif\" "
      "font-size=\"13\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
      right + 20);
  svg += line(
      "<text x=\"%.0f\" y=\"26\" font-size=\"15\">Accuracy on words that no label showed, and of the next sentence"
      "</text>\n",
      left);
  for (int tenth = 0; tenth <= 10; tenth += 2) {
    const double share = 0.1 * tenth;
    svg += line(
        "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>"
        "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%.1f</text>\n",
        left, right, y(share), y(share), left - 8, y(share) + 4, share);
  }
  int at = 0;
  const auto add_bar = [&](const char* name, const char* color, const std::vector<double>& values, double low,
                           double high) {
    const double x = left + slot * at++ + (slot - bar) / 2, value = mean(values);
    svg += line("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%.1f\" fill=\"%s\"/>\n", x, y(value), bar,
                height * value, color);
    for (const double limit : {low, high}) {
      svg += line("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#c00\" stroke-dasharray=\"5 3\"/>\n",
                  x - 15, x + bar + 15, y(limit), y(limit));
    }
    for (const double one : values) {
      svg += line("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"#222\"/>\n", x + bar / 2, y(one));
    }
    svg += line(
        "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%s</text>"
        "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%.3f</text>\n",
        x + bar / 2, top + height + 20, name, x + bar / 2, top + height + 38, value);
  };
  using Claims = GapClaims;
  add_bar("from scratch", "#c9c9c9", figures.scratch.test, Claims::scratch - Claims::scratch_margin,
          Claims::scratch + Claims::scratch_margin);
  add_bar("frozen probe", "#9ecae1", figures.probe.test, Claims::probe, 1);
  add_bar("fine-tuned", "#3182bd", figures.tuned.test, Claims::tuned, 1);
  add_bar("next sentence", "#a1d99b", {figures.exam.next_accuracy.mean}, Claims::next, figures.ceiling);
  svg += line(
      "<text x=\"%.0f\" y=\"376\">Dots: seeds. Red: between these is what is claimed.</text>\n"
      "<text x=\"%.0f\" y=\"394\">Hidden words: %.3f nats, %.3f above the least possible.</text>\n</svg>\n",
      left, left, figures.exam.loss.mean, figures.exam.oracle.excess.mean);
  return svg;
}

}  // namespace primer::studies
