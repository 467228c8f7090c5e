// What sizes cost: memory for a large text, reading and writing for a large model.
#include "tests/train/process.h"
#include "tests/train/trained_run.h"

namespace fs = std::filesystem;
using namespace primer::train;

namespace {

// A text of so many MiB.
void write_text(const std::string& path, long mebibytes) {
  const std::string block = prose(1 << 20);
  std::ofstream file(path, std::ios::binary);
  for (long i = 0; i < mebibytes; ++i) file << block;
  REQUIRE(file.good());
}

// Peak memory in KiB of a training of some steps, and of going on with it.
std::pair<long, long> peaks(const FreshDirectory& here, long mebibytes) {
  const std::string text = here / "t.txt";
  write_text(text, mebibytes);
  const std::string options =
      " --tokenizer char --layers 2 --channels 64 --heads 2 --context 64 --batch 8 --eval-batches 4 -q";
  const Outcome begun = Process(here, "exec primer train t.txt -o run --steps 5" + options).wait();
  CAPTURE(begun.err);
  REQUIRE(begun.code == 0);
  fs::remove(text);
  const Outcome resumed = Process(here, "exec primer train --resume -o run --steps 9 -q").wait();
  CAPTURE(resumed.err);
  REQUIRE(resumed.code == 0);
  CHECK(line_count(here / "run/metrics.jsonl") == 10);
  fs::remove_all(here / "run");
  MESSAGE(mebibytes << " MiB of text: " << begun.peak_kilobytes / 1024 << " MiB of memory in " << begun.seconds
                    << " s; going on: " << resumed.peak_kilobytes / 1024 << " MiB in " << resumed.seconds << " s");
  return {begun.peak_kilobytes, resumed.peak_kilobytes};
}

void compare_peaks(long mebibytes) {
  const FreshDirectory here;
  if (fs::space(here.path).available < static_cast<std::uint64_t>(mebibytes) * 4 << 20) {
    MESSAGE("skipped: too little disk space");
    return;
  }
  const auto [small, small_resumed] = peaks(here, 1);
  const auto [large, large_resumed] = peaks(here, mebibytes);
  CHECK(large - small < 64 * 1024);
  CHECK(large_resumed - small_resumed < 64 * 1024);
}

// Bytes that this process has read and written so far, from files or from what the system keeps of them.
std::pair<double, double> bytes_moved() {
  std::ifstream account("/proc/self/io");
  std::string name;
  double read = 0, written = 0;
  account >> name >> read >> name >> written;
  return {read, written};
}

/// Looks at the account before every step, and asks for a save before the second.
struct Accounts : Interruption {
  std::vector<std::pair<double, double>> steps;  // when each was about to begin, and when all was over
  std::pair<double, double> begun = bytes_moved(), asked;
  int stop() override {
    steps.push_back(bytes_moved());
    return 0;
  }
  bool save() override {
    if (steps.size() != 1) return false;
    asked = bytes_moved();
    return true;
  }
};

}  // namespace

TEST_CASE("a text of 80 MiB takes hardly more memory than one of 1 MiB") { compare_peaks(80); }

TEST_SUITE("long") {
  TEST_CASE("a text of 2 GiB takes hardly more memory than one of 1 MiB") { compare_peaks(2048); }

  TEST_CASE("a save writes a model of ten million parameters once, and resuming reads it to verify it and to load it") {
    const TrainedRun run(prose(5000), {{"layers", "12"},
                                       {"channels", "264"},
                                       {"heads", "8"},
                                       {"context", "64"},
                                       {"batch", "1"},
                                       {"steps", "2"},
                                       {"val_fraction", "0"}});
    run.train();
    Accounts accounts;
    REQUIRE(run.train(accounts, wishes({{"steps", "4"}})).step == 4);
    REQUIRE(accounts.steps.size() == 2);
    double bytes = 0;
    for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
      bytes += static_cast<double>(fs::file_size(run.paths.checkpoints() + "/step-000000004/" + file));
    }
    CHECK(bytes > 3 * 10'000'000 * sizeof(float));
    const double resumed = accounts.steps[0].first - accounts.begun.first;
    const double saved = accounts.steps[1].second - accounts.asked.second;
    MESSAGE(bytes << " bytes of weights and moments: " << resumed / bytes << " times read, " << saved / bytes
                  << " times written");
    CHECK(resumed < 2.1 * bytes);
    CHECK(saved < 1.1 * bytes);
  }
}
