// A training as a page, and the texts that its model writes on the way.
#include "train/use/report.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "autograd/error.h"
#include "tests/train/process.h"
#include "tests/train/read_page.h"
#include "tests/train/small_run.h"
#include "train/step/sample_log.h"
#include "train/use/reader.h"
#include "train/use/run_log.h"

using namespace primer::train;
using primer::autograd::Error;
using primer::test::Threads;

namespace {

std::string report_of(const std::vector<std::string>& runs) {
  std::vector<std::string> warnings;
  const std::string html = report(runs, warnings);
  CHECK(warnings.empty());
  return html;
}

RunLog log_of(const std::string& directory) {
  std::vector<std::string> warnings;
  RunLog log = read_log(directory, warnings);
  CHECK(warnings.empty());
  return log;
}

const Options telling = small({{"steps", "20"}, {"sample_every", "4"}, {"eval_every", "4"}});

}  // namespace

TEST_CASE("a training that is cut writes the texts of an unbroken one, byte for byte") {
  const Threads threads(1);
  const TrainedRun whole(prose(900), telling);
  whole.train();
  const std::string texts = file_bytes(whole.paths.samples());
  std::istringstream lines(texts);
  long step = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto sample = nlohmann::json::parse(line);
    CHECK(sample["step"] == (step += 4));
    CHECK(sample["text"].get<std::string>().size() == SampleLog::tokens);
  }
  CHECK(step == 20);
  // A look a token, one a batch of an evaluation, one a step: within a text, behind it, in the evaluation after it.
  for (const long look : {3L, 60L, 210L, 230L, 300L, 700L}) {
    CAPTURE(look);
    const TrainedRun cut(prose(900), telling);
    RaiseAt signal(look, SIGTERM);
    CHECK(cut.train(signal).signal == SIGTERM);
    cut.train();
    CHECK(file_bytes(cut.paths.samples()) == texts);
    CHECK(essence(cut, 20) == essence(whole, 20));
  }
}

TEST_CASE("texts behind a checkpoint are written again, as after a kill, and a run that goes back loses them") {
  const Threads threads(1);
  Options options = telling;
  options.push_back({"save_every", "10"});
  options.push_back({"keep", "9"});
  const TrainedRun run(prose(900), options);
  run.train();
  const std::string texts = file_bytes(run.paths.samples());
  const auto back = [&](const Config& wishes) {
    const RunLock lock(run.paths.lock());
    OpenRun open = open_run(run.paths, wishes, parse_choice("10"));
    Progress progress(Progress::Style::quiet, open.checkpoint.config.steps);
    struct : Interruption {
      int stop() override { return SIGTERM; }
    } at_once;
    train_run(open, progress, at_once);
  };
  back({});
  CHECK(file_bytes(run.paths.samples() + ".aside") == texts);
  CHECK(log_of(run.paths.directory).samples.size() == 2);
  run.train();
  CHECK(file_bytes(run.paths.samples()) == texts);
  back(wishes({{"sample_every", "0"}}));
  CHECK(log_of(run.paths.directory).samples.size() == 2);
  std::ofstream(run.paths.samples(), std::ios::trunc) << texts;  // ahead of the checkpoint
  run.train(wishes({{"sample_every", "4"}}));
  CHECK(file_bytes(run.paths.samples()) == texts);
}

TEST_CASE("weights that are no numbers end no training because a text is due") {
  const Threads threads(1);
  const TrainedRun run(prose(900), small({{"steps", "20"},
                                          {"sample_every", "1"},
                                          {"lr", "1000"},
                                          {"min_lr", "1000"},
                                          {"warmup", "0"},
                                          {"clip", "0"},
                                          {"optimizer", "sgd"},
                                          {"norm", "none"}}));
  CHECK_THROWS_WITH_AS(run.train(), doctest::Contains("diverged"), Error);
  CHECK(file_bytes(run.paths.samples()).find("\"text\":null") != std::string::npos);
}

TEST_CASE("each step draws a text of its own, also from the same weights") {
  const Threads threads(1);
  const TrainedRun run(prose(900), small({{"steps", "8"}, {"sample_every", "4"}, {"lr", "0"}, {"min_lr", "0"}}));
  run.train();
  const RunLog log = log_of(run.paths.directory);
  REQUIRE(log.samples.size() == 2);
  CHECK(log.samples[0].text != log.samples[1].text);
}

