#include "train/step/generate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "autograd/error.h"
#include "autograd/random.h"
#include "data/bytes/utf8.h"
#include "data/examples/text_form.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

// Scales the first `count` of the ranked tokens to sum 1; the others get 0.
void keep_first(ProbabilitySpace& space, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += space.p[static_cast<std::size_t>(space.ranked[i])];
  for (std::size_t i = 0; i < space.ranked.size(); ++i) {
    double& value = space.p[static_cast<std::size_t>(space.ranked[i])];
    value = i < count ? value / sum : 0;
  }
}

}  // namespace

std::span<const double> probabilities(std::span<const float> logits, const Sampling& sampling,
                                      ProbabilitySpace& space) {
  for (const float logit : logits) {
    if (std::isnan(logit)) {
      throw Error(Fault::checkpoint, "the model's output is not a number: its parameters are broken");
    }
  }
  const auto highest = std::max_element(logits.begin(), logits.end());  // the first of equal ones
  std::vector<double>& p = space.p;
  p.assign(logits.size(), 0.0);
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
  std::vector<int>& ranked = space.ranked;  // ids, most probable first; with top-k the first k only are in order
  ranked.resize(p.size());
  std::iota(ranked.begin(), ranked.end(), 0);
  const auto sorted = limits_k ? ranked.begin() + sampling.top_k : ranked.end();
  std::partial_sort(ranked.begin(), sorted, ranked.end(), [&](int a, int b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  });
  if (limits_k) keep_first(space, static_cast<std::size_t>(sampling.top_k));
  if (sampling.top_p < 1) {
    double covered = 0;
    std::size_t count = 0;
    while (count < ranked.size() && covered < sampling.top_p) covered += p[static_cast<std::size_t>(ranked[count++])];
    keep_first(space, std::max<std::size_t>(count, 1));
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

void generate(const nn::Model<float>& model, autograd::Tape<float>& tape, std::span<const int> prompt, long count,
              const Sampling& sampling, SampleRange samples, const std::function<bool(std::uint64_t, int)>& each,
              int never) {
  struct Live {
    std::uint64_t sample;
    std::vector<int> window;  // all of one length
    bool goes_on = true;
  };
  constexpr long rows = 256;  // a long window is computed in pieces, so that it takes no more memory than this many
  const auto context = static_cast<std::size_t>(model.config().context);
  const bool bounded = model.body->is_bounded();
  if (bounded) prompt = prompt.last(std::min(prompt.size(), context));
  std::vector<Live> live;
  for (long i = 0; i < samples.count; ++i) {
    live.push_back({samples.first + static_cast<std::uint64_t>(i), {}});
    live.back().window.reserve(context + 1);
    live.back().window.assign(prompt.begin(), prompt.end());
  }
  const auto state = model.body->state(samples.count);
  state->clear(1);          // the prompt is the same for all
  std::vector<int> tokens;  // [B, n], what the state's sequences have not read yet
  ProbabilitySpace space;

  for (long n = 0; n < count && !live.empty();) {
    const long length = static_cast<long>(live[0].window.size()), past = state->past();
    const long piece = std::min(length - past, std::max(rows / state->sequences(), 1L));
    tokens.clear();
    for (long i = 0; i < state->sequences(); ++i) {
      const auto begin = live[static_cast<std::size_t>(i)].window.begin() + past;
      tokens.insert(tokens.end(), begin, begin + piece);
    }
    const auto pause = tape.pause();
    const auto logits = model.decode(tape, *state, tokens);  // [B, V]
    if (past + piece < length) continue;

    const auto V = static_cast<std::size_t>(logits.shape[1]);
    const bool shared = n == 0;
    for (std::size_t i = 0; i < live.size(); ++i) {
      const autograd::Random random(sampling.seed, autograd::hash("generate"), live[i].sample);
      float* const row = logits.data() + (shared ? 0 : i * V);
      if (never >= 0) row[never] = -std::numeric_limits<float>::infinity();
      const auto p = probabilities({row, V}, sampling, space);
      const int id = choose(p, random.uniform(static_cast<std::uint64_t>(n)));
      live[i].window.push_back(id);
      live[i].goes_on = each(live[i].sample, id);
    }
    if (shared) state->repeat(samples.count);
    for (std::size_t i = live.size(); i-- > 0;) {
      if (live[i].goes_on) continue;
      state->drop(static_cast<long>(i));
      std::swap(live[i], live.back());
      live.pop_back();
    }
    ++n;
    if (!bounded || live.empty() || live[0].window.size() <= context) continue;
    const auto half = static_cast<long>(std::max<std::size_t>(context / 2, 1));
    for (Live& text : live) text.window.erase(text.window.begin(), text.window.end() - half);
    state->clear(static_cast<long>(live.size()));
  }
}

std::vector<int> beginning(const data::Tokenizer& tokenizer, bool has_documents, const std::function<int()>& first,
                           std::string* shown) {
  if (const int end = tokenizer.special(data::end_of_text); end >= 0 && has_documents) return {end};
  for (int id = 0; id < tokenizer.vocabulary_size(); ++id)
    if (tokenizer.token_text(id) == "\n") return {id};
  const int id = first();
  const std::string& name = tokenizer.token_text(id);
  if (tokenizer.special(name) != id) *shown = name;
  return {id};
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

SampleWriter::SampleWriter(std::shared_ptr<const data::Tokenizer> tokenizer, std::string prompt, std::string stop,
                           Write write)
    : tokenizer_(std::move(tokenizer)), prompt_(std::move(prompt)), stop_(std::move(stop)), write_(std::move(write)) {}

void SampleWriter::begin(std::size_t count) {
  texts_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    const char* const separator = std::exchange(is_first_, false) ? "" : "---------------\n";
    texts_.push_back({data::StreamDecoder(tokenizer_), StopFilter(stop_)});
    texts_.back().held = separator + prompt_;
  }
  front_ = 0;
  release();
}

bool SampleWriter::feed(std::size_t i, int id) {
  Text& text = texts_[i];
  text.held += text.filter.feed(text.decoder.feed(id));
  if (text.filter.stopped()) {
    text.held += '\n';
    text.has_ended = true;
  }
  release();
  return is_read_ && !text.has_ended;
}

void SampleWriter::end(std::size_t i) {
  Text& text = texts_[i];
  // What a decoder still holds is the beginning of a character that never came: it is not shown.
  if (!std::exchange(text.has_ended, true)) text.held += text.filter.finish() + '\n';
  release();
}

void SampleWriter::end() {
  for (std::size_t i = 0; i < texts_.size(); ++i) end(i);
}

void SampleWriter::release() {
  for (; front_ < texts_.size(); ++front_) {
    write(std::exchange(texts_[front_].held, {}));
    if (!texts_[front_].has_ended) return;
  }
}

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
