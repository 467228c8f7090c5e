#include "studies/lab/run.h"

#include <algorithm>

#include "data/text/labels.h"
#include "data/text/text.h"
#include "train/checkpoints/loaded_run.h"
#include "train/checkpoints/recipe.h"
#include "train/use/reader.h"

namespace primer::studies {

void train_new_run(const std::string& directory, const std::string& text, const RunOptions& options,
                   const std::string& source, train::Progress::Style style, train::Interruption& interruption) {
  using namespace train;
  Recipe recipe{{text}, {}, {}, false};
  read_json(recipe.wishes, R"({"unknown_symbol": false, "split": "tail"})", "studies", ChosenBy::preset);  // as ever
  for (const auto& [key, value] : options) set(recipe.wishes, field_named(key), value, ChosenBy::flag, key);
  std::vector<std::string> warnings;
  if (!source.empty()) recipe.begin_with(source, {Choice::Kind::last, 0}, warnings);
  if (const int signal = train_new(recipe, directory, style, interruption).signal) throw StudyStopped{signal};
}

std::vector<double> labelled_right(const std::string& run, const std::string& text) {
  const auto loaded = train::load_run(run, {train::Choice::Kind::last, 0});
  train::Reader reader(*loaded);
  const std::size_t classes = loaded->labels.size();
  std::vector<std::string> wanted;
  std::vector<std::vector<int>> texts;
  for (const data::Source& source : data::collect_sources({text}).files) {
    data::each_record(source, {}, data::labelled_line, [&](const auto& parts, const data::Records& records) {
      if (!data::is_labelled(parts, records)) return;
      wanted.push_back(parts[0]);
      texts.push_back(reader.ids(parts[1], false));
    });
  }
  std::vector<double> right(wanted.size());
  train::by_length(std::move(texts), [&](std::span<const std::size_t> places, std::span<const std::vector<int>> batch) {
    const std::vector<double> p = reader.classify(batch);  // [lines, K]
    for (std::size_t i = 0; i < places.size(); ++i) {
      const auto first = p.begin() + static_cast<std::ptrdiff_t>(i * classes);
      const auto best = std::max_element(first, first + static_cast<std::ptrdiff_t>(classes)) - first;
      right[places[i]] = loaded->labels[static_cast<std::size_t>(best)] == wanted[places[i]] ? 1 : 0;
    }
  });
  return right;
}

}  // namespace primer::studies
