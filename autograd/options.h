// What ops are told, for the layers that hand it on.
#pragma once

#include <cstdint>
#include <span>

#include "autograd/words.h"

namespace primer::autograd {

/// The activations that a feed-forward layer can have.
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

/// The cells of a recurrent layer; the number is G, the rows of gates for each channel.
enum class Cell { rnn = 1, gru = 3, lstm = 4 };

/// How a recurrent layer reads, and what it shows.
struct RecurrentOptions {
  bool backwards = false;             // from a sequence's last real step to its first
  std::span<const int> lengths = {};  // [B], steps of each sequence that are read, the first ones; none: all
  bool cells = false;                 // what an LSTM gives are its states, [h, c], and not h alone
};

/// Where dropout happens and how often. The purpose is the hash of the module's path and the use.
struct Dropout {
  double probability = 0;  // of zeroing, in [0, 1)
  std::uint64_t purpose = 0;
};

}  // namespace primer::autograd
