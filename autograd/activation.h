// The activations that a feed-forward layer can have.
#pragma once

#include "autograd/words.h"

namespace primer::autograd {

enum class Activation {
  gelu,      // tanh form: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))   Hendrycks & Gimpel 2016, GPT-2
  gelu_erf,  // exact form: 0.5 x (1 + erf(x / sqrt(2)))                      Hendrycks & Gimpel 2016, BERT
  relu,      // max(0, x)                                                     Vaswani et al. 2017
  relu2,     // max(0, x)^2                                                   So et al. 2021
  swiglu,    // silu, x / (1 + e^-x), of a gate: see is_gated                 Shazeer 2020
};
constexpr auto words(Activation) { return word_list("gelu", "gelu-erf", "relu", "relu2", "swiglu"); }

/// In a feed-forward layer the function is taken of a second projection, the gate, which multiplies the first one.
constexpr bool is_gated(Activation kind) {
  switch (kind) {
    case Activation::gelu:
    case Activation::gelu_erf:
    case Activation::relu:
    case Activation::relu2: return false;
    case Activation::swiglu: break;
  }
  return true;
}

}  // namespace primer::autograd
