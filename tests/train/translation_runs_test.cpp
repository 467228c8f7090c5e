// Runs that translate: planned, cut and resumed, translated with, evaluated, and what they refuse.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/threads.h"
#include "tests/train/process.h"
#include "tests/train/small_run.h"
#include "train/checkpoints/loaded_run.h"
#include "train/use/translator.h"

using namespace primer;
using namespace primer::train;
using Json = nlohmann::json;
using primer::test::Threads;

namespace {

/// Words of the letters a to e with their letters in the other order, "abc\tcba", all different.
std::string reversals(int count, int letters = 4) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    std::string word;
    for (int rest = i * 37 + 11, k = 0; k < 2 + i % (letters - 1); ++k, rest /= 5)
      word += static_cast<char>('a' + (rest + k) % 5);
    text += word + "\t" + std::string(word.rbegin(), word.rend()) + "\n";
  }
  return text;
}

Options translating(Options more = {}) {
  Options options = small({{"objective", "translate"}, {"label_smoothing", "0.1"}});
  const bool recurs = std::ranges::any_of(more, [](const auto& option) { return option.first == "body"; });
  if (recurs) std::erase_if(options, [](const auto& option) { return option.first == "heads"; });
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

/// What a body of every kind is asked for.
const std::vector<Options> bodies{{},
                                  {{"body", "gru"}},
                                  {{"body", "lstm"}, {"align", "local"}, {"align_window", "2"}},
                                  {{"body", "rnn"}, {"align", "dot"}, {"input_feeding", "true"}},
                                  {{"body", "gru"}, {"align", "none"}, {"decoder_layers", "2"}},
                                  {{"source_tokenizer", "byte"}, {"tokenizer", "char"}},
                                  {{"body", "gru"}, {"source_tokenizer", "char"}, {"tokenizer", "bpe:260"}}};

/// What a run's last checkpoint makes of some words, and how sure it is: a line each.
std::string translations(const TrainedRun& trained) {
  const auto run = load_run(trained.paths.directory, {});
  Translator translator(*run);
  std::vector<std::vector<int>> sources;
  for (const char* const word : {"ab", "cde", "eabc", "a"}) {
    bool is_cut = false;
    sources.push_back(translator.read(word, &is_cut));
  }
  std::string all;
  for (const BeamSearch& search : {BeamSearch{1, 0}, BeamSearch{4, 0.6}})
    for (const auto& line : translator.translate(sources, search)) {
      std::ostringstream text;
      text << line.text << " " << std::hexfloat << line.score << "\n";
      all += text.str();
    }
  return all;
}

const std::string trained =
    " --objective translate --layers 1 --channels 32 --heads 2 --batch 32 --steps 400 --lr 0.005 --dropout 0 -q";

}  // namespace

TEST_CASE("a plan of translations counts their lines and targets, and says what is left out") {
  const std::string text = reversals(40) + "\nonly\t\nab\tba\tmore\n";
  const SurveyedText surveyed(text);
  data::TextFacts facts = surveyed.facts;
  const Config config = wishes({{"objective", "translate"}});
  const Plan plan = make_plan(config, facts, read_text(config, surveyed.sources, facts, nullptr));
  CHECK(plan.lines == 41);
  CHECK(plan.config.context == 8);  // the longest side has four letters and a mark
  CHECK(plan.config.bias);
  CHECK(std::ranges::count(plan.notes, "1 line lacks one of the two sides, and is left out") == 1);
  CHECK(std::ranges::count(plan.notes, "in 1 line a second tab follows; what stands behind it is left out") == 1);
  CHECK(plan_text(plan).find("the targets of 41 lines\n") != std::string::npos);
  std::uint64_t targets = 2 + 1;  // "ba" and [EOS]
  for (int i = 0; i < 40; ++i) targets += 2 + i % 3 + 1;
  CHECK(plan.answer_tokens == targets);
  const nn::ModelConfig model = model_config(plan.config, *plan.tokenizer);
  CHECK(model.decoder_layers == plan.config.layers);
}

