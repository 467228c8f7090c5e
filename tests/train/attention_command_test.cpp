// primer attention as people meet it: a run and a text become a page that holds the model's weights.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "autograd/ops/softmax.h"
#include "tests/train/planned.h"
#include "tests/train/process.h"
#include "tests/train/read_page.h"
#include "train/checkpoints/loaded_run.h"
#include "train/use/reader.h"
#include "train/use/translator.h"

namespace fs = std::filesystem;

namespace {

const std::string tiny =
    " --tokenizer char --layers 2 --channels 16 --heads 4 --context 24 --batch 4 --steps 30 --lr 0.01 -q -o run";

void train(const FreshDirectory& here, const std::string& options, const std::string& text = prose(3000)) {
  here.write("t.txt", text + "&<>\"'");
  const Outcome outcome = run_primer(here, "train t.txt" + tiny + options);
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
}

/// Sees all patterns of a model.
struct Watcher : primer::autograd::Observer<float> {
  std::map<std::string, std::vector<float>> seen;
  bool wants(std::string_view, std::string_view leaf) override { return leaf == "pattern"; }
  primer::autograd::Tensor<float> see(std::string_view path, std::string_view,
                                      primer::autograd::Tensor<float> x) override {
    seen[std::string(path)].assign(x.data(), x.data() + x.size());
    return x;
  }
};

/// The page's weights are those that the model has for these tokens.
void check_weights(const ReadPage& page, const FreshDirectory& here, const std::vector<int>& ids,
                   const std::vector<int>& segments = {}) {
  const auto run = primer::train::load_run(here / "run");
  const std::size_t T = ids.size(), H = 4;
  REQUIRE(page.tokens.size() == T);
  REQUIRE(page.heads.size() == 2 * H);
  Watcher watcher;
  primer::autograd::Tape<float> tape;
  tape.training = false;
  tape.observer = &watcher;
  run->network->hidden(tape, {.tokens = ids, .batch = 1, .length = static_cast<long>(T), .segments = segments});
  double apart = 0, largest = 0;
  for (std::size_t layer = 0; layer < 2; ++layer) {
    const auto& pattern = watcher.seen.at("blocks." + std::to_string(layer) + ".attention");
    REQUIRE(pattern.size() == H * T * T);
    for (std::size_t i = 0; i < H * T * T; ++i) {
      apart = std::max(apart, std::abs(page.heads[layer * H + i / (T * T)][i % (T * T)] - pattern[i]));
      if (i % (T * T) >= (T - 1) * T) largest = std::max(largest, static_cast<double>(pattern[i]));
    }
  }
  CHECK(apart < 2.0 / 65535);
  CHECK(largest > 1.0 / static_cast<double>(T) + 0.005);  // they are not all alike
}

}  // namespace

TEST_CASE("the page of a run holds its model's weights, for the tokens of the text") {
  const FreshDirectory here;
  train(here, "");
  const std::string text = "ab <cd> & \"ef\"";
  const Outcome outcome = run_primer(here, "attention run 'ab <cd> & \"ef\"'");
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.find("attention.html") != std::string::npos);
  const std::string html = file_bytes(here / "attention.html");
  const ReadPage page(html);
  CHECK(page.causal);
  CHECK(page.tokens.at(3) == "&lt;");
  CHECK(html.find("2 layers of 4 heads, 14 tokens") != std::string::npos);
  check_weights(page, here, primer::train::load_run(here / "run")->tokenizer->encode(text));
}

TEST_CASE("a BERT is given [CLS] and [SEP] around the text, and [MASK] in it is a hidden token") {
  const FreshDirectory here;
  train(here, " --objective mlm");
  REQUIRE(run_primer(here, "attention run 'abc[MASK]ef' -o page.html").code == 0);
  const std::string html = file_bytes(here / "page.html");
  const ReadPage page(html);
  CHECK_FALSE(page.causal);
  CHECK(page.tokens == std::vector<std::string>{"[CLS]", "a", "b", "c", "[MASK]", "e", "f", "[SEP]"});
  CHECK(html.find("<span class=\"token special\">[MASK]</span>") != std::string::npos);
  const auto tokenizer = primer::train::load_run(here / "run")->tokenizer;
  std::vector<int> ids = tokenizer->encode("xabcxefx");
  ids[0] = tokenizer->special("[CLS]");
  ids[4] = tokenizer->special("[MASK]");
  ids[7] = tokenizer->special("[SEP]");
  check_weights(page, here, ids);
  double later = 0;  // what tokens look at after themselves
  for (std::size_t from = 0; from < 8; ++from) {
    for (std::size_t to = from + 1; to < 8; ++to) later += page.heads[0][from * 8 + to];
  }
  CHECK(later > 0.5);
  check_refusal(here, "attention run --checkpoint last " + std::string(23, 'a'), 3,
                "the text has 23 tokens, and with a context of 24 this model takes 22 at most");
}

