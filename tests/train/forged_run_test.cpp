// A run whose files were made by somebody who makes checksums, too: every number of every file at its extremes. Each is
// refused by one line, or accepted and then harmless; never a signal, a hang, or memory beyond the plan.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <limits>

#include "data/checksum.h"
#include "tests/threads.h"
#include "tests/train/process.h"
#include "tests/train/trained_run.h"
#include "train/run/loaded_run.h"
#include "train/run/memory.h"
#include "train/run/trainer.h"

namespace fs = std::filesystem;
using namespace primer::train;
using primer::autograd::Error;
using primer::autograd::Fault;
using primer::test::Threads;
namespace nn = primer::nn;

namespace {

// Ends a training at its second look, after a step at most.
struct SoonOver : Interruption {
  int stop() override { return --looks < 0 ? SIGTERM : 0; }
  int looks = 1;
};

void put(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

// The CRC32C that a state's title holds of its record.
void seal_state(std::string& bytes) {
  const std::uint32_t checksum = primer::data::crc32c(std::string_view(bytes).substr(16));
  std::memcpy(bytes.data() + 12, &checksum, sizeof checksum);
}

// The one that the header of a file of tokens holds of itself.
void seal_tokens(std::string& bytes) {
  const std::uint32_t checksum = primer::data::crc32c(std::string_view(bytes).substr(0, 124));
  std::memcpy(bytes.data() + 124, &checksum, sizeof checksum);
}

/// A small run whose training was stopped, and what it was before somebody changed it.
struct ForgedRun {
  InMemory memory;
  TrainedRun run;
  std::string checkpoint, state;
  Tree before;
  long refused = 0, accepted = 0;

  ForgedRun(const std::string& text, std::vector<std::pair<std::string, std::string>> options)
      : run(text, with_shape(std::move(options))) {
    SoonOver soon;
    soon.looks = 4;
    run.train(soon);
    const CheckpointStore store(run.paths.checkpoints());
    checkpoint = store.path(store.list().back());
    state = file_bytes(checkpoint + "/state.cereal");
    before = tree_of(run.paths.directory);
  }

  static std::vector<std::pair<std::string, std::string>> with_shape(
      std::vector<std::pair<std::string, std::string>> options) {
    for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
             {"layers", "1"}, {"channels", "16"}, {"heads", "2"}, {"context", "16"}, {"batch", "2"}, {"steps", "50"},
             {"keep", "0"}, {"eval_every", "3"}, {"eval_batches", "1"}, {"patience", "0"}}) {
      options.insert(options.begin(), {key, value});  // those that were given count
    }
    return options;
  }

  // The manifest of what is in the checkpoint now.
  void seal() const {
    Manifest manifest = parse_manifest(file_bytes(checkpoint + "/manifest"), "manifest");
    for (Manifest::File& file : manifest.files) {
      const std::string bytes = file_bytes(checkpoint + "/" + file.name);
      file = {file.name, bytes.size(), primer::data::crc32c(bytes)};
    }
    put(checkpoint + "/manifest", to_text(manifest));
  }

  void restore() const {
    fs::remove_all(run.paths.directory);
    for (const auto& [name, bytes] : before) {
      const fs::path path = fs::path(run.paths.directory) / name;
      fs::create_directories(path.parent_path());
      if (bytes.empty() && !path.has_extension() && path.filename() != "tokens") {
        fs::create_directories(path);
      } else {
        put(path.string(), bytes);
      }
    }
  }

  // Reads the run in every way, and trains it.
  void use() {
    const auto attempt = [&](auto&& act) {
      try {
        act();
        ++accepted;
      } catch (const Error& error) {
        CAPTURE(std::string(error.what()));
        const bool known = error.fault() == Fault::checkpoint || error.fault() == Fault::memory ||
                           error.fault() == Fault::diverged || error.fault() == Fault::input;
        CHECK(known);
        CHECK(std::string(error.what()).find('\n') == std::string::npos);
        ++refused;
      }
    };
    attempt([&] { load_run(run.paths.directory, {Choice::Kind::last, 0}); });
    attempt([&] { step(); });
  }

