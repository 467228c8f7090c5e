// The program as people meet it: exit codes, streams and files.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/places.h"
#include "tests/train/planned.h"
#include "tests/train/process.h"

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

const std::string model = " --layers 1 --channels 16 --heads 2 --context 16 --batch 4 --steps 4 ";
const std::string tiny = model + "--tokenizer char ";

std::vector<Json> lines_of(const std::string& path) {
  std::vector<Json> lines;
  std::istringstream in(file_bytes(path));
  for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
  return lines;
}

}  // namespace

TEST_CASE("wrong command lines end with 2") {
  const FreshDirectory here;
  here.write("t.txt", prose(500));
  here.write("bad.json", "{\"layrs\": 2}");
  check_refusal(here, "trian", 2, "did you mean train?");
  check_refusal(here, "--versoin", 2, "did you mean --version?");
  check_refusal(here, "train", 2, "TEXT");
  check_refusal(here, "train t.txt --stpes 3", 2, "did you mean --steps?");
  check_refusal(here, "train t.txt --steps", 2, "--steps");
  check_refusal(here, "train t.txt --steps 1 --steps 2", 2, "--steps is given more than once");
  check_refusal(here, "train t.txt -- --layers 3", 2, "--layers stands behind --");
  check_refusal(here, "train t.txt --dtype bf16", 2, "unknown option --dtype; primer train --help lists them");
  check_refusal(here, "train t.txt --rope", 2, "unknown option --rope; primer train --help lists them");
  check_refusal(here, "train t.txt --min 3", 2, "unknown option --min; primer train --help lists them");
  check_refusal(here, "train t.txt --learning_rate 3", 2, "did you mean --lr?");
  check_refusal(here, "train t.txt --block-size=3", 2, "did you mean --context?");
  check_refusal(here, "sample run --block-size 3", 2, "unknown option --block-size; primer sample --help lists them");
  check_refusal(here, "sample run --max-new-tokens 3", 2, "did you mean --tokens?");
  check_refusal(here, "help tokenize trian", 2, "unknown command trian; did you mean train?");
  check_refusal(here, "completion tcsh", 2, "tcsh");
  check_refusal(here, "train t.txt --checkpoint 3", 2, "--checkpoint goes with --init-from, or with --resume");
  check_refusal(here, "train --resume -o run --checkpoint junk", 2, "--checkpoint junk: expected best, last or a step");
  check_refusal(here, "train t.txt --steps 1.5e0", 2, "expected a whole number from 1");
  check_refusal(here, "train t.txt --steps -1", 2, "expected a whole number from 1");
  check_refusal(here, "train t.txt --steps 0", 2, "expected a whole number from 1");
  check_refusal(here, "train t.txt --layers -2", 2, "--layers -2");
  check_refusal(here, "train t.txt --lr 1e999", 2, "--lr 1e999: expected a number from 0 to 1000");
  check_refusal(here, "train t.txt --lr nan", 2, "--lr nan");
  check_refusal(here, "train t.txt --lr ''", 2, "--lr");
  check_refusal(here, "train t.txt --norm pro", 2, "did you mean pre?");
  check_refusal(here, "train t.txt --channels 128 --heads 3", 2, "not a multiple of --heads 3");
  check_refusal(here, "train t.txt --preset nanogpt-cpo", 2, "did you mean nanogpt-cpu?");
  check_refusal(here, "train t.txt --config bad.json", 2, "did you mean \"layers\"?");
  check_refusal(here, "train t.txt --config missing.json", 2, "missing.json");
  check_refusal(here, "train t.txt --config .", 2, "folder");
  check_refusal(here, "train t.txt --json", 2, "--dry-run");
  check_refusal(here, "train t.txt -o ''", 2, "-o");
  check_refusal(here, "train t.txt --lr \"$(printf '\\033[31m')\"", 2, "\\x1B");
  check_refusal(here, "sample", 2, "RUN");
  check_refusal(here, "sample x y", 2, "y");
  check_refusal(here, "sample x --top-p 1.5", 2, "from 0 to 1");
  CHECK(run_primer(here, "").code == 2);
  CHECK_FALSE(fs::exists(here / "runs"));
}