TEST_CASE(
    "a model that was trained on pairs reads what follows [SEP] as the second segment, whatever it is asked; others do "
    "not") {
  const FreshDirectory here;
  std::string documents;
  for (int i = 0; i < 40; ++i) documents += "ab cd.\nef abc.\ncd fe ab.\n\n";
  train(here, " --objective mlm --next-sentence", documents);
  const auto run = primer::train::load_run(here / "run");
  REQUIRE(run->network->config().segments == 2);
  REQUIRE(run_primer(here, "attention run 'ab[SEP]cd'").code == 0);
  std::vector<int> ids = run->tokenizer->encode("aabacda");
  ids[0] = run->tokenizer->special("[CLS]");
  ids[3] = ids[6] = run->tokenizer->special("[SEP]");
  const std::vector<int> segments{0, 0, 0, 0, 1, 1, 1};
  check_weights(ReadPage(file_bytes(here / "attention.html")), here, ids, segments);

  ids[4] = run->tokenizer->special("[MASK]");
  primer::autograd::Tape<float> tape;
  const auto& bert = *run->network;
  const auto logits =
      (*bert.masked)(bert.hidden(tape, {.tokens = ids, .batch = 1, .length = 7, .segments = segments})).logits();
  const auto p = softmax(logits);  // [1, 7, V]
  const auto filled = primer::train::Reader(*run).fill(ids, 1)[0][0];
  CHECK(filled.probability == doctest::Approx(p.data()[4 * logits.shape[2] + filled.id]).epsilon(1e-5));
  const auto one = bert.hidden(tape, {.tokens = ids, .batch = 1, .length = 7});
  CHECK(softmax((*bert.masked)(one).logits()).data()[4 * logits.shape[2] + filled.id] !=
        doctest::Approx(filled.probability).epsilon(1e-5));

  train(here, " --objective mlm --force", documents);
  CHECK(primer::train::segments_of(*primer::train::load_run(here / "run"), ids).empty());
}

TEST_CASE(
    "what the page says to be expected is what the model expects, next or in the gap, and behind the last token") {
  const FreshDirectory here;
  for (const std::string objective : {"lm", "mlm"}) {
    CAPTURE(objective);
    train(here, " --force --objective " + objective);
    const bool is_next = objective == "lm";
    const std::string text = is_next ? "the cat" : "the[MASK]cat";
    REQUIRE(run_primer(here, "attention run '" + text + "'").code == 0);
    const std::string html = file_bytes(here / "attention.html");
    const auto places = nlohmann::json::parse(between(html, "id=\"expectations\">", "</script>").at(0));
    const auto run = primer::train::load_run(here / "run");
    primer::train::Reader reader(*run);
    std::vector<int> ids = reader.ids(text, true);
    REQUIRE(places.size() == ids.size());
    const auto all = reader.expect(ids, 5);
    for (std::size_t t = 0; t < ids.size(); ++t) {
      const std::size_t of = is_next ? t + 1 : t;
      if (of == ids.size() || std::isnan(all[of].log_probability)) {
        CHECK(places[t][0].is_null());
        continue;
      }
      CHECK(places[t][0].get<double>() == doctest::Approx(std::exp(all[of].log_probability)).epsilon(1e-4));
      REQUIRE(places[t].size() == 12);
      const long standing = places[t][1];
      for (long k = 0; k < 5; ++k) {
        const auto& filling = all[of].likely[static_cast<std::size_t>(k)];
        CHECK(places[t][static_cast<std::size_t>(3 + 2 * k)].get<double>() ==
              doctest::Approx(filling.probability).epsilon(1e-4));
        CHECK((filling.id == ids[of]) == (standing == k));
      }
    }
    if (is_next) {
      CHECK(places.back().size() == 12);  // behind the text
      ids.push_back(ids[0]);
      CHECK(places.back()[3].get<double>() ==
            doctest::Approx(reader.expect(ids, 1).back().likely[0].probability).epsilon(1e-4));
    } else {
      CHECK(places[4].size() == 12);  // [MASK]
      CHECK(places[4][3].get<double>() == doctest::Approx(reader.fill(ids, 1)[0][0].probability).epsilon(1e-4));
      CHECK(places[0].size() == 2);  // [CLS]
    }
    const auto names = between(between(html, "id=\"names\" hidden>", "</div>").at(0), "<span title=\"", "\"");
    CHECK(names.size() == 8);
    CHECK(html.find("8 sequences of random tokens") != html.npos);
  }
}