  // What `train --resume` does up to its first step, and a step where it does not take long.
  void step() const {
    const OpenRun open = open_run(run.paths, {});
    const Config& config = open.checkpoint.config;
    const auto labels = static_cast<long>(open.checkpoint.labels.size());
    StepMeter meter(config, model_config(config, open.checkpoint.tokenizer->vocabulary_size(), labels));
    refuse_beyond_memory(config, meter, available_memory());
    Trainer<float> trainer(config, *open.checkpoint.tokenizer, open.tokens->train(), 0, labels);
    restore_trainer(open.checkpoint, trainer);
    if (config.batch * config.accumulate * config.context >= 100'000) return;
    trainer.step();
    trainer.evaluate(open.tokens->validation(), open.tokens->validation_bytes());
  }
};

// What a number may be made: `width` bytes, little-endian.
std::vector<std::string> extremes(std::size_t width) {
  std::vector<std::string> all{std::string(width, '\0'), std::string(width, '\xff'),
                               std::string(width - 1, '\xff') + '\x7f', std::string(width - 1, '\0') + '\x80',
                               std::string(width - 1, '\xff') + '\x0f'};
  if (width > 1) all.push_back('\x01' + std::string(width - 1, '\0'));
  if (width == 8) {
    for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                               -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::max(), -1.0}) {
      std::string bytes(8, '\0');
      std::memcpy(bytes.data(), &value, 8);
      all.push_back(bytes);
    }
    for (const std::int64_t value : {-1'000'000'000'000'000L, 999'999'999'999'999L, 1L << 31, 1L << 53}) {
      std::string bytes(8, '\0');
      std::memcpy(bytes.data(), &value, 8);
      all.push_back(bytes);
    }
  }
  return all;
}

// Sets every place of a state to extremes of numbers of these widths: among the places are all its fields.
void forge_states(ForgedRun& forged, const std::vector<std::size_t>& widths, std::size_t most_values) {
  long cases = 0;
  for (const std::size_t width : widths) {
    const std::vector<std::string> values = extremes(width);
    for (std::size_t at = 16; at + width <= forged.state.size(); ++at) {
      for (std::size_t i = 0; i < std::min(most_values, values.size()); ++i) {
        const std::string& value = values[i];
        std::string bytes = forged.state;
        if (bytes.compare(at, width, value) == 0) continue;
        bytes.replace(at, width, value);
        seal_state(bytes);
        ++cases;
        try {
          decode_state(bytes, "state");
        } catch (const Error& error) {
          CHECK(error.fault() == Fault::checkpoint);
          ++forged.refused;
          continue;
        }
        CAPTURE(at);
        CAPTURE(width);
        forged.restore();
        put(forged.checkpoint + "/state.cereal", bytes);
        forged.seal();
        forged.use();
      }
    }
  }
  MESSAGE(cases << " states: " << forged.refused << " refused, " << forged.accepted << " readings that were accepted");
  CHECK(forged.refused > 0);
  CHECK(forged.accepted > 0);
}

