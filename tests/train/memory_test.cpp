#include "train/plan/memory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "autograd/error.h"
#include "autograd/tape.h"
#include "data/examples/masking.h"
#include "tests/places.h"
#include "tests/threads.h"
#include "tests/train/planned.h"
#include "train/step/model.h"
#include "train/step/step_meter.h"

using namespace primer;
using namespace primer::train;
using autograd::Error;
using autograd::Fault;

namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

struct Planned {
  Config config;
  nn::ModelConfig shape;

  explicit Planned(const Options& options, long vocabulary = 65, long labels = 0)
      : config(wishes(options)), shape(model_config(config, vocabulary, labels)) {
    if (parts_sides(config)) shape.source_vocabulary = 40;
  }

  MemoryNeed need() const { return need(config.batch); }
  MemoryNeed need(long batch) const {
    StepMeter meter(config, shape);
    return memory_need(config, meter, batch);
  }

  // The message with which so many bytes are found too few.
  std::string refusal(double bytes, Fault fault = Fault::memory) const {
    try {
      StepMeter meter(config, shape);
      refuse_beyond_memory(config, meter, {bytes, "are free"});
    } catch (const Error& error) {
      CHECK(error.fault() == fault);
      return error.what();
    }
    return {};
  }

  // What a forward and a backward pass take of a tape and its products.
  StepNeed recorded() const {
    autograd::Parameters<float> parameters;
    const nn::Model<float> model(parameters, shape);
    if (config.freeze) parameters.train_only(trains_when_frozen);
    parameters.build(1);
    autograd::Tape<float> tape;
    tape.noise.sequences = config.batch;
    const long rows = config.batch * config.context;
    std::vector<int> tokens(rows), targets(rows, -1), segments;           // [B, T]
    std::vector<int> labels(shape.output.labels > 0 ? config.batch : 0);  // [B]
    const long masked = std::lround(data::Masking{}.share * static_cast<double>(config.context));
    for (long i = 0; i < rows; ++i) {
      tokens[i] = static_cast<int>(i % shape.vocabulary);
      if (shape.output.token || (shape.output.masked && i % config.context < masked)) targets[i] = tokens[i];
    }
    const std::vector<int> lengths(labels.size(), static_cast<int>(config.context));
    if (config.next_sentence) segments.assign(rows, 1);
    const std::vector<double> weights(static_cast<std::size_t>(config.balance ? shape.output.labels : 0), 1);  // [K]
    nn::Scores scores;
    const std::vector<int> sources(shape.decoder_layers > 0 ? rows : 0);  // [B, S], S = T
    const std::vector<int> all(shape.decoder_layers > 0 ? config.batch : 0, static_cast<int>(config.context));
    const nn::Source source{sources, all.empty() ? 0 : config.context, all};
    const nn::Sequences sequences{tokens, config.batch, config.context, lengths, segments, source};
    tape.backward(
        loss_of(model, tape, {sequences, targets, labels}, {1e-3, 1e-3, config.label_smoothing, weights}, scores));
    return {static_cast<double>(tape.bytes_of_values()), static_cast<double>(tape.most_bytes_of_gradients()), 0,
            tape.multiplier.work};
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

TEST_CASE("what a step takes is known before it is made, to the byte and the operation, for every task and shape") {
  const Options size = {{"layers", "3"}, {"channels", "48"}, {"context", "40"}, {"batch", "8"}};
  for (const Options& more :
       {Options{},
        Options{{"layers", "12"}, {"heads", "6"}},
        Options{{"objective", "mlm"}},
        Options{{"objective", "mlm"}, {"next_sentence", "true"}},
        Options{{"objective", "classify"}, {"norm", "post"}, {"pooling", "mean"}},
        Options{{"objective", "translate"}, {"decoder_layers", "2"}, {"dropout", "0.1"}},
        Options{{"objective", "translate"}, {"label_smoothing", "0.1"}, {"kv_heads", "2"}, {"norm", "post"}},
        Options{{"objective", "translate"}, {"body", "gru"}, {"dropout", "0.1"}},
        Options{{"objective", "translate"}, {"body", "lstm"}, {"align", "local"}, {"label_smoothing", "0.1"}},
        Options{{"objective", "translate"}, {"body", "rnn"}, {"align", "concat"}, {"input_feeding", "true"}},
        Options{{"objective", "translate"}, {"source_tokenizer", "byte"}, {"tie", "false"}},
        Options{{"objective", "classify"}, {"freeze", "true"}},
        Options{{"objective", "classify"}, {"balance", "true"}},
        Options{{"dropout", "0.2"}},
        Options{{"norm", "post"}},
        Options{{"norm", "none"}},
        Options{{"ffn_channels", "-1"}},
        Options{{"position", "sinusoidal"}},
        Options{{"activation", "swiglu"}, {"norm_kind", "rms"}, {"dropout", "0.1"}},
        Options{{"position", "rotary"}, {"kv_heads", "2"}, {"objective", "mlm"}},
        Options{{"qk_norm", "true"}, {"kv_heads", "1"}, {"head_size", "20"}, {"position", "rotary"}},
        Options{{"position", "qk"}, {"kv_heads", "2"}},
        Options{{"attention", "linear"}},
        Options{{"attention", "favor"}, {"kv_heads", "2"}},
        Options{{"attention", "rfa"}, {"features", "10"}},
        Options{{"attention", "nystrom"}, {"objective", "mlm"}, {"landmarks", "7"}},
        Options{{"attention", "favor"}, {"objective", "classify"}},
        Options{{"position", "none"}, {"bias", "true"}, {"tie", "false"}},
        Options{{"body", "rnn"}},
        Options{{"body", "gru"}, {"bias", "true"}},
        Options{{"body", "lstm"}, {"dropout", "0.2"}, {"tie", "false"}}}) {
    Options all = size;
    all.insert(all.end(), more.begin(), more.end());
    const Planned model(all, 65, 3);
    CAPTURE(more.empty() ? "" : more[0].first);
    const StepNeed recorded = model.recorded();
    StepMeter meter(model.config, model.shape);
    const StepNeed measured = meter.part(model.config.batch);
    CHECK(measured.values == recorded.values);
    CHECK(measured.gradients == recorded.gradients);
    CHECK(measured.work.flop == recorded.work.flop);
    CHECK(measured.work.bytes == recorded.work.bytes);
    CHECK(recorded.work.flop > 0);
  }
}

TEST_CASE("what grows a training grows its memory") {
  const MemoryNeed base = Planned(Options{}).need();
  CHECK(Planned(Options{{"batch", "32"}}).need().values == doctest::Approx(2 * base.values).epsilon(0.01));
  CHECK(Planned(Options{{"context", "256"}}).need().values == doctest::Approx(2 * base.values).epsilon(0.01));
  CHECK(Planned(Options{{"optimizer", "sgd"}}).need().blocks == base.blocks - 1);
  const Planned probe(Options{{"objective", "classify"}, {"freeze", "true"}}, 65, 3);
  CHECK(probe.need().trained == 4 * (3 * probe.shape.channels + 16));  // the head's alone; 3 biases fill 64 bytes
  CHECK(base.trained == base.parameters);
  CHECK(Planned(Options{{"accumulate", "4"}}).need().batches == 4 * base.batches);
  CHECK(Planned(Options{{"accumulate", "4"}}).need().values == base.values);
  CHECK(Planned(Options{}, 8000).need().gradients > 4.0 * 2000 * 8000);
  CHECK(Planned(Options{{"val_fraction", "0"}}).need().copy == 0);
  const primer::test::Threads many(64);
  CHECK(Planned(Options{{"context", "8192"}, {"batch", "1"}}).need().gradients > 64 * 3 * 64 * 8192 * 4.0);
}

TEST_CASE("of what is frozen there are no gradients and no moments") {
  const Options small = {{"objective", "classify"}, {"channels", "256"}, {"context", "16"}, {"batch", "2"}};
  Options frozen = small;
  frozen.emplace_back("freeze", "true");
  const MemoryNeed all = Planned(small, 65, 3).need(), head = Planned(frozen, 65, 3).need();
  CHECK(head.parameters == doctest::Approx(all.parameters).epsilon(0.001));
  CHECK(all.trained == all.parameters);
  CHECK(head.trained < 10'000);
  CHECK(head.copy < all.copy / 2);
  CHECK(head.total() < all.total() - 5 * head.parameters);
}

TEST_CASE("arithmetic is counted where something is multiplied: not for rows of a table, and not for what is frozen") {
  const auto flop = [](Options options, long vocabulary) {
    options.emplace_back("objective", "classify");
    const Planned model(options, vocabulary, 3);
    return StepMeter(model.config, model.shape).part(4).work.flop;
  };
  CHECK(flop({}, 65) == flop({}, 4005));
  CHECK(flop({{"freeze", "true"}}, 65) < 0.34 * flop({}, 65));
  CHECK(flop({{"freeze", "true"}}, 65) > 0.33 * flop({}, 65));
}

TEST_CASE("a batch of more than a million tokens takes as much more as its last sequences do") {
  const Planned model(Options{{"context", "64"}, {"layers", "2"}});
  const long most = (1 << 20) / 64;
  const double one = model.need(most).total(), two = model.need(2 * most).total();
  CHECK(model.need(5 * most).total() == doctest::Approx(one + 4 * (two - one)));
  StepMeter meter(model.config, model.shape);
  const StepNeed part = meter.part(3 * most);
  CHECK(model.need(3 * most).values == doctest::Approx(part.values).epsilon(0.001));
  CHECK(model.need(3 * most).gradients == doctest::Approx(part.gradients).epsilon(0.001));
}

TEST_CASE("a model of 124 million parameters is measured without drawing or holding them") {
  const Planned gpt2(
      Options{
          {"layers", "12"}, {"heads", "12"}, {"channels", "768"}, {"context", "256"}, {"batch", "4"}, {"bias", "true"}},
      50304);
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  const MemoryNeed need = gpt2.need();
  ::getrusage(RUSAGE_SELF, &after);
  CHECK(need.parameters > 4 * 123e6);
  CHECK(need.values > 400e6);
  CHECK(after.ru_minflt - before.ru_minflt < 4000);  // pages of 4 KiB: 16 MB, where the parameters alone have 500
}

TEST_CASE("a batch that does not fit is refused and the largest that does is named") {
  const Planned model(Options{{"batch", "1000"}});
  const auto total = [](long batch) { return Planned(Options{{"batch", std::to_string(batch)}}).need().total(); };
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
TEST_CASE("a training takes the memory that its plan names, within a tenth, for every task and shape") {
  const FreshDirectory here;
  here.write("t.txt", prose(20'000));
  std::string sentences, lines;
  for (int i = 0; i < 200; ++i) {
    const std::string words = prose(400).substr(i, 160);
    for (const char c : words) sentences += c == '\n' ? ' ' : c;
    sentences += i % 5 == 4 ? ".\n\n" : ".\n";
  }
  for (int i = 0; i < 100; ++i) {
    std::string words = prose(400).substr(i, 160);
    std::replace(words.begin(), words.end(), '\n', ' ');
    lines += (i % 2 == 0 ? "good\t" : "bad\t") + words + "\n";
  }
  here.write("s.txt", sentences);
  here.write("l.tsv", lines);
  const std::string body = " --layers 3 --context 128 --dropout 0.1 --val-fraction 0";
  for (const std::string& options : std::vector<std::string>{
           "t.txt -o lm --batch 72" + body,
           "t.txt -o attends --batch 170 --layers 2 --ffn-channels -1 --tokenizer byte --accumulate 2 --context 128",
           "t.txt -o wide --layers 2 --heads 8 --channels 768 --context 32 --batch 4 --val-fraction 0",
           "t.txt -o logits --layers 1 --channels 64 --context 128 --batch 256 --val-fraction 0 --norm none",
           "t.txt -o lstm --body lstm --batch 220" + body,
           "t.txt -o gru --body gru --layers 2 --channels 384 --context 64 --batch 96 --val-fraction 0",
           "t.txt -o masked --batch 64 --objective mlm" + body,
           "s.txt -o pairs --batch 64 --objective mlm --next-sentence" + body,
           "l.tsv -o labels --batch 64 --objective classify" + body,
           "l.tsv -o frozen --batch 96 --objective classify --init-from pairs --freeze --dropout 0 --val-fraction 0"}) {
    CAPTURE(options);
    const bool has_tokenizer =
        options.find("--tokenizer") != std::string::npos || options.find("--init") < options.size();
    const std::string train =
        primer_program + "train " + options + (has_tokenizer ? "" : " --tokenizer char") + " --steps 2 ";
    REQUIRE(run_program(here, train + "--dry-run --json").code == 0);
    const double planned = nlohmann::json::parse(file_bytes(here / ".out"))["memory_bytes"].get<double>();
    const Used used = run_program(here, train + "-q");
    CHECK(used.code == 0);
    CHECK(used.bytes > 200e6);
    CHECK(planned > 0.9 * used.bytes);
    CHECK(planned < 1.1 * used.bytes);
  }
}

TEST_CASE("under a limit on address space or data a training is refused in one line, or runs") {
  const FreshDirectory here;
  here.write("t.txt", prose(20'000));
  const std::string train = primer_program + "train t.txt --threads 1 --layers 2 --tokenizer char --steps 1 -q ";
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
