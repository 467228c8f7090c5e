// Trainings of a study: planned, prepared and trained as `primer train` does it, in this process.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "studies/lab/lab.h"
#include "train/step/interruption.h"
#include "train/step/progress.h"

namespace primer::studies {

/// Options as on the command line, by their keys: {"context", "48"}.
using RunOptions = std::vector<std::pair<std::string, std::string>>;

/// Trains the new run `directory` on the text file `text` to its end. It begins with the last weights of the run
/// `source`, or with new ones if that is empty. Throws what planning and training throw, and StudyStopped.
void train_new_run(const std::string& directory, const std::string& text, const RunOptions& options,
                   const std::string& source, train::Progress::Style style, train::Interruption& interruption);

/// For each of the label<TAB>text lines of a file 1 if the run's last model finds the line's label the most probable
/// one, else 0. Fault::input.
std::vector<double> labelled_right(const std::string& run, const std::string& text);

}  // namespace primer::studies
