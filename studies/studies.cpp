#include "studies/studies.h"

namespace primer::studies {

const std::vector<const Study*>& all_studies() {
  static const std::vector<const Study*> studies{&bigram,
                                                 &skip_trigrams,
                                                 &constructed_study,
                                                 &induction,
                                                 &novel_names,
                                                 &term_importance,
                                                 &repeated_sum,
                                                 &natural_text,
                                                 &parts,
                                                 &kernel_smoother,
                                                 &random_features,
                                                 &nystrom,
                                                 &linear_attention_study,
                                                 &priming,
                                                 &spreading,
                                                 &structure,
                                                 &gap};
  return studies;
}

}  // namespace primer::studies
