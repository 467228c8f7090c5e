// Byte pair encoding learned from a text: the pair of neighbouring tokens that occurs most often becomes a token, again
// and again. Sennrich et al., Neural Machine Translation of Rare Words with Subword Units (2016), algorithm 1.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/tokenizers/tokenizer.h"
#include "data/tokenizers/word_counts.h"

namespace primer::data {

/// The fewest and the most tokens that may be asked for: the bytes and one more; as many as a tokenizer.json may have.
inline constexpr int fewest_bpe_tokens = 257, most_bpe_tokens = 1'000'000;

/// A tokenizer of `size` tokens: the 256 bytes in GPT-2's order, then one for each merge; `specials` come on top.
/// Of pairs that occur equally often the one with the smaller left id, then the smaller right id, is merged first, as
/// Hugging Face's BpeTrainer does, and the vocabulary is the same. No pair is merged that occurs once only, nor into
/// more than longest_bpe_token bytes: a short text gives fewer tokens than were asked for. Takes about 40 bytes of
/// memory for each byte of distinct words, and time that grows with them and with the merges.
/// A size outside the limits above: Fault::usage.
std::shared_ptr<const Tokenizer> train_bpe(const WordCounts& words, int size,
                                           const std::vector<std::string>& specials = {});

}  // namespace primer::data
