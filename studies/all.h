// The running of all studies, with what is finished left alone, and their index.
#pragma once

#include <functional>
#include <string>

#include "studies/lab/report.h"

namespace primer::studies {

/// Runs all studies, each in options.folder/NAME, but for those that are finished unless `force`, and writes
/// options.folder/index.html after each, and when one is stopped. What is there and was found with other options, or is
/// no study's, is refused before (Fault::usage) unless `force` moves it aside. `say` gets the table of each that was
/// run, and at the end a line each. One that cannot be run is said on standard error, and the others are. True if all
/// could and every claim holds.
bool run_all(const LabOptions& options, train::Interruption& interruption,
             const std::function<void(const std::string&)>& say);

}  // namespace primer::studies
