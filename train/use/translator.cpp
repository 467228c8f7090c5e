#include "train/use/translator.h"

#include <algorithm>

#include "autograd/error.h"
#include "autograd/kernels/rows.h"
#include "autograd/ops/layout.h"
#include "data/bytes/utf8.h"
#include "data/examples/line_pairs.h"
#include "data/text/sides.h"
#include "data/text/unicode.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

Translator::Translator(LoadedRun& run) : run_(run) {
  if (run.config.objective->translates()) return;
  throw Error(Fault::input, data::printable(run.paths.directory) + " holds a model that was trained with --objective " +
                                std::string(run.config.objective->name()) + " and does not translate");
}

void Translator::expect_alignment() const {
  if (source_layers(*run_.network) > 0) return;
  throw Error(Fault::input, data::printable(run_.paths.directory) +
                                " is a model that does not attend to its source: there is no alignment to show");
}

std::vector<int> Translator::read(const data::Tokenizer& tokenizer, std::string line, bool* is_cut) const {
  line = data::as_side(std::move(line));
  if (line.find_first_not_of(" \r\f\v") == std::string::npos) return {};
  std::vector<int> ids = tokenizer.encode(line, &run_.unknown);
  const auto room = static_cast<std::size_t>(run_.config.context - 1);  // for [EOS]
  *is_cut = ids.size() > room;
  if (*is_cut) ids.resize(room);
  return ids;
}

std::vector<Expectation> Translator::expect(const std::vector<int>& source, const std::vector<int>& target, long top) {
  const Marks marks = marks_of(*run_.tokenizer);
  const PaddedSources read({&source, 1}, marks.source_end, run_.network->config());
  std::vector<int> tokens{marks.begin}, wanted(target);
  tokens.insert(tokens.end(), target.begin(), target.end());
  wanted.push_back(marks.end);
  const auto pause = tape_.pause();
  const long T = static_cast<long>(tokens.size());
  const autograd::Tensor<float> x =
      run_.network->hidden(tape_, {.tokens = tokens, .batch = 1, .length = T, .source = read.source()});
  const autograd::Tensor<float> logits = (*run_.network->token)(reshape(x, {T, x.shape[2]})).logits();  // [T, V]
  if (autograd::any_not_finite(logits.data(), logits.size()))
    throw Error(Fault::checkpoint, "the model's output is not a number: its parameters are broken");
  std::vector<Expectation> result;
  for (const long V = logits.shape[1]; const int id : wanted)
    result.push_back(
        expectation({logits.data() + static_cast<long>(result.size()) * V, static_cast<std::size_t>(V)}, id, top));
  return result;
}

std::vector<Translation> Translator::search(std::vector<std::vector<int>> sources, const BeamSearch& search) {
  // Each hypothesis keeps keys and values of the context in both attentions of a layer; of a recurrent decoder the
  // encoder's states, 2 C a place, and keys, C: 512 MiB for all are enough.
  const nn::ModelConfig& shape = run_.network->config();
  const bool attends = shape.body == nn::BodyKind::transformer;
  const long of_place = attends                          ? shape.decoder_layers * 2 * shape.kept_width()
                        : shape.align == nn::Align::none ? 0
                                                         : 3 * shape.channels;
  const double each = 4.0 * static_cast<double>(shape.context * of_place);
  const double most = static_cast<double>(512 << 20) / (std::max(each, 1.0) * static_cast<double>(search.width));
  const auto together = static_cast<std::size_t>(std::clamp(most, 1.0, 64.0));
  std::vector<Translation> found(sources.size());
  by_length(std::move(sources), [&](std::span<const std::size_t> places, std::span<const std::vector<int>> batch) {
    for (std::size_t first = 0; first < batch.size(); first += together) {
      auto some = train::translate(*run_.network, tape_, *run_.tokenizer,
                                   batch.subspan(first, std::min(together, batch.size() - first)), search);
      for (std::size_t i = 0; i < some.size(); ++i) found[places[first + i]] = std::move(some[i]);
    }
  });
  return found;
}

