// What a model asks of a machine, counted from the model itself: operations of its products, the bytes that these read
// and write, and how many have to be made one after the other. The count lists the products that the ops of one pass
// ask for, and makes none.
//
// Operations over steps are how many could be made at once, were there a processor for each: of work and span, Brent
// 1974, Blelloch 1996. Not counted is what is made between products, a share of 1 / C of it.
#pragma once

#include "nn/model.h"

namespace primer::studies {

struct Cost {
  double operations = 0;  // 2 m n k of a product [m, n] of [m, k] and [k, n]
  double bytes = 0;       // 4 (m k + k n + m n): if nothing stays in a cache from one product to the next
  double steps = 0;       // products that wait for the one before, in the program's order
  bool operator==(const Cost&) const = default;
};

/// Of a step of training, forward and backward, on so many sequences of `length` tokens with a target each. Gradients
/// of weights are beside the chain: nothing waits for them.
Cost cost_of_training(const nn::ModelConfig& shape, long sequences, long length);

/// Of the next token of a text of which `read` were read, 1 or more, from what the model keeps of them.
Cost cost_of_next(const nn::ModelConfig& shape, long read);

/// The same in closed form, of models of the kind that `parallel` compares: a transformer without gates whose heads all
/// have keys of their own, or a tanh net or LSTM; no biases, an output of its own.
Cost training_formula(const nn::ModelConfig& shape, long sequences, long length);
Cost next_formula(const nn::ModelConfig& shape, long read);

}  // namespace primer::studies