TEST_CASE("texts on the way change nothing else, and may begin late") {
  const Threads threads(1);
  const TrainedRun told(prose(900), telling), silent(prose(900), small({{"steps", "20"}, {"eval_every", "4"}}));
  told.train();
  silent.train();
  CHECK(told.metrics() == silent.metrics());
  std::string model = told.checkpoint(20, "model.safetensors");  // which holds the configuration
  model[model.find('4', model.find("sample_every"))] = '0';
  CHECK((model == silent.checkpoint(20, "model.safetensors")));
  CHECK_FALSE(std::filesystem::exists(silent.paths.samples()));
  silent.train(wishes({{"steps", "24"}, {"sample_every", "2"}}));
  CHECK(log_of(silent.paths.directory).samples.size() == 2);
  CHECK(log_of(silent.paths.directory).samples[0].step == 22);
}

TEST_CASE("a model that does not go on with a text writes none on the way") {
  const FreshDirectory here;
  here.write("t.txt", prose(3000));
  check_refusal(here, "train t.txt --objective mlm --sample-every 5", 2,
                "--sample-every: a model of --objective mlm does not go on with a text");
  REQUIRE(run_primer(here, "train t.txt --objective mlm --steps 2 --layers 1 --channels 16 -o gaps").code == 0);
  check_refusal(here, "train --resume -o gaps --steps 4 --sample-every 2", 2, "does not go on with a text");
}

TEST_CASE("what is expected of a text is what an evaluation measures, however long the text is") {
  const Threads threads(1);
  const TrainedRun trained(prose(900), telling);
  trained.train();
  const auto run = load_run(trained.paths.directory);
  Reader reader(*run);
  const std::vector<int> ids = run->encode(prose(60));
  const std::vector<Expectation> all = reader.expect(ids, 3);
  REQUIRE(all.size() == ids.size());
  CHECK(std::isnan(all[0].log_probability));
  CHECK(all[0].likely.empty());
  primer::autograd::Tape<float> tape;
  // The context is 8. The first window holds 8 tokens and tells 8; the next ones begin 4 tokens before what is new.
  const auto check = [&](std::size_t token, std::size_t begin) {
    CAPTURE(token);
    const auto pause = tape.pause();
    const std::span<const int> window = std::span(ids).subspan(begin, token - begin);
    const auto logits =
        run->network->logits(tape, {.tokens = window, .batch = 1, .length = static_cast<long>(window.size())});
    const long V = logits.shape[2];
    const float* const row = logits.data() + static_cast<long>(window.size() - 1) * V;
    double total = 0;
    for (long v = 0; v < V; ++v) total += std::exp(static_cast<double>(row[v]));
    CHECK(all[token].log_probability == doctest::Approx(row[ids[token]] - std::log(total)).epsilon(1e-6));
    REQUIRE(all[token].likely.size() == 3);
    const long best = std::max_element(row, row + V) - row;
    CHECK(all[token].likely[0].id == best);
    CHECK(all[token].likely[0].probability == doctest::Approx(std::exp(row[best]) / total));
    CHECK(all[token].likely[1].probability <= all[token].likely[0].probability);
  };
  check(1, 0);
  check(8, 0);
  check(9, 5);
  check(13, 5);
  check(14, 10);
}

TEST_CASE("a curve of many points keeps their means, and how far they spread") {
  Curve curve{.name = "x"};
  for (int i = 0; i < 1000; ++i) curve.add(i, i % 10);
  const Curve bins = binned(curve, 100);
  REQUIRE(bins.x.size() == 100);
  CHECK(bins.name == "x");
  CHECK(bins.x[1] == 14.5);
  CHECK(bins.y[1] == 4.5);
  CHECK(bins.low[1] == 0);
  CHECK(bins.high[1] == 9);
  CHECK(binned(curve, 1000).low.empty());
}

TEST_CASE("a log is read up to its last whole line, or one that says nothing") {
  const FreshDirectory here;
  here.write("metrics.jsonl",
             "{\"step\":0,\"val_loss\":3.5,\"val_bits_per_byte\":null}\n{\"step\":1,\"loss\":3.25,\"lr\":1e-3}\n"
             "{\"step\":2,\"loss\":3.");
  here.write("samples.jsonl",
             "{\"step\":1,\"text\":\"a\\u000ab\"}\n{\"step\":2,\"text\":[}\n{\"step\":3,\"text\":\"c\"}\n");
  const RunLog log = log_of(here.path);
  CHECK(log.val_loss.y == std::vector{3.5});
  CHECK(log.bits.x.empty());
  CHECK(log.loss.x == std::vector{1.0});
  CHECK(log.rate.y == std::vector{1e-3});
  CHECK(log.speed.x.empty());
  REQUIRE(log.samples.size() == 1);
  CHECK(log.samples[0].text == "a\nb");
}