std::vector<Translator::Line> Translator::translate(const std::vector<std::vector<int>>& sources,
                                                    const BeamSearch& search) {
  std::vector<Line> result(sources.size());
  std::vector<std::vector<int>> some;
  std::vector<std::size_t> places;  // of the sources that are not empty
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].empty()) continue;
    places.push_back(i);
    some.push_back(sources[i]);
  }
  const std::vector<Translation> found = this->search(std::move(some), search);
  for (std::size_t k = 0; k < found.size(); ++k) {
    Line& line = result[places[k]];
    line.text = data::as_side(run_.tokenizer->decode(found[k].ids));
    line.score = found[k].score(search.length_penalty);
    line.ids = found[k].ids;
  }
  return result;
}

std::vector<std::vector<WordLink>> Translator::align(std::span<const std::string> lines,
                                                     std::span<const std::vector<int>> sources,
                                                     std::span<const Line> translated) const {
  std::vector<std::vector<WordLink>> result(lines.size());
  std::vector<std::size_t> all, lengths;  // places of lines with words on both sides, and their tokens
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (sources[i].empty() || translated[i].ids.empty()) continue;
    all.push_back(i);
    lengths.push_back(sources[i].size() + translated[i].ids.size());
  }
  batches_by_length(lengths, [&](std::span<const std::size_t> batch) {
    std::vector<std::vector<int>> some, targets;
    for (const std::size_t k : batch) {
      some.push_back(sources[all[k]]);
      targets.push_back(translated[all[k]].ids);
    }
    const std::vector<Patterns> patterns =
        patterns_of_pairs(*run_.network, *run_.tokenizer, some, targets, LayerChoice::last);
    for (std::size_t b = 0; b < batch.size(); ++b) {
      const std::size_t i = all[batch[b]];
      std::vector<WordSpan> words = words_of_line(run_.tokenizer->of_sources(), data::as_side(lines[i]));
      words.resize(sources[i].size());  // which may be cut
      result[i] = linked_words(patterns[b], words, words_of(*run_.tokenizer, targets[b]));
    }
  });
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

std::vector<int> side_ids(const data::TokenSequence& tokens, const data::PairSide& side, const data::Example& example,
                          std::uint64_t most) {
  std::vector<int> ids(std::min(example.tokens, most));
  side.read(tokens, example, ids);
  return ids;
}

TranslationQuality translation_quality(LoadedRun& run, const data::TokenSequence& tokens, const BeamSearch& search,
                                       std::uint64_t most) {
  Translator translator(run);
  const std::span<const data::Example> runs = tokens.examples();
  const std::uint64_t all = runs.size() / 2, count = most == 0 ? all : std::min(most, all);
  const data::PairSide source = data::source_side(*run.tokenizer), target = data::target_side(*run.tokenizer);
  std::vector<std::vector<int>> sources;
  std::vector<std::string> hypotheses, references;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t line = static_cast<std::uint64_t>(static_cast<unsigned __int128>(i) * all / count);
    sources.push_back(side_ids(tokens, source, runs[2 * line], static_cast<std::uint64_t>(run.config.context - 1)));
    references.push_back(run.tokenizer->decode(side_ids(tokens, target, runs[2 * line + 1])));
  }
  TranslationQuality quality;
  quality.lines = count;
  for (const Translation& translation : translator.search(std::move(sources), search))
    hypotheses.push_back(run.tokenizer->decode(translation.ids));
  for (std::size_t i = 0; i < hypotheses.size(); ++i) quality.exact += hypotheses[i] == references[i];
  quality.exact /= static_cast<double>(std::max<std::uint64_t>(count, 1));
  quality.tokenizer = is_chinese(references) ? BleuTokenizer::chinese : BleuTokenizer::western;
  quality.bleu = corpus_bleu(hypotheses, references, quality.tokenizer);
  quality.chrf = corpus_chrf(hypotheses, references);
  return quality;
}

}  // namespace primer::train
