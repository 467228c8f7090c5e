#include "train/use/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "data/examples/token_file.h"
#include "train/checkpoints/loaded_run.h"
#include "train/pages/attention_page.h"
#include "train/pages/embedded.h"
#include "train/pages/page.h"
#include "train/pages/visible_html.h"
#include "train/use/attend.h"
#include "train/use/reader.h"
#include "train/use/run_facts.h"
#include "train/use/run_log.h"
#include "train/use/translator.h"

namespace primer::train {

namespace {

constexpr std::size_t most_points = 300;  // of a curve: a picture is 600 wide

struct Record {
  std::string name;
  std::string unit;  // what has a loss
  Facts facts;
  RunLog log;
};

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

// Of several runs each is a curve.
struct Chart {
  Words words;
  Axis y;
  Curve RunLog::*curve;
};

std::string chart_html(const std::vector<Record>& records, const Chart& chart,
                       const std::vector<std::pair<const char*, Curve RunLog::*>>& parts = {}) {
  std::vector<Curve> curves;
  for (const Record& record : records) {
    if (parts.empty()) {
      curves.push_back(binned(record.log.*chart.curve, most_points));
      if (records.size() > 1) curves.back().name = record.name;
    }
    for (const auto& [name, part] : parts) {
      if ((record.log.*part).x.empty()) continue;
      curves.push_back(binned(record.log.*part, most_points));
      curves.back().name = name;
    }
  }
  // Of several runs one without points keeps its place, and the others their colours.
  const bool has_none = std::ranges::all_of(curves, [](const Curve& curve) { return curve.x.empty(); });
  return has_none ? "" : figure_html(line_chart(chart.words, {.name = "step", .low = 0}, chart.y, curves));
}

std::string curves_html(const std::vector<Record>& records) {
  const bool agree = std::ranges::all_of(records, [&](const Record& one) { return one.unit == records[0].unit; });
  const std::string loss = agree ? "nats a " + records[0].unit : "nats";
  const auto one = [&](const char* title, const char* caption, const Axis& y, Curve RunLog::*curve) {
    return chart_html(records, {{title, caption}, y, curve});
  };
  std::string html;
  if (records.size() == 1) {
    html += chart_html(records, {{"Loss", "Of each step, and of the part that nothing is learned from."}, {loss}, {}},
                       {{"training", &RunLog::loss}, {"validation", &RunLog::val_loss}});
    html += chart_html(records, {{"Accuracy", "The share that is predicted right."}, {"share"}, {}},
                       {{"training", &RunLog::train_accuracy}, {"validation", &RunLog::accuracy}});
  } else {
    html += one("Validation loss", "Of the part that nothing is learned from.", {loss}, &RunLog::val_loss);
    html += one("Training loss", "Of each step.", {loss}, &RunLog::loss);
    html += one("Accuracy", "The share of the validation part that is predicted right.", {"share"}, &RunLog::accuracy);
  }
  html += one("Bits a byte", "Of the validation part: it does not depend on how a text is cut into tokens.",
              {"bits a byte"}, &RunLog::bits);
  html += one("Learning rate", "", {.name = "rate"}, &RunLog::rate);
  html += one("Gradient norm", "Of all gradients together, before they are clipped.", {.name = "norm", .log = true},
              &RunLog::norm);
  html += one("Speed", "Evaluations are not counted.", {.name = "tokens a second", .low = 0}, &RunLog::speed);
  return html.empty() ? "<p>Nothing has been written down yet.</p>\n" : html;
}

std::string facts_html(const std::vector<Record>& records) {
  std::vector<std::vector<std::string>> rows{{""}};
  for (const Record& record : records) rows[0].push_back(record.name);
  for (const Record& record : records) {
    for (const auto& [word, text] : record.facts) {
      auto row = std::ranges::find_if(rows, [&](const auto& cells) { return cells[0] == word; });
      if (row == rows.end()) row = rows.insert(rows.end(), {word});
      row->resize(rows[0].size());
      (*row)[static_cast<std::size_t>(&record - records.data()) + 1] = text;
    }
  }
  return table_html(rows, true);
}

// Of more samples than so many the first, the last and some between.
std::string samples_html(const RunLog& log) {
  constexpr std::size_t most = 12;
  std::string html;
  const std::size_t count = std::min(most, log.samples.size());
  for (std::size_t k = 0; k < count; ++k) {
    const RunLog::Sample& sample = log.samples[count == 1 ? 0 : k * (log.samples.size() - 1) / (count - 1)];
    html += "<h3>After step " + std::to_string(sample.step) + "</h3>\n<pre class=\"sample\">";
    for (std::size_t begin = 0; begin < sample.text.size();) {
      const std::size_t end = std::min(sample.text.find('\n', begin), sample.text.size());
      html += escape_html(visible_text(std::string_view(sample.text).substr(begin, end - begin))) + "\n";
      begin = end + 1;
    }
    html += "</pre>\n";
  }
  return html;
}

constexpr long most_likely = 3;  // tokens that are named in the place of one

// A text token by token, each with what was expected in its place; `given` stands before it.
std::string passage_html(const data::Tokenizer& tokenizer, std::span<const int> ids,
                         std::span<const Expectation> expected, const std::string& given = {}) {
  std::vector<PageToken> tokens;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Expectation& one = expected[i];
    std::string said = "nothing is expected here", level = "none";
    if (!std::isnan(one.log_probability)) {
      const double bits = -one.log_probability / std::log(2);
      level = std::to_string(std::clamp(static_cast<int>(std::min(bits, 9.0)), 0, 9));
      said = format("%.3g %%", 100 * std::exp(one.log_probability)) + format(", %.2f bits; expected", bits);
      for (const Filling& likely : one.likely) {
        said += (&likely == one.likely.data() ? " " : ", ") + visible_text(tokenizer.token_text(likely.id)) +
                format(" %.3g %%", 100 * likely.probability);
      }
    }
    PageToken& token = tokens.emplace_back(page_token(tokenizer, ids[i]));
    token.more_class = "l" + level;
    token.title = said;
  }
  std::string html = given.empty() ? "" : "<p class=\"given\">" + escape_html(visible_text(given)) + "</p>\n";
  html += "<div class=\"passage\" tabindex=\"0\" aria-label=\"a text, token by token\">";
  for (const std::string& token : tokens_html(tokens)) html += token;
  return html + "</div>\n<p class=\"said\" role=\"status\"></p>\n";
}

// The first pairs of the validation part: each target as it is expected of its source.
std::string pairs_html(LoadedRun& run, const data::TokenSequence& text) {
  constexpr std::size_t most_pairs = 4;
  Translator translator(run);
  const data::PairSide source = data::source_side(*run.tokenizer), target = data::target_side(*run.tokenizer);
  const auto room = static_cast<std::uint64_t>(run.config.context - 1);  // beside [EOS]
  std::string html;
  for (std::size_t i = 0; i + 1 < std::min(2 * most_pairs, text.examples().size()); i += 2) {
    const std::vector<int> given = side_ids(text, source, text.examples()[i], room);
    std::vector<int> ids = side_ids(text, target, text.examples()[i + 1], room);
    const std::vector<Expectation> expected = translator.expect(given, ids, most_likely);
    ids.push_back(data::need_special(*run.tokenizer, "[EOS]"));
    html += passage_html(*run.tokenizer, ids, expected, run.tokenizer->of_sources().decode(given));
  }
  return html;
}

// The beginning of the validation part as the model reads it; nothing of a model that expects no tokens.
std::string passages_html(LoadedRun& run) {
  constexpr long most_read = 300, most_masked = 128;
  const Config& config = run.config;
  const bool masks = run.network->masked.has_value();
  if (!masks && !config.objective->writes() && !config.objective->translates()) return {};
  const auto tokens = open_tokens(run, run.paths.tokens());
  const bool validates = tokens->validation().size() > 0;
  const data::TokenSequence& text = validates ? tokens->validation() : tokens->train();
  std::string html = "<p class=\"hint\">The beginning of the " +
                     std::string(validates ? "validation part" : "training part, for nothing was kept for validation") +
                     ", read by the model of step " + std::to_string(run.id.step) +
                     ". The stronger the colour of a token, the less it was expected" +
                     std::string(masks ? ", where it alone is hidden" : " from what stands before it") +
                     ": from 0 to 9 bits and more. Hover one, click it, or use the arrow keys.</p>\n";
  if (config.objective->translates()) return html + pairs_html(run, text);
  std::uint64_t begin = 0, count = text.size();
  if (config.objective->form(config) != data::TextForm::stream && !text.examples().empty()) {
    begin = text.examples()[0].begin;
    count = text.examples()[0].tokens;
  }
  const long most = masks ? std::min(config.context, most_masked) - 2 : most_read;
  std::vector<int> ids(std::min(count, static_cast<std::uint64_t>(std::max(most, 0L))));
  text.read(begin, ids.size(), ids.data());
  if (masks) {
    ids.insert(ids.begin(), data::need_special(*run.tokenizer, "[CLS]"));
    ids.push_back(data::need_special(*run.tokenizer, "[SEP]"));
  }
  return html + passage_html(*run.tokenizer, ids, Reader(run).expect(ids, most_likely));
}

}  // namespace

