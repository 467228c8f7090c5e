#include "train/use/label_quality.h"

#include <algorithm>

#include "data/examples/text_form.h"
#include "train/use/reader.h"

namespace primer::train {

LabelQuality::LabelQuality(std::size_t count, std::span<const int> own, std::span<const int> given)
    : lines(own.size()), labels(count) {
  for (std::size_t i = 0; i < own.size(); ++i) {
    LabelScore &has = labels[static_cast<std::size_t>(own[i])], &says = labels[static_cast<std::size_t>(given[i])];
    ++has.lines;
    ++says.given;
    has.right += own[i] == given[i] ? 1 : 0;
    ++confusion[{own[i], given[i]}];
  }
  commonest = static_cast<int>(std::ranges::max_element(labels, {}, &LabelScore::lines) - labels.begin());
}

double LabelQuality::macro_f1() const {
  double sum = 0, count = 0;
  for (const LabelScore& label : labels) {
    sum += label.f1();
    count += label.lines + label.given > 0 ? 1 : 0;
  }
  return count > 0 ? sum / count : 0;
}

double LabelQuality::commonest_share() const {
  return lines > 0 ? static_cast<double>(labels[static_cast<std::size_t>(commonest)].lines) / static_cast<double>(lines)
                   : 0;
}

LabelQuality label_quality(LoadedRun& run, const data::TokenSequence& tokens, std::uint64_t most) {
  Reader reader(run);
  const std::span<const data::Example> lines = tokens.examples();
  const std::uint64_t all = lines.size(), count = most == 0 ? all : std::min(most, all);
  const int cls = data::need_special(*run.tokenizer, "[CLS]"), sep = data::need_special(*run.tokenizer, "[SEP]");
  const auto room = static_cast<std::uint64_t>(run.config.context - 2);
  const std::size_t classes = run.labels.size();
  std::vector<int> own, given(count);
  constexpr std::uint64_t stretch = 4096;  // lines that are held at once
  for (std::uint64_t begin = 0; begin < count; begin += stretch) {
    std::vector<std::vector<int>> texts;
    for (std::uint64_t i = begin; i < std::min(count, begin + stretch); ++i) {
      const data::Example& line = lines[static_cast<std::uint64_t>(static_cast<unsigned __int128>(i) * all / count)];
      std::vector<int> ids(std::min(line.tokens, room) + 2, cls);
      tokens.read(line.begin, ids.size() - 2, ids.data() + 1);
      ids.back() = sep;
      texts.push_back(std::move(ids));
      own.push_back(line.label);
    }
    by_length(std::move(texts), [&](std::span<const std::size_t> places, std::span<const std::vector<int>> batch) {
      const std::vector<double> p = reader.classify(batch);  // [lines, K]
      for (std::size_t i = 0; i < places.size(); ++i) {
        const auto first = p.begin() + static_cast<std::ptrdiff_t>(i * classes);
        const auto best = std::max_element(first, first + static_cast<std::ptrdiff_t>(classes));
        given[begin + places[i]] = static_cast<int>(best - first);
      }
    });
  }
  return {classes, own, given};
}

}  // namespace primer::train
