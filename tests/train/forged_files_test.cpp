// A run whose files were made by somebody who makes checksums, too: what forged_run_test.cpp does with numbers, done
// with manifests, tokenizers, headers of tensors and logs. Each word of a file is replaced by what may be worst there.
#include <doctest/doctest.h>

#include <limits>

#include "data/tokenizers/tokenizer_files.h"
#include "tests/threads.h"
#include "tests/train/bad_words.h"
#include "tests/train/forged_run.h"
#include "train/checkpoints/run_lock.h"
#include "train/step/timing.h"

using namespace primer::test;
using namespace primer::train;
using primer::autograd::Error;
using primer::autograd::Fault;

namespace {

// Whether read() takes what it is given; what it does not take it refuses as files are refused.
template <class Read>
bool is_taken(Fault fault, Read read) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    CAPTURE(std::string(error.what()));
    CHECK(error.fault() == fault);
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return false;
  }
}

void tell(const ForgedRun& forged, long changes) {
  MESSAGE(changes << " files: " << forged.refused << " readings refused, " << forged.accepted << " accepted");
  CHECK(changes > 0);
  CHECK(forged.accepted > 0);
}

void forge_manifests(ForgedRun& forged, std::size_t most_values) {
  const std::string right = forged.original("manifest"), text = right.substr(0, right.rfind("end "));
  const long changes = each_change(text, words_of_lines(text), bad_words(), most_values, [&](std::string bytes) {
    char ending[16];
    std::snprintf(ending, sizeof ending, "end %08x\n", primer::data::crc32c(bytes));
    bytes += ending;
    if (!is_taken(Fault::checkpoint, [&] { parse_manifest(bytes, "manifest"); })) return;
    forged.restore();
    put(forged.checkpoint + "/manifest", bytes);
    forged.use();
  });
  tell(forged, changes);
}

void forge_tokenizers(ForgedRun& forged, std::size_t most_values, std::size_t every) {
  const std::string right = forged.original("tokenizer.json");
  std::vector<Place> words;
  const std::vector<Place> all = words_of_json(right);
  for (std::size_t i = 0; i < all.size(); i += i < 200 ? 1 : every) words.push_back(all[i]);
  const auto labels = forged.before.at("config.json").find("classify") == std::string::npos ? 0u : 2u;
  const long changes = each_change(right, words, bad_json(), most_values, [&](const std::string& bytes) {
    std::shared_ptr<const primer::data::Tokenizer> tokenizer;
    if (!is_taken(Fault::input, [&] { tokenizer = primer::data::parse_tokenizer(bytes, "tokenizer"); })) return;
    forged.restore();
    std::string tokens = forged.before.at("tokens"), state = forged.state;
    mend_tokens(tokens, *tokenizer, labels);
    mend_state(state, tokens);
    put(forged.checkpoint + "/tokenizer.json", bytes);
    put(forged.run.paths.tokenizer(), bytes);
    put(forged.run.paths.tokens(), tokens);
    put(forged.checkpoint + "/state.cereal", state);
    forged.seal();
    forged.use();
  });
  tell(forged, changes);
}

// The header's words, its length, and single values of the data.
void forge_tensors(ForgedRun& forged, const std::string& name, std::size_t most_values) {
  const std::string path = forged.checkpoint + "/" + name, right = forged.original(name);
  const auto with = [&](const std::string& bytes) {
    forged.restore();
    put(path, bytes);
    forged.seal();
    forged.use();
  };
  const auto header = 8 + number_at<std::uint64_t>(right, 0);
  std::vector<Place> words = words_of_json(std::string_view(right).substr(8, header - 8));
  for (Place& word : words) word.at += 8;
  const long changes = each_change(right, words, bad_json(), most_values, [&](std::string bytes) {
    mend_tensors(bytes);
    with(bytes);
  });
  for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 31, ~std::uint64_t{0} >> 1,
                                     ~std::uint64_t{0}, std::uint64_t{right.size() - 8}, std::uint64_t{right.size()}}) {
    std::string bytes = right;
    put_number(bytes, 0, length);
    with(bytes);
  }
  using Limits = std::numeric_limits<float>;
  for (const float value :
       {Limits::quiet_NaN(), Limits::infinity(), Limits::max(), -Limits::max(), Limits::denorm_min()}) {
    std::string last = right, all = right;
    put_number(last, right.size() - 4, value);
    with(last);
    for (std::size_t at = header; at < all.size(); at += 4) put_number(all, at, value);
    with(all);
  }
  tell(forged, changes);
}