TEST_CASE("texts and runs that cannot be used end with 3") {
  const FreshDirectory here;
  here.write("t.txt", prose(100));
  here.write("empty.txt", "");
  here.write("one.txt", "a");
  here.write("folder/.hidden", "hidden");
  ::mkfifo((here / "pipe").c_str(), 0600);
  check_refusal(here, "train missing.txt", 3, "missing.txt");
  check_refusal(here, "train empty.txt", 3, "empty");
  check_refusal(here, "train one.txt", 3, "short");
  check_refusal(here, "train folder", 3, "folder");
  check_refusal(here, "train pipe", 3, "pipe");
  check_refusal(here, "train /dev/null", 3, "device");
  check_refusal(here, "train -", 3, "empty");
  check_refusal(here, "train t.txt --context 90", 3, "the largest context that works is 89");
  check_refusal(here, "sample missing", 3, "no run missing");
  check_refusal(here, "sample t.txt", 3, "not a run");
  check_refusal(here, "eval folder", 3, "no run of primer");
  check_refusal(here, "info missing", 3, "missing");
  CHECK_FALSE(fs::exists(here / "runs/t"));
  // Nothing is left of a run that was refused.
  if (fs::exists(here / "runs")) CHECK(fs::is_empty(here / "runs"));
}

TEST_CASE("a model too large for any machine ends with 8, a disk that cannot be written with 5") {
  const FreshDirectory here;
  here.write("t.txt", prose(500));
  check_refusal(here, "train t.txt --layers 1000 --channels 65536 --heads 1", 8, "memory");
  check_refusal(here, "train t.txt -q -o t.txt/run" + tiny, 5, "t.txt/run");
  const Outcome full = run_primer(here, "train t.txt -q -o run" + tiny, "ulimit -f 0 &&");
  CHECK(full.code == 5);
}

TEST_CASE("a text becomes a run that samples, evaluates and tells what it holds") {
  const FreshDirectory here;
  const std::string text = prose(3000);
  here.write("book.txt", text);
  const Outcome trained = run_primer(here, "train book.txt --split tail --eval-every 2" + tiny);
  CAPTURE(trained.err);
  REQUIRE(trained.code == 0);
  CHECK_FALSE(trained.out.empty());
  CHECK(trained.err.find("using  OpenBLAS") != std::string::npos);
  CHECK(trained.err.find('\r') == std::string::npos);
  CHECK(trained.err.find('\x1b') == std::string::npos);
  const std::string run = here / "runs/book";
  for (const char* name : {"config.json", "tokenizer.json", "tokens", "metrics.jsonl", "timing.jsonl", "lock"}) {
    CAPTURE(name);
    CHECK(fs::is_regular_file(run + "/" + name));
  }
  CHECK(std::distance(fs::directory_iterator(run), fs::directory_iterator()) == 7);
  const std::string last = "checkpoints/step-000000004/model.safetensors";
  CHECK(fs::is_regular_file(run + "/" + last));
  CHECK(std::distance(fs::directory_iterator(here / "runs"), fs::directory_iterator()) == 1);

  const auto metrics = lines_of(run + "/metrics.jsonl");
  REQUIRE(metrics.size() == 5);
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    CHECK(metrics[i]["step"] == i);
    CHECK(metrics[i].contains("val_loss") == (i % 2 == 0));
    CHECK(metrics[i].contains("val_bits_per_byte") == (i % 2 == 0));
    CHECK(metrics[i].contains("val_accuracy") == (i % 2 == 0));
    for (const char* key : {"loss", "lr", "grad_norm"}) CHECK(metrics[i].contains(key) == (i > 0));
  }
  CHECK(metrics[4]["tokens"].get<long>() > 3 * 4 * 16);
  CHECK(metrics[4]["epoch"].get<double>() > 0.05);
  const auto timing = lines_of(run + "/timing.jsonl");
  REQUIRE_FALSE(timing.empty());
  for (const char* key : {"step", "time", "tokens_per_s", "share_of_peak"}) CHECK(timing.back()[key].get<double>() > 0);

  const Outcome unnamed = run_primer(here, "train --resume runs/book");
  CHECK(unnamed.code == 2);
  CHECK(unnamed.err.ends_with("is named by -o: primer train --resume -o runs/book\n"));

  const Outcome evaluated = run_primer(here, "eval runs/book --json");
  REQUIRE(evaluated.code == 0);
  const Json eval = Json::parse(evaluated.out);
  CHECK(eval["tokens"] == 299);
  CHECK(eval["loss"].get<double>() == doctest::Approx(metrics[4]["val_loss"].get<double>()).epsilon(1e-6));
  CHECK(eval["perplexity"].get<double>() == doctest::Approx(std::exp(eval["loss"].get<double>())));
  CHECK(eval["bits_per_byte"].get<double>() == doctest::Approx(eval["loss"].get<double>() / std::log(2.0)));
  CHECK(eval.contains("accuracy"));
  const Json other = Json::parse(run_primer(here, "eval runs/book book.txt --json").out);
  CHECK(other["tokens"] == 2999);
  here.write("foreign.txt", "abc!");
  CHECK(run_primer(here, "eval runs/book foreign.txt").err.find("\"!\" (U+0021) is not in the vocabulary") !=
        std::string::npos);

  const Json info = Json::parse(run_primer(here, "info runs/book --json").out);
  CHECK(info["step"] == 4);
  CHECK(info["parameters"].get<long>() == info["parameters_without_positions"].get<long>() + 16 * 16);
  CHECK(info["config"]["channels"] == 16);
  CHECK(info["config"]["steps"] == 4);
  CHECK(info["tensors"].size() == 9);
  CHECK(info["best_val_loss"].get<double>() == doctest::Approx(metrics[4]["val_loss"].get<double>()));
  const std::string page = run_primer(here, "info runs/book").out;
  CHECK(page.starts_with("run         runs/book, trained to step 4 of 4; saved are the steps "));
  for (const std::string part :
       {"kB, char tokens, vocabulary ", "model       lm, 1 layer, 2 heads, 16 channels, context ", "lowest loss ",
        " nats per token, of step 4\n", " --channels 16 "}) {
    CHECK_MESSAGE(page.find(part) != std::string::npos, part);
  }
  const Json file = Json::parse(run_primer(here, "info runs/book/" + last + " --json").out);
  CHECK(file["parameters"] == info["parameters"]);
  CHECK(file["config"] == info["config"]);

  // The saved configuration trains the same run again.
  REQUIRE(run_primer(here, "train book.txt -q -o again --config runs/book/config.json").code == 0);
  for (const char* name : {"config.json", "tokenizer.json", "tokens", "metrics.jsonl", last.c_str()}) {
    CAPTURE(name);
    CHECK(file_bytes(here / ("again/" + std::string(name))) == file_bytes(run + "/" + name));
  }
}

