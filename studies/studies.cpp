#include "studies/studies.h"

namespace primer::studies {

const std::vector<const Study*>& all_studies() {
  static const std::vector<const Study*> studies{&bigram, &constructed_study, &induction, &novel_names, &parts, &gap};
  return studies;
}

}  // namespace primer::studies
