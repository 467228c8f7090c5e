// The studies, one file each.
#pragma once

#include "studies/lab/lab.h"

namespace primer::studies {

extern const Study bigram, constructed_study, induction, novel_names, parts, question;  // studies/circuits/
extern const Study gap;                                                                 // studies/

}  // namespace primer::studies
