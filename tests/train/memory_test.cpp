#include "tests/places.h"
#include "train/run/memory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "autograd/error.h"
#include "autograd/tape.h"
#include "data/masking.h"
#include "tests/train/planned.h"
#include "train/run/model.h"

using namespace primer;
using namespace primer::train;
using autograd::Error;
using autograd::Fault;

namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

struct Planned {
  Config config;
  nn::ModelConfig gpt;
  autograd::Parameters<float> parameters;
  train::Model<float> model;

  explicit Planned(const Options& options, long vocabulary = 65)
      : config(wishes(options)), gpt(model_config(config, vocabulary)), model(parameters, gpt) {}

  MemoryNeed need(int threads = 2) const { return memory_need(config, gpt, parameters.count(), threads); }

  // The message with which so many bytes are found too few.
  std::string refusal(double bytes, Fault fault = Fault::memory) const {
    try {
      refuse_beyond_memory(config, gpt, parameters.count(), {bytes, "are free"});
    } catch (const Error& error) {
      CHECK(error.fault() == fault);
      return error.what();
    }
    return {};
  }

  // What a forward and a backward pass leave on a tape.
  double recorded() {
    parameters.build(1);
    autograd::Tape<float> tape;
    tape.noise.sequences = config.batch;
    const long rows = config.batch * config.context;
    std::vector<int> tokens(rows), targets(rows, -1);  // [B, T]
    const long masked = std::lround(data::Masking{}.share * static_cast<double>(config.context));
    for (long i = 0; i < rows; ++i) {
      tokens[i] = static_cast<int>(i % gpt.vocabulary);
      if (gpt.causal || i % config.context < masked) targets[i] = tokens[i];
    }
    Scores scores;
    tape.backward(model.loss(tape, {{tokens, config.batch, config.context}, targets, {}}, 1e-3, 0, scores));
    return static_cast<double>(tape.bytes_of_values());
  }
};

// What a program used, by the system's account.
struct Used {
  int code = -1;
  double bytes = 0;  // of memory, at its highest
};

Used run_program(const FreshDirectory& here, const std::string& command) {
  const pid_t child = ::fork();
  if (child == 0) {
    // OpenBLAS maps a buffer for each thread before the program begins: with one, limits mean the same on any machine.
    const std::string whole =
        "cd '" + here.path + "' && exec >.out 2>.err </dev/null; export OMP_NUM_THREADS=1; " + command;
    ::execl("/bin/bash", "bash", "-c", whole.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, static_cast<double>(usage.ru_maxrss) * 1024};
}

const std::string primer_program = "exec '" + std::string(binary_directory()) + "/primer' ";

}  // namespace

TEST_CASE("what a step keeps on the tape is known before") {
  const Options size = {{"layers", "3"}, {"channels", "48"}, {"context", "40"}, {"batch", "8"}};
  for (const Options& more : {Options{}, Options{{"layers", "12"}, {"heads", "6"}}, Options{{"objective", "mlm"}},
                              Options{{"dropout", "0.2"}}, Options{{"norm", "post"}}, Options{{"norm", "none"}},
                              Options{{"ffn_channels", "-1"}}, Options{{"position", "sinusoidal"}},
                              Options{{"position", "none"}, {"bias", "true"}, {"tie", "false"}}}) {
    Options all = size;
    all.insert(all.end(), more.begin(), more.end());
    Planned model(all);
    CAPTURE(more.empty() ? "" : more[0].first);
    const double values = model.recorded();
    CHECK(model.need().values > 0.99 * values);
    CHECK(model.need().values < 1.02 * values);
  }
}

TEST_CASE("what grows a training grows its memory") {
  const MemoryNeed base = Planned(Options{}).need();
  CHECK(Planned(Options{{"batch", "32"}}).need().values == doctest::Approx(2 * base.values).epsilon(0.01));
  CHECK(Planned(Options{{"context", "256"}}).need().values == doctest::Approx(2 * base.values).epsilon(0.01));
  CHECK(Planned(Options{{"optimizer", "sgd"}}).need().blocks == base.blocks - 1);
  Planned probe(Options{{"objective", "classify"}, {"freeze", "true"}});
  probe.gpt.labels = 3;
  CHECK(probe.need().trained == 4 * 3 * (probe.gpt.channels + 1));  // gradients and moments are the head's alone
  CHECK(base.trained == base.parameters);
  CHECK(Planned(Options{{"accumulate", "4"}}).need().batches == 4 * base.batches);
  CHECK(Planned(Options{{"accumulate", "4"}}).need().values == base.values);
  CHECK(Planned(Options{}, 8000).need().gradients > 4.0 * 2000 * 8000);
  CHECK(Planned(Options{{"val_fraction", "0"}}).need().copy == 0);
  CHECK(Planned(Options{{"context", "8192"}, {"batch", "1"}}).need(64).gradients > 64 * 3 * 64 * 8192 * 4.0);
}

TEST_CASE("a batch that does not fit is refused and the largest that does is named") {
  const Planned model(Options{{"batch", "1000"}});
  const auto total = [](long batch) {
    return Planned(Options{{"batch", std::to_string(batch)}}).need(autograd::threads()).total();
  };
  CHECK(model.refusal(total(1000)).empty());
  for (const long largest : {1L, 2L, 37L, 500L, 999L}) {
    const std::string named = "the largest --batch that fits is " + std::to_string(largest);
    CHECK(model.refusal(total(largest)).ends_with(named));
    CHECK(model.refusal(total(largest + 1) - 1).ends_with(named));
  }
  const std::string none = model.refusal(total(1) - 1);
  CHECK(none.find("B are free: not even --batch 1 fits, which takes about ") != std::string::npos);
  CHECK(none.find('\n') == std::string::npos);
}