// Logs hold what people read; of them the training believes how long a training took, and how long they are.
void forge_logs(ForgedRun& forged, std::size_t most_values) {
  const std::string metrics = forged.before.at("metrics.jsonl");
  for (const std::string& bytes :
       {std::string(), std::string(1, '\0'), std::string(100'000, '\xff'), metrics + "{\"st"}) {
    forged.restore();
    put(forged.run.paths.metrics(), bytes);
    forged.use();
  }
  const std::string timing =
      "{\"step\":1,\"time\":0.5,\"tokens_per_s\":10,\"share_of_peak\":0.1}\n"
      "{\"step\":2,\"time\":1.5,\"tokens_per_s\":10,\"share_of_peak\":0.1}\n";
  const std::vector<Place> words = words_of_json(timing);
  const long changes = each_change(timing, words, bad_json(), most_values, [&](const std::string& bytes) {
    forged.restore();
    put(forged.run.paths.timing(), bytes);
    const auto before = TimingLog::read_before(forged.run.paths.timing(), 2);
    CHECK(before.bytes <= bytes.size());
    CHECK(before.seconds >= 0);
    CHECK(before.seconds < 1e9);
  });
  tell(forged, changes);
}

// Tokenizers of the kinds that no objective asks for, as options of a run.
std::vector<std::vector<std::pair<std::string, std::string>>> other_tokenizers(const FreshDirectory& here) {
  std::string pieces = "[UNK]\n";
  for (char letter = 'a'; letter <= 'z'; ++letter) pieces += std::string(1, letter) + "\n##" + letter + "\n";
  return {{{"tokenizer", "byte"}, {"optimizer", "sgd"}},
          {{"tokenizer", "bpe:270"}, {"position", "sinusoidal"}},
          {{"tokenizer", here.write("vocab.txt", pieces)}, {"position", "none"}}};
}

}  // namespace

TEST_CASE("a forged manifest is refused or harmless: every word of it") {
  const Threads threads(1);
  ForgedRun forged(prose(900), {});
  forge_manifests(forged, 100);
}

TEST_CASE("a forged tokenizer is refused or harmless: every word of it") {
  const Threads threads(1);
  for (const auto& [text, options] : every_objective()) {
    ForgedRun forged(text, options);
    forge_tokenizers(forged, 5, 1);
  }
  const FreshDirectory here;
  for (const auto& options : other_tokenizers(here)) {
    ForgedRun forged(prose(900), options);
    forge_tokenizers(forged, 3, 50);
  }
}

TEST_CASE("a forged header of tensors is refused or harmless: every word of it, and values that are none") {
  const Threads threads(1);
  for (const auto& [text, options] : every_objective()) {
    ForgedRun forged(text, options);
    forge_tensors(forged, "model.safetensors", 1);
    if (options.empty()) forge_tensors(forged, "optimizer.safetensors", 1);
  }
}

TEST_CASE("forged logs are gone on with or written anew") {
  const Threads threads(1);
  ForgedRun forged(prose(900), {});
  forge_logs(forged, 100);
}

TEST_CASE("whatever the file of a lock holds, one line says who is at work") {
  const FreshDirectory here;
  for (const std::string& bytes :
       {std::string(), std::string(100'000, 'x'), std::string("\0\x1b[31m\n\xff", 8), std::string(600, '\xff')}) {
    const std::string path = here.write("lock", bytes);
    const primer::data::Disk::Open how = primer::data::Disk::Open::update;
    const int other = primer::data::system_disk().open(path, how);
    REQUIRE(primer::data::system_disk().lock(other) == 0);
    CHECK_FALSE(is_taken(Fault::busy, [&] { RunLock lock(path); }));
    primer::data::system_disk().close(other);
    CHECK(is_taken(Fault::busy, [&] { RunLock lock(path); }));
    CHECK(file_bytes(path).starts_with("process "));
    CHECK(line_count(path) == 1);
  }
}

TEST_SUITE("campaign") {
  TEST_CASE("forged manifests, tokenizers, tensors and logs: every word, every value, every objective") {
    const Threads threads(1);
    const auto forge = [](ForgedRun& forged) {
      forge_manifests(forged, 100);
      forge_tokenizers(forged, 100, 1);
      forge_tensors(forged, "model.safetensors", 100);
      forge_tensors(forged, "optimizer.safetensors", 100);
      forge_logs(forged, 100);
    };
    for (const auto& [text, options] : every_objective()) {
      ForgedRun forged(text, options);
      forge(forged);
    }
    const FreshDirectory here;
    for (const auto& options : other_tokenizers(here)) {
      ForgedRun forged(prose(900), options);
      forge(forged);
    }
  }
}
