#include "train/run/generate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autograd/error.h"
#include "autograd/random.h"
#include "data/utf8.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

// Scales the first `count` of the ranked tokens to sum 1; the others get 0.
void keep_first(std::vector<double>& p, const std::vector<int>& ranked, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += p[static_cast<std::size_t>(ranked[i])];
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    double& value = p[static_cast<std::size_t>(ranked[i])];
    value = i < count ? value / sum : 0;
  }
}

}  // namespace

std::vector<double> probabilities(std::span<const float> logits, const Sampling& sampling) {
  for (const float logit : logits) {
    if (std::isnan(logit)) {
      throw Error(Fault::checkpoint, "the model's output is not a number: its parameters are broken");
    }
  }
  const auto highest = std::max_element(logits.begin(), logits.end());  // the first of equal ones
  std::vector<double> p(logits.size(), 0.0);                            // [V]
  if (sampling.temperature == 0) {
    p[static_cast<std::size_t>(highest - logits.begin())] = 1;
    return p;
  }
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    // The highest is subtracted first, so that a tiny temperature overflows to zeros only.
    p[i] = logits[i] == *highest ? 1 : std::exp((static_cast<double>(logits[i]) - *highest) / sampling.temperature);
    sum += p[i];
  }
  for (double& value : p) value /= sum;

  const bool limits_k = sampling.top_k > 0 && static_cast<std::size_t>(sampling.top_k) < p.size();
  if (!limits_k && sampling.top_p >= 1) return p;
  std::vector<int> ranked(p.size());  // ids, most probable first
  std::iota(ranked.begin(), ranked.end(), 0);
  std::stable_sort(ranked.begin(), ranked.end(), [&](int a, int b) {
    return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
  });
  if (limits_k) keep_first(p, ranked, static_cast<std::size_t>(sampling.top_k));
  if (sampling.top_p < 1) {
    double covered = 0;
    std::size_t count = 0;
    while (count < ranked.size() && covered < sampling.top_p) covered += p[static_cast<std::size_t>(ranked[count++])];
    keep_first(p, ranked, std::max<std::size_t>(count, 1));
  }
  return p;
}

int choose(std::span<const double> probabilities, double uniform) {
  double sum = 0;
  int last = 0;  // rounding may leave the sum below `uniform`: then the last possible token
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] <= 0) continue;
    sum += probabilities[i];
    last = static_cast<int>(i);
    if (uniform < sum) break;
  }
  return last;
}

void generate(nn::Gpt<float>& gpt, autograd::Tape<float>& tape, long context, std::vector<int> prompt, long count,
              const Sampling& sampling, std::uint64_t sample, const std::function<bool(int)>& each) {
  const autograd::Random random(sampling.seed, autograd::hash("generate"), sample);
  std::vector<int> tokens = std::move(prompt);
  for (long n = 0; n < count; ++n) {
    if (static_cast<long>(tokens.size()) > context) tokens.erase(tokens.begin(), tokens.end() - context);
    const long length = static_cast<long>(tokens.size());
    int id = 0;
    {
      const auto pause = tape.pause();
      const int last = static_cast<int>(length) - 1;
      const auto logits = gpt.logits_at(tape, tokens, 1, length, {}, {&last, 1});  // [1, V]
      id = choose(probabilities({logits.data(), static_cast<std::size_t>(logits.size())}, sampling),
                  random.uniform(static_cast<std::uint64_t>(n)));
    }
    tokens.push_back(id);
    if (!each(id)) return;
  }
}

std::string StopFilter::feed(const std::string& piece) {
  if (stopped_) return {};
  if (stop_.empty()) return piece;
  pending_ += piece;
  const auto found = pending_.find(stop_);
  if (found != std::string::npos) {
    stopped_ = true;
    return pending_.substr(0, found);
  }
  std::size_t kept = std::min(pending_.size(), stop_.size() - 1);
  while (kept > 0 && pending_.compare(pending_.size() - kept, kept, stop_, 0, kept) != 0) --kept;
  std::string shown = pending_.substr(0, pending_.size() - kept);
  pending_.erase(0, shown.size());
  return shown;
}

std::string StopFilter::finish() { return stopped_ ? std::string() : std::exchange(pending_, {}); }

std::string for_terminal(const std::string& text) {
  std::string out;
  std::string run;  // between line feeds and tabs, which stay
  const auto flush = [&] {
    out += data::printable(run);
    run.clear();
  };
  for (const char c : text) {
    if (c == '\n' || c == '\t') {
      flush();
      out += c;
    } else {
      run += c;
    }
  }
  flush();
  return out;
}

}  // namespace primer::train
