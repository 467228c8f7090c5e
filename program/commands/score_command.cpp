#include <cmath>
#include <cstdio>
#include <memory>

#include "data/bytes/utf8.h"
#include "program/commands.h"
#include "program/output.h"
#include "program/run_options.h"
#include "train/step/json_line.h"
#include "train/use/reader.h"
#include "train/use/sample_writer.h"

namespace primer::program {

using namespace train;

namespace {

struct ScoreOptions : RunChoice {
  LinesText text;
  bool tokens = false, json = false;
};

/// The tokens of a line, and ln p of each; NaN: it is not scored.
using Scores = std::vector<std::pair<int, double>>;

std::string log_p_text(double log_p) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6f", log_p > -5e-7 ? 0 : log_p);  // not -0.000000
  return std::isnan(log_p) ? "" : digits;
}

std::string line_of(const Scores& scores, const data::Tokenizer& tokenizer, const ScoreOptions& options, long number,
                    const std::string& line) {
  std::string tokens;
  double sum = 0;
  long count = 0;
  for (const auto& [id, log_p] : scores) {
    if (!std::isnan(log_p)) sum += log_p, ++count;
    if (options.json) tokens += (tokens.empty() ? "" : ",") + token_json(tokenizer, id, log_p);
    else if (options.tokens)
      tokens +=
          std::to_string(number) + "\t" + data::printable(tokenizer.token_text(id)) + "\t" + log_p_text(log_p) + "\n";
  }
  if (!options.json) return options.tokens ? tokens : log_p_text(sum) + "\t" + std::to_string(count) + "\n";
  JsonLine object;
  object.add_text("text", line).add("logprob", sum).add("count", count);
  if (options.tokens) object.add_json("tokens", "[" + tokens + "]");
  return object.text() + "\n";
}

void run_score(const ScoreOptions& options) {
  const auto run = options.open();
  Reader reader(*run);
  (void)reader.expect(std::span<const std::vector<int>>(), 0);  // a model that expects nothing says so
  const bool fills = run->config.objective->fills();
  const int separator =
                fills || run->config.documents == data::Parting::none ? -1 : run->tokenizer->special(data::end_of_text),
            unknown = run->tokenizer->unknown();
  const std::size_t first = fills || separator >= 0 ? 1 : 0, last = fills ? 1 : 0;  // marks around a line
  long number = 0;
  const auto take = [&](LinesRead read) {
    std::vector<Scores> scores(read.lines.size());
    if (separator >= 0)
      for (auto& ids : read.ids) ids.insert(ids.begin(), separator);
    by_length(std::move(read.ids), [&](std::span<const std::size_t> places, std::span<const std::vector<int>> batch) {
      const auto found = reader.expect(batch, 0);
      for (std::size_t b = 0; b < batch.size(); ++b)
        for (std::size_t i = first; i + last < batch[b].size(); ++i)
          scores[read.places[places[b]]].push_back(
              {batch[b][i], batch[b][i] == unknown ? NAN : found[b][i].log_probability});
    });
    std::string out;
    for (std::size_t i = 0; i < scores.size(); ++i)
      out += line_of(scores[i], *run->tokenizer, options, ++number, read.lines[i]);
    return put(out);
  };
  each_line_of(options.text, reader, take, std::identity(), !fills);
}

}  // namespace

void add_score(CLI::App& root) {
  const auto options = std::make_shared<ScoreOptions>();
  CLI::App* const command =
      add_command(root, "score", "tell how probable each line of a text is to a model",
                  "Examples:\n"
                  "  primer score runs/book lines.txt             ln p<TAB>tokens, for each line\n"
                  "  primer score runs/book lines.txt --tokens    line<TAB>token<TAB>ln p\n"
                  "  echo \"To be or not\" | primer score runs/book - --json");
  options->add_to(*command, "a run that writes text, or fills gaps");
  command
      ->add_option(
          "TEXT", options->text.path,
          "a file, a folder or -. Each line is read alone, without its end: the sum of ln p of its tokens, and "
          "how many these are; a blank one has none. A model of documents reads it behind the token "
          "<|endoftext|>; to another the first token is given and not scored, as unknown symbols never are. Of "
          "a masked model ln p is that of each token where it alone is masked (Salazar et al. 2020)")
      ->required();
  add_encoding_option(*command, options->text.encoding);
  command->add_flag(
      "--tokens", options->tokens,
      "each token in a line: the number of its line, the token, ln p or, where it is not scored, nothing");
  command->add_flag("--json", options->json,
                    "a JSON object a line: text, logprob, count; with --tokens, tokens, with id, text and logprob");
  command->callback([options] { run_score(*options); });
}

}  // namespace primer::program
