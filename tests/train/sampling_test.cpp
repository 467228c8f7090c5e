// What may be asked of a sample: choices, stop texts, any bytes or valid ones, JSON, prompts from files and terminals.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <termios.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "data/bytes/utf8.h"
#include "tests/nn/small_model.h"
#include "tests/threads.h"
#include "tests/train/planned.h"
#include "tests/train/process.h"
#include "train/step/generate.h"
#include "train/use/reader.h"
#include "train/use/sample_writer.h"

using namespace primer::test;
using namespace primer::train;
using Json = nlohmann::json;

namespace {

constexpr int V = 29;

ModelConfig shape(long context) {
  return {.vocabulary = V, .context = context, .layers = 2, .heads = 2, .channels = 16, .output = {.tie = false}};
}

/// A model whose texts do not repeat themselves soon.
struct Writer : SmallModel<float> {
  Threads one{1};
  explicit Writer(const ModelConfig& config) : SmallModel<float>(config) { stir(); }

  std::map<std::uint64_t, Ids> write(const Ids& prompt, long count, const Sampling& sampling, SampleRange range) {
    std::map<std::uint64_t, Ids> texts;
    generate(gpt, tape, prompt, count, sampling, range, [&](std::uint64_t sample, int id) {
      texts[sample].push_back(id);
      return true;
    });
    return texts;
  }
};

const std::string quick = " -q --layers 1 --channels 16 --heads 2 --context 16 --batch 4 --steps 4 ";

bool is_utf8(const std::string& text) {
  bool is_valid = true;
  primer::data::each_symbol(text, [&](primer::data::Symbol s, int) { is_valid &= !primer::data::is_stray(s); });
  return is_valid;
}

std::vector<Json> objects_of(const std::string& text) {
  std::vector<Json> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.push_back(Json::parse(line));
  return all;
}

/// A terminal that the program is run on.
class Terminal {
 public:
  Terminal() {
    REQUIRE(master_ >= 0);
    REQUIRE(::grantpt(master_) == 0);
    REQUIRE(::unlockpt(master_) == 0);
    name = ::ptsname(master_);
    slave_ = ::open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(slave_ >= 0);
    termios settings;
    ::tcgetattr(slave_, &settings);
    settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    settings.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    ::tcsetattr(slave_, TCSANOW, &settings);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    ::close(slave_);
    ::close(master_);
  }

  void type(const std::string& keys) const { CHECK(::write(master_, keys.data(), keys.size()) == std::ssize(keys)); }

  std::string shown() const {
    ::fcntl(master_, F_SETFL, O_NONBLOCK);
    std::string text(4096, '\0');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(::read(master_, text.data(), text.size()), 0)));
    return text;
  }

  std::string name;

 private:
  int master_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave_ = -1;
};

}  // namespace

TEST_CASE("what is drawn with a penalty, top-p and min-p has the probabilities of their definitions: chi-square") {
  Writer writer(shape(16));
  const Ids prompt = {3, 11, 3, 7};
  const Sampling sampling{.temperature = 0.9, .top_p = 0.95, .min_p = 0.1, .repetition_penalty = 1.7, .seed = 5};
  const auto all = writer.logits(prompt, 1);
  std::vector<std::pair<double, int>> p;  // share, id
  double total = 0;
  for (int id = 0; id < V; ++id) {
    double logit = all[all.size() - V + static_cast<std::size_t>(id)];
    if (std::ranges::count(prompt, id) > 0) logit = logit > 0 ? logit / 1.7 : logit * 1.7;
    p.push_back({std::exp(logit / 0.9), id});
    total += p.back().first;
  }
  std::ranges::sort(p, std::greater());
  double covered = 0;
  std::size_t kept = 0;
  while (covered < 0.95 * total) covered += p[kept++].first;
  while (p[kept - 1].first < 0.1 * p[0].first) --kept;
  p.resize(kept);
  REQUIRE(kept > 5);
  REQUIRE(kept < V - 3);
  total = 0;
  for (const auto& [share, id] : p) total += share;

  constexpr long draws = 20'000, at_once = 500;
  std::vector<long> counts(V);
  for (long first = 0; first < draws; first += at_once)
    for (const auto& [sample, text] : writer.write(prompt, 1, sampling, {static_cast<std::uint64_t>(first), at_once}))
      ++counts[static_cast<std::size_t>(text[0])];
  double chi_square = 0;
  long drawn = 0;
  for (const auto& [share, id] : p) {
    const double expected = draws * share / total, found = static_cast<double>(counts[static_cast<std::size_t>(id)]);
    REQUIRE(expected > 5);
    chi_square += (found - expected) * (found - expected) / expected;
    drawn += counts[static_cast<std::size_t>(id)];
  }
  CHECK(drawn == draws);  // nothing else
  const double freedom = static_cast<double>(kept - 1);
  CHECK(chi_square < freedom + 3.1 * std::sqrt(2 * freedom));  // one in a thousand is above
}

