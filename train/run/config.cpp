#include "train/run/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "autograd/error.h"
#include "data/bpe_training.h"
#include "data/utf8.h"
#include "train/run/nearest.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr bool FITS = true, FIXED = false;

std::vector<Field> make_fields() {
  using Kind = Field::Kind;
  std::vector<Field> list;
  const auto next = [&list] { return static_cast<int>(list.size()); };
#define PRIMER_INTEGER(name, value, low, high, fits, group, help) \
  list.push_back({next(), #name, Kind::integer, &Config::name, low, high, {}, fits, group, help});
#define PRIMER_NUMBER(name, value, low, high, fits, group, help) \
  list.push_back({next(), #name, Kind::number, &Config::name, low, high, {}, fits, group, help});
#define PRIMER_SWITCH(name, value, fits, group, help) \
  list.push_back({next(), #name, Kind::switch_, &Config::name, 0, 1, {}, fits, group, help});
#define PRIMER_WORD(name, value, choices, fits, group, help) \
  list.push_back({next(), #name, Kind::word, &Config::name, 0, 0, choices, fits, group, help});
  PRIMER_CONFIG_FIELDS(PRIMER_INTEGER, PRIMER_NUMBER, PRIMER_SWITCH, PRIMER_WORD)
#undef PRIMER_INTEGER
#undef PRIMER_NUMBER
#undef PRIMER_SWITCH
#undef PRIMER_WORD
  return list;
}

std::vector<std::string> split_choices(std::string_view choices) {
  std::vector<std::string> list;
  while (!choices.empty()) {
    const auto bar = choices.find('|');
    list.emplace_back(choices.substr(0, bar));
    choices = bar == std::string_view::npos ? std::string_view() : choices.substr(bar + 1);
  }
  return list;
}

bool is_choice(const std::string& choice, std::string_view text) {
  if (choice == "PATH") return text.find_first_of("/.") != std::string_view::npos && data::printable(text) == text;
  if (choice == "bpe:SIZE") return bpe_size(text) > 0;
  return choice == text;
}

[[noreturn]] void refuse(std::string_view shown, std::string_view text, const std::string& expected) {
  throw Error(Fault::usage,
              std::string(shown) + " " + data::printable(text.substr(0, 100)) + ": expected " + expected);
}

std::string range_text(const Field& field) {
  return (field.kind == Field::Kind::integer ? "a whole number from " : "a number from ") + number_text(field.low) +
         " to " + number_text(field.high);
}

}  // namespace

int bpe_size(std::string_view tokenizer) {
  constexpr std::string_view name = "bpe:";
  if (!tokenizer.starts_with(name)) return 0;
  const char* const last = tokenizer.data() + tokenizer.size();
  int size = 0;
  const auto [end, error] = std::from_chars(tokenizer.data() + name.size(), last, size);
  const bool fits = size >= data::fewest_bpe_tokens && size <= data::most_bpe_tokens;
  return error == std::errc() && end == last && fits ? size : 0;
}

bool read_whole(std::string_view text, long& value) {
  const char* const last = text.data() + text.size();
  if (const auto read = std::from_chars(text.data(), last, value); read.ec == std::errc() && read.ptr == last) return true;
  double number = 0;
  const auto read = std::from_chars(text.data(), last, number);
  if (read.ec != std::errc() || read.ptr != last || text.find_first_of("eE") == std::string_view::npos) return false;
  if (!(std::fabs(number) < 1e15) || std::nearbyint(number) != number) return false;
  value = static_cast<long>(number);
  return true;
}

std::string number_text(double value) {
  char buffer[64];
  // Small whole numbers as people write them: 1000 rather than to_chars' 1e+03.
  const bool whole = std::nearbyint(value) == value && std::fabs(value) < 1e15;
  const auto end = whole ? std::to_chars(buffer, buffer + sizeof buffer, static_cast<long>(value))
                         : std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, end.ptr};
}

std::string Field::option() const {
  std::string name(key);
  for (char& c : name) {
    if (c == '_') c = '-';
  }
  return name;
}

std::span<const Field> fields() {
  static const std::vector<Field> list = make_fields();
  return list;
}

const Field* find_field(std::string_view key) {
  for (const Field& field : fields()) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

const Field& field_named(std::string_view key) {
  if (const Field* const field = find_field(key)) return *field;
  std::vector<std::string> keys;
  for (const Field& field : fields()) keys.emplace_back(field.key);
  const std::string near = nearest(std::string(key), keys);
  throw Error(Fault::usage, "unknown option " + data::printable(key) + (near.empty() ? "" : "; did you mean " + near + "?"));
}

void set(Config& config, const Field& field, std::string_view text, Source source, std::string_view shown) {
  const char* const first = text.data();
  const char* const last = first + text.size();
  switch (field.kind) {
    case Field::Kind::integer: {
      long value = 0;
      if (!read_whole(text, value) || value < field.low || value > field.high) {
        refuse(shown, text, range_text(field));
      }
      config.*std::get<long Config::*>(field.member) = value;
      break;
    }
    case Field::Kind::number: {
      double value = 0;
      const auto [end, error] = std::from_chars(first, last, value);
      // Written so that nan is refused as well: it is in no range.
      if (error != std::errc() || end != last || !(value >= field.low && value <= field.high)) {
        refuse(shown, text, range_text(field));
      }
      config.*std::get<double Config::*>(field.member) = value;
      break;
    }
    case Field::Kind::switch_:
      if (text != "true" && text != "false") refuse(shown, text, "true or false");
      config.*std::get<bool Config::*>(field.member) = text == "true";
      break;
    case Field::Kind::word: {
      const std::vector<std::string> choices = split_choices(field.choices);
      if (std::none_of(choices.begin(), choices.end(), [&](const auto& choice) { return is_choice(choice, text); })) {
        std::string expected = "one of";
        for (const std::string& choice : choices) {
          expected += " " + choice;
          if (choice == "bpe:SIZE") {
            expected += " (" + std::to_string(data::fewest_bpe_tokens) + " to " +
                        std::to_string(data::most_bpe_tokens) + ")";
          }
          if (choice == "PATH") expected += " (with a / or a dot in it: ./NAME)";
        }
        const std::string near = text.starts_with("bpe") ? "" : nearest(text, choices);  // it lacks its size
        refuse(shown, text, expected + (near.empty() ? "" : "; did you mean " + near + "?"));
      }
      config.*std::get<std::string Config::*>(field.member) = text;
      break;
    }
  }
  config.sources[static_cast<std::size_t>(field.index)] = source;
}

std::string value_text(const Config& config, const Field& field) {
  switch (field.kind) {
    case Field::Kind::integer: return std::to_string(config.*std::get<long Config::*>(field.member));
    case Field::Kind::number: return number_text(config.*std::get<double Config::*>(field.member));
    case Field::Kind::switch_: return config.*std::get<bool Config::*>(field.member) ? "true" : "false";
    case Field::Kind::word: return config.*std::get<std::string Config::*>(field.member);
  }
  return {};
}

Source source_of(const Config& config, Field::Member member) {
  for (const Field& field : fields()) {
    if (field.member == member) return config.sources[static_cast<std::size_t>(field.index)];
  }
  throw Error(Fault::bug, "a member of the configuration is not in its list");
}

Config inherit_model(const Config& wishes, const Config& source, std::string_view run) {
  constexpr std::string_view shape[] = {"tokenizer",    "layers", "heads",    "channels", "context",   "ffn_channels",
                                        "bias",         "position", "position_scale", "norm", "tie", "activation"};
  Config config = wishes;
  if (source_of(wishes, &Config::objective) == Source::fitted) config.objective = source.objective;
  if ((config.objective == "lm") != (source.objective == "lm")) {
    throw Error(Fault::usage, "--objective " + config.objective + " needs a model that reads in " +
                                  (source.objective == "lm" ? "both directions, and that of " : "one direction, and that of ") +
                                  std::string(run) + " was trained with --objective " + source.objective);
  }
  const bool goes_on = config.objective == source.objective && config.objective == "mlm";
  if (goes_on && source_of(wishes, &Config::next_sentence) == Source::fitted) config.next_sentence = source.next_sentence;
  const bool has_pooler = source.pooling == "cls" && (source.next_sentence || source.objective == "classify");
  if (config.objective != "lm" && source_of(wishes, &Config::pooling) == Source::fitted) {
    config.pooling = has_pooler || config.next_sentence ? "cls" : "mean";
    config.sources[static_cast<std::size_t>(field_named("pooling").index)] = Source::preset;
  }
  // A new head on what was learned: small steps, or the body forgets it; larger ones where the body is fixed.
  // Devlin et al. 2019, section 4.1, for models a hundred times as wide.
  if (config.objective == "classify" && source_of(wishes, &Config::lr) == Source::fitted) {
    config.lr = config.freeze ? 1e-2 : 3e-4;
    config.sources[static_cast<std::size_t>(field_named("lr").index)] = Source::preset;
  }
  if (config.freeze && config.pooling == "cls" && !has_pooler) {
    throw Error(Fault::usage, "--freeze keeps what the model has learned, and that of " + std::string(run) +
                                  " has learned nothing for --pooling cls; leave it out, or train with --next-sentence");
  }
  std::string conflicts;
  for (const std::string_view key : shape) {
    const Field& field = field_named(key);
    const std::string wish = value_text(wishes, field), own = value_text(source, field);
    if (source_of(wishes, field.member) > Source::fitted && wish != own) {
      conflicts += (conflicts.empty() ? "--" : ", --") + field.option() + " " + wish + " (the model has " + own + ")";
    }
    set(config, field, own, Source::file, key);
  }
  if (!conflicts.empty()) {
    throw Error(Fault::usage, "the model of " + std::string(run) + " keeps its shape, so leave out " + conflicts);
  }
  return config;
}

void check_choices(const Config& config, bool has_source) {
  const auto refuse = [](const std::string& why) { throw Error(Fault::usage, why); };
  if (config.next_sentence && config.objective != "mlm") refuse("--next-sentence goes with --objective mlm");
  if (config.freeze && (config.objective != "classify" || !has_source)) {
    refuse("--freeze goes with --objective classify and --init-from: it keeps what another run has learned");
  }
}

nn::ModelConfig model_config(const Config& config, long vocabulary, long labels) {
  if (config.channels % config.heads != 0) {
    throw Error(Fault::usage, "--channels " + std::to_string(config.channels) + " is not a multiple of --heads " +
                                  std::to_string(config.heads) + ": try --channels " +
                                  std::to_string((config.channels / config.heads + 1) * config.heads));
  }
  nn::ModelConfig gpt;
  gpt.vocabulary = vocabulary;
  gpt.context = config.context;
  gpt.layers = config.layers;
  gpt.heads = config.heads;
  gpt.channels = config.channels;
  gpt.ffn_channels = config.ffn_channels;
  gpt.dropout = config.dropout;
  gpt.bias = config.bias;
  gpt.causal = config.objective == "lm";
  gpt.tie = config.tie;
  gpt.position = config.position == "learned"      ? nn::Position::learned
                 : config.position == "sinusoidal" ? nn::Position::sinusoidal
                                                   : nn::Position::none;
  gpt.position_scale = config.position_scale;
  gpt.norm = config.norm == "pre" ? nn::Norm::pre : config.norm == "post" ? nn::Norm::post : nn::Norm::none;
  gpt.activation = config.activation == "gelu"       ? nn::Activation::gelu
                   : config.activation == "gelu-erf" ? nn::Activation::gelu_erf
                                                     : nn::Activation::relu;
  if (config.objective == "lm") return gpt;
  // Devlin et al. 2019, and the authors' modeling.py for the norms.
  gpt.segments = 2;
  gpt.embedding_norm = gpt.norm == nn::Norm::post;
  gpt.norm_epsilon = 1e-12;
  gpt.masked_head = config.objective == "mlm";
  gpt.labels = config.objective == "classify" ? labels : config.next_sentence ? 2 : 0;
  if (gpt.labels > 0) gpt.pooling = config.pooling == "cls" ? nn::Pooling::first : nn::Pooling::mean;
  return gpt;
}

}  // namespace primer::train
