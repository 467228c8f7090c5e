// A study: one question about a model that trains in minutes, and what it found held beside what can be computed. What
// all of them share is the Lab: seeds, sizes, claims, pictures, and the files that are made of these.
//
//   const Study answer{"answer", "theme", "Is it so?", "Somebody 2021", 2, [](Lab& lab) {
//     lab.each_seed([&](std::uint64_t seed) {
//       Net<float> net(config, seed);
//       const auto losses = fit<float>(net, {.steps = lab.steps(1000), .seed = seed}, lab.interruption, batches);
//       lab.claim("what is right", correct(net.model, test), at_least(0.95));  // an item a sequence
//       lab.figure("the last loss, nats", losses.back());                      // a number
//     });
//   }};
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "studies/lab/estimate.h"
#include "train/pages/chart.h"
#include "train/step/interruption.h"
#include "train/step/progress.h"

namespace primer::studies {

class Lab;

struct Study {
  const char* name;      // primer study NAME
  const char* theme;     // studies are listed by it
  const char* question;  // a sentence: what the study shows
  const char* sources;
  double minutes;  // with one seed, on two cores
  void (*run)(Lab&);
  bool reads_text = false;  // is about --text
};

/// Independent items of every seed, such as sequences. With several seeds their means are what is estimated from; with
/// one, its items.
class Tally {
 public:
  void add(std::vector<double> items) { seeds_.push_back(std::move(items)); }
  Estimate estimate(const std::string& of = "sequences") const;  // with one seed

 private:
  std::vector<std::vector<double>> seeds_;
};

/// What was measured: of one seed a number or items, as of a Tally; or an estimate, such as what is known exactly.
struct Measured {
  std::vector<double> items = {};
  std::string of = "seeds";
  std::optional<Estimate> estimate = {};

  Measured(double number) : items{number} {}
  Measured(std::vector<double> items_, std::string of_ = "sequences") : items(std::move(items_)), of(std::move(of_)) {}
  Measured(Estimate estimate_) : estimate(std::move(estimate_)) {}
};

/// A figure and what is claimed of it; of one without a claim nothing is.
struct Finding {
  std::string what;
  Estimate found;
  Bound wanted;
  bool is_claim = true;
  Tally by_seed = {};

  bool holds() const { return !is_claim || wanted.holds(found.mean); }
};

/// An estimate with its interval, and what is wanted of it, if anything, as a bar.
inline train::Bar bar_of(const std::string& name, const Estimate& found, Bound wanted = {NAN, NAN}) {
  const auto finite = [](double bound) { return std::isfinite(bound) ? bound : NAN; };
  return {name, found.mean, found.low, found.high, {}, finite(wanted.low), finite(wanted.high)};
}

/// What a study is asked for.
struct LabOptions {
  std::string folder = {};  // for what is written
  long seeds = 1;
  bool quick = false;     // a few steps of everything: shows that it works, and claims nothing
  bool force = false;     // moves aside what has the folder's name
  std::string text = {};  // a file; empty: the one of the documents
  train::Progress::Style style = train::Progress::Style::quiet;
  std::string version = {};  // of the program, for its reports
};

/// A study was ended by a signal.
struct StudyStopped {
  int signal = 0;
};

class Lab {
 public:
  Lab(const LabOptions& options_, train::Interruption& interruption_)
      : options(options_), interruption(interruption_) {}

  const LabOptions options;
  train::Interruption& interruption;

  /// Runs it with the seeds 1 ... as many as were asked for. The first finding of each seed is one finding of all, so
  /// is the second, and so on; of estimates that of the last seed stays. Seeds that find different things: Fault::bug.
  void each_seed(const std::function<void(std::uint64_t seed)>& run);

  /// `whole`, or in a quick form the few that show that it works.
  long steps(long whole) const { return options.quick ? 3 : whole; }
  long size(long whole, long few) const { return options.quick ? few : whole; }

  /// The bytes of the text that the study is about. Fault::input with the cure, where there is none.
  std::string text() const;

  /// Says on standard error what is done, and with which seed. Throws StudyStopped when a signal has come.
  void at(const std::string& what) const;

  void claim(const std::string& what, const Measured& found, Bound wanted) { add(what, found, wanted, true); }
  void figure(const std::string& what, const Measured& found) { add(what, found, between(0, 0), false); }
  void picture(train::Picture picture) { pictures.push_back(std::move(picture)); }
  void note(std::string sentence) { notes.push_back(std::move(sentence)); }

  std::vector<Finding> findings;
  std::vector<train::Picture> pictures;
  std::vector<std::string> notes;  // the protocol, and what must be said of the figures

 private:
  void add(const std::string& what, const Measured& found, Bound wanted, bool is_claim);

  std::uint64_t seed_ = 0;  // 0: outside of each_seed
  std::size_t next_ = 0;    // the place of the next finding
};

/// All studies, theme by theme; the only place where one is listed.
const std::vector<const Study*>& all_studies();

/// The study of this name; Fault::usage, with the names that there are.
const Study& study_named(const std::string& name);

}  // namespace primer::studies
