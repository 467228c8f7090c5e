#include "train/use/attend.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "data/examples/text_form.h"
#include "data/text/lines.h"
#include "train/use/patterns.h"
#include "train/use/reader.h"
#include "train/use/translator.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

PageToken page_token(const data::Tokenizer& tokenizer, int id) {
  const std::string& name = tokenizer.token_text(id);
  return {name, tokenizer.special(name) == id};
}

namespace {

std::string counted(long n, const char* thing) { return std::to_string(n) + " " + thing + (n == 1 ? "" : "s"); }

void expect_some(const std::string& what, std::size_t tokens) {
  if (tokens == 0) throw Error(Fault::input, "the " + what + " is empty; give one with something in it");
}

std::string of_context(const LoadedRun& run, long most) {
  return "with a context of " + std::to_string(run.network->config().context) + " this model takes " +
         std::to_string(most) + " at most; give a shorter ";
}

struct Reading {
  std::vector<int> ids, segments;  // [T] each; no segments if the model has none
};

// The text as the model reads it. A BERT's stands between [CLS] and [SEP].
Reading read(const LoadedRun& run, std::string_view text) {
  Reading reading{run.encode(text, true), {}};
  std::vector<int>& ids = reading.ids;
  const long frame = run.config.objective->frames() ? 2 : 0, most = run.network->config().context - frame,
             T = static_cast<long>(ids.size());
  if (ids.empty() && run.unknown.symbols > 0) throw Error(Fault::input, "nothing of the text is in the vocabulary");
  expect_some("text", ids.size());
  if (T > most)
    throw Error(Fault::input, "the text has " + std::to_string(T) + " tokens, and " + of_context(run, most) + "text");
  if (!run.config.objective->frames()) return reading;
  ids.insert(ids.begin(), data::need_special(*run.tokenizer, "[CLS]"));
  ids.push_back(data::need_special(*run.tokenizer, "[SEP]"));
  reading.segments = segments_of(run, ids);
  return reading;
}

// One side of a pair, a line, as the model reads it, without its mark.
std::vector<int> read_side(const LoadedRun& run, const Translator& translator, bool is_source, std::string_view text) {
  const std::string side = is_source ? "source" : "target";
  std::vector<std::string> lines;
  data::LineCutter cutter;
  const auto keep = [&](std::string_view line) { lines.emplace_back(line); };
  cutter.feed(text, keep);
  cutter.finish(keep);
  if (lines.size() > 1)
    throw Error(Fault::input, "the " + side + " has " + std::to_string(lines.size()) + " lines; give one line");
  std::vector<int> ids;
  bool is_cut = false;
  try {
    if (!lines.empty())
      ids = is_source ? translator.read(lines[0], &is_cut) : translator.read_target(lines[0], &is_cut);
  } catch (const Error& error) {
    throw Error(error.fault(), "the " + side + ": " + error.what());
  }
  expect_some(side, ids.size());
  if (is_cut) {
    throw Error(Fault::input, "the " + side + " has more than " + counted(static_cast<long>(ids.size()), "token") +
                                  ", and " + of_context(run, static_cast<long>(ids.size())) + side);
  }
  return ids;
}

std::vector<PageToken> page_tokens(const data::Tokenizer& tokenizer, std::span<const int> ids) {
  std::vector<PageToken> tokens;
  for (const int id : ids) tokens.push_back(page_token(tokenizer, id));
  return tokens;
}

constexpr long likeliest = 5;  // tokens that the page names in a place

// What the model expects where the tokens `standing` are, -1: none.
void add_expected(AttentionPage& page, const LoadedRun& run, std::span<const Expectation> all,
                  std::span<const int> standing) {
  for (std::size_t t = 0; t < all.size(); ++t) {
    PageExpectation one{.probability = standing[t] < 0 ? NAN : std::exp(all[t].log_probability)};
    for (const Filling& each : all[t].likely) {
      if (each.id == standing[t]) one.standing = static_cast<long>(one.likely.size());
      one.likely.emplace_back(page_token(*run.tokenizer, each.id), each.probability);
    }
    page.expected.push_back(std::move(one));
  }
}

// What follows each token, or stands in its place; nothing, where the model has no such thing to say.
void expect(AttentionPage& page, LoadedRun& run, const std::vector<int>& ids) {
  Reader reader(run);
  std::vector<int> standing = ids;
  std::vector<Expectation> all;
  if (run.network->masked) {
    constexpr double most_arithmetic = 1e12;  // some ten seconds on two cores
    const double T = static_cast<double>(ids.size());
    const int mask = data::need_special(*run.tokenizer, "[MASK]");
    const bool each = 2 * static_cast<double>(run.parameters.size()) * T * T <= most_arithmetic;
    all = each ? reader.expect(ids, likeliest) : std::vector<Expectation>(ids.size());
    if (std::ranges::count(ids, mask) > 0) {
      auto fillings = reader.fill(ids, likeliest);
      for (std::size_t t = 0, k = 0; t < ids.size(); ++t)
        if (ids[t] == mask) all[t].likely = std::move(fillings[k++]);
    }
    page.how_expected = std::string("What is expected in a token's place: the model reads the text with ") +
                        (each ? "this token alone hidden, beside the [MASK]s that are in it."
                              : "its [MASK]s, in whose places alone it says something: it would have to read so long a "
                                "text too often to hide each token in turn.");
  } else if (run.config.objective->writes()) {
    standing.push_back(0);  // any token: what comes behind the text is expected in its place
    all = reader.expect(standing, likeliest);
    all.erase(all.begin());  // of the first token nothing is
    standing.erase(standing.begin());
    standing.back() = -1;
    page.expects_next = true;
    page.how_expected = "What is expected next: how probable the model takes each token to be behind this one.";
  }
  add_expected(page, run, all, standing);
}

AttentionPage page_of(const LoadedRun& run, Patterns patterns, std::string_view tokens, std::string_view about) {
  return {.title = run.paths.directory,
          .about = counted(patterns.layers, "layer") + " of " + counted(patterns.heads, "head") + ", " +
                   std::string(tokens) + ", weights of step " + std::to_string(run.id.step) + ". " + std::string(about),
          .causal = false,
          .layers = patterns.layers,
          .heads = patterns.heads,
          .weights = std::move(patterns.weights)};
}

AttentionPage attend_to_source(LoadedRun& run, std::string_view text, const std::optional<std::string>& given) {
  Translator translator(run);
  translator.expect_alignment();
  std::vector<int> source = read_side(run, translator, true, text);
  std::vector<int> target =
      given ? read_side(run, translator, false, *given) : translator.search({source}, BeamSearch{.width = 1})[0].ids;
  Patterns patterns =
      std::move(patterns_of_pairs(*run.network, *run.tokenizer, {&source, 1}, {&target, 1}, LayerChoice::all).front());
  const std::vector<Expectation> expected = translator.expect(source, target, likeliest);
  AttentionPage page = page_of(run, std::move(patterns),
                               "a source of " + counted(static_cast<long>(source.size()) + 1, "token") + " and " +
                                   (given ? "a target" : "its translation") + " of " +
                                   counted(static_cast<long>(target.size()) + 1, "token"),
                               "A token of the target looks at the source while it is predicted.");
  const Marks marks = marks_of(*run.tokenizer);
  source.push_back(marks.source_end);
  target.push_back(marks.end);
  page.tokens = page_tokens(*run.tokenizer, target);
  add_expected(page, run, expected, target);
  page.how_expected =
      "What is expected in the place of a token of the target: from the source, and from the tokens of the target "
      "before it.";
  page.sources = page_tokens(run.tokenizer->of_sources(), source);
  return page;
}

}  // namespace

AttentionPage attend(LoadedRun& run, std::string_view text, const std::optional<std::string>& target) {
  if (run.config.objective->translates()) return attend_to_source(run, text, target);
  if (target)
    throw Error(Fault::usage, data::printable(run.paths.directory) + " was trained with --objective " +
                                  std::string(run.config.objective->name()) +
                                  " and does not translate: leave out TARGET");
  if (run.network->body->attention_layers() == 0)
    throw Error(Fault::input, data::printable(run.paths.directory) + " is a model without attention to show");
  const Reading reading = read(run, text);
  const bool causal = run.network->config().causal;
  AttentionPage page =
      page_of(run, patterns_of_text(*run.network, reading.ids, reading.segments),
              counted(static_cast<long>(reading.ids.size()), "token"),
              causal ? "A token looks at itself and at those before it." : "Every token looks at all.");
  page.causal = causal;
  page.tokens = page_tokens(*run.tokenizer, reading.ids);
  expect(page, run, reading.ids);
  return page;
}

}  // namespace primer::train
