// What comes from elsewhere, and what goes there: folders of other programs, machines of other sizes, shared weights.
#include <nlohmann/json.hpp>

#include "tests/train/planned.h"
#include "tests/train/process.h"

namespace {

const std::string options = small_run + "--steps 2 -q ";

}  // namespace

TEST_CASE("a folder of another program is no run of primer, and every command says so") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  here.write("bert/config.json", R"({"model_type": "bert", "architectures": ["BertModel"]})");
  here.write("bert/model.safetensors", "");
  for (const char* command : {"sample bert", "eval bert", "info bert", "train --resume -o bert",
                              "train t.txt --init-from bert", "fill bert x", "attention bert x"}) {
    CAPTURE(command);
    const Outcome outcome = run_primer(here, command);
    CHECK(outcome.code == 3);
    CHECK(outcome.err ==
          "primer: error: bert is no run of primer: it has no checkpoints; it looks like a model of "
          "another program, such as Hugging Face's\n");
  }
}

TEST_CASE("more threads than the processors could serve are refused, with their number") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  const Outcome many = run_primer(here, "train t.txt -o run --threads 4096" + options);
  CHECK(many.code == 2);
  CHECK(many.err.find("--threads 4096: this process has ") != std::string::npos);
  const Outcome variable = run_primer(here, "train t.txt -o run" + options, "OMP_NUM_THREADS=4096");
  CHECK(variable.code == 2);
  CHECK(variable.err.find("OMP_NUM_THREADS 4096: this process has ") != std::string::npos);
  CHECK(run_primer(here, "train t.txt -o run --threads 16" + options).code == 0);
}

TEST_CASE("the weights that travel tell nothing of the machine, nor of places on it") {
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  here.write("secret/empty", "");
  REQUIRE(run_primer(here, "tokenize train t.txt --tokenizer char -o secret/place.json").code == 0);
  const auto weights = [&](const std::string& run, const std::string& more) {
    REQUIRE(run_primer(here, "train t.txt -o " + run + options + more).code == 0);
    return file_bytes(here / (run + "/checkpoints/step-000000002/model.safetensors"));
  };
  const std::string one = weights("one", "--threads 1");
  CHECK(weights("two", "--threads 2") == one);
  const std::string elsewhere = weights("three", "--tokenizer secret/place.json");
  CHECK(elsewhere.find("secret") == std::string::npos);
  CHECK(run_primer(here, "info three/checkpoints/step-000000002/model.safetensors").out.find("tokenizer.json") !=
        std::string::npos);
  CHECK(run_primer(here, "train --resume -o three --steps 3 -q").code == 0);
}

TEST_CASE("a name that is too long for a line is shown without its middle") {
  const MemoryDirectory here;
  const Outcome outcome = run_primer(here, "info \"$(printf '%0130000d' 7)\"");
  CHECK(outcome.code == 3);
  CHECK(outcome.err.size() < 1100);
  CHECK(outcome.err.find(" ... ") != std::string::npos);
}

TEST_CASE("with little address space every command ends, done or refused in one line") {
  if (has_address_sanitizer) return;  // which needs terabytes of it
  const MemoryDirectory here;
  here.write("t.txt", prose(1200));
  REQUIRE(run_primer(here, "train t.txt -o run" + options).code == 0);
  // Processor time is limited so that a command that tries for ever is ended.
  const auto check = [&](const std::string& limit, const std::string& command, const std::string& variable) {
    CAPTURE(limit);
    CAPTURE(command);
    CAPTURE(variable);
    const Outcome outcome = run_primer(here, command, "ulimit -t 20; ulimit " + limit + "; " + variable);
    CAPTURE(outcome.err);
    std::filesystem::remove_all(here / "other");
    if (outcome.code == 127) return;  // the loader itself had too little
    CHECK((outcome.code == 0 || outcome.code == 8));
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == (outcome.code == 8 ? 1 : 0));
  };
  for (const std::string limit : {"-v 60000", "-v 130000", "-v 190000", "-v 300000", "-v 900000", "-d 20000",
                                  "-d 140000", "-d 180000", "-d 250000", "-d 300000"}) {
    for (const std::string command : {"--version", "info run", "sample run --tokens 5", "eval run --threads 8",
                                      "train t.txt -o other --threads 3 --force"}) {
      const bool is_training = command.starts_with("train");
      for (const char* variable : {"", "OMP_NUM_THREADS=2"})
        check(limit, command + (is_training ? options : ""), variable);
    }
  }
  // OpenBLAS counts the processors of the machine, also where the process may use one of them.
  cpu_set_t all, one;
  REQUIRE(::sched_getaffinity(0, sizeof all, &all) == 0);
  CPU_ZERO(&one);
  for (int cpu = 0; CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
  REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  for (const char* variable : {"OMP_NUM_THREADS=2", "unset OMP_NUM_THREADS;"}) check("-v 300000", "info run", variable);
  REQUIRE(::sched_setaffinity(0, sizeof all, &all) == 0);
  const Outcome refused = run_primer(here, "info run", "ulimit -t 20; ulimit -v 130000;");
  CHECK(refused.code == 8);
  CHECK(refused.err.find("primer: error: not enough address space") == 0);
  CHECK(refused.err.find("ulimit -v") != std::string::npos);
}
