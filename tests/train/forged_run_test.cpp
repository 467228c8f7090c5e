// A run whose files were made by somebody who makes checksums, too: every number of every file at its extremes. Each is
// refused by one line, or accepted and then harmless; never a signal, a hang, or memory beyond the plan.
#include "tests/train/forged_run.h"

#include <doctest/doctest.h>

#include <cstring>
#include <limits>

#include "tests/threads.h"
#include "train/tasks/numbers.h"

using namespace primer::test;
using namespace primer::train;
using primer::autograd::Error;
using primer::autograd::Fault;

namespace {

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
        mend_state(bytes);
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
        forged.go_on();
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
    read_json(config, forged.original("config.json"), "config", ChosenBy::file);
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

// Sets every place of the header, and of the first records of the index, to extremes, and the state's fingerprint to
// that of what came out.
void forge_tokens(ForgedRun& forged, std::size_t most_values) {
  using At = TokensHeader;
  const std::string right = forged.before.at("tokens");
  const std::size_t index = right.size() - number_at<std::uint64_t>(right, At::second_count) * At::record;
  std::vector<std::size_t> places;
  for (std::size_t at = At::version; at < At::last; ++at) places.push_back(at);
  for (std::size_t at = index; at < std::min(index + 3 * At::record, right.size()); at += 4) places.push_back(at);
  for (const std::size_t at : places) {
    for (const std::size_t width : {8, 4}) {
      const std::vector<std::string> values = extremes(width);
      for (std::size_t i = 0; i < std::min(most_values, values.size()); ++i) {
        std::string bytes = right;
        if (at % 4 != 0 && i > 0) continue;
        bytes.replace(at, width, values[i]);
        if (at >= index) put_number(bytes, At::second_checksum, primer::data::crc32c(bytes.substr(index)));
        seal_header(bytes);
        CAPTURE(at);
        CAPTURE(i);
        forged.restore();
        put(forged.run.paths.tokens(), bytes);
        std::string state = forged.state;
        mend_state(state, bytes);
        put(forged.checkpoint + "/state.cereal", state);
        forged.seal();
        forged.use();
      }
    }
  }
  MESSAGE(forged.refused << " readings refused, " << forged.accepted << " accepted");
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
