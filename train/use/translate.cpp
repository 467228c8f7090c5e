#include "train/use/translate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/error.h"
#include "data/examples/text_form.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

/// What a target begins with, as far as it is found; its place among the others is that of its state.
struct Hypothesis {
  std::size_t source = 0;
  std::vector<int> ids = {};
  double log_probability = 0;
};

/// A hypothesis and what it may be followed by.
struct Candidate {
  double log_probability = 0;  // of both
  int id = 0;
  std::size_t parent = 0;  // place of the hypothesis
};

/// Keeps the best candidates of a source. Which of two equal ones comes first does not depend on places, so that a
/// translation does not depend on what else is translated.
class Best {
 public:
  Best(const std::vector<Hypothesis>& live, std::size_t most) : live_(&live), most_(most) {}

  void offer(const Candidate& c) {
    if (list_.size() == most_ && !before(c, list_.back())) return;
    if (list_.size() == most_) list_.pop_back();
    list_.insert(std::ranges::upper_bound(list_, c, [this](auto& a, auto& b) { return before(a, b); }), c);
  }
  const std::vector<Candidate>& list() const { return list_; }

 private:
  bool before(const Candidate& a, const Candidate& b) const {
    if (a.log_probability != b.log_probability) return a.log_probability > b.log_probability;
    const std::vector<int>&x = (*live_)[a.parent].ids, &y = (*live_)[b.parent].ids;
    return x != y ? x < y : a.id < b.id;
  }

  const std::vector<Hypothesis>* live_;
  std::size_t most_;
  std::vector<Candidate> list_;  // the best first
};

/// ln of the sum of e^z over a row of logits. Not a number: Fault::checkpoint.
double log_sum_exp(std::span<const float> z) {
  const double largest = *std::ranges::max_element(z);
  double sum = 0;
  for (const float value : z) sum += std::exp(static_cast<double>(value) - largest);
  if (!std::isfinite(sum)) {
    throw Error(Fault::checkpoint, "the model's output is not a number: its parameters are broken");
  }
  return largest + std::log(sum);
}

/// Lets the state and the hypotheses follow `chosen`: the first child of a hypothesis takes its place, another one that
/// of a hypothesis without children, or a new one. What has no child leaves.
void follow(nn::State<float>& state, std::vector<Hypothesis>& live, const std::vector<Candidate>& chosen) {
  std::vector<Hypothesis> next(live.size());
  std::vector<bool> taken(live.size());
  std::vector<const Candidate*> others;
  const auto put = [&](const Candidate& c, std::size_t place) {
    next[place] = live[c.parent];
    next[place].ids.push_back(c.id);
    next[place].log_probability = c.log_probability;
    taken[place] = true;
  };
  for (const Candidate& c : chosen) {
    if (taken[c.parent]) others.push_back(&c);
    else put(c, c.parent);
  }
  std::size_t place = 0;
  for (const Candidate* const c : others) {
    while (place < next.size() && taken[place]) ++place;
    if (place == next.size()) {
      next.emplace_back();
      taken.push_back(false);
    }
    state.branch(static_cast<long>(c->parent), static_cast<long>(place));
    put(*c, place);
  }
  for (std::size_t i = next.size(); i-- > 0;) {
    if (taken[i]) continue;
    state.drop(static_cast<long>(i));
    std::swap(next[i], next.back());
    next.pop_back();
  }
  live = std::move(next);
}

}  // namespace

PaddedSources::PaddedSources(std::span<const std::vector<int>> sources, int eos, const nn::ModelConfig& model) {
  for (const auto& ids : sources) length = std::max(length, static_cast<long>(ids.size()) + 1);
  if (model.body != nn::BodyKind::transformer)
    length = std::max(length, std::min((length + 15) / 16 * 16, model.context));
  for (const auto& ids : sources) {
    const std::size_t row = tokens.size();
    tokens.resize(row + static_cast<std::size_t>(length), 0);
    std::ranges::copy(ids, tokens.begin() + static_cast<std::ptrdiff_t>(row));
    tokens[row + ids.size()] = eos;
    lengths.push_back(static_cast<int>(ids.size()) + 1);
  }
}

