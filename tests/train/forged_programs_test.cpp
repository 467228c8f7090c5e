// Forged runs, as in forged_run_test.cpp and forged_files_test.cpp, given to the program: every command ends by itself,
// with a code that says what is wrong and one line that says it.
#include <doctest/doctest.h>

#include <limits>

#include "tests/train/bad_words.h"
#include "tests/train/forged_run.h"

using namespace primer::test;

namespace {

const std::vector<std::string>& commands() {
  static const std::vector<std::string> all{"train --resume -q -o RUN",
                                            "info RUN",
                                            "sample RUN --checkpoint last --tokens 5",
                                            "eval RUN --checkpoint last",
                                            "eval RUN --json --pseudo-perplexity --masked-tokens 5",
                                            "fill RUN 'a [MASK]'",
                                            "classify RUN text",
                                            "embed RUN text",
                                            "attention RUN text -o -",
                                            "circuits RUN --json",
                                            "train text -q --dry-run -o new --init-from RUN"};
  return all;
}

struct ForgedPrograms {
  MemoryDirectory here;
  ForgedRun forged;
  long refused = 0, accepted = 0;

  ForgedPrograms(const std::string& text, std::vector<std::pair<std::string, std::string>> options)
      : forged(text, std::move(options)) {
    here.write("text", text.substr(0, text.find_first_of("\t\n", 5)) + "\n");
  }

  void use(const std::string& command) {
    std::string arguments = command;
    arguments.replace(arguments.find("RUN"), 3, forged.run.paths.directory);
    const Outcome outcome = run_primer(here, arguments);
    CAPTURE(arguments);
    CAPTURE(outcome.err);
    const std::vector<int> codes{0, 2, 3, 4, 7, 8};
    CHECK(std::find(codes.begin(), codes.end(), outcome.code) != codes.end());
    const auto last = outcome.err.rfind('\n', outcome.err.size() - 2) + 1;  // 0 if there is one line
    const bool is_told = outcome.err.find("primer: error: ") == last && outcome.err.ends_with('\n');
    CHECK((outcome.code == 0 || is_told));
    ++(outcome.code == 0 ? accepted : refused);
  }

  /// Puts the file of the checkpoint, makes all checksums right, and gives the run to each command, or to every
  /// `stride`-th of them in turn.
  void with(const std::string& name, const std::string& bytes, std::size_t stride) {
    for (std::size_t i = turn_++ % stride; i < commands().size(); i += stride) {
      forged.restore();
      put(forged.checkpoint + "/" + name, bytes);
      if (name != "manifest") forged.seal();
      use(commands()[i]);
    }
  }

  void forge_file(const std::string& name, std::size_t most_values, std::size_t stride, std::size_t words_stride) {
    const std::string right = forged.original(name);
    const bool is_tensors = name.ends_with(".safetensors");
    std::vector<Place> words, some;
    if (is_tensors) {
      words = words_of_json(std::string_view(right).substr(8, number_at<std::uint64_t>(right, 0)));
      for (Place& word : words) word.at += 8;
    } else {
      words = name == "manifest" ? words_of_lines(right.substr(0, right.rfind("end "))) : words_of_json(right);
    }
    for (std::size_t i = 0; i < words.size(); i += words_stride) some.push_back(words[i]);
    const auto& values = name == "manifest" ? bad_words() : bad_json();
    each_change(right, some, values, most_values, [&](std::string bytes) {
      if (is_tensors) mend_tensors(bytes);
      if (name == "manifest") {
        bytes.resize(bytes.rfind("end "));
        char ending[16];
        std::snprintf(ending, sizeof ending, "end %08x\n", primer::data::crc32c(bytes));
        bytes += ending;
      }
      with(name, bytes, stride);
    });
  }

  // Parameters of which every sum is infinite.
  void forge_values(std::size_t stride) {
    std::string bytes = forged.original("model.safetensors");
    const auto header = 8 + number_at<std::uint64_t>(bytes, 0);
    for (std::size_t at = header; at < bytes.size(); at += 4) put_number(bytes, at, std::numeric_limits<float>::max());
    with("model.safetensors", bytes, stride);
  }

 private:
  std::size_t turn_ = 0;
};

}  // namespace

TEST_CASE("every command refuses a forged run by one line, or takes it") {
  const auto [text, options] = every_objective()[1];
  ForgedPrograms programs(text, options);
  programs.forge_values(1);
  for (const char* const name : {"manifest", "tokenizer.json", "model.safetensors", "optimizer.safetensors"}) {
    programs.forge_file(name, 1, 10, name == std::string("manifest") ? 5 : 41);
  }
  MESSAGE(programs.refused << " commands refused, " << programs.accepted << " went well");
  CHECK(programs.refused > 0);
  CHECK(programs.accepted > 0);
}

TEST_SUITE("campaign") {
  TEST_CASE("every command, every objective, every word of every forged file") {
    for (const auto& [text, options] : every_objective()) {
      ForgedPrograms programs(text, options);
      programs.forge_values(1);
      programs.forge_file("manifest", 100, 1, 1);
      for (const char* const name : {"tokenizer.json", "model.safetensors", "optimizer.safetensors"}) {
        programs.forge_file(name, 3, 1, 3);
      }
      MESSAGE(programs.refused << " commands refused, " << programs.accepted << " went well");
    }
  }
}