TEST_CASE("each sample has its own repetitions, in all of its text, and is the same alone and among others") {
  Writer writer(shape(8));
  const Ids prompt = random_ids(12, V, "prompt");  // beyond the window
  const Sampling greedy{.temperature = 0, .repetition_penalty = 2};
  const Ids written = writer.write(prompt, 30, greedy, {})[0];
  Ids all = prompt, window(prompt.end() - 8, prompt.end());
  for (const int id : written) {
    const auto logits = writer.logits(window, 1);  // [T, V]
    std::vector<float> last(logits.end() - V, logits.end());
    for (int i = 0; i < V; ++i) {
      float& logit = last[static_cast<std::size_t>(i)];
      if (std::ranges::count(all, i) > 0) logit *= logit > 0 ? 0.5f : 2.0f;
    }
    CHECK(last[static_cast<std::size_t>(id)] > *std::ranges::max_element(last) - 1e-4);
    all.push_back(id);
    window.push_back(id);
    if (window.size() > 8) window.erase(window.begin(), window.end() - 4);
  }
  const Sampling mild{.repetition_penalty = 1.5};
  const auto texts = writer.write(prompt, 40, mild, {3, 4});
  for (const auto& [sample, text] : texts) CHECK(writer.write(prompt, 40, mild, {sample, 1}).at(sample) == text);
  CHECK(texts.at(3) != texts.at(4));
  CHECK(writer.write(prompt, 40, {}, {3, 1}).at(3) != texts.at(3));
}

TEST_CASE("ln p of what is drawn is the model's own, whatever is chosen from") {
  Writer writer(shape(16));
  const Ids prompt = random_ids(4, V, "prompt");
  std::span<const float> own;
  Ids text = prompt;
  const Sampling sampling{.temperature = 2, .top_k = 9, .repetition_penalty = 3};
  generate(writer.gpt, writer.tape, prompt, 10, sampling, {},
           [&](std::uint64_t, int id) {
             const auto all = writer.logits(text, 1);
             double total = 0;
             for (int i = 0; i < V; ++i)
               total += std::exp(static_cast<double>(all[all.size() - V + static_cast<std::size_t>(i)]));
             const double expected = all[all.size() - V + static_cast<std::size_t>(id)] - std::log(total);
             CHECK(expectation(own, id, 0).log_probability == doctest::Approx(expected).epsilon(1e-5));
             text.push_back(id);
             return true;
           },
           {.logits = &own});
  CHECK(text.size() == 14);
}

TEST_CASE("no sample is invalid UTF-8, unless any bytes are asked for") {
  const MemoryDirectory here;
  std::string text;
  for (int i = 0; i < 40; ++i) text += "\xE4\xB8\xAD\xE6\x96\x87 \xC3\xA9\xF0\x9F\x98\x80 " + std::to_string(i * i);
  here.write("t.txt", text);
  here.write("cut.txt", "a\xE4\xB8");
  REQUIRE(run_primer(here, "train t.txt -o bytes --tokenizer byte" + quick).code == 0);
  REQUIRE(run_primer(here, "train t.txt -o pieces --tokenizer bpe:300" + quick).code == 0);
  for (const std::string run : {"bytes", "pieces"}) {
    CAPTURE(run);
    const std::string sample = "sample " + run + " --tokens 300 --samples 3 --temperature 20 --ignore-eos ";
    CHECK(is_utf8(run_primer(here, sample).out));
    CHECK_FALSE(is_utf8(run_primer(here, sample + "--raw").out));
    CHECK(is_utf8(run_primer(here, sample + "--prompt-file cut.txt").out));  // and goes on with the character
    CHECK(is_utf8(run_primer(here, sample + "--repetition-penalty 1.3 --greedy").out));
  }
}