TEST_CASE("a report has curves, a passage, texts and facts, and hostile ones stay text") {
  const std::string hostile = "</script><img src=x onerror=\"window.broken=1\">\xE2\x80\xAE\xE2\x80\xA8&amp;'\xFF\n";
  std::string text;
  for (int i = 0; i < 40; ++i) text += hostile;
  Options options = telling;
  options.push_back({"tokenizer", "byte"});
  const TrainedRun run(text, options);
  run.train();
  std::ofstream(run.paths.samples(), std::ios::trunc)
      << "{\"step\":4,\"text\":\"</pre><img src=x>\xE2\x80\xAE\"}\n{\"step\":8,\"text\":\"b\"}\n";
  const std::string html = report_of({run.paths.directory});
  CHECK(html.find("&lt;/pre&gt;&lt;img src=x&gt;U+202E") != html.npos);
  for (const char* title : {"Loss", "Accuracy", "Bits a byte", "Learning rate", "Gradient norm", "Speed"})
    CHECK(html.find(">" + std::string(title) + "</text>") != html.npos);
  CHECK(html.find("<img") == html.npos);
  CHECK(between(html, "<script", "</script>").size() == 1);
  CHECK(html.find("\xE2\x80\xAE") == html.npos);  // right-to-left override
  CHECK(html.find("\xE2\x80\xA8") == html.npos);  // line separator
  CHECK(between(html, "<pre class=\"sample\">", "</pre>").size() == 2);
  CHECK(html.find("<td>20 of 20</td>") != html.npos);
  const std::vector<std::string> tokens = between(html, "<span class=\"token", "</span>");
  CHECK(tokens.size() > 100);
  CHECK(tokens[0].find("title=\"nothing is expected here\"") != std::string::npos);
  CHECK(tokens[1].find(" bits; expected ") != std::string::npos);
}

TEST_CASE("several runs lie over each other in a report, each by its name") {
  const TrainedRun one(prose(900), telling), other(prose(900), small({{"steps", "10"}}));
  one.train();
  other.train();
  const std::string html = report_of({one.paths.directory, other.paths.directory});
  CHECK(html.find(">Validation loss</text>") != html.npos);
  CHECK(between(html, "<h3>", "</h3>").size() >= 3);  // of passages and samples
  CHECK(html.find("<th>" + one.paths.directory + "</th><th>" + other.paths.directory + "</th>") != html.npos);
  CHECK(html.find("<td>20 of 20</td><td>10 of 10</td>") != html.npos);
}

TEST_CASE("a report of a model that fills gaps hides each token in turn, and one of labels has no passage") {
  const FreshDirectory here;
  here.write("t.txt", prose(3000));
  here.write("labels.tsv", labelled_lines(40));
  const std::string tiny = " --steps 3 --layers 1 --channels 16 --heads 2 --context 16 -q -o ";
  REQUIRE(run_primer(here, "train t.txt --objective mlm" + tiny + "gaps").code == 0);
  REQUIRE(run_primer(here, "train labels.tsv --objective classify" + tiny + "labels").code == 0);
  REQUIRE(run_primer(here, "report gaps -o gaps.html").code == 0);
  const std::string gaps = file_bytes(here / "gaps.html");
  CHECK(gaps.find("where it alone is hidden") != gaps.npos);
  CHECK(between(gaps, "<span class=\"token", "</span>").size() == 16);  // the context
  const Outcome labels = run_primer(here, "report labels -o -");
  CHECK(labels.code == 0);
  CHECK(labels.out.find("class=\"token") == std::string::npos);
  CHECK(labels.out.find(">training</text>") != std::string::npos);
  check_refusal(here, "report nothing", 3, "nothing");
  check_refusal(here, "report", 2, "RUN");
  here.write("own.html", "mine");
  check_refusal(here, "report gaps -o own.html", 2, "no page of primer");
}
