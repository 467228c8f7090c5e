// Alignment: how a recurrent decoder attends to what an encoder made of a source, as a layer. With a state s of the
// decoder [n], the encoder's states h_j [m], and weights a = softmax over the real places j of the scores e:
//   context   c = sum over j of a_j h_j                     Bahdanau, Cho & Bengio 2015, equations 5 and 6
//   additive  e_j = va' tanh(Wa s + Ua h_j)                 Bahdanau et al. 2015, appendix A.1.2
//   dot       e_j = s' h_j                                  Luong, Pham & Manning 2015, section 3.1
//   general   e_j = s' Wa h_j
//   concat    e_j = va' tanh(Wa [s; h_j])
//   location  e = Wa s, Wa [longest source, n]              equation 8: of the places and not of what stands there
//   local     p = S sigmoid(vp' tanh(Wp s)), equation 9, S real places, counted from 0; a is general's within
//             [p - D, p + D], times e^(-(j - p)^2 / (2 sigma^2)), sigma = D / 2, equation 10: its sum is below 1
//   scaled-dot  e_j = s' h_j / sqrt(n)                      Vaswani et al. 2017, section 3.2.1
// For dot and scaled-dot n and m must agree: where they do not, h_j is Wh h_j, [n], in scores and context.
#pragma once

#include <span>
#include <string>

#include "nn/linear.h"
#include "nn/model_config.h"

namespace primer::nn {

struct AlignmentOptions {
  Align kind = Align::additive;  // but none
  long query = 0, states = 0;    // n, m
  long longest = 0;              // places of a source, at most; for location
  long window = 10;              // D, of local
};

/// What alignment keeps of B sources while it reads them: made once.
template <class T>
struct AlignedSource {
  Tensor<T> states = {};              // h [B, S, width()]
  Tensor<T> keys = {};                // of additive and concat [B, S, n]; of location none; else [B, n, S]
  Tensor<T> query = {};               // concat's part of Wa for s, [n, n]; or none
  std::span<const int> lengths = {};  // [B], real places of each; none: all
};

template <class T>
struct Aligned {
  Tensor<T> context;  // [B, T, width()]
  Tensor<T> weights;  // [B, T, S], 0 behind a source's length
};

/// The matrices begin normal, with the deviation of uniform numbers within 1 / sqrt(in), as those of the cells.
template <class T>
struct Alignment {
  std::string path;
  AlignmentOptions options;
  Linear<T> query;   // additive's Wa [n, n], location's [longest, n]
  Linear<T> key;     // additive's Ua and general's and local's Wa [n, m]; dot's Wh, or none; concat's Wa [n, n + m]
  Tensor<T> score;   // va [n]
  Linear<T> place;   // local's Wp [n, n]
  Linear<T> centre;  // local's vp [1, n]

  Alignment() = default;
  Alignment(Parameters<T>& parameters, const std::string& path, const AlignmentOptions& o);

  /// Channels of a context vector: m, of dot and scaled-dot n.
  long width() const;

  /// What is made once of an encoder's states [B, S, m]; each source has 1 real place or more.
  AlignedSource<T> read(Tensor<T> states, std::span<const int> lengths) const;

  /// The same of states and keys that read() has made earlier.
  AlignedSource<T> reread(Tape<T>& tape, Tensor<T> states, Tensor<T> keys, std::span<const int> lengths) const;

  /// For the decoder's states s [B, T, n], T of them at once. `path`.pattern, [B, 1, T, S], are the weights: who
  /// watches may replace them.
  Aligned<T> operator()(Tensor<T> s, const AlignedSource<T>& source) const;
};

}  // namespace primer::nn