Marks marks_of(const data::Tokenizer& tokenizer) {
  return {data::need_special(tokenizer, "[BOS]"), data::need_special(tokenizer, "[EOS]"),
          data::need_special(tokenizer.of_sources(), "[EOS]"), tokenizer.unknown()};
}

// Of n tokens with [EOS].
static double score_of(double log_probability, long n, double length_penalty) {
  return log_probability / std::pow((5 + static_cast<double>(n)) / 6, length_penalty);
}

double Translation::score(double length_penalty) const {
  return score_of(log_probability, static_cast<long>(ids.size()) + 1, length_penalty);
}

std::vector<Translation> translate(const nn::Model<float>& model, autograd::Tape<float>& tape,
                                   const data::Tokenizer& tokenizer, std::span<const std::vector<int>> sources,
                                   const BeamSearch& search) {
  if (sources.empty()) return {};
  return translate(model, tape, marks_of(tokenizer), sources, search);
}

std::vector<Translation> translate(const nn::Model<float>& model, autograd::Tape<float>& tape, const Marks& marks,
                                   std::span<const std::vector<int>> sources, const BeamSearch& search) {
  if (sources.empty()) return {};
  const auto [bos, eos, source_eos, unknown] = marks;
  const auto k = static_cast<std::size_t>(search.width), B = sources.size();
  const PaddedSources padded(sources, source_eos, model.config());
  const auto state = model.body->state(static_cast<long>(B * k));
  state->clear(static_cast<long>(B));
  std::vector<Hypothesis> live;  // in the order of the state's sequences
  for (std::size_t b = 0; b < B; ++b) live.push_back({b});
  std::vector<Translation> found(B);  // the best that have ended
  std::vector<double> scores(B, -std::numeric_limits<double>::infinity());
  const long longest = model.config().context;

  for (long n = 1; !live.empty(); ++n) {  // the n-th token of every target
    std::vector<int> tokens;              // [live], the ones before
    for (const Hypothesis& h : live) tokens.push_back(h.ids.empty() ? bos : h.ids.back());
    const auto pause = tape.pause();
    const auto logits = model.decode(tape, *state, tokens, n == 1 ? padded.source() : nn::Source{});
    const auto V = static_cast<std::size_t>(logits.shape[1]);
    const bool is_last = n == longest;

    std::vector<Best> best(B, Best(live, 2 * k));
    for (std::size_t i = 0; i < live.size(); ++i) {
      const std::span<const float> z(logits.data() + i * V, V);
      const double before = live[i].log_probability - log_sum_exp(z);
      for (int id = is_last ? eos : 0; id < (is_last ? eos + 1 : static_cast<int>(V)); ++id) {
        if (id != bos && id != unknown)
          best[live[i].source].offer({before + static_cast<double>(z[static_cast<std::size_t>(id)]), id, i});
      }
    }
    std::vector<Candidate> chosen;  // of all sources
    for (std::size_t b = 0; b < B; ++b) {
      const std::vector<Candidate>& list = best[b].list();
      bool has_ended = is_last;
      for (std::size_t j = 0; j < std::min(k, list.size()); ++j) {
        if (list[j].id != eos) continue;
        has_ended = has_ended || k == 1;
        const double score = score_of(list[j].log_probability, n, search.length_penalty);
        if (score <= scores[b]) continue;
        scores[b] = score;
        found[b] = {live[list[j].parent].ids, list[j].log_probability};
      }
      if (has_ended) continue;
      std::size_t goes_on = 0;
      for (const Candidate& c : list) {
        if (c.id == eos || goes_on++ >= k) continue;
        if (score_of(c.log_probability, longest, search.length_penalty) > scores[b]) chosen.push_back(c);
      }
    }
    follow(*state, live, chosen);
  }
  return found;
}

}  // namespace primer::train