TEST_CASE("a translator that is cut anywhere ends as the unbroken one, byte for byte, and translates as it") {
  const Threads threads(1);
  for (const Options& body : bodies) {
    Options options = translating(body);
    options.emplace_back("steps", "40");
    const TrainedRun whole(reversals(90), options);
    REQUIRE(whole.train().step == 40);
    const std::string said = translations(whole);
    CHECK(std::ranges::count(said, '\n') == 8);
    for (const long look : body.empty() ? std::vector{0L, 9L, 30L, 61L} : std::vector{31L}) {
      const TrainedRun cut(reversals(90), options);
      RaiseAt signal(look, SIGTERM);
      REQUIRE(cut.train(signal).signal == SIGTERM);
      cut.train();
      CHECK(essence(cut, 40) == essence(whole, 40));
      CHECK(translations(cut) == said);
    }
  }
}

TEST_CASE("a translator is trained to the same weights on any number of threads") {
  for (const Options& body : bodies) {
    Options options = translating(body);
    options.insert(options.end(), {{"channels", "40"}, {"batch", "14"}, {"steps", "6"}});
    check_threads(reversals(200), options, 6);
  }
}

TEST_CASE("smoothed targets are trained, and told beside the plain loss, which evaluations are of") {
  const Threads threads(1);
  const auto last = [](const TrainedRun& run) {
    const std::string log = run.metrics();
    return Json::parse(log.substr(log.rfind('\n', log.size() - 2) + 1));
  };
  const TrainedRun smoothed(reversals(90), translating({{"dropout", "0"}}));
  smoothed.train();
  const Json line = last(smoothed);
  const double V = 7, e = 0.1;  // letters a to e and two marks
  const double floor = -(1 - e + e / V) * std::log(1 - e + e / V) - (V - 1) * e / V * std::log(e / V);
  CHECK(line.at("smoothed_loss").get<double>() > floor);
  CHECK(line.at("smoothed_loss").get<double>() > line.at("loss").get<double>());
  Options of_plan = translating();
  of_plan.emplace_back("dropout", "0");
  const SurveyedText surveyed(reversals(90));
  data::TextFacts facts = surveyed.facts;
  const Config config = wishes(of_plan);
  const std::string plan = plan_text(make_plan(config, facts, read_text(config, surveyed.sources, facts, nullptr)));
  CHECK(plan.find("no smoothed_loss is below " + std::to_string(floor).substr(0, 5)) != std::string::npos);
  const TrainedRun plain(reversals(90), translating({{"dropout", "0"}, {"label_smoothing", "0"}}));
  plain.train();
  CHECK_FALSE(last(plain).contains("smoothed_loss"));
  CHECK(last(plain).at("loss") != line.at("loss"));
}