TEST_CASE("sampling writes the prompt and its continuation, always the same for a seed") {
  const FreshDirectory here;
  here.write("book.txt", prose(3000));
  REQUIRE(run_primer(here, "train book.txt -q -o run" + tiny).code == 0);
  const Outcome first = run_primer(here, "sample run --prompt 'abc d' --tokens 40 --seed 5");
  CHECK(first.code == 0);
  CHECK(first.err.empty());
  CHECK(first.out.starts_with("abc d"));
  CHECK(first.out.size() == 5 + 40 + 1);
  CHECK(run_primer(here, "sample run --prompt 'abc d' --tokens 40 --seed 5").out == first.out);
  CHECK(run_primer(here, "sample run --prompt 'abc d' --tokens 40 --seed 6").out != first.out);
  CHECK(run_primer(here, "sample run --prompt 'abc d' --tokens 20 --seed 5").out == first.out.substr(0, 25) + "\n");
  CHECK(run_primer(here, "sample run --prompt 'abc d' --tokens 0").out == "abc d\n");
  CHECK(run_primer(here, "sample run --greedy --tokens 9").out.size() == 10);
  CHECK(run_primer(here, "sample run --samples 3 --tokens 3").out.size() == 3 * 4 + 2 * 16);
  CHECK(
      run_primer(here, "sample run --prompt 'abc Z' --tokens 2").err.find("\"Z\" (U+005A) is not in the vocabulary") !=
      std::string::npos);
  run_primer(here, "sample run --tokens 300; echo $? >code; } | head -c 5", "{");
  CHECK(file_bytes(here / "code") == "0\n");  // a reader that goes away is no error
  const Outcome closed = run_primer(here, "sample run --tokens 20 >&-");
  CHECK(closed.code == 0);
}

TEST_CASE("an existing run is refused, or moved aside by --force") {
  const FreshDirectory here;
  here.write("t.txt", prose(500));
  here.write("run/mine", "precious");
  check_refusal(here, "train t.txt -o run" + tiny, 2, "--force");
  CHECK(file_bytes(here / "run/mine") == "precious");
  CHECK(run_primer(here, "train t.txt -q --force -o run" + tiny).code == 0);
  CHECK(file_bytes(here / "run.1/mine") == "precious");
  CHECK(fs::exists(here / "run/checkpoints/step-000000004/manifest"));
}

