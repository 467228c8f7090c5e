// The tokenizers that a plan does not make itself.
#include "data/tokenizers/bpe_training.h"
#include "data/tokenizers/tokenizer_files.h"
#include "train/plan/plan.h"

namespace primer::train {

std::shared_ptr<const data::Tokenizer> make_tokenizer(const Config& wishes, const data::Sources& sources) {
  const bool made_by_plan = wishes.tokenizer == "char" || wishes.tokenizer == "byte";
  if (made_by_plan || fitted(wishes, &Config::tokenizer)) return nullptr;
  if (const int size = bpe_size(wishes.tokenizer)) {
    data::Sources learned = sources;
    std::erase_if(learned.files, [](const data::Source& source) { return source.held_back; });
    return data::train_bpe(data::count_words(learned), size, wishes.objective->specials());
  }
  return data::open_tokenizer(wishes.tokenizer);
}

}  // namespace primer::train
