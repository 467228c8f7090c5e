// An encoder-decoder that learns pairs: its training, its translations, and where it looks.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "studies/alignment/pairs.h"
#include "studies/lab/fit.h"
#include "studies/lab/lab.h"

namespace primer::studies {

/// A recurrent encoder-decoder of GRU cells, one layer each, with biases.
nn::ModelConfig recurrent_shape(const PairTask& task, nn::Align align, long channels);

/// Learns from new pairs in every step, with the words of the target before each as input. Returns the losses, [steps]:
/// -ln p of a word or of the end mark, mean over the batch, with label smoothing e in place of ln p that of (1 - e)
/// one-hot + e / V.
struct Lesson {
  Fit fit = {};
  long batch = 64;
  double smoothing = 0;
};
std::vector<double> learn(Net<float>& net, const PairTask& task, const Lesson& lesson, Lab& lab);

/// Operations of all products of such a lesson, forward and backward: those of its first step times its steps. Padding
/// counts.
double operations(const Net<float>& net, const PairTask& task, const Lesson& lesson);

/// The least that such a loss can be: the entropy of the smoothed target, with V words, nats.
double smoothed_floor(double e, long words);

/// Of every source 1 if the model, which goes on from its own words, each time the most probable one, says the whole
/// target and its end; else 0.
std::vector<double> exactly_right(const Net<float>& net, std::span<const Pair> pairs);

/// Where a model looks when it is to say each word of given targets.
struct Looks {
  long B = 0, H = 0, T = 0, S = 0;
  std::vector<float> pattern = {};  // [B, H, T, S]

  /// The place that heads first ... last look at most, on average.
  long most(long b, long t, long first, long last, long places) const;
};

/// Of the layer `path`, such as "alignment": what it shows at once, or step by step.
Looks looks_of(const Net<float>& net, std::span<const Pair> pairs, const std::string& path);

/// Which heads are asked, the mean of them, and how far beside the right place counts, too; or whether they look at the
/// end mark of the source instead.
struct Asked {
  long first = 0, last = 0, off = 0;
  bool end = false;
};

/// How well that agrees with what the words are made of: of every pair the share of its words that have one right place
/// and `counts` is true of, where the place that is looked at most is that one.
std::vector<double> agreement(const Looks& looks, std::span<const Pair> pairs, bool (*counts)(int word),
                              const Asked& asked = {});

/// The attention of one head in the pair b, as a picture.
train::Picture picture_of(const train::Words& words, const Looks& looks, const PairTask& task,
                          std::span<const Pair> pairs, long b, long head = 0);

}  // namespace primer::studies
