// Where heads look: the share of their attention that goes to places of four kinds, and sequences that tell the kinds
// apart.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autograd/words.h"
#include "train/circuits/observers.h"

namespace primer::train {

/// Places s that a token x[t] may look at. Olsson et al. 2022, In-context Learning and Induction Heads, "Head
/// activation evaluators"; Elhage et al. 2021.
enum class Look {
  previous_token,   // s = t - 1
  first_token,      // s = 0
  duplicate_token,  // x[s] = x[t], another place: an earlier one, or any where a model reads both ways
  prefix_matching   // x[s - 1] = x[t]: what followed an earlier occurrence
};
constexpr auto words(Look) {
  return autograd::word_list("previous_token", "first_token", "duplicate_token", "prefix_matching");
}
inline constexpr std::size_t look_count = words(Look{}).size();
using LookScores = std::array<double, look_count>;  // NaN: no place of this kind was there to look at

/// What a head with a high score is called.
std::string_view head_name(Look look);

/// All names, each behind what such a head looks at: "the token before (previous-token), the first one (...".
std::string head_names_text();

bool is_look(Look look, const int* x, long t, long s);

/// The mean over rows t of what each head of a layer spends on the columns s of one kind; rows without such a column do
/// not count. Rows and columns are real tokens, in a causal model s <= t.
struct Spent {
  std::vector<double> sums = {};  // [H]
  double uniform = 0;             // of a head that looks at all columns alike
  double rows = 0;

  /// pattern: [B, H, T, T]
  template <class T>
  void add(Look look, const T* pattern, const nn::Sequences& in, long heads, bool causal);
};

/// The same of one batch through a causal model: [H].
template <class T>
std::vector<double> look_scores(Look look, const std::vector<T>& pattern, const data::Batch& batch, long heads);

struct LookTable {
  std::vector<LookScores> heads;  // [layers H]
  LookScores uniform;             // of a head that looks at all places alike
};

/// The scores of every head of a model. In a model that reads both ways prefix matching does not count. Weights that
/// are no numbers: Fault::checkpoint.
template <class T>
LookTable look_table(const nn::Model<T>& model, std::span<const data::Batch> batches);

/// Sequences in which a block of random tokens is repeated.
struct Repeated {
  long block = 25, times = 4, sequences = 32;
  std::optional<int> first = {}, last = {};  // what stands before the first block, and behind the last one

  long length() const { return block * times + (first ? 1 : 0) + (last ? 1 : 0); }

  /// A block has distinct ones of `tokens`, of which there are enough; a pure function of the seed. No targets.
  data::Batch batch(std::span<const int> tokens, std::uint64_t seed) const;
};

}  // namespace primer::train
