// From texts and wishes to a run that can be trained: the one way there, for `primer train`, for studies and for
// programs of others.
//
//   Recipe recipe{.texts = {"book.txt"}, .wishes = config};
//   train_new(recipe, "runs/book", Progress::Style::lines, interruption);  // or in its steps: draft() and so on
//   train_more("runs/book", {}, Progress::Style::lines, interruption);     // after a stop, or longer
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/text/text.h"
#include "train/checkpoints/prepare.h"
#include "train/checkpoints/training.h"
#include "train/plan/plan.h"

namespace primer::train {

struct Recipe {
  std::vector<std::string> texts;          // files, folders, "-" for standard input: see collect_sources
  Config wishes;                           // what nobody chose in it is fitted to the texts
  std::optional<Checkpoint> from;          // whose weights and tokenizer the training begins with: see begin_with
  bool only_plan = false;                  // nothing but a draft is wanted: no token is kept
  std::vector<std::string> parallel = {};  // instead of texts two files, of sources and of targets, line by line
  bool extend_vocabulary = false;          // `from`'s vocabulary of characters gets those that only the texts have

  /// Begins with a checkpoint of another run: the shape of its model is taken over, and wishes for another are
  /// Fault::usage. What choose_checkpoint throws; what had to be passed over is added to `warnings`.
  void begin_with(const std::string& run, Choice choice, std::vector<std::string>& warnings);
};

/// A recipe whose texts were read and whose training is planned. Nothing of a run is written yet.
struct Draft {
  data::Sources sources;
  data::TextFacts facts;
  Plan plan;
  std::optional<Checkpoint> from;
};

/// Reads the texts, makes or learns the tokenizer and plans. `run` keeps a copy of standard input meanwhile;
/// `found`, if given, is called before a tokenizer is learned, with the choice of one. Throws what check_choices,
/// collect_sources, survey, make_tokenizer, read_text and make_plan throw.
Draft draft(const Recipe& recipe, NewRun& run,
            const std::function<void(const Config&, const data::Sources&)>& found = {});

/// The time that a plan has, before prepare(), and the most steps.
TimeLimit limit_of(const Plan& plan);

/// Writes what the run begins with: see prepare_run. Minutes become steps.
void prepare(Draft& draft, NewRun& run);

/// Gives the prepared run its name and opens it. `run` holds its lock as long as it lives. `moved_to`, if not null,
/// gets the name of what was there before, or "". Throws what publish throws.
OpenRun open_new(NewRun& run, std::string* moved_to = nullptr);

/// Trains a new run to its end or to a stop, and leaves it durable in the new folder `directory`.
TrainingResult train_new(const Recipe& recipe, const std::string& directory, Progress::Style style,
                         Interruption& interruption);

/// Goes on with a run where it stands; `wishes` may name more steps, epochs or minutes: see open_run. How many threads
/// compute is the caller's, by OpenMP. Fault::busy while another process
/// trains it.
TrainingResult train_more(const std::string& directory, const Config& wishes, Progress::Style style,
                          Interruption& interruption);

}  // namespace primer::train