TEST_CASE("the beginning of a character at a text's end is written where any bytes are") {
  for (const bool raw : {false, true}) {
    std::string text;
    SampleWriter writer(primer::data::make_byte_tokenizer(), "> ", {.raw = raw}, [&](const std::string& piece) {
      text += piece;
      return true;
    });
    writer.begin(1);
    for (const int byte : {0x61, 0xE4, 0xB8}) CHECK(writer.feed(0, byte));
    writer.end();
    CHECK(text == (raw ? "> a\xE4\xB8\n" : "> a\n"));
  }
}

TEST_CASE("samples as JSON: text, why it ended, every token with its bytes and ln p") {
  const MemoryDirectory here;
  here.write("t.txt", prose(2000));
  REQUIRE(run_primer(here, "train t.txt -o run --tokenizer char" + quick).code == 0);
  REQUIRE(run_primer(here, "train t.txt -o bytes --tokenizer byte" + quick).code == 0);
  const std::string sample = "sample run --tokens 60 --samples 9 --prompt ab ";
  const std::string plain = run_primer(here, sample).out;
  std::string told;
  for (const Json& one : objects_of(run_primer(here, sample + "--json").out)) {
    CHECK(one["prompt"] == "ab");
    CHECK(one["end"] == "length");
    REQUIRE(one["tokens"].size() == 60);
    std::string text;
    for (const Json& token : one["tokens"]) {
      CHECK(token["logprob"].get<double>() < 0);
      text += token["text"].get<std::string>();
      CHECK_FALSE(token.contains("bytes"));
    }
    CHECK(one["text"] == text);
    told += (told.empty() ? "ab" : "---------------\nab") + text + "\n";
  }
  CHECK(told == plain);
  const auto stopped = objects_of(run_primer(here, sample + "--json --stop ' ' --stop e").out);
  REQUIRE(stopped.size() == 9);
  for (const Json& one : stopped) {
    CHECK(one["end"] == "stop");
    CHECK(one["tokens"].size() == one["text"].get<std::string>().size() + 1);
    CHECK(one["text"].get<std::string>().find_first_of(" e") == std::string::npos);
  }
  const auto raw = objects_of(run_primer(here, "sample bytes --json --raw --temperature 50").out);
  long strays = 0;
  for (const Json& one : raw)
    for (const Json& token : one["tokens"]) {
      CHECK(token.contains("bytes") == (token["id"] >= 0x80));
      if (token.contains("bytes")) CHECK(token["bytes"] == Json::array({token["id"]}));
      strays += token["id"] >= 0x80;
    }
  CHECK(strays > 50);
  here.write("docs/a.txt", "ab");
  here.write("docs/b.txt", "ab ab");
  for (int i = 0; i < 30; ++i) here.write("docs/" + std::to_string(i) + ".txt", "ab");
  REQUIRE(run_primer(here, "train docs -o docs/run --tokenizer char" + quick + "--lr 0.5").code == 0);
  const Json ended = objects_of(run_primer(here, "sample docs/run --json").out).at(0);
  CHECK(ended["end"] == "document");
  CHECK(ended["tokens"].back()["text"] == "<|endoftext|>");
  CHECK(ended["text"].get<std::string>().find('<') == std::string::npos);
}

