#include "train/checkpoints/training_state.h"

#include <algorithm>
#include <cereal/archives/binary.hpp>
#include <cereal/types/array.hpp>
#include <cmath>
#include <cstring>
#include <sstream>

#include "data/bytes/checksum.h"

namespace primer::train {

using autograd::Error;
using autograd::Fault;

namespace {

constexpr std::uint32_t latest_version = 2;
constexpr std::size_t most_bytes = 4096;  // of a record of any version

struct Title {
  char magic[8] = {'p', 'r', 'i', 'm', 'e', 'r', 'S', 'T'};
  std::uint32_t bytes = 0;     // of the record
  std::uint32_t checksum = 0;  // CRC32C of the record
};
static_assert(sizeof(Title) == 16);

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw Error(Fault::checkpoint, name + ": " + why);
}

// What is stored: numbers of fixed width and nothing else, so that no length in the file makes cereal take memory.
struct Record {
  std::uint32_t version = latest_version;
  std::int64_t step = 0;
  std::uint64_t epoch = 0, position = 0, tokens = 0;
  std::int32_t bad_in_a_row = 0;
  std::array<std::uint8_t, 13> bad_steps{};  // bit i of byte k: step k * 8 + i before the last one was skipped
  std::int64_t updates = 0, schedule_steps = 0;
  double best_val_loss = 0;
  std::int64_t best_step = 0, without_better = 0;
  std::uint8_t stopped_early = 0, is_unevaluated = 0, unevaluated_skipped = 0;
  double unevaluated_loss = 0, unevaluated_lr = 0, unevaluated_grad_norm = 0;
  std::uint64_t unevaluated_tokens = 0;
  std::uint64_t metrics_bytes = 0;
  std::array<std::uint32_t, 4> fingerprint{};
  std::int64_t threads = 0;
  std::array<char, 32> products{};
  double unevaluated_smoothed_loss = 0;  // from version 2 on

