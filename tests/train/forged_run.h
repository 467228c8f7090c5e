// A small run whose files a test changes, and then makes their checksums right again.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/train/every_use.h"
#include "tests/train/mended_files.h"
#include "tests/train/process.h"
#include "tests/train/trained_run.h"

namespace primer::test {

namespace fs = std::filesystem;

// Ends a training at its second look, after a step at most.
struct SoonOver : train::Interruption {
  int stop() override { return --looks < 0 ? SIGTERM : 0; }
  int looks = 1;
};

inline void put(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

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
    const train::CheckpointStore store(run.paths.checkpoints());
    for (const train::CheckpointId id : store.list()) {
      fs::remove_all(checkpoint);  // the one before: nobody shall find it in the place of a forged one
      checkpoint = store.path(id);
    }
    state = file_bytes(checkpoint + "/state.cereal");
    before = tree_of(run.paths.directory);
  }

  static std::vector<std::pair<std::string, std::string>> with_shape(
      std::vector<std::pair<std::string, std::string>> options) {
    for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{{"layers", "1"},
                                                                                     {"channels", "16"},
                                                                                     {"heads", "2"},
                                                                                     {"context", "16"},
                                                                                     {"batch", "2"},
                                                                                     {"steps", "50"},
                                                                                     {"keep", "0"},
                                                                                     {"eval_every", "3"},
                                                                                     {"eval_batches", "1"},
                                                                                     {"patience", "0"}}) {
      options.insert(options.begin(), {key, value});  // those that were given count
    }
    return options;
  }

  // The manifest of what is in the checkpoint now.
  void seal() const {
    using train::Manifest;
    Manifest manifest = train::parse_manifest(file_bytes(checkpoint + "/manifest"), "manifest");
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

  // What a file of the checkpoint held before somebody changed it. The run is as it was then.
  std::string original(const std::string& name) const {
    restore();
    const std::string bytes = file_bytes(checkpoint + "/" + name);
    REQUIRE_FALSE(bytes.empty());
    return bytes;
  }

  // Does with the run all that may be done with it. What is refused is refused by one line, of the right kind.
  void use() {
    use_in_every_way(run.paths, {}, [this](auto faults, auto&& act) { attempt(faults, act); });
  }

  // Loads its model, and trains it.
  void go_on() {
    attempt(reading_faults, [&] { train::load_run(run.paths.directory, {train::Choice::Kind::last, 0}); });
    attempt(training_faults, [&] { test::go_on(run.paths, {}); });
  }

  template <class Act>
  void attempt(std::initializer_list<autograd::Fault> faults, Act act) {
    try {
      act();
      ++accepted;
    } catch (const autograd::Error& error) {
      CAPTURE(std::string(error.what()));
      CHECK(std::find(faults.begin(), faults.end(), error.fault()) != faults.end());
      CHECK(std::string(error.what()).find('\n') == std::string::npos);
      ++refused;
    }
  }
};

using Options = std::vector<std::pair<std::string, std::string>>;

/// A text and the options of each kind of example.
inline std::vector<std::pair<std::string, Options>> every_objective() {
  std::string labelled, sentences, pairs;
  for (int i = 0; i < 40; ++i) labelled += (i % 2 ? "odd\tis " : "even\tof ") + std::to_string(i) + "\n";
  for (int i = 0; i < 40; ++i) pairs += std::to_string(i * 7) + " is\tis " + std::to_string(i * 7) + "\n";
  for (int i = 0; i < 60; ++i) sentences += "it is " + std::to_string(i) + (i % 5 == 4 ? ".\n\n" : ".\n");
  return {{prose(900), {}},
          {prose(900), {{"objective", "mlm"}}},
          {sentences, {{"objective", "mlm"}, {"next_sentence", "true"}, {"context", "32"}, {"val_fraction", "0.3"}}},
          {pairs, {{"objective", "translate"}}},
          {labelled, {{"objective", "classify"}}}};
}

}  // namespace primer::test
