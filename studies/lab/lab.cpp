#include "studies/lab/lab.h"

#include <filesystem>
#include <numeric>

#include "autograd/error.h"
#include "data/bytes/file.h"
#include "data/bytes/utf8.h"
#include "train/tasks/nearest.h"

namespace primer::studies {

std::vector<std::uint64_t> Lab::seeds() const {
  std::vector<std::uint64_t> all(static_cast<std::size_t>(options.seeds));
  std::iota(all.begin(), all.end(), 1);
  return all;
}

std::string Lab::text() const {
  const std::string path = options.text.empty() ? "docs/data/novel.txt" : options.text;
  if (options.text.empty() && !std::filesystem::exists(path)) {
    throw autograd::Error(autograd::Fault::input, "this study reads " + path +
                                                      ", which is not here; go to the folder of primer's sources, or "
                                                      "give another text: --text FILE");
  }
  std::string text = data::read_file(path, 1 << 28);
  if (text.empty()) throw autograd::Error(autograd::Fault::input, data::printable(path) + " is empty");
  return text;
}

void Lab::at(const std::string& what) const {
  train::say("study  " + what + "\n");
  if (const int signal = interruption.stop()) throw StudyStopped{signal};
}

void Lab::claim(const std::string& what, const Estimate& found, Bound wanted) {
  findings.push_back({what, found, wanted});
}

void Lab::figure(const std::string& what, const Estimate& found) {
  findings.push_back({what, found, between(0, 0), false});
}

Estimate Tally::estimate(const std::string& of) const {
  if (seeds_.size() == 1) return bootstrap(seeds_.front(), of);
  std::vector<double> means;
  for (const std::vector<double>& items : seeds_) {
    means.push_back(std::accumulate(items.begin(), items.end(), 0.0) / static_cast<double>(items.size()));
  }
  return mean_of(means, "seeds");
}

const Study& study_named(const std::string& name) {
  std::vector<std::string> names;
  for (const Study* study : all_studies()) {
    if (name == study->name) return *study;
    names.emplace_back(study->name);
  }
  const std::string near = train::nearest(name, names);
  throw autograd::Error(autograd::Fault::usage,
                        "no study is called '" + data::printable(name) + "'; " +
                            (near.empty() ? "primer study lists them" : "did you mean " + near + "?"));
}

}  // namespace primer::studies