TEST_CASE("a translator learns to turn words around, translates lines of a file, and is measured") {
  const FreshDirectory here;
  here.write("pairs.tsv", reversals(900));
  REQUIRE(run_primer(here, "train pairs.tsv -o run" + trained).code == 0);
  here.write("new.txt", "abc\n\n \ndeed\r\nab");
  for (const char* const beam : {" --beam 1", "", " --beam 3 --length-penalty 1"}) {
    const Outcome lines = run_primer(here, "translate run new.txt" + std::string(beam));
    CHECK(lines.code == 0);
    CHECK(lines.out == "cba\n\n\ndeed\nba\n");
    CHECK(run_primer(here, "translate run" + std::string(beam), "cat new.txt |").out == lines.out);
  }
  CHECK(run_primer(here, "translate run new.txt").err.empty());
  here.write("repeats.tsv", "ab\tabababababab\nba\tbababababa\nab\tababababa\nba\tbabababab\nb\ta\na\tb\n");
  REQUIRE(run_primer(here,
                     "train repeats.tsv -o short --context 4 --val-fraction 0 --objective translate --layers 1 "
                     "--channels 16 --heads 2 --steps 150 --lr 0.01 --dropout 0 -q")
              .code == 0);
  const Outcome unfinished = run_primer(here, "translate short -", "printf 'ab\nba\nb\n' |");
  CHECK(unfinished.err.find("2 translations end where the context of 4 does, and may go on") != std::string::npos);
  // A tab is read as a space, which these words do not have.
  const Outcome tab = run_primer(here, "translate run -", "printf 'ab\\tc\\n' |");
  CHECK(tab.code == 0);
  CHECK(tab.err.find("the symbol \" \" (U+0020) is not in the vocabulary and is read as [UNK]") != std::string::npos);
  const Outcome scored = run_primer(here, "translate run new.txt --scores");
  CHECK(scored.out.starts_with("-0."));
  CHECK(scored.out.find("\tcba\n") != std::string::npos);

  const Outcome judged = run_primer(here, "eval run --json");
  REQUIRE(judged.code == 0);
  const Json json = Json::parse(judged.out);
  CHECK(json.at("exact_match") >= 0.95);
  CHECK(json.at("chrf") > 90);
  CHECK(json.at("lines") == 90);
  CHECK(run_primer(here, "eval run").out.find("\nBLEU        ") != std::string::npos);
  here.write("other.tsv", "ab\tba\nab\tzz\n");
  CHECK(run_primer(here, "eval run other.tsv").err.find("2 symbols of the text are not in the vocabulary") !=
        std::string::npos);

  here.write("plain.txt", "abc\ndeed\n");
  check_refusal(here, "sample run", 2, "was trained with --objective translate and cannot go on with a text");
  check_refusal(here, "fill run abc", 3, "fills no gaps");
  check_refusal(here, "embed run plain.txt", 3, "reads a source beside every text");
  check_refusal(here, "classify run plain.txt", 3, "translate");
  check_refusal(here, "circuits run", 3, "translate");
  check_refusal(here, "translate run none.txt", 3, "no such file");
  check_refusal(here, "translate run new.txt --beam 0", 2, "--beam 0: expected a whole number from 1");
  here.write("odd.txt", "abc\nxyz\nab\n");
  const Outcome odd = run_primer(here, "translate run odd.txt");
  CHECK(odd.code == 0);
  CHECK(odd.out.starts_with("cba\n"));
  CHECK(odd.out.ends_with("\nba\n"));
  CHECK(odd.err.find("3 symbols of the text are not in the vocabulary") != std::string::npos);
}

TEST_CASE("a recurrent decoder that aligns learns to turn words around, and tells what does not go with it") {
  const FreshDirectory here;
  here.write("pairs.tsv", reversals(900));
  here.write("new.txt", "abc\n\ndeed\nab\n");
  const std::string body = " --objective translate --body gru --layers 1 --channels 32 --batch 32 --dropout 0 -q";
  const Outcome made = run_primer(here, "train pairs.tsv -o run --steps 500 --lr 0.01" + body);
  CAPTURE(made.err);
  REQUIRE(made.code == 0);
  CHECK(run_primer(here, "translate run new.txt").out == "cba\n\ndeed\nba\n");
  CHECK(run_primer(here, "translate run new.txt --beam 3").out == "cba\n\ndeed\nba\n");
  CHECK(Json::parse(run_primer(here, "eval run --json").out).at("exact_match") >= 0.95);
  CHECK(run_primer(here, "info run").code == 0);
  CHECK(run_primer(here, "train pairs.tsv -o next --init-from run --steps 3 -q").code == 0);
  CHECK(run_primer(here, "train pairs.tsv --config run/config.json --dry-run")
            .out.find("model  gru, 1 + 1 layers, additive alignment, 32 channels") != std::string::npos);
  check_refusal(here, "train pairs.tsv -o no --init-from run --align dot --steps 3 -q", 2,
                "leave out --align dot (the model has additive)");

  const std::string train = "train pairs.tsv -o no --objective translate --steps 3 -q";
  const auto refuses = [&](const std::string& more, const char* what) { check_refusal(here, train + more, 2, what); };
  refuses(" --body gru --heads 2", "--body gru has nothing of a transformer's: leave out --heads");
  refuses(" --align dot", "--align: only --objective translate with --body rnn, gru or lstm aligns so");
  refuses(" --align dot --input-feeding", "--align, --input-feeding: only");
  refuses(" --body lstm --align-window 3", "--align-window goes with --align local");
  refuses(" --body lstm --input-feeding", "goes with every --align but additive or none, got additive");
  refuses(" --body lstm --layers 0", "--layers 0: an encoder of cells has 1 layer or more");
  check_refusal(here, "train new.txt -o no --body gru --align dot --steps 3 -q", 2, "--align: only");
  CHECK_FALSE(std::filesystem::exists(here / "no"));
}