TEST_CASE("a dry run prints the plan and creates nothing") {
  const FreshDirectory here;
  here.write("t.txt", prose(5000));
  const Outcome result = run_primer(here, "train t.txt --dry-run --json --tokenizer char --steps 7 --epochs 900");
  REQUIRE(result.code == 0);
  CHECK(result.err.empty());
  const Json plan = Json::parse(result.out);
  CHECK(plan["steps"] == 7);
  CHECK(plan["config"]["steps"] == 7);
  CHECK(plan["tokens"].get<long>() + plan["validation_tokens"].get<long>() == 5000);
  for (const char* key :
       {"parameters", "parameters_without_positions", "steps_per_epoch", "memory_bytes", "flop_per_token"}) {
    CHECK(plan[key].get<double>() > 0);
  }
  CHECK(run_primer(here, "train t.txt --dry-run").out.find("parameters") != std::string::npos);
  const Outcome piped = run_primer(here, "train - --dry-run <t.txt");
  CHECK(piped.code == 0);
  CHECK_FALSE(fs::exists(here / "runs/stdin"));
}

TEST_CASE("every kind of text trains, from a pipe too") {
  const FreshDirectory here;
  std::string strange = "\xEF\xBB\xBFone\r\ntwo\r\n";
  strange += std::string("\0\0", 2) + "\xFF\xC3\xE4\xB8\xAD\xE6\x96\x87\xF0\x9F\x98\x80";
  for (int i = 0; i < 4; ++i) strange += strange;
  here.write("strange.bin", strange);
  REQUIRE(run_primer(here, "train - -q --no-bias -o piped <strange.bin" + tiny).code == 0);
  CHECK(Json::parse(run_primer(here, "eval piped strange.bin --json").out)["tokens"].get<long>() > 100);
  CHECK_FALSE(fs::exists(here / "piped/.text"));
  REQUIRE(run_primer(here, "train strange.bin -q --tokenizer byte -o bytes" + model).code == 0);
  const Json eval = Json::parse(run_primer(here, "eval bytes strange.bin --json").out);
  CHECK(eval["tokens"] == strange.size() - 1);
}

TEST_CASE("a masked model trains and evaluates, and does not pretend to write") {
  const FreshDirectory here;
  here.write("t.txt", prose(2000));
  const Outcome trained = run_primer(here, "train t.txt --objective mlm -o run" + tiny);
  CHECK(trained.code == 0);
  CHECK(trained.out.empty());
  const Json eval = Json::parse(run_primer(here, "eval run --json").out);
  CHECK(eval["bits_per_byte"].is_null());
  CHECK(eval["loss"].get<double>() > 1);
  check_refusal(here, "sample run", 2, "cannot go on with a text");
}

TEST_CASE("a file that is sorted by its labels is validated on each of them, and eval says which lines were cut") {
  const FreshDirectory here;
  std::string lines;
  for (int i = 0; i < 60; ++i) lines += "a\tgood film " + std::to_string(100 + i) + "\n";
  for (int i = 0; i < 60; ++i) lines += "b\tbad\n";
  here.write("l.tsv", lines);
  const Outcome trained =
      run_primer(here,
                 "train l.tsv --objective classify --tokenizer char -o run --layers 1 --channels 16 --heads 2 "
                 "--batch 8 --context 12 --steps 300 --lr 0.01 --val-fraction 0.2");
  CAPTURE(trained.err);
  REQUIRE(trained.code == 0);
  CHECK(trained.err.find("60 of 120 lines are longer than the context of 12 and lose their ends") != std::string::npos);
  const Outcome outcome = run_primer(here, "eval run --json");
  CAPTURE(outcome.err);
  CHECK(outcome.err.find("12 of 24 lines are longer than the context of 12 and were cut") != std::string::npos);
  const Json verdict = Json::parse(outcome.out);
  CHECK(verdict["cut"] == 12);
  CHECK(verdict["tokens"] == 24);
  CHECK(verdict["accuracy"] == 1);
}

