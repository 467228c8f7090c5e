// What stood first is asked for at the end, behind distractors that say nothing of it; and how much of the loss there
// reaches what stood d places before: in training, what is to be kept can be learned only through that gradient.
// Hochreiter 1991; Bengio, Simard & Frasconi 1994; Hochreiter & Schmidhuber 1997, section 5.
//
// Of a layer h_t = tanh(W x_t + b + U h_(t-1)), with D_t = diag(1 - h_t^2),
//
//   dL/dx_t = W' D_t (U' D_(t+1)) (U' D_(t+2)) ... (U' D_T) dL/dh_T
//
// Each place more is a factor U' D, and D only shrinks: where U is rho times an orthogonal matrix, dL/dh falls by rho
// at least; of any U the mean factor tends to its spectral radius at most where D is near 1.
#pragma once

#include <cstdint>
#include <vector>

#include "data/examples/examples.h"
#include "studies/lab/fit.h"

namespace primer::studies {

struct Recall {
  long distractors = 10;  // D
  static constexpr int symbols = 8, mark = 0, first_symbol = 1, first_distractor = first_symbol + symbols;
  static constexpr int vocabulary = first_distractor + symbols;
  long length() const { return distractors + 2; }  // T

  /// B sequences: one of 8 symbols, D times one of 8 distractors, all drawn evenly, and the mark, whose target is the
  /// symbol. A pure function of (seed, step).
  data::Batch batch(std::uint64_t seed, long step, long sequences) const;
};

/// The norm of the loss's gradient by what is read d places before the end, d = 0 ... T - 1, [T]: over all sequences of
/// the batch and all channels of their embeddings.
template <class T>
std::vector<double> gradients_back(Net<T>& net, const data::Batch& batch);

/// By how much ln y [N] rises from one place to the next, in the least squares fit over places 1 ... N - 1, but for
/// those where y is below 1e-30 and float has few numbers. Fewer than two such places: NaN.
double log_slope(const std::vector<double>& y);

/// U of a tanh layer is scaled so that its largest eigenvalue has this magnitude; or is made orthogonal before.
template <class T>
void set_radius(Net<T>& net, double radius, bool orthogonal = false);

/// The bias of an LSTM's forget gate: it begins at 1 / (1 + e^-bias).
template <class T>
void set_forget_bias(Net<T>& net, double bias);

}  // namespace primer::studies