TEST_CASE("a translator begins with another's weights, and is trained from parallel files") {
  const FreshDirectory here;
  here.write("pairs.tsv", reversals(60));
  here.write("one.txt", "ab\ncd\nabc\ne\nbb\nca\n");
  here.write("two.txt", "ba\ndc\ncba\ne\nbb\nac\n");
  const std::string shape = " --objective translate --layers 1 --channels 16 --heads 2 --batch 4 --steps 5 -q";
  const Outcome joined = run_primer(here, "train --parallel one.txt two.txt --val-fraction 0.4 -o joined" + shape);
  CAPTURE(joined.err);
  REQUIRE(joined.code == 0);
  CHECK(run_primer(here, "info joined").code == 0);
  here.write("joined.tsv", "ab\tba\ncd\tdc\nabc\tcba\ne\te\nbb\tbb\nca\tac\n");
  REQUIRE(run_primer(here, "train joined.tsv --val-fraction 0.4 -o tabs" + shape).code == 0);
  CHECK(file_bytes(here / "joined/metrics.jsonl") == file_bytes(here / "tabs/metrics.jsonl"));
  CHECK(run_primer(here, "train pairs.tsv -o next --init-from joined --steps 3 -q").code == 0);

  check_refusal(here, "train --parallel one.txt -o no" + shape, 2, "--parallel");
  check_refusal(here, "train --parallel one.txt two.txt -o no --steps 3", 2, "--objective translate");
  check_refusal(here, "train pairs.tsv --parallel one.txt two.txt -o no" + shape, 2, "leave out 'pairs.tsv'");
  check_refusal(here, "train --parallel one.txt pairs.tsv -o no" + shape, 3, "each line belongs to");
  check_refusal(here, "train pairs.tsv -o no --init-from joined --objective lm --steps 3 -q", 2, "without a source");
  check_refusal(here, "train one.txt -o no" + shape, 3, "line 1: it has no tab");
  check_refusal(here, "train pairs.tsv -o no --context 1" + shape, 2, "take 2 or more");
  check_refusal(here, "train pairs.tsv -o no --attention linear" + shape, 2, "has softmax");
  check_refusal(here, "train one.txt -o no --decoder-layers 2 --steps 3", 2, "goes with --objective translate");
  CHECK_FALSE(std::filesystem::exists(here / "no"));
}

