#include "train/step/generate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>

#include "autograd/error.h"
#include "autograd/random.h"
#include "data/examples/text_form.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

// Bytes with each of the endings.
constexpr std::string_view utf8_endings[] = {"", "\xC2", "\xE1", "\xF1", "\xE0", "\xED", "\xF0", "\xF4"};
static_assert(std::size(utf8_endings) == no_utf8);

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

Utf8Ending utf8_ending(std::string_view bytes) {
  while (!bytes.empty()) {
    const data::Decoded next = data::decode_symbol(bytes, false);
    if (data::is_stray(next.symbol)) return no_utf8;
    if (next.width == 0) {
      const auto found = std::find(std::begin(utf8_endings) + 4, std::end(utf8_endings), bytes);
      if (found != std::end(utf8_endings)) return static_cast<Utf8Ending>(found - std::begin(utf8_endings));
      const auto lead = static_cast<unsigned char>(bytes[0]);
      return static_cast<Utf8Ending>((lead < 0xE0 ? 2u : lead < 0xF0 ? 3u : 4u) - bytes.size());
    }
    bytes.remove_prefix(static_cast<std::size_t>(next.width));
  }
  return 0;
}

ValidText::ValidText(const data::Tokenizer& tokenizer)
    : size_(static_cast<std::size_t>(tokenizer.vocabulary_size())), next_(no_utf8 * size_, no_utf8) {
  for (int id = 0; id < tokenizer.vocabulary_size(); ++id) {
    if (id == tokenizer.unknown()) continue;
    const std::string text = tokenizer.following_text(id);
    // Most tokens begin with no byte that could end a character.
    const bool continues = text.empty() || (static_cast<unsigned char>(text[0]) & 0xC0) == 0x80;
    for (Utf8Ending ending = 0; ending < (continues ? no_utf8 : 1); ++ending)
      next_[ending * size_ + static_cast<std::size_t>(id)] = utf8_ending(std::string(utf8_endings[ending]) + text);
  }
  // Where no tokens lead to the end of a character, none leads there: a vocabulary may have first bytes alone.
  std::array<bool, no_utf8> is_completed{true};
  for (int round = 1; round < no_utf8; ++round)
    for (std::size_t i = 0; i < next_.size(); ++i)
      if (next_[i] != no_utf8 && is_completed[next_[i]]) is_completed[i / size_] = true;
  for (Utf8Ending& next : next_)
    if (next != no_utf8 && !is_completed[next]) next = no_utf8;
}

Utf8Ending ValidText::behind(Utf8Ending ending, int id) const {
  const Utf8Ending next = next_[ending * size_ + static_cast<std::size_t>(id)];
  if (next != no_utf8) return next;
  return ending == 0 ? Utf8Ending{0} : behind(0, id);
}

Utf8Ending ValidText::behind(std::span<const int> prompt) const {
  Utf8Ending ending = 0;
  for (const int id : prompt) ending = behind(ending, id);
  return ending;
}

void ValidText::mask(Utf8Ending ending, std::span<float> logits) const {
  const auto next = std::span(next_).subspan(ending * size_, size_);
  if (std::ranges::all_of(next, [](Utf8Ending one) { return one == no_utf8; })) return;
  for (std::size_t id = 0; id < size_; ++id)
    if (next[id] == no_utf8 && !std::isnan(logits[id])) logits[id] = -std::numeric_limits<float>::infinity();
}

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
  std::vector<int>& ranked = space.ranked;  // ids, most probable first; with top-k the first k only are in order
  if (limits_k || sampling.top_p < 1) {
    ranked.resize(p.size());
    std::iota(ranked.begin(), ranked.end(), 0);
    const auto sorted = limits_k ? ranked.begin() + sampling.top_k : ranked.end();
    std::partial_sort(ranked.begin(), sorted, ranked.end(), [&](int a, int b) {
      const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
      return x > y || (x == y && a < b);
    });
  }
  if (limits_k) keep_first(space, static_cast<std::size_t>(sampling.top_k));
  if (sampling.top_p < 1) {
    double covered = 0;
    std::size_t count = 0;
    while (count < ranked.size() && covered < sampling.top_p) covered += p[static_cast<std::size_t>(ranked[count++])];
    keep_first(space, std::max<std::size_t>(count, 1));
  }
  if (sampling.min_p > 0) {
    const double least = sampling.min_p * p[static_cast<std::size_t>(highest - logits.begin())];
    for (double& value : p) value = value < least ? 0 : value;
    const double kept = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& value : p) value /= kept;
  }
  return p;
}

void penalise(std::span<float> logits, const std::vector<bool>& seen, double penalty) {
  const auto by = static_cast<float>(penalty);
  for (std::size_t id = 0; id < logits.size(); ++id)
    if (seen[id]) logits[id] = logits[id] > 0 ? logits[id] / by : logits[id] * by;
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
              const Drawing& drawing) {
  struct Live {
    std::uint64_t sample;
    std::vector<int> window;  // all of one length
    Utf8Ending ending;
    std::vector<bool> seen;  // [V], what repeats; none where it costs nothing
    bool goes_on = true;
  };
  const Utf8Ending ending = drawing.valid ? drawing.valid->behind(prompt) : Utf8Ending{0};
  std::vector<bool> seen(sampling.repetition_penalty == 1 ? 0 : static_cast<std::size_t>(model.config().vocabulary));
  if (!seen.empty())
    for (const int id : prompt) seen[static_cast<std::size_t>(id)] = true;
  constexpr long rows = 256;  // a long window is computed in pieces, so that it takes no more memory than this many
  const auto context = static_cast<std::size_t>(model.config().context);
  const bool bounded = model.body->is_bounded();
  if (bounded) prompt = prompt.last(std::min(prompt.size(), context));
  std::vector<Live> live;
  for (long i = 0; i < samples.count; ++i) {
    live.push_back({samples.first + static_cast<std::uint64_t>(i), {}, ending, seen});
    live.back().window.reserve(context + 1);
    live.back().window.assign(prompt.begin(), prompt.end());
  }
  const auto state = model.body->state(samples.count);
  state->clear(1);          // the prompt is the same for all
  std::vector<int> tokens;  // [B, n], what the state's sequences have not read yet
  std::vector<float> own;   // [V], one sample's logits, to be changed
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
      const std::span<const float> row(logits.data() + (shared ? 0 : i * V), V);
      own.assign(row.begin(), row.end());
      if (!live[i].seen.empty()) penalise(own, live[i].seen, sampling.repetition_penalty);
      if (drawing.valid) drawing.valid->mask(live[i].ending, own);
      if (drawing.never >= 0) own[static_cast<std::size_t>(drawing.never)] = -std::numeric_limits<float>::infinity();
      const auto p = probabilities(own, sampling, space);
      const int id = choose(p, random.uniform(static_cast<std::uint64_t>(n)));
      live[i].window.push_back(id);
      if (drawing.valid) live[i].ending = drawing.valid->behind(live[i].ending, id);
      if (!live[i].seen.empty()) live[i].seen[static_cast<std::size_t>(id)] = true;
      if (drawing.logits) *drawing.logits = row;
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

}  // namespace primer::train
