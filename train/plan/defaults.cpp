#include "train/plan/defaults.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "autograd/error.h"
#include "train/tasks/numbers.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

// What trains in seconds to a few minutes on two cores and gives a sensible result, by the length of the text in
// tokens. At 6 N FLOP a token and 150 GFLOP/s these are best spent on about 0.5 to 1 million parameters (Hoffmann et
// al. 2022: twenty tokens a parameter), so longer texts get more steps rather than larger models.
//
// For next-token models of a running text: measured by tests/bench/defaults.py, see docs/defaults.md.
constexpr Defaults streams[] = {
    {20'000, 2, 4, 64, 64, 8, 900, 2e-3, 0.2},     {60'000, 3, 4, 96, 64, 16, 1800, 2e-3, 0.2},
    {300'000, 4, 4, 128, 64, 16, 1200, 2e-3, 0.2}, {1'000'000, 4, 4, 128, 128, 16, 1800, 3e-3, 0.1},
    {~0ull, 4, 4, 128, 128, 16, 2000, 3e-3, 0},
};
// For masked models, and for lines that are examples.
constexpr Defaults others[] = {
    {10'000, 2, 4, 64, 64, 8, 600, 3e-3, 0},        {100'000, 3, 4, 96, 64, 16, 1200, 2e-3, 0.1},
    {400'000, 4, 4, 128, 128, 16, 1800, 1e-3, 0.1}, {1'000'000, 4, 4, 128, 128, 16, 1800, 1e-3, 0},
    {~0ull, 4, 4, 128, 128, 16, 2500, 1e-3, 0},
};

// A text of next tokens is known by heart after so many epochs: the validation loss is lowest before. Of symbols, which
// say less each, it takes about three times as many.
constexpr double epochs_of_pieces = 30, epochs_of_symbols = 90;
constexpr long fewest_steps = 200;  // for a text of a few pages these are more epochs

// Of sinusoidal positions. Vaswani et al. (2017, section 3.4) multiply the token rows by sqrt(channels) before they add
// amplitude 1; dividing the positions instead leaves the tied output projection as it is. nanogpt-cpu, 500 steps, two
// seeds: 1 gives 3.02 and 3.14, 1 / sqrt(channels) 2.220 and 2.218, 0.02 2.288 and 2.295; learned positions 2.300.
double sinusoid_scale(long channels) { return std::round(1e4 / std::sqrt(static_cast<double>(channels))) / 1e4; }

// A tenth, without the digits that a division by ten leaves behind: 0.0003, not 0.00030000000000000003.
double tenth(double value) {
  char text[32];
  const char* const end = std::to_chars(text, text + sizeof text, value / 10, std::chars_format::general, 6).ptr;
  std::from_chars(text, end, value);
  return value;
}

// What a preset chose of a transformer's is not a recurrent body's, which learns biases: an LSTM's of the forget gate
// is 1.
void choose_recurrent(Config& config, const Defaults& row) {
  for (const Field& field : fields())
    if (field.group == transformer_group) set(config, field, value_text(Config{}, field), ChosenBy::fitted, field.key);
  if (fitted(config, &Config::channels)) config.channels = row.channels;
  if (fitted(config, &Config::bias)) config.bias = true;
}

void choose_transformer(Config& config, const Defaults& row) {
  const bool heads_fit = fitted(config, &Config::heads);
  const bool channels_fit = fitted(config, &Config::channels);
  if (channels_fit) config.channels = row.channels;
  // Unless the size of a head was chosen, heads divide the channels, into pairs where these are turned.
  const bool divides = config.head_size == 0;
  const long size = config.position == nn::Position::rotary ? 2 : 1, shared = std::max(config.kv_heads, 1L);
  if (heads_fit) {
    config.heads = std::max(row.heads / shared, 1L) * shared;
    while (divides && config.heads > shared && config.channels % (config.heads * size) != 0) config.heads -= shared;
  }
  if (channels_fit && divides) {
    const long unit = config.heads * size;
    config.channels = (config.channels + unit - 1) / unit * unit;
  }
  if (fitted(config, &Config::position_scale) && config.position == nn::Position::sinusoidal) {
    config.position_scale = sinusoid_scale(config.channels);
  }
  if (config.norm_epsilon == 0) config.norm_epsilon = config.objective->norm_epsilon();
}

}  // namespace

bool is_running_text(const Config& config) {
  return config.objective->writes() && config.objective->form(config) == data::TextForm::stream;
}

const Defaults& defaults_for(const Config& config, std::uint64_t tokens) {
  const auto fits = [&](const Defaults& row) { return tokens < row.below; };
  return is_running_text(config) ? *std::ranges::find_if(streams, fits) : *std::ranges::find_if(others, fits);
}

long steps_until_known(const Config& config, const data::Tokenizer& tokenizer, double steps_per_epoch) {
  constexpr double many = 1e12;
  if (!is_running_text(config)) return static_cast<long>(many);
  const bool of_symbols = tokenizer.kind() == "char" || tokenizer.kind() == "byte";
  const double steps = std::ceil((of_symbols ? epochs_of_symbols : epochs_of_pieces) * steps_per_epoch);
  return std::max(fewest_steps, static_cast<long>(std::min(steps, many)));
}

void choose_model(Config& config, const Defaults& row) {
  if (fitted(config, &Config::layers)) config.layers = row.layers;
  if (fitted(config, &Config::dropout)) config.dropout = row.dropout;
  config.body == nn::BodyKind::transformer ? choose_transformer(config, row) : choose_recurrent(config, row);
  config.objective->fit(config);
}

void choose_optimizer(Config& config, const Defaults& row) {
  if (fitted(config, &Config::lr)) {
    const bool noam = config.schedule == optim::Decay::noam;
    config.lr = noam ? 1 : config.optimizer == optim::Rule::sgd ? 0.1 : row.lr;
    if (config.channels > 256 && !noam) config.lr /= 2;  // wider models want smaller steps
  }
  // A minimum from a preset or file must not turn the schedule of a smaller --lr upside down.
  const bool overtaken =
      config.min_lr > config.lr && source_of(config, &Config::min_lr) < source_of(config, &Config::lr);
  if (fitted(config, &Config::min_lr) || overtaken) config.min_lr = tenth(config.lr);
  if (fitted(config, &Config::weight_decay)) config.weight_decay = config.optimizer == optim::Rule::adamw ? 0.1 : 0;
  if (config.min_lr > config.lr) {
    throw Error(Fault::usage, "--min-lr " + number_text(config.min_lr) + " is above --lr " + number_text(config.lr));
  }
}

}  // namespace primer::train
