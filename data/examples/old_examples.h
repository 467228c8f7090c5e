// Files of tokens of version 1 had no index: special tokens parted lines and sentences.
#pragma once

#include <vector>

#include "data/examples/text_form.h"
#include "data/examples/token_sequence.h"

namespace primer::data {

/// The lines or sentences of a part, found by reading all of it:
///   sentences        every sentence ended with [SEP], every document with [CLS]
///   labelled lines   every line was [CLS], its label (label k was the vocabulary's size + k), its text, [SEP]
/// Tokens that are not of this form: Fault::input. A stream has one run.
std::vector<Example> old_examples(const TokenSequence& tokens, TextForm form, const Tokenizer& tokenizer, long labels);

}  // namespace primer::data