TEST_CASE("a damaged checkpoint is refused with 4 and never used") {
  const FreshDirectory here;
  here.write("t.txt", prose(500));
  REQUIRE(run_primer(here, "train t.txt -q -o run --keep 0" + tiny).code == 0);
  fs::remove_all(here / "run/checkpoints/step-000000000");  // should it have been the best
  const std::string last = "run/checkpoints/step-000000004/";
  const auto damage = [&](const std::string& name, const std::string& bytes) {
    const std::string whole = file_bytes(here / (last + name));
    here.write(last + name, bytes);
    for (const char* command : {"sample run", "eval run", "info run", "sample run --checkpoint last",
                                "info run --checkpoint 4", "train --resume -o run --steps 9"}) {
      check_refusal(here, command, 4, name);
      // Resuming has set it aside; nothing is lost.
      if (fs::exists(here / "run/checkpoints/step-000000004.broken")) {
        fs::rename(here / "run/checkpoints/step-000000004.broken", here / "run/checkpoints/step-000000004");
      }
    }
    here.write(last + name, whole);
  };
  const std::string model = file_bytes(here / (last + "model.safetensors"));
  damage("model.safetensors", model.substr(0, model.size() - 1));
  damage("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
  damage("optimizer.safetensors", "");
  damage("config.json", "{}");
  damage("tokenizer.json", "{}");
  damage("state.cereal", "primerST");
  damage("manifest", "primer checkpoint 1\nstep 4\nend 00000000\n");
  check_refusal(here, "sample run --checkpoint 3", 3, "there are 4");
  check_refusal(here, "sample run --checkpoint newest", 2, "best, last or a step");
  CHECK(run_primer(here, "sample run --checkpoint 4 --tokens 3").code == 0);
}

TEST_CASE("a training that diverges ends with 7") {
  const FreshDirectory here;
  here.write("t.txt", prose(500));
  const Outcome result =
      run_primer(here,
                 "train t.txt -q -o run --optimizer sgd --schedule constant --norm none --clip 0 --lr 1000 "
                 "--min-lr 0 --warmup 0 --layers 3 --channels 16 --heads 2 --context 16 --batch 4 --steps 200");
  CAPTURE(result.err);
  CHECK(result.code == 7);
  CHECK(result.err.find("diverged") != std::string::npos);
}

TEST_CASE("help begins with examples, and the version tells what the program stands on") {
  const FreshDirectory here;
  for (const char* command :
       {"", "train", "sample", "eval", "info", "tokenize", "tokenize train", "tokenize stats", "attention"}) {
    const Outcome help = run_primer(here, std::string(command) + " --help");
    CHECK(help.code == 0);
    CHECK(help.out.starts_with("Examples:\n  primer "));
    CHECK(help.err.empty());
  }
  const Outcome version = run_primer(here, "--version");
  CHECK(version.code == 0);
  CHECK(version.out.starts_with("primer "));
  for (const char* word : {"compiler", "code      -march=", "blas", "threads"})
    CHECK(version.out.find(word) != std::string::npos);
}

TEST_CASE("a closed standard output or error does not stop a training") {
  const FreshDirectory here;
  here.write("t.txt", prose(500));
  // The closed descriptor is in a shell of its own: outside, the streams still go to the test's files.
  const std::string program =
      "sh -c 'OMP_NUM_THREADS=1 \"$0\" \"$@\" >&- 2>&-' '" + std::string(binary_directory()) + "/primer' ";
  const int status = std::system(("cd '" + here.path + "' && " + program + "train t.txt -o run" + tiny).c_str());
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(fs::exists(here / "run/checkpoints/step-000000004/manifest"));
  CHECK(lines_of(here / "run/metrics.jsonl").size() == 5);
}

TEST_CASE("help of a command is what its --help says, of a part of one too") {
  const FreshDirectory here;
  for (const std::string command : {"", "train", "tokenize train", "help"}) {
    const Outcome help = run_primer(here, "help " + command);
    CHECK(help.code == 0);
    CHECK(help.out == run_primer(here, command + " --help").out);
  }
}

TEST_CASE("bash completes commands, options and values from what completion writes") {
  const FreshDirectory here;
  here.write("ask.sh",
             "source <(primer completion bash)\n"
             "ask() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _primer; echo \"${COMPREPLY[*]}\"; COMPREPLY=(); }\n"
             "ask primer tok; ask primer tokenize ''; ask primer train --obj; ask primer train --objective m\n"
             "ask primer tokenize train --tok; ask primer train ask; ask primer train -o as; ask primer --ver\n"
             "ask primer help tok; ask primer completion f\n");
  const Outcome asked = Process(here, "bash ask.sh").wait();
  CHECK(asked.err == "");
  CHECK(asked.out ==
        "tokenize\ntrain encode decode stats\n--objective\nmlm\n--tokenizer\n\n\n--version\ntokenize\nfish\n");
  for (const char* shell : {"zsh", "fish"}) {
    const std::string words = run_primer(here, std::string("completion ") + shell).out;
    CHECK(words.find("tokenize") != words.npos);
    CHECK(words.find("objective") != words.npos);
    CHECK(words.find("lm mlm classify translate") != words.npos);
    // Where the shell is there, it reads them.
    const std::string name = shell;
    const Outcome read = Process(here, "command -v " + name + " >have || exit 0; primer completion " + name +
                                           " >script; " + name + " -n script")
                             .wait();
    CHECK(read.code == 0);
    CHECK(read.err == "");
  }
}
