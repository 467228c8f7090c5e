#include "train/use/translator.h"

#include <algorithm>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "data/text/unicode.h"
#include "train/use/reader.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

Translator::Translator(LoadedRun& run) : run_(run) {
  if (run.config.objective->translates()) return;
  throw Error(Fault::input, data::printable(run.paths.directory) + " holds a model that was trained with --objective " +
                                std::string(run.config.objective->name()) + " and does not translate");
}

std::vector<Translation> Translator::translate(std::vector<std::vector<int>> sources, const BeamSearch& search) {
  std::vector<Translation> found(sources.size());
  by_length(std::move(sources), [&](std::span<const std::size_t> places, std::span<const std::vector<int>> batch) {
    constexpr std::size_t most = 64;  // sources side by side
    for (std::size_t first = 0; first < batch.size(); first += most) {
      auto some = train::translate(*run_.network, tape_, *run_.tokenizer,
                                   batch.subspan(first, std::min(most, batch.size() - first)), search);
      for (std::size_t i = 0; i < some.size(); ++i) found[places[first + i]] = std::move(some[i]);
    }
  });
  return found;
}

std::vector<Translator::Line> Translator::translate(const std::vector<std::string>& lines, const BeamSearch& search) {
  std::vector<Line> result(lines.size());
  std::vector<std::vector<int>> sources;
  std::vector<std::size_t> places;  // of the lines that have something to translate
  const auto room = static_cast<std::size_t>(run_.config.context - 1);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find_first_not_of(" \t\r\f\v") == std::string::npos) continue;
    std::vector<int> ids = run_.tokenizer->encode(lines[i]);
    result[i].is_cut = ids.size() > room;
    if (result[i].is_cut) ids.resize(room);
    places.push_back(i);
    sources.push_back(std::move(ids));
  }
  const std::vector<Translation> found = translate(std::move(sources), search);
  for (std::size_t k = 0; k < found.size(); ++k) {
    result[places[k]].text = run_.tokenizer->decode(found[k].ids);
    result[places[k]].score = found[k].score(search.length_penalty);
  }
  return result;
}

namespace {

// Most letters are Chinese characters.
bool is_chinese(std::span<const std::string> lines) {
  std::uint64_t chinese = 0, others = 0;
  for (const std::string& line : lines) {
    data::SymbolReader symbols;
    symbols.feed(line, [&](data::Symbol symbol, int) {
      if (symbol >= 0x3400 && symbol <= 0x9FFF) ++chinese;  // the ideographs of Unicode's first plane
      else others += data::class_of(symbol) == data::SymbolClass::letter ? 1 : 0;
    });
  }
  return chinese > others;
}

}  // namespace

TranslationQuality translation_quality(LoadedRun& run, const data::TokenSequence& tokens, const BeamSearch& search,
                                       std::uint64_t most) {
  Translator translator(run);
  const std::span<const data::Example> runs = tokens.examples();
  const std::uint64_t all = runs.size() / 2, count = most == 0 ? all : std::min(most, all);
  const auto ids_of = [&](const data::Example& side, std::uint64_t length) {
    std::vector<int> ids(std::min(side.tokens, length));
    tokens.read(side.begin, ids.size(), ids.data());
    return ids;
  };
  std::vector<std::vector<int>> sources;
  std::vector<std::string> hypotheses, references;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t line = static_cast<std::uint64_t>(static_cast<unsigned __int128>(i) * all / count);
    sources.push_back(ids_of(runs[2 * line], static_cast<std::uint64_t>(run.config.context - 1)));
    references.push_back(run.tokenizer->decode(ids_of(runs[2 * line + 1], ~std::uint64_t{0})));
  }
  TranslationQuality quality;
  quality.lines = count;
  for (const Translation& translation : translator.translate(std::move(sources), search))
    hypotheses.push_back(run.tokenizer->decode(translation.ids));
  for (std::size_t i = 0; i < hypotheses.size(); ++i) quality.exact += hypotheses[i] == references[i];
  quality.exact /= static_cast<double>(std::max<std::uint64_t>(count, 1));
  quality.tokenizer = is_chinese(references) ? BleuTokenizer::chinese : BleuTokenizer::western;
  quality.bleu = corpus_bleu(hypotheses, references, quality.tokenizer);
  quality.chrf = corpus_chrf(hypotheses, references);
  return quality;
}

}  // namespace primer::train