TEST_CASE("a batch of more tokens than BLAS can count is refused, however much memory there is") {
  const Planned model(Options{{"batch", "1048576"}, {"context", "1048576"}, {"channels", "4"}});
  CHECK(model.refusal(1e300, Fault::usage).find("choose --batch 2047 or less") != std::string::npos);
}

TEST_CASE("a quota of processor time is a number of processors, the least of the groups', rounded up") {
  const FreshDirectory root;
  CHECK(processor_quota(root.path) >= 1'000'000);
  root.write("proc/self/cgroup", "3:cpu,cpuacct:/job\n0::/user/job\n");
  CHECK(processor_quota(root.path) >= 1'000'000);
  root.write("sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
  CHECK(processor_quota(root.path) >= 1'000'000);
  root.write("sys/fs/cgroup/user/cpu.max", "350000 100000\n");
  CHECK(processor_quota(root.path) == 4);
  root.write("sys/fs/cgroup/user/job/cpu.max", "20000 100000\n");
  CHECK(processor_quota(root.path) == 1);
  root.write("sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
  root.write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
  root.write("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  CHECK(processor_quota(root.path) == 4);
  root.write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "200000\n");
  CHECK(processor_quota(root.path) == 2);
}

TEST_CASE("the least of the machine and the control groups is available") {
  const FreshDirectory root;
  const auto bytes = [&] { return available_memory(root.path).bytes; };
  CHECK(bytes() > 1e300);
  root.write("proc/meminfo", "MemTotal:  9000 kB\nMemFree:  100 kB\nMemAvailable:    4000 kB\n");
  CHECK(bytes() == 4000 * 1024);
  CHECK(available_memory(root.path).reason == "are free");

  SUBCASE("version 2, the group and those above it, file cache not counted") {
    root.write("proc/self/cgroup", "0::/user/job\n");
    root.write("sys/fs/cgroup/user/job/memory.max", "max\n");
    root.write("sys/fs/cgroup/user/job/memory.current", "1000\n");
    CHECK(bytes() == 4000 * 1024);
    root.write("sys/fs/cgroup/user/job/memory.max", "3000000\n");
    CHECK(bytes() == 2'999'000);
    CHECK(available_memory(root.path).reason.find("control group") != std::string::npos);
    root.write("sys/fs/cgroup/user/memory.max", "2500000\n");
    root.write("sys/fs/cgroup/user/memory.current", "600000\n");
    CHECK(bytes() == 1'900'000);
    root.write("sys/fs/cgroup/user/memory.stat", "anon 5\ninactive_file 200000\nactive_file 300000\nfile 7\n");
    CHECK(bytes() == 2'400'000);
    root.write("sys/fs/cgroup/user/memory.current", "9000000\n");
    CHECK(bytes() == 0);
  }
  SUBCASE("version 1, also where a container shows its own group as the root") {
    root.write("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n");
    root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "3000000\n");
    root.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "500000\n");
    CHECK(bytes() == 2'500'000);
    root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    CHECK(bytes() == 4000 * 1024);
  }
  SUBCASE("what is not understood is no limit") {
    root.write("proc/self/cgroup", "nonsense\n0::\n::::\n");
    root.write("sys/fs/cgroup/memory.max", "");
    CHECK(bytes() == 4000 * 1024);
  }
}

#if !defined(__SANITIZE_ADDRESS__)  // whose own memory is many times the program's
TEST_CASE("a training takes the memory that its plan names") {
  const FreshDirectory here;
  here.write("t.txt", prose(20'000));
  for (const std::string options : {"--batch 48 --layers 3 --objective mlm --norm post --dropout 0.1",
                                    "--batch 96 --layers 2 --ffn-channels -1 --tokenizer byte --accumulate 2"}) {
    CAPTURE(options);
    const std::string train = primer_program + "train t.txt --val-fraction 0 --steps 1 --context 128 " + options;
    REQUIRE(run_program(here, train + " --dry-run --json").code == 0);
    const double planned = nlohmann::json::parse(file_bytes(here / ".out"))["memory_bytes"].get<double>();
    const Used used = run_program(here, train + " -q --force");
    CHECK(used.code == 0);
    CHECK(planned > 0.9 * used.bytes);
    CHECK(planned < 1.35 * used.bytes);
  }
}

TEST_CASE("under a limit on address space or data a training is refused in one line, or runs") {
  const FreshDirectory here;
  here.write("t.txt", prose(20'000));
  const std::string train = primer_program + "train t.txt --threads 1 --layers 2 --steps 1 -q ";
  for (const std::string limit : {"ulimit -v 600000; ", "ulimit -d 300000; "}) {
    CAPTURE(limit);
    const Used refused = run_program(here, limit + train);
    const std::string message = file_bytes(here / ".err");
    CAPTURE(message);
    CHECK(refused.code == 8);
    CHECK(std::count(message.begin(), message.end(), '\n') == 1);
    CHECK(message.find("--batch 1 fits") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(here / "runs"));
  }
  // The smallest multiple that the plan accepts must do.
  for (const std::string limit : {"v", "d"}) {
    long kilobytes = 600'000;
    const auto limited = [&] { return "ulimit -" + limit + " " + std::to_string(kilobytes) + "; " + train; };
    while (run_program(here, limited() + "--dry-run").code == 8) kilobytes += 100'000;
    CAPTURE(kilobytes);
    CHECK(run_program(here, limited() + "--force").code == 0);
  }
}
#endif
