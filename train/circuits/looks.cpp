#include "train/circuits/looks.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/error.h"
#include "autograd/random.h"
#include "train/step/model.h"

namespace primer::train {

namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

/// Measures every layer as it is computed, so that no pattern is kept.
template <class T>
class LookMeter final : public autograd::Observer<T> {
 public:
  explicit LookMeter(const nn::Model<T>& model)
      : config_(model.config()), spent_(static_cast<std::size_t>(model.body->attention_layers())) {}

  bool wants(std::string_view, std::string_view leaf) override { return leaf == "pattern"; }

  autograd::Tensor<T> see(std::string_view path, std::string_view, autograd::Tensor<T> pattern) override {
    for (std::size_t layer = 0; layer < spent_.size(); ++layer) {
      if (path != attention_path(static_cast<long>(layer))) continue;
      for (std::size_t look = 0; look < look_count; ++look) {
        if (!config_.causal && static_cast<Look>(look) == Look::prefix_matching) continue;
        spent_[layer][look].add(static_cast<Look>(look), pattern.data(), sequences, config_.heads, config_.causal);
      }
    }
    return pattern;
  }

  LookTable table() const {
    LookTable table{{}, {}};
    table.uniform.fill(nothing);
    for (const auto& layer : spent_) {
      for (std::size_t h = 0; h < static_cast<std::size_t>(config_.heads); ++h) {
        LookScores scores;
        scores.fill(nothing);
        for (std::size_t look = 0; look < look_count; ++look) {
          const Spent& spent = layer[look];
          if (spent.rows == 0) continue;
          scores[look] = spent.sums[h] / spent.rows;
          table.uniform[look] = spent.uniform / spent.rows;
          if (!std::isfinite(scores[look])) {
            throw autograd::Error(autograd::Fault::checkpoint,
                                  "the model's attention is not a number: its parameters are broken");
          }
        }
        table.heads.push_back(scores);
      }
    }
    return table;
  }

  nn::Sequences sequences;  // that are read

 private:
  const nn::ModelConfig& config_;
  std::vector<std::array<Spent, look_count>> spent_;  // [layers]
};

}  // namespace

std::string_view head_name(Look look) {
  switch (look) {
    case Look::previous_token: return "previous-token";
    case Look::first_token: return "first-token";
    case Look::duplicate_token: return "duplicate-token";
    case Look::prefix_matching: return "induction";
  }
  return {};
}

std::string head_names_text() {
  constexpr std::array<std::string_view, look_count> places{
      "the token before", "the first one", "the same one in another place", "what followed the same one earlier"};
  std::string text;
  for (std::size_t look = 0; look < look_count; ++look) {
    text += std::string(look == 0                ? ""
                        : look + 1 == look_count ? ", or "
                                                 : ", ") +
            std::string(places[look]) + " (" + std::string(head_name(static_cast<Look>(look))) + ")";
  }
  return text;
}

bool is_look(Look look, const int* x, long t, long s) {
  switch (look) {
    case Look::previous_token: return s == t - 1;
    case Look::first_token: return s == 0 && t > 0;  // the first one cannot look elsewhere
    case Look::duplicate_token: return s != t && x[s] == x[t];
    case Look::prefix_matching: return s > 0 && x[s - 1] == x[t];
  }
  return false;
}

template <class T>
void Spent::add(Look look, const T* pattern, const nn::Sequences& in, long heads, bool causal) {
  const long length = in.length;
  sums.resize(static_cast<std::size_t>(heads), 0);
  std::vector<long> picked;
  for (long b = 0; b < in.batch; ++b) {
    const int* x = in.tokens.data() + b * length;
    const long real = in.lengths.empty() ? length : in.lengths[static_cast<std::size_t>(b)];
    for (long t = 0; t < real; ++t) {
      const long seen = causal ? t + 1 : real;
      picked.clear();
      for (long s = 0; s < seen; ++s) {
        if (is_look(look, x, t, s)) picked.push_back(s);
      }
      if (picked.empty()) continue;
      ++rows;
      uniform += static_cast<double>(picked.size()) / static_cast<double>(seen);
      for (long h = 0; h < heads; ++h) {
        const T* row = pattern + ((b * heads + h) * length + t) * length;
        for (const long s : picked) sums[static_cast<std::size_t>(h)] += static_cast<double>(row[s]);
      }
    }
  }
}

template <class T>
std::vector<double> look_scores(Look look, const std::vector<T>& pattern, const data::Batch& batch, long heads) {
  Spent spent;
  spent.add(look, pattern.data(), part_of(batch, 0, batch.sequences).sequences, heads, true);
  for (double& sum : spent.sums) sum /= spent.rows;
  return spent.sums;
}

template <class T>
LookTable look_table(const nn::Model<T>& model, std::span<const data::Batch> batches) {
  LookMeter<T> meter(model);
  for (const data::Batch& batch : batches) {
    const long at_once = std::max(1L, (1L << 16) / (batch.length * batch.length));  // all layers' patterns are there
    for (long first = 0; first < batch.sequences; first += at_once) {
      meter.sequences = part_of(batch, first, std::min(at_once, batch.sequences - first)).sequences;
      watch<T>(model, meter.sequences, meter);
    }
  }
  return meter.table();
}

data::Batch Repeated::batch(std::span<const int> tokens, std::uint64_t seed) const {
  const auto count = static_cast<long>(tokens.size());
  if (count < block) {
    autograd::refuse("repeated",
                     "a block of " + std::to_string(block) + " distinct tokens, of " + std::to_string(count));
  }
  const autograd::Random random(seed, autograd::hash("repeated blocks"));
  data::Batch batch;
  batch.sequences = sequences;
  batch.length = length();
  batch.lengths.assign(static_cast<std::size_t>(sequences), static_cast<int>(length()));
  batch.targets.assign(static_cast<std::size_t>(sequences * length()), -1);
  for (long b = 0; b < sequences; ++b) {
    std::vector<int> drawn(tokens.begin(), tokens.end());
    for (long i = 0; i < block; ++i) {  // Fisher & Yates: the first of a shuffled order
      const std::uint64_t other =
          random.below(static_cast<std::uint64_t>(count - i), static_cast<std::uint64_t>(b * block + i));
      std::swap(drawn[static_cast<std::size_t>(i)], drawn[static_cast<std::size_t>(i) + other]);
    }
    if (first) batch.tokens.push_back(*first);
    for (long i = 0; i < times; ++i) batch.tokens.insert(batch.tokens.end(), drawn.begin(), drawn.begin() + block);
    if (last) batch.tokens.push_back(*last);
  }
  return batch;
}

#define PRIMER_LOOKS(T)                                                                            \
  template void Spent::add(Look, const T*, const nn::Sequences&, long, bool);                      \
  template std::vector<double> look_scores(Look, const std::vector<T>&, const data::Batch&, long); \
  template LookTable look_table(const nn::Model<T>&, std::span<const data::Batch>)
PRIMER_LOOKS(float);
PRIMER_LOOKS(double);
#undef PRIMER_LOOKS

}  // namespace primer::train
