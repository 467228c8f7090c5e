#include "studies/lab/lab.h"

#include <filesystem>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "data/text/nearest.h"
#include "data/text/text.h"

namespace primer::studies {

std::string Lab::text() const {
  const std::string path = options.text.empty() ? "docs/data/novel.txt" : options.text;
  if (options.text.empty() && !std::filesystem::exists(path)) {
    throw autograd::Error(autograd::Fault::input, "this study reads " + path +
                                                      ", which is not here; go to the folder of primer's sources, or "
                                                      "give another text: --text FILE");
  }
  std::string text = data::whole_text(data::source_at(path), 1 << 28);
  if (text.empty()) throw autograd::Error(autograd::Fault::input, data::printable(path) + " is empty");
  return text;
}

void Lab::each_seed(const std::function<void(std::uint64_t seed)>& run) {
  if (seed_ > 0) autograd::refuse("lab", "seeds within a seed", autograd::Fault::bug);
  const std::size_t first = findings.size();
  for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(options.seeds); ++seed) {
    seed_ = seed;
    next_ = first;
    run(seed);
    if (next_ < findings.size()) autograd::refuse("lab", "a seed finds less than the first", autograd::Fault::bug);
  }
  seed_ = 0;
}

void Lab::add(const std::string& what, const Measured& found, Bound wanted, bool is_claim) {
  const bool is_new = next_ == findings.size();
  const auto same = [&](const Finding& f) {
    return f.what == what && f.is_claim == is_claim && f.wanted.low == wanted.low && f.wanted.high == wanted.high;
  };
  if (is_new ? seed_ > 1 : !same(findings[next_])) {
    autograd::refuse("lab", "what the first seed does not find there: " + what, autograd::Fault::bug);
  }
  if (is_new) findings.emplace_back(Finding{what, {}, wanted, is_claim});
  Finding& place = findings[next_++];
  place.by_seed.add(found.items);
  place.found = found.estimate ? *found.estimate : place.by_seed.estimate(found.of);
}

void Lab::at(const std::string& what) const {
  train::say("study  " + what + (seed_ > 0 ? ", seed " + std::to_string(seed_) : "") + "\n");
  if (const int signal = interruption.stop()) throw StudyStopped{signal};
}

Estimate Tally::estimate(const std::string& of) const {
  if (seeds_.size() == 1) return bootstrap(seeds_.front(), of);
  std::vector<double> means;
  for (const std::vector<double>& items : seeds_) means.push_back(mean_of(items, of).mean);
  return mean_of(means, "seeds");
}

const Study& study_named(const std::string& name) {
  std::vector<std::string> names;
  for (const Study* study : all_studies()) {
    if (name == study->name) return *study;
    names.emplace_back(study->name);
  }
  const std::string near = data::nearest(name, names);
  throw autograd::Error(autograd::Fault::usage,
                        "no study is called '" + data::printable(name) + "'; " +
                            (near.empty() ? "primer study lists them" : "did you mean " + near + "?"));
}

}  // namespace primer::studies
