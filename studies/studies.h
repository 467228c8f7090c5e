// The studies, one file each.
#pragma once

#include "studies/lab/lab.h"

namespace primer::studies {

extern const Study bigram, constructed_study, induction, natural_text, novel_names, parts, repeated_sum, skip_trigrams,
    term_importance;                                                 // studies/circuits/
extern const Study contrast, dual_form, one_step_study, regression;  // studies/context/
extern const Study gap;                                              // studies/

}  // namespace primer::studies
