// What a study leaves: a table for people, figures.json for programs, report.html with its pictures, and the
// running of one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "studies/lab/lab.h"

namespace primer::studies {

/// A study that was run.
struct Report {
  const Study* study;
  LabOptions options;
  std::vector<Finding> findings;
  std::vector<train::Picture> pictures;
  std::vector<std::string> notes;
  double seconds = 0;

  long claims() const;
  long failed() const;                                           // claims that do not hold
  bool holds() const { return options.quick || failed() == 0; }  // a quick study claims nothing
};

/// A line for each figure: what was found, its interval, what was wanted, pass or FAIL. The last line is the verdict.
std::string table_of(const Report& report);

/// One JSON object in one line.
std::string json_of(const Report& report);

/// Where a study's folder is, or with null that of all, unless -o says otherwise.
std::string folder_of(const Study* study, bool quick);

/// The command that runs the study, or with null all of them, with these options.
std::string command_of(const Study* study, const LabOptions& options);

/// Runs the study in the new folder options.folder, tells what it found, and then writes figures.json, report.html, and
/// the data of each picture as tab-separated lines there: a full disk, or a folder that was moved meanwhile
/// (Fault::io), costs no figures. Throws what the study throws, StudyStopped among it; the folder stays then, without
/// figures.json. A text that the study refuses changes nothing.
Report run_study(const Study& study, const LabOptions& options, train::Interruption& interruption,
                 const std::function<void(const Report&)>& tell = {});

/// What a folder's figures.json says of the study that was run with these options; none: it is not there, or is of
/// other options.
struct Finished {
  double seconds;
  long failed;  // claims
};
std::optional<Finished> finished(const Study& study, const LabOptions& options);

std::string seconds_text(double seconds);    // "12 s", "1.5 min"
std::string verdict_of(long failed_claims);  // "pass", "FAIL, 2 claims"

}  // namespace primer::studies