// Sets every field to its extremes and to every word that it may be, in the checkpoint and in the run.
void forge_configs(ForgedRun& forged) {
  const Config right = [&] {
    Config config;
    read_json(config, file_bytes(forged.checkpoint + "/config.json"), "config", ChosenBy::file);
    return config;
  }();
  const auto with = [&](const std::string& json) {
    forged.restore();
    put(forged.checkpoint + "/config.json", json);
    put(forged.run.paths.config(), json);
    forged.seal();
    forged.use();
  };
  for (const Field& field : fields()) {
    CAPTURE(std::string(field.key));
    std::vector<std::string> values{number_text(field.low), number_text(field.high), "true", "false"};
    if (field.kind == Field::Kind::word) {
      values.assign(field.choices.begin(), field.choices.end());
    }
    for (const std::string& value : values) {
      CAPTURE(value);
      Config config = right;
      try {
        set(config, field, value, ChosenBy::file, field.key);
      } catch (const Error&) {
        continue;  // of another kind
      }
      with(to_json(config));
    }
    const std::string ours = '"' + std::string(field.key) + "\": ";
    for (const char* value : {"-1", "1e999", "NaN", "null", "[]", "{}", "\"\"", "9223372036854775807", "1e18"}) {
      std::string json = to_json(right);
      const auto at = json.find(ours) + ours.size();
      json.replace(at, json.find_first_of(",\n", at) - at, value);
      with(json);
    }
  }
  MESSAGE(forged.refused << " readings refused, " << forged.accepted << " accepted");
}

// Sets every place of the header to extremes, and the state's fingerprint to that of what came out.
void forge_tokens(ForgedRun& forged, std::size_t most_values) {
  const std::string right = forged.before.at("tokens");
  for (std::size_t at = 8; at < 76; ++at) {
    for (const std::size_t width : {8, 4}) {
      const std::vector<std::string> values = extremes(width);
      for (std::size_t i = 0; i < std::min(most_values, values.size()); ++i) {
        std::string bytes = right;
        if (at % 4 != 0 && i > 0) continue;
        bytes.replace(at, width, values[i]);
        seal_tokens(bytes);
        CAPTURE(at);
        CAPTURE(i);
        forged.restore();
        put(forged.run.paths.tokens(), bytes);
        std::string state = forged.state;  // the fingerprint: 56 bytes before the end
        std::memcpy(state.data() + state.size() - 56, bytes.data() + 56, 16);
        seal_state(state);
        put(forged.checkpoint + "/state.cereal", state);
        forged.seal();
        forged.use();
      }
    }
  }
  MESSAGE(forged.refused << " readings refused, " << forged.accepted << " accepted");
}

using Options = std::vector<std::pair<std::string, std::string>>;

// A text and the options of each kind of example.
std::vector<std::pair<std::string, Options>> every_objective() {
  std::string labelled, sentences;
  for (int i = 0; i < 40; ++i) labelled += (i % 2 ? "odd\tis " : "even\tof ") + std::to_string(i) + "\n";
  for (int i = 0; i < 60; ++i) sentences += "it is " + std::to_string(i) + (i % 5 == 4 ? ".\n\n" : ".\n");
  return {{prose(900), {}},
          {prose(900), {{"objective", "mlm"}}},
          {sentences, {{"objective", "mlm"}, {"next_sentence", "true"}, {"context", "32"}, {"val_fraction", "0.3"}}},
          {labelled, {{"objective", "classify"}}}};
}

}  // namespace

TEST_CASE("a forged state is refused or harmless: every place at the extremes of a number") {
  const Threads threads(1);
  for (const auto& [text, options] : every_objective()) {
    ForgedRun forged(text, options);
    forge_states(forged, {8}, 3);
  }
}

TEST_CASE("a forged configuration is refused or harmless: every field at its extremes") {
  const Threads threads(1);
  const auto [text, options] = every_objective().back();
  ForgedRun forged(text, options);
  forge_configs(forged);
}

TEST_CASE("a forged file of tokens is refused or harmless: every number of its header at its extremes") {
  const Threads threads(1);
  const auto [text, options] = every_objective().back();
  ForgedRun forged(text, options);
  forge_tokens(forged, 3);
}

TEST_SUITE("campaign") {
  TEST_CASE("forged states, configurations and files of tokens: every place, every width, every extreme") {
    for (const auto& [text, options] : every_objective()) {
      ForgedRun forged(text, options);
      forge_states(forged, {8, 4, 2, 1}, 100);
      forge_tokens(forged, 100);
      forge_configs(forged);
    }
  }
}
