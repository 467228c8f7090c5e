#include "train/circuits/left_out.h"

#include <algorithm>

#include "nn/transformer.h"

namespace primer::train {

namespace {

std::string of_norms(const nn::ModelConfig& c) {
  switch (c.norm) {
    case nn::NormPlace::none: return {};
    case nn::NormPlace::pre:
      return "Norms: their gains, and a layer norm's subtraction of the mean, are folded into the weights that read "
             "what they make. What a norm divides by is another number in every row, so it is left out of all figures "
             "of weights.";
    case nn::NormPlace::post:
      return "Norms stand behind every sum here: what a head writes is normed before others read it. Figures of "
             "weights leave them out.";
  }
  return {};
}

std::string of_positions(const nn::ModelConfig& c) {
  switch (c.position) {
    case nn::Position::none: return {};
    case nn::Position::learned:
    case nn::Position::sinusoidal:
      return "Positions are added to the tokens, and every head reads them too: figures of weights are those of tokens "
             "alone, so a head that looks one place back shows nothing in W_QK of tokens.";
    case nn::Position::rotary:
      return "Rotary positions turn queries and keys by their places: W_QK is that of two tokens at one place, and how "
             "it changes with their distance is left out of QK positivity and of Q- and K-composition.";
    case nn::Position::qk:
      return "Positions are added to what queries and keys are made of: W_QK is that of tokens alone.";
  }
  return {};
}

}  // namespace

std::vector<std::string> left_out(const nn::Model<float>& model, const Repeated& repeated,
                                  const data::Tokenizer& tokenizer) {
  const nn::ModelConfig& c = model.config();
  std::vector<std::string> notes;
  const auto note = [&](bool holds, const std::string& text) {
    if (holds && !text.empty()) notes.push_back(text);
  };
  note(!c.causal,
       "The model reads in both directions: prefix matching is left out, so that no head is called induction, and "
       "duplicate tokens are those before and behind.");
  note(!model.token,
       "No head of the model predicts every token, so there is no W_U that one token's logits come from: OV "
       "positivity, copying and the strongest pairs are left out.");
  note(repeated.block == 0,
       "The context or the vocabulary is too small for a block of 4 distinct tokens four times over: scores on "
       "random tokens, and names, are left out.");
  note(repeated.block > 0 && repeated.first.has_value(),
       "The random sequences begin with " + (repeated.first ? tokenizer.token_text(*repeated.first) : std::string()) +
           ".");
  note(repeated.block > 0 && !repeated.first,
       "The vocabulary has no token that begins a text: the random sequences begin with their first block, whose first "
       "token is what first-token scores speak of.");
  note(true, of_norms(c));
  note(c.embedding_norm, "What tokens begin as is normed: W_E is read before that.");
  const auto* body = dynamic_cast<const nn::Transformer<float>*>(model.body.get());
  note(body && std::any_of(body->blocks.begin(), body->blocks.end(),
                           [](const auto& block) { return bool(block.attention.qkv.bias); }),
       "Biases are left out: each is a path of its own, beside those of tokens.");
  note(true, of_positions(c));
  note(c.qk_norm,
       "Every query and key is brought to one size: their gains are folded into W_Q and W_K, the sizes are left out.");
  note(body && std::any_of(body->blocks.begin(), body->blocks.end(),
                           [](const auto& block) { return bool(block.attention.smear); }),
       "Keys are mixed with those before them: W_K is that of a key alone.");
  note(c.attention != nn::AttentionKind::softmax,
       "Attention is not the softmax of q k: W_QK says which tokens' queries and keys are alike, and not how much of a "
       "pattern that makes.");
  note(c.hidden() > 0,
       "Feed-forward parts read what heads write and write themselves: OV and composition follow the direct ways "
       "alone, and only the loss without a head holds everything.");
  return notes;
}

}  // namespace primer::train