TEST_CASE("sources with a vocabulary of their own: learned from their side, kept with the run, and read with") {
  const FreshDirectory here;
  std::string pairs = reversals(900);
  for (std::size_t i = 0; i < pairs.size(); i = pairs.find('\n', i) + 1) {  // sources are written large, behind a #
    for (std::size_t at = i; pairs[at] != '\t'; ++at) pairs[at] = static_cast<char>(pairs[at] - 'a' + 'A');
    pairs.insert(i, "#");
  }
  here.write("pairs.tsv", pairs);
  const Outcome planned =
      run_primer(here, "train pairs.tsv --dry-run --source-tokenizer char --tokenizer bpe:260 --objective translate");
  CHECK(planned.out.find("sources of char tokens, vocabulary 9, targets of bpe:260 tokens, vocabulary 262:") !=
        std::string::npos);
  REQUIRE(run_primer(here, "train pairs.tsv -o run --source-tokenizer char" + trained).code == 0);
  const Json info = Json::parse(run_primer(here, "info run --json").out);
  CHECK(info["config"]["tokenizer"] == "char");  // as that of the sources
  CHECK(info["vocabulary"] == 8);
  CHECK(info["source_vocabulary"] == 9);
  CHECK(Json::parse(file_bytes(here / "run/source_tokenizer.json"))["model"]["vocab"].contains("A"));
  CHECK(Json::parse(file_bytes(here / "run/tokenizer.json"))["model"]["vocab"].contains("a"));

  CHECK(run_primer(here, "translate run", "printf '#ABC\n#DEED\n' |").out == "cba\ndeed\n");
  const Marks marks = marks_of(*load_run(here / "run")->tokenizer);
  CHECK(marks.begin == 5);
  CHECK(marks.end == 6);
  CHECK(marks.source_end == 7);
  CHECK(run_primer(here, "translate run --alignment", "printf '#ABC\n' |").out == "0-0\tcba\n");
  const Outcome small = run_primer(here, "translate run", "printf 'abc\n' |");
  CHECK(small.code == 0);
  CHECK(small.err.find("3 symbols of the text are not in the vocabulary") != std::string::npos);
  CHECK(Json::parse(run_primer(here, "eval run --json").out).at("exact_match") >= 0.95);
  CHECK(run_primer(here, "attention run '#ABC' cba -o page.html").code == 0);

  REQUIRE(run_primer(here, "train pairs.tsv -o next --init-from run --steps 3 -q").code == 0);
  CHECK(file_bytes(here / "next/source_tokenizer.json") == file_bytes(here / "run/source_tokenizer.json"));
  REQUIRE(run_primer(here,
                     "train pairs.tsv -o files --source-tokenizer ./run "
                     "--tokenizer run/tokenizer.json" +
                         trained)
              .code == 0);
  CHECK(file_bytes(here / "files/metrics.jsonl") == file_bytes(here / "run/metrics.jsonl"));

  check_refusal(here, "train pairs.tsv -o no --init-from run --source-tokenizer byte --steps 3 -q", 2,
                "leave out --source-tokenizer byte (the model has char)");
  const std::string refused = "train pairs.tsv -o no --steps 3 -q --source-tokenizer ";
  check_refusal(here, refused + "char", 2, "--source-tokenizer goes with --objective translate");
  check_refusal(here, refused + "run/source_tokenizer.json --objective translate", 2, "say by --tokenizer");
  check_refusal(here, refused + "words --objective translate", 2, "one of shared char byte bpe:SIZE");
  check_refusal(here, "train pairs.tsv -o no --objective translate --pooling mean --steps 3 -q", 2,
                "--pooling goes with --objective mlm or classify");
  std::filesystem::remove(here / "run/checkpoints/step-000000400/source_tokenizer.json");
  check_refusal(here, "translate run pairs.tsv --checkpoint 400", 4, "source_tokenizer.json");
}

TEST_CASE("a translator answers what has come through a pipe, and does not wait for its end") {
  const FreshDirectory here;
  here.write("pairs.tsv", reversals(40));
  REQUIRE(
      run_primer(here, "train pairs.tsv -o run --objective translate --layers 1 --channels 8 --heads 2 --steps 2 -q")
          .code == 0);
  // The second line is written when the answer to the first one is there.
  const std::string wait = "for i in $(seq 600); do [ -s out ] && break; sleep 0.1; done";
  const Outcome told =
      run_primer(here, "translate run >out; cat out", "(echo ab; " + wait + "; cp out first; echo ba) |");
  CHECK(std::ranges::count(told.out, '\n') == 2);
  CHECK(std::ranges::count(file_bytes(here / "first"), '\n') == 1);
  check_refusal(here, "translate run </dev/null", 3, "standard input: the text is empty");
}
