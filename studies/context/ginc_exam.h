// What is asked of a reader of GINC's texts and prompts (ginc.h), and how it did.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/examples/examples.h"
#include "nn/model.h"
#include "studies/context/ginc.h"
#include "studies/lab/lab.h"

namespace primer::studies {

using Prompts = std::vector<Prompt>;  // of one length, with as many examples

/// What a learner says next in each prompt behind its last n examples: its most probable token.
using Learner = std::function<std::vector<int>(const Prompts&, long n)>;

/// Exact inference, or who keeps the prior: see Reader. What it is made of must live as long as the learner.
Learner exactly(const Ginc& ginc, Ginc::Family family, bool infers = true);
Learner by(const nn::Model<float>& model);

/// Texts first, first + 1, ... of a family: B of `length` tokens, all of which are followed by a target.
data::Batch texts(const Ginc& ginc, Ginc::Family family, std::uint64_t seed, long first, long B, long length);

/// The mean of -ln p over each text, [B]: of exact inference or who keeps the prior, and of a model.
std::vector<double> losses(const Ginc& ginc, Ginc::Family family, const data::Batch& batch, bool infers = true);
std::vector<double> losses(const nn::Model<float>& model, const data::Batch& batch);

/// How a learner did, over all seeds.
struct Record {
  static constexpr long counts[]{0, 1, 2, 4, 8, 16}, most = 16;  // n, examples before the question

  std::string name;
  std::map<long, std::map<long, Tally>> right = {};  // of k and n
  std::map<long, Tally> gain = {};                   // of k: right behind 16 examples, less right behind none
  std::map<long, Tally> shortfall = {};              // of k, behind 16: exact inference right, less right
  Tally excess = {};                                 // loss on texts, less that of exact inference

  /// Adds a seed's prompts, and returns what the learner says behind 16 examples; of `exact` inference that is known.
  std::vector<int> add(const Learner& learner, const Prompts& prompts, const std::vector<int>& exact = {});

  Estimate accuracy(long k, long n) const { return right.at(k).at(n).estimate("prompts"); }
  Estimate gained(long k) const { return gain.at(k).estimate("prompts"); }
  train::Curve curve(long k) const;  // accuracy over n
};

}  // namespace primer::studies