std::string report(const std::vector<std::string>& runs, std::vector<std::string>& warnings) {
  std::vector<Record> records;
  std::string passages, samples;
  if (runs.empty()) autograd::refuse("report", "expected a run");
  for (const std::string& directory : runs) {
    const auto run = load_run(directory);
    std::vector<std::string> passed;  // over, on the way to the newest checkpoint
    const Checkpoint newest =
        choose_checkpoint(CheckpointStore(run->paths.checkpoints()), {Choice::Kind::last, 0}, passed);
    for (const std::string& one : passed) warnings.push_back(data::printable(directory) + ": " + one);
    Record record{directory, std::string(newest.config.objective->unit()), {}, read_log(directory, warnings)};
    record.facts.emplace_back("step",
                              std::to_string(newest.state.trainer.step) + " of " + std::to_string(newest.config.steps));
    for (auto& fact : run_facts(directory, newest)) record.facts.push_back(std::move(fact));
    std::string options;
    for (const std::string& option : options_of(newest.config)) options += (options.empty() ? "" : " ") + option;
    record.facts.emplace_back("options", options);
    const std::string heading = runs.size() > 1 ? "<h3>" + escape_html(visible_text(directory)) + "</h3>\n" : "";
    if (const std::string html = samples_html(record.log); !html.empty()) samples += heading + html;
    try {
      if (const std::string html = passages_html(*run); !html.empty()) passages += heading + html;
    } catch (const autograd::Error& error) {
      warnings.push_back(data::printable(directory) + ": no passage is shown: " + error.what());
    }
    records.push_back(std::move(record));
  }
  Page page{.title = runs.size() > 1 ? "Trainings" : "The training of",
            .subject = runs.size() > 1 ? "" : runs[0],
            .style = report_css,
            .script = passages.empty() ? std::string_view() : report_js};
  page.add("", curves_html(records));
  if (!passages.empty()) page.add("What the model expects of a text", passages);
  if (!samples.empty()) page.add("What the model wrote on the way", samples);
  return page.add("How it was made", facts_html(records)).html();
}

}  // namespace primer::train