TEST_CASE("a prompt may be a file or standard input, byte for byte but for a line feed at its end") {
  const MemoryDirectory here;
  here.write("t.txt", prose(2000));
  here.write("empty.txt", "");
  here.write("p.txt", "ab \n\r\n\n");  // the last line feed is not the prompt's
  REQUIRE(run_primer(here, "train t.txt -o run --tokenizer byte" + quick).code == 0);
  const Outcome file = run_primer(here, "sample run --tokens 5 --prompt-file p.txt");
  CHECK(file.code == 0);
  CHECK(file.out.starts_with("ab \n\r\n"));
  CHECK(file.out.size() == 6 + 5 + 1);
  CHECK(file.out == run_primer(here, "sample run --tokens 5 --prompt-file - <p.txt").out);
  check_refusal(here, "sample run --prompt-file p.txt --prompt a", 2, "give one of them");
  check_refusal(here, "sample run --prompt-file missing.txt", 3, "missing.txt");
  check_refusal(here, "sample run --prompt-file .", 3, "folder");
  check_refusal(here, "sample run --prompt-file -", 3, "empty");
  check_refusal(here, "sample run --prompt-file empty.txt", 3, "empty");
  here.write("wide.txt", std::string("\xFF\xFE"
                                     "a\0b\0",
                                     6));  // UTF-16, as a text would be
  CHECK(run_primer(here, "sample run --tokens 5 --prompt-file wide.txt").out.starts_with("ab"));
  here.write("packed.txt", "\x1F\x8B\x08 rest");
  check_refusal(here, "sample run --prompt-file packed.txt", 3, "gzip");
  check_refusal(here, "sample run --min-p 1.5", 2, "from 0 to 1");
  check_refusal(here, "sample run --repetition-penalty 0", 2, "--repetition-penalty");
}

TEST_CASE("a prompt of which nothing is in the vocabulary is refused") {
  const MemoryDirectory here;
  here.write("t.txt", prose(2000));
  for (const std::string symbols : {" --unknown-symbol", " --no-unknown-symbol"}) {
    REQUIRE(run_primer(here, "train t.txt --force -o run --tokenizer char" + symbols + quick).code == 0);
    check_refusal(here, "sample run --prompt '\xE4\xB8\xAD\xE6\x96\x87'", 3,
                  "nothing of the prompt is in the vocabulary");
    CHECK(run_primer(here, "sample run --tokens 3 --prompt 'a\xE4\xB8\xAD'").code == 0);
  }
}

TEST_CASE("on a terminal without a prompt sample asks, and goes on asking until Ctrl-D; a pipe never asks") {
  const MemoryDirectory here;
  here.write("t.txt", prose(2000));
  REQUIRE(run_primer(here, "train t.txt -o run --tokenizer char" + quick).code == 0);
  const auto part = [&](const std::string& prompt, std::size_t number) {  // of three samples
    std::string all = run_primer(here, "sample run --tokens 8 --samples 3" + prompt).out;
    for (; number > 0; --number) all.erase(0, all.find("---------------\n") + 16);
    return all.substr(0, all.find("---------------\n"));
  };
  {
    const Terminal terminal;
    terminal.type("abc\n\nabc\n\x04");
    const Outcome asked =
        Process(here, "exec primer sample run --tokens 8 <" + terminal.name + " >" + terminal.name).wait();
    CHECK(asked.code == 0);
    CHECK(asked.err == "prompt> prompt> prompt> prompt> \n");
    CHECK(terminal.shown() == part(" --prompt abc", 0) + part("", 1) + part(" --prompt abc", 2));
  }
  for (const std::string question : {"", " --prompt abc"}) {
    const Terminal terminal;
    terminal.type("\x04\x04");  // would end it, should it ask
    const std::string begin = "exec primer sample run --tokens 8" + question;
    const Outcome read = Process(here, begin + " <" + terminal.name).wait();
    CHECK(read.out == part(question, 0));
    CHECK(read.err.empty());
    CHECK(Process(here, begin + " >" + terminal.name).wait().err.empty());
    CHECK(terminal.shown() == part(question, 0));
  }
  const Terminal terminal;
  terminal.type("\x04");
  CHECK(Process(here, "exec primer sample run --prompt a <" + terminal.name + " >" + terminal.name).wait().err.empty());
}