TEST_CASE("a translator's page says what it expects in the place of each token of the target") {
  const FreshDirectory here;
  std::string pairs;
  for (int i = 0; i < 60; ++i) pairs += i % 2 ? "ab cd\tcd ab\n" : "cd ef\tef cd\n";
  here.write("t.tsv", pairs);
  REQUIRE(run_primer(here, "train t.tsv --objective translate" + tiny).code == 0);
  REQUIRE(run_primer(here, "attention run 'ab cd' 'ef ab'").code == 0);
  const std::string html = file_bytes(here / "attention.html");
  const auto places = nlohmann::json::parse(between(html, "id=\"expectations\">", "</script>").at(0));
  REQUIRE(places.size() == 6);
  const auto run = primer::train::load_run(here / "run");
  const auto wanted = primer::train::Translator(*run).expect(run->tokenizer->of_sources().encode("ab cd"),
                                                             run->tokenizer->encode("ef ab"), 1);
  for (std::size_t t = 0; t < wanted.size(); ++t)
    CHECK(places[t][0].get<double>() == doctest::Approx(std::exp(wanted[t].log_probability)).epsilon(1e-4));
  CHECK(html.find("id=\"names\"") == html.npos);

  // The likeliest of each place is what a greedy search writes.
  REQUIRE(run_primer(here, "attention run 'ab cd'").code == 0);
  const std::string own = file_bytes(here / "attention.html");
  for (const auto& place : nlohmann::json::parse(between(own, "id=\"expectations\">", "</script>").at(0))) {
    CHECK(place[1] == 0);
    CHECK(place[0] == place[3]);
  }
}

TEST_CASE("a text comes from standard input too, and the page goes where it is sent") {
  const FreshDirectory here;
  train(here, "");
  REQUIRE(run_primer(here, "attention run 'ab\ncd'").code == 0);
  const std::string html = file_bytes(here / "attention.html");
  const Outcome piped = run_primer(here, "attention run - -o -", "printf 'ab\\ncd' |");
  CHECK(piped.code == 0);
  CHECK(piped.out == html);
  CHECK(piped.err.empty());
  here.write("old.html", html.substr(0, 2000));  // of a page; an empty file loses nothing either
  here.write("empty.html", "");
  for (const char* name : {"old.html", "empty.html"}) {
    const std::string again = "attention run --checkpoint last --threads 1 -o " + std::string(name) + " -- -";
    REQUIRE(run_primer(here, again, "printf 'ab\\ncd' |").code == 0);
    CHECK(file_bytes(here / name) == html);
  }
  CHECK(run_primer(here, "attention run 'ab' -o - | head -c 10").out == "<!doctype ");
}

TEST_CASE(
    "a file that is no page of primer is not replaced, and a place that cannot be written to is met before work") {
  const FreshDirectory here;
  here.write("novel.html", "<!doctype html><p>what somebody wrote");
  REQUIRE(run_primer(here, "help", "mkdir -m 500 closed; mkdir open; touch open/page.html; chmod 0 open;").code == 0);
  for (const std::string command : {"attention missing a", "circuits missing"}) {
    check_refusal(here, command + " -o novel.html", 2, "novel.html is there and no page of primer");
    check_refusal(here, command + " -o nowhere/page.html", 5, "nowhere/page.html");
    check_refusal(here, command + " -o novel.html/page.html", 5, "novel.html/page.html");
    if (::geteuid() == 0) continue;  // to whom nothing is closed
    check_refusal(here, command + " -o closed/page.html", 5, "closed/page.html");
    check_refusal(here, command + " -o open/page.html", 5, "open/page.html");
  }
  check_refusal(here, "circuits missing", 3, "no run missing");
  here.write("circuits.html", "mine");
  check_refusal(here, "circuits missing", 2, "circuits.html is there");
  check_refusal(here, "circuits missing --json", 3, "no run missing");  // which writes no page
  check_refusal(here, "circuits missing -o -", 3, "no run missing");
  CHECK(file_bytes(here / "novel.html").ends_with("wrote"));
  run_primer(here, "help", "chmod 700 open closed;");
  CHECK(listing(here.path) == "circuits.html closed novel.html open");
}

TEST_CASE("a text that makes no page is refused in one line, and nothing is written") {
  const FreshDirectory here;
  train(here, "");
  check_refusal(here, "attention run ''", 3, "empty");
  check_refusal(here, "attention run - </dev/null", 3, "empty");
  check_refusal(here, "attention run " + std::string(25, 'a'), 3,
                "the text has 25 tokens, and with a context of 24 this model takes 24 at most");
  check_refusal(here, "attention missing 'a'", 3, "no run missing");
  check_refusal(here, "attention run 'a' --checkpoint 7", 3, "7");
  check_refusal(here, "attention run", 2, "TEXT");
  check_refusal(here, "attention run 'a' -o ''", 2, "-o");
  check_refusal(here, "attention run 'a' -o run", 2, "run is there and no file");
  check_refusal(here, "attention run 'a' -o /dev/null", 2, "/dev/null is there and no file");
  check_refusal(here, "attention run 'a' -o missing/page.html", 5, "missing/page.html");
  CHECK(listing(here.path) == "run t.txt");
  CHECK(run_primer(here, "attention run " + std::string(24, 'a')).code == 0);
}
