// How probable lines are to a model, and which lines are nearest to a text.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/nn/golden.h"
#include "tests/threads.h"
#include "tests/train/planned.h"
#include "tests/train/process.h"
#include "train/use/reader.h"

using namespace primer;
using namespace primer::test;
using namespace primer::train;
using Json = nlohmann::json;

namespace {

/// ln p of `id` of logits [V].
template <class T>
double log_p(const T* logits, long V, int id) {
  double total = 0;
  const double largest = *std::max_element(logits, logits + V);
  for (long v = 0; v < V; ++v) total += std::exp(logits[v] - largest);
  return logits[id] - largest - std::log(total);
}

/// A golden file's model as that of a run.
struct GoldenRun : LoadedRun {
  Golden<float> golden;
  explicit GoldenRun(const std::string& name) : golden(name) {
    config.context = golden.config.context;
    network = std::make_unique<nn::Model<float>>(std::move(golden.model));
  }
};

std::vector<std::vector<std::string>> table_of(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    rows.emplace_back();
    for (std::size_t begin = 0, end = 0; end != line.npos; begin = end + 1) {
      end = line.find('\t', begin);
      rows.back().push_back(line.substr(begin, end - begin));
    }
  }
  return rows;
}

const std::string quick = " -q --layers 1 --channels 16 --heads 2 --context 16 --batch 4 --steps 30 --lr 0.01 ";

}  // namespace

TEST_CASE("ln p of every token is PyTorch's on the same weights, to 1e-5, of texts side by side") {
  const Threads threads(1);
  for (const char* name : {"gpt2", "nanogpt", "untied_sinusoidal", "llama", "gru", "lstm"}) {
    CAPTURE(name);
    GoldenRun run(name);
    const std::vector<double> logits = read_numbers(run.golden.file, "logits");  // [B, T, V]
    const long B = run.golden.sequences, T = run.golden.length, V = run.golden.config.vocabulary;
    std::vector<std::vector<int>> texts;
    for (long b = 0; b < B; ++b) {  // of different lengths
      const auto begin = run.golden.tokens.begin() + b * T;
      texts.emplace_back(begin, begin + T - b);
    }
    const auto found = Reader(run).expect(texts, 0);
    REQUIRE(std::ssize(found) == B);
    double largest = 0;
    for (long b = 0; b < B; ++b) {
      REQUIRE(found[b].size() == texts[b].size());
      CHECK(std::isnan(found[b][0].log_probability));
      for (long t = 1; t < T - b; ++t) {
        const double expected = log_p(logits.data() + (b * T + t - 1) * V, V, texts[b][t]);
        largest = std::max(largest, std::abs(found[b][t].log_probability - expected));
      }
    }
    CHECK(largest < 1e-5);
  }
}

TEST_CASE("a text beyond the context is read in windows, each of which begins half a context before what is new") {
  const Threads threads(1);
  GoldenRun run("gpt2");
  const long C = run.config.context, V = run.golden.config.vocabulary, T = 3 * C;
  const std::vector<int> text(run.golden.tokens.begin(), run.golden.tokens.begin() + T);
  const std::vector<Expectation> found = Reader(run).expect(text, 0);
  for (long begin = 0, done = 0; done + 1 < T; begin = done + 1 - C / 2) {
    const long n = std::min(C, T - 1 - begin);
    const auto pause = run.golden.tape.pause();
    const auto logits =
        run.network->logits(run.golden.tape, {.tokens = std::span(text).subspan(begin, n), .batch = 1, .length = n});
    for (; done < begin + n; ++done) {
      const double expected = log_p(logits.data() + (done - begin) * V, V, text[done + 1]);
      CHECK(std::abs(found[done + 1].log_probability - expected) < 1e-5);
    }
  }
}

TEST_CASE("score tells ln p and tokens of each line in its place, and each token's") {
  const MemoryDirectory here;
  here.write("t.txt", prose(3000));
  here.write("lines", "abc\n\nd\nZab Z\n" + prose(40).substr(0, 40) + "\n");
  REQUIRE(run_primer(here, "train t.txt -o run --tokenizer char" + quick).code == 0);
  const Outcome outcome = run_primer(here, "score run lines");
  CHECK(outcome.code == 0);
  CHECK(outcome.err.find("2 symbols of the text are not in the vocabulary") != std::string::npos);
  const auto sums = table_of(outcome.out);
  REQUIRE(sums.size() >= 5);
  CHECK(sums[0][1] == "2");
  CHECK(sums[1] == std::vector<std::string>{"0.000000", "0"});
  CHECK(sums[2] == std::vector<std::string>{"0.000000", "0"});  // its only token is given
  CHECK(sums[3][1] == "3");                                     // a, b and the blank
  std::vector<double> totals(sums.size());
  std::vector<long> counts(sums.size());
  for (const auto& token : table_of(run_primer(here, "score run lines --tokens").out)) {
    REQUIRE(token.size() == 3);
    const std::size_t line = std::stoul(token[0]) - 1;
    if (!token[2].empty()) totals[line] += std::stod(token[2]), ++counts[line];
  }
  std::istringstream objects(run_primer(here, "score run - --json --tokens <lines").out);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    CHECK(totals[i] == doctest::Approx(std::stod(sums[i][0])).epsilon(1e-5));
    CHECK(std::to_string(counts[i]) == sums[i][1]);
    std::string line;
    REQUIRE(std::getline(objects, line));
    const Json object = Json::parse(line);
    CHECK(object["count"] == counts[i]);
    CHECK(object["logprob"].get<double>() == doctest::Approx(totals[i]).epsilon(1e-5));
    std::string text;
    for (const Json& token : object["tokens"]) text += token["text"];
    if (i != 3) CHECK(text == object["text"]);
  }
  // The whole text in one line is what eval counts.
  std::string one = prose(3000);
  std::ranges::replace(one, '\n', ' ');
  here.write("one", one);
  const Json eval = Json::parse(run_primer(here, "eval run one --json").out);
  const auto whole = table_of(run_primer(here, "score run one").out);
  CHECK(whole[0][1] == std::to_string(eval["tokens"].get<long>()));
  CHECK(-std::stod(whole[0][0]) / eval["tokens"].get<double>() < eval["loss"].get<double>() + 0.05);  // more context
}

