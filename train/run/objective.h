// What a model is trained to do: how a text becomes examples with targets. One trainer carries every objective.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/examples.h"
#include "data/text_form.h"
#include "data/token_file.h"
#include "train/run/config.h"

namespace primer::train {

/// Tokens that the objective needs beside those of the text: [CLS], [SEP] and [MASK] for what reads in both directions.
std::vector<std::string> special_tokens(const Config& config);

/// Throws Fault::input, naming them, when the tokenizer lacks one of special_tokens(config).
void require_specials(const Config& config, const data::Tokenizer& tokenizer);

/// What parts the tokens of the objective's texts.
data::TextForm text_form(const Config& config);

/// The fewest tokens that this objective can be trained or evaluated on.
long fewest_tokens(const Config& config);

/// The smallest context that has room for an example, with what stands around its tokens.
long fewest_places(const Config& config);

/// Places of a context that hold no token of the text, less those that hold the target of another: so many tokens fewer
/// than the context are what the context needs.
long framing(const Config& config);

class Objective {
 public:
  /// `labels` are the classes of --objective classify. Both must live as long. Throws as require_specials.
  Objective(const Config& config, const data::Tokenizer& tokenizer, long labels);

  /// The examples of `tokens`, which must live as long: Fault::input when there are none.
  std::unique_ptr<data::Examples> examples(const data::TokenSequence& tokens) const;

  /// True if the losses of a text's tokens add up to the length of its best code, so that bits per byte mean something.
  bool is_a_code() const;

 private:
  const Config& config_;
  const data::Tokenizer& tokenizer_;
  long labels_;
};

}  // namespace primer::train
