// The activations that a feed-forward layer can have.
#pragma once

#include "autograd/words.h"

namespace primer::autograd {

enum class Activation {
  gelu,      // tanh form: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))   Hendrycks & Gimpel 2016, GPT-2
  gelu_erf,  // exact form: 0.5 x (1 + erf(x / sqrt(2)))                      Hendrycks & Gimpel 2016, BERT
  relu,      // max(0, x)                                                     Vaswani et al. 2017
  relu2,     // max(0, x)^2                                                   So et al. 2021
  // of a gate, from here on
  swiglu,  // silu, x / (1 + e^-x)                                            Shazeer 2020
};
constexpr auto words(Activation) { return word_list("gelu", "gelu-erf", "relu", "relu2", "swiglu"); }

/// A feed-forward layer takes the function of a second projection, the gate, which multiplies the first one.
constexpr bool is_gated(Activation kind) { return kind >= Activation::swiglu; }

}  // namespace primer::autograd