  template <class Archive>
  void serialize(Archive& archive) {
    archive(version);
    if (version < 1 || version > latest_version) return;
    archive(step, epoch, position, tokens, bad_in_a_row, bad_steps, updates, schedule_steps, best_val_loss, best_step,
            without_better, stopped_early, is_unevaluated, unevaluated_skipped, unevaluated_loss, unevaluated_lr,
            unevaluated_grad_norm, unevaluated_tokens, metrics_bytes, fingerprint, threads, products);
    if (version >= 2) archive(unevaluated_smoothed_loss);
  }
};

std::string encode(Record record) {
  std::ostringstream out;
  cereal::BinaryOutputArchive archive(out);
  archive(record);
  return out.str();
}

Record decode(std::string_view bytes, const std::string& name) {
  Record record;
  try {
    std::istringstream in{std::string(bytes)};
    cereal::BinaryInputArchive archive(in);
    archive(record);
  } catch (const cereal::Exception&) {
    refuse(name, "it ends in the middle of a number");
  }
  if (record.version < 1 || record.version > latest_version) {
    refuse(name, "it has version " + std::to_string(record.version) + "; this program reads versions 1 to " +
                     std::to_string(latest_version));
  }
  if (record.version == 1) record.unevaluated_smoothed_loss = record.unevaluated_loss;
  return record;
}

Record record_of(const TrainingState& state) {
  Record record;
  record.step = state.trainer.step;
  record.epoch = state.trainer.cursor.epoch;
  record.position = state.trainer.cursor.position;
  record.tokens = state.trainer.tokens;
  record.bad_in_a_row = state.trainer.bad_in_a_row;
  for (std::size_t i = 0; i < state.trainer.bad_steps.size(); ++i) {
    if (state.trainer.bad_steps[i]) record.bad_steps[i / 8] |= static_cast<std::uint8_t>(1u << i % 8);
  }
  record.updates = state.updates;
  record.schedule_steps = state.schedule_steps;
  record.best_val_loss = state.best_val_loss;
  record.best_step = state.best_step;
  record.without_better = state.without_better;
  record.stopped_early = state.stopped_early;
  if (const auto& report = state.unevaluated) {
    record.is_unevaluated = 1;
    record.unevaluated_skipped = report->skipped;
    record.unevaluated_loss = report->loss;
    record.unevaluated_smoothed_loss = report->smoothed_loss;
    record.unevaluated_lr = report->lr;
    record.unevaluated_grad_norm = report->grad_norm;
    record.unevaluated_tokens = report->tokens;
  }
  record.metrics_bytes = state.metrics_bytes;
  record.fingerprint = state.tokens;
  record.threads = state.threads;
  std::copy_n(state.products.begin(), std::min(state.products.size(), record.products.size() - 1),
              record.products.begin());
  return record;
}

TrainingState state_of(const Record& record) {
  TrainingState state;
  state.trainer.step = record.step;
  state.trainer.cursor = {record.epoch, record.position};
  state.trainer.tokens = record.tokens;
  state.trainer.bad_in_a_row = record.bad_in_a_row;
  for (std::size_t i = 0; i < state.trainer.bad_steps.size(); ++i) {
    state.trainer.bad_steps[i] = (record.bad_steps[i / 8] >> i % 8 & 1) != 0;
  }
  state.updates = record.updates;
  state.schedule_steps = record.schedule_steps;
  state.best_val_loss = record.best_val_loss;
  state.best_step = record.best_step;
  state.without_better = record.without_better;
  state.stopped_early = record.stopped_early != 0;
  if (record.is_unevaluated != 0) {
    state.unevaluated = StepReport{.step = record.step,
                                   .loss = record.unevaluated_loss,
                                   .smoothed_loss = record.unevaluated_smoothed_loss,
                                   .lr = record.unevaluated_lr,
                                   .grad_norm = record.unevaluated_grad_norm,
                                   .tokens = record.unevaluated_tokens,
                                   .skipped = record.unevaluated_skipped != 0};
  }
  state.metrics_bytes = record.metrics_bytes;
  state.tokens = record.fingerprint;
  state.threads = record.threads;
  state.products = record.products.data();  // its last character is 0: checked
  return state;
}

void check(const Record& r, const std::string& name) {
  constexpr std::int64_t most_steps = 1'000'000'000'000'000;
  const auto in = [](std::int64_t value, std::int64_t low, std::int64_t high) { return value >= low && value <= high; };
  const bool steps_fit = in(r.step, 0, most_steps) && in(r.updates, 0, r.step) && in(r.schedule_steps, 0, most_steps) &&
                         in(r.best_step, -1, r.step) && in(r.without_better, 0, most_steps) &&
                         in(r.bad_in_a_row, 0, 100);
  const bool switches_fit = r.stopped_early <= 1 && r.is_unevaluated <= 1 && r.unevaluated_skipped <= 1;
  const bool products_end = r.products.back() == 0 && in(r.threads, 0, 1 << 20);
  if (!steps_fit || !switches_fit || !products_end || std::isnan(r.best_val_loss)) {
    refuse(name, "it holds numbers that no training has");
  }
}

}  // namespace

std::array<std::uint32_t, 4> fingerprint(const data::TokenFileFacts& facts) {
  return {facts.checksums[0], facts.checksums[1], facts.text_checksum, facts.tokenizer_checksum};
}

std::string encode_state(const TrainingState& state) {
  const std::string record = encode(record_of(state));
  Title title;
  title.bytes = static_cast<std::uint32_t>(record.size());
  title.checksum = data::crc32c(record);
  std::string bytes(reinterpret_cast<const char*>(&title), sizeof title);
  return bytes + record;
}

TrainingState decode_state(std::string_view bytes, const std::string& name) {
  Title title;
  const Title expected;
  if (bytes.size() < sizeof title) refuse(name, "it is too short");
  std::memcpy(&title, bytes.data(), sizeof title);
  const std::string_view record = bytes.substr(sizeof title);
  if (std::memcmp(title.magic, expected.magic, sizeof title.magic) != 0) refuse(name, "it is something else");
  if (title.bytes != record.size()) refuse(name, "its length is wrong; it was cut or extended");
  if (title.checksum != data::crc32c(record)) refuse(name, "its checksum is wrong; it was damaged");
  return decode_state_record(record, name);
}

TrainingState decode_state_record(std::string_view bytes, const std::string& name) {
  if (bytes.size() > most_bytes) refuse(name, "it is too long");
  const Record record = decode(bytes, name);
  check(record, name);
  TrainingState state = state_of(record);
  // What has no meaning must not be there: bytes behind the record, unused bits.
  Record again = record_of(state);
  again.version = record.version;
  if (encode(again) != bytes) refuse(name, "it holds more than a training's state");
  return state;
}

}  // namespace primer::train
