#include "studies/studies.h"

namespace primer::studies {

const std::vector<const Study*>& all_studies() {
  static const std::vector<const Study*> studies{// alignment
                                                 &alignment_study, &dates, &transformer_study,
                                                 // circuits
                                                 &bigram, &skip_trigrams, &constructed_study, &induction, &novel_names,
                                                 &term_importance, &repeated_sum, &natural_text, &question, &parts,
                                                 // context
                                                 &one_step_study, &dual_form, &contrast, &regression, &bayes,
                                                 // kernels
                                                 &kernel_smoother, &random_features, &nystrom, &linear_attention_study,
                                                 // meaning
                                                 &priming, &spreading, &structure, &vanishing, &polysemy, &parallel,
                                                 // pretraining
                                                 &gap};
  return studies;
}

}  // namespace primer::studies
