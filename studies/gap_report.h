// The figures of the study of the gap for people, for programs, and as a picture.
#pragma once

#include <string>

#include "studies/gap_study.h"
#include "train/pages/chart.h"

namespace primer::studies {

/// A table, and as its last line "study gap: pass" or "study gap: FAIL (...)"; of a quick study, that it claims
/// nothing.
std::string gap_table(const GapFigures& figures);

/// One JSON object.
std::string gap_json(const GapFigures& figures);

/// The accuracies as bars, each seed as a dot, and what was claimed as frames.
train::Picture gap_picture(const GapFigures& figures);

}  // namespace primer::studies
