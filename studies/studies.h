// The studies, one file each.
#pragma once

#include "studies/lab/lab.h"

namespace primer::studies {

// studies/alignment/
extern const Study alignment_study, dates, transformer_study;
// studies/circuits/
extern const Study bigram, constructed_study, induction, natural_text, novel_names, parts, question, repeated_sum,
    skip_trigrams, term_importance;
// studies/context/
extern const Study bayes, contrast, dual_form, one_step_study, regression;
// studies/kernels/
extern const Study kernel_smoother, linear_attention_study, nystrom, random_features;
// studies/meaning/
extern const Study parallel, polysemy, priming, spreading, structure, vanishing;
// studies/
extern const Study gap;

}  // namespace primer::studies