TEST_CASE("a model of documents scores a line behind the separator, a masked one each token alone, others none") {
  const MemoryDirectory here;
  for (const char* name : {"a", "b", "c"}) here.write(std::string("docs/") + name + ".txt", prose(600));
  here.write("lines", "abc\n");
  here.write("pairs.tsv", "a b\tc d\ne f\tg h\n" + std::string("a\tb\n"));
  REQUIRE(run_primer(here, "train docs -o documents --tokenizer char" + quick).code == 0);
  REQUIRE(run_primer(here, "train docs -o gaps --objective mlm --tokenizer char" + quick).code == 0);
  const auto parts = table_of(run_primer(here, "score documents lines --tokens").out);
  REQUIRE(parts.size() == 3);
  const auto run = load_run(here / "documents");
  std::vector<int> ids = run->encode("abc");
  ids.insert(ids.begin(), run->tokenizer->special("<|endoftext|>"));
  const auto expected = Reader(*run).expect(ids, 0);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(std::stod(parts[i][2]) == doctest::Approx(expected[i + 1].log_probability).epsilon(1e-5));
  const auto gaps = load_run(here / "gaps");
  Reader reader(*gaps);
  const std::vector<int> text = reader.ids("abc", false);
  const std::vector<std::vector<int>> texts(3, text);
  const auto masked = reader.expect(texts, std::vector<long>{1, 2, 3});
  const double sum = masked[0].log_probability + masked[1].log_probability + masked[2].log_probability;
  const auto scored = table_of(run_primer(here, "score gaps lines").out);
  CHECK(std::stod(scored[0][0]) == doctest::Approx(sum).epsilon(1e-5));
  CHECK(scored[0][1] == "3");
  CHECK(table_of(run_primer(here, "score gaps lines --tokens").out).size() == 3);  // no marks
  for (const std::string objective : {"classify", "translate"}) {
    REQUIRE(run_primer(here, "train pairs.tsv -o " + objective + " --val-fraction 0 --tokenizer byte --objective " +
                                 objective + quick)
                .code == 0);
    check_refusal(here, "score " + objective + " lines", 3, "expects no tokens; primer eval measures it");
  }
}

TEST_CASE("the nearest lines have the largest cosines, the first of equal ones first") {
  const MemoryDirectory here;
  here.write("t.txt", prose(2000));
  here.write("lines", "abc abc\n\nde fg\nabc\nhij k\nde fg\n");
  for (const std::string options : {" --objective mlm", ""}) {
    CAPTURE(options);
    const std::string run = options.empty() ? "writes" : "fills";
    REQUIRE(run_primer(here, "train t.txt --tokenizer char -o " + run + options + quick).code == 0);
    std::vector<std::vector<double>> vectors;
    here.write("all", "de fg\n" + file_bytes(here / "lines"));
    for (const auto& row : table_of(run_primer(here, "embed " + run + " all").out)) {
      vectors.emplace_back();
      for (const std::string& number : row) vectors.back().push_back(std::stod(number));
    }
    const auto cosine = [&](std::size_t i) {
      double dot = 0, a = 0, b = 0;
      for (std::size_t c = 0; c < vectors[0].size(); ++c) {
        dot += vectors[0][c] * vectors[i][c];
        a += vectors[0][c] * vectors[0][c];
        b += vectors[i][c] * vectors[i][c];
      }
      return dot / std::sqrt(a * b);
    };
    const auto found = table_of(run_primer(here, "embed " + run + " lines --nearest 'de fg'").out);
    REQUIRE(found.size() == 5);  // the blank line has no vector
    CHECK(found[0] == std::vector<std::string>{"1.0000", "3", "de fg"});
    CHECK(found[1] == std::vector<std::string>{"1.0000", "6", "de fg"});
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK(std::abs(std::stod(found[i][0]) - cosine(std::stoul(found[i][1]))) < 1e-3);
      if (i > 0) CHECK(std::stod(found[i][0]) <= std::stod(found[i - 1][0]));
    }
    const auto two = table_of(run_primer(here, "embed " + run + " - --nearest 'de fg' --top 2 <lines").out);
    CHECK(two == std::vector(found.begin(), found.begin() + 2));
  }
  check_refusal(here, "embed fills lines --nearest ' '", 2, "blank");
  check_refusal(here, "embed fills lines --nearest a -o x", 2, "excludes");
  check_refusal(here, "embed fills lines --top 3", 2, "--nearest");
}
