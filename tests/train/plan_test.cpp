#include "train/plan/plan.h"

#include <doctest/doctest.h>

#include <sstream>

#include "autograd/error.h"
#include "data/bytes/utf8.h"
#include "tests/train/planned.h"
#include "train/tasks/numbers.h"
#include "train/tasks/presets.h"

using namespace primer::train;
using primer::autograd::Error;
using primer::autograd::Fault;

namespace {

Fault fault_of(const Config& config, const std::string& text, const std::string& part) {
  const SurveyedText surveyed(text);
  try {
    make_plan(config, surveyed.facts);
  } catch (const Error& error) {
    CAPTURE(error.what());
    CHECK(std::string(error.what()).find(part) != std::string::npos);
    return error.fault();
  }
  FAIL("accepted");
  return Fault::bug;
}

Plan plan_for(const Config& config, const std::string& text) { return make_plan(config, SurveyedText(text).facts); }

}  // namespace

TEST_CASE("nanoGPT's small setting has nanoGPT's number of parameters") {
  // Any text of 65 distinct characters that is long enough.
  std::string text;
  for (int i = 0; i < 2000; ++i) text += static_cast<char>('0' + i % 65);
  Config config;
  apply_preset(config, "nanogpt-cpu");
  const Plan plan = plan_for(config, text);
  CHECK(plan.parameters_without_positions == 795'904);
  CHECK(plan.parameters == 795'904 + 64 * 128);
  CHECK(plan.config.steps == 2000);
  CHECK(plan.flop_per_token == doctest::Approx(6.0 * (795'904 - 9 * 128) + 6.0 * 4 * 128 * 65));
  apply_preset(config, "nanogpt-gpu");
  CHECK(plan_for(config, text).parameters_without_positions == 10'646'784);
}

TEST_CASE("the last part of the text is for validation") {
  const Plan plan = plan_for({}, prose(111'539));
  CHECK(plan.train_tokens == 100'385);
  CHECK(plan.validation_tokens == 11'154);
  CHECK(plan.validates());
}

TEST_CASE("a text gets pieces of words, as many as it is long enough for; short ones and exact answers get symbols") {
  const auto chosen = [](std::vector<std::pair<std::string, std::string>> options, std::size_t bytes) {
    Config config = wishes(options);
    choose_tokenizer(config, SurveyedText(prose(bytes)).facts);
    return config.tokenizer;
  };
  CHECK(chosen({}, 2'999) == "char");
  CHECK(chosen({}, 3'000) == "bpe:400");
  CHECK(chosen({}, 29'000) == "bpe:1200");
  CHECK(chosen({}, 100'000) == "bpe:2100");
  CHECK(chosen({}, 1'000'000) == "bpe:4000");
  CHECK(chosen({{"body", "gru"}}, 100'000) == "bpe:2100");
  CHECK(chosen({{"tokenizer", "char"}}, 100'000) == "char");
  CHECK(chosen({{"answer_after", "="}}, 100'000) == "char");
  CHECK(chosen({{"objective", "translate"}}, 100'000) == "char");
  // What fills gaps and labels lines shall read any text, however few bytes it was trained on.
  CHECK(chosen({{"objective", "mlm"}}, 100) == "bpe:300");
  CHECK(chosen({{"objective", "classify"}}, 17'000) == "bpe:1000");
}

TEST_CASE("where symbols are tokens, more than 512 distinct ones are read as bytes") {
  std::string few, many;
  for (primer::data::Symbol s = 0x4E00; s < 0x4E00 + 513; ++s) {
    if (s < 0x4E00 + 512) primer::data::append_symbol(few, s);
    primer::data::append_symbol(many, s);
  }
  const auto chosen = [](const std::string& text) {
    const SurveyedText surveyed(text);
    Config config;
    choose_tokenizer(config, surveyed.facts);
    return make_plan(config, surveyed.facts);
  };
  const Plan by_character = chosen(few);
  CHECK(by_character.config.tokenizer == "char");
  CHECK(by_character.tokenizer->vocabulary_size() == 512 - 64 + 1);  // an eighth of what occurs once is [UNK]
  CHECK(by_character.train_tokens + by_character.validation_tokens == 512);
  const Plan by_byte = chosen(many);
  CHECK(by_byte.config.tokenizer == "byte");
  CHECK(by_byte.train_tokens + by_byte.validation_tokens == 513 * 3);
  CHECK(plan_for(wishes({{"tokenizer", "char"}}), many).tokenizer->vocabulary_size() == 513);
  CHECK(plan_for(wishes({{"objective", "mlm"}}), few).tokenizer->special("[MASK]") == 514);
}

TEST_CASE("pieces of words are learned from what is trained on, not from what is kept for validation") {
  const auto many = [](const std::string& word) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += word + " ";
    return text;
  };
  const FreshDirectory here;
  const std::vector<std::string> text{here.write("t.txt", prose(9'000) + many("QZQZQZQZ"))};
  primer::data::Sources sources = primer::data::collect_sources(text), both = sources;
  primer::data::hold_back(both, primer::data::collect_sources({here.write("v.txt", many("XWXWXW"))}));
  const auto knows = [](const std::string& pair, Config config, const primer::data::Sources& texts) {
    config.tokenizer = "bpe:400";
    const auto tokenizer = make_tokenizer(config, texts, primer::data::survey(texts));
    for (int id = 256; id < tokenizer->vocabulary_size(); ++id)
      if (tokenizer->token_text(id).find(pair) != std::string::npos) return true;
    return false;
  };
  CHECK_FALSE(knows("QZ", {}, sources));
  CHECK_FALSE(knows("QZ", wishes({{"objective", "mlm"}}), sources));
  CHECK(knows("QZ", wishes({{"val_fraction", "0"}}), sources));
  CHECK(knows("QZ", wishes({{"val_fraction", "0.05"}}), sources));
  for (const char* objective : {"lm", "mlm", "classify"}) {
    CAPTURE(objective);
    Config config = wishes({{"objective", objective}});
    config.validation = {"v.txt"};
    CHECK(knows("QZ", config, both));  // all of the text is trained on
    CHECK_FALSE(knows("XW", config, both));
  }
  // A long text to validate with is no reason for more pieces.
  Config config;
  primer::data::hold_back(both, primer::data::collect_sources({here.write("w.txt", prose(200'000))}));
  choose_tokenizer(config, primer::data::survey(both));
  CHECK(config.tokenizer == "bpe:700");
}

TEST_CASE("the plan says why what nobody chose is as it is") {
  const auto reasons = [](std::vector<std::pair<std::string, std::string>> options, std::size_t bytes) {
    const std::string text = plan_text(plan_for(wishes(options), prose(bytes)));
    std::string found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("why    ")) found += line.substr(7, line.find_first_of(":,", 7) - 7) + "|";
    return found;
  };
  CHECK(reasons({}, 600) == "char|lr 0.002|200 steps|");
  CHECK(reasons({{"tokenizer", "char"}}, 600) == "lr 0.002|200 steps|");
  CHECK(reasons({{"lr", "0.1"}, {"minutes", "1"}}, 600) == "char|");
  // What was measured is no reason for another model.
  CHECK(reasons({{"layers", "12"}}, 600) == "char|");
  CHECK(reasons({{"body", "gru"}}, 600) == "char|");
  CHECK(reasons({{"schedule", "noam"}}, 600) == "char|");
}

TEST_CASE("a short text is trained for so many epochs as do not yet teach it by heart") {
  const auto steps = [](std::vector<std::pair<std::string, std::string>> options, std::size_t bytes) {
    return plan_for(wishes(options), prose(bytes)).config.steps;
  };
  // Of symbols 90 epochs: ceil(90 x 27000 / (16 x 64)).
  CHECK(steps({}, 30'000) == 1800);
  CHECK(steps({{"batch", "32"}}, 30'000) == 1187);
  CHECK(steps({}, 600) == 200);
  CHECK(steps({{"steps", "5000"}}, 600) == 5000);
  CHECK(steps({{"objective", "mlm"}}, 600) == 600);
  // In a longer training the step at which it turns shall be seen: a hundred evaluations at most.
  const auto eval_every = [](const std::string& wanted) {
    return plan_for(wishes({{"steps", wanted}}), prose(600)).config.eval_every;
  };
  CHECK(eval_every("100") == 10);
  CHECK(eval_every("400") == 20);
  CHECK(eval_every("20000") == 200);
}

TEST_CASE("the context shrinks to the text unless the user chose it") {
  const std::string text = prose(40);  // 36 tokens to train
  CHECK(plan_for({}, text).config.context == 35);
  Config preset;
  apply_preset(preset, "nanogpt-cpu");
  CHECK(plan_for(preset, text).config.context == 35);
  CHECK(plan_for(wishes({{"context", "35"}}), text).config.context == 35);
  CHECK(fault_of(wishes({{"context", "36"}}), text, "the largest context that works is 35") == Fault::input);
  // [CLS] and [SEP] take places, and no target stands behind the text
  CHECK(plan_for(wishes({{"context", "38"}, {"objective", "mlm"}}), text).config.context == 38);
  CHECK(fault_of(wishes({{"context", "39"}, {"objective", "mlm"}}), text, "works is 38") == Fault::input);
}

TEST_CASE("the shortest texts train or are refused") {
  CHECK(fault_of({}, "a", "too short") == Fault::input);
  const Plan two = plan_for({}, "ab");
  CHECK(two.train_tokens == 2);
  CHECK(two.config.context == 1);
  CHECK_FALSE(two.validates());
  CHECK(plan_for({}, "abcde").validation_tokens == 0);
  CHECK(plan_for(wishes({{"objective", "mlm"}}), "a").train_tokens == 1);
  CHECK(plan_for(wishes({{"val_fraction", "0"}}), prose(1000)).validation_tokens == 0);
}

TEST_CASE("longer texts get larger models and every plan is one that can be built") {
  long before = 0;
  for (const std::size_t bytes : {100u, 20'000u, 200'000u, 1'500'000u}) {
    const Plan plan = plan_for({}, prose(bytes));
    CHECK(plan.parameters >= before);
    before = plan.parameters;
    CHECK(plan.config.steps > 0);
    CHECK(plan.config.warmup < plan.config.steps);
    CHECK(plan.config.min_lr < plan.config.lr);
    // A few minutes at 100 GFLOP/s.
    const auto tokens = static_cast<double>(plan.config.steps * plan.sequences_per_step() * plan.config.context);
    CHECK(plan.flop_per_token * tokens / 100e9 < 600);
  }
}

TEST_CASE(
    "labelled lines are read whole where that is affordable, what is cut is said, and a label with one line is "
    "refused") {
  std::string text;
  for (int i = 0; i < 80; ++i) text += (i % 2 ? "a\t" : "b\t") + std::string(i == 7 ? 100 : 20, 'x') + "\n";
  const auto planned = [](const std::string& lines, std::vector<std::pair<std::string, std::string>> options) {
    options.emplace_back("objective", "classify");
    SurveyedText surveyed(lines);
    const Config config = wishes(options);
    const TextReadings readings = read_text(config, surveyed.sources, surveyed.facts, nullptr);
    return make_plan(config, surveyed.facts, readings);
  };
  CHECK(planned(text, {}).config.context == 104);  // 102 places, rounded up
  CHECK(plan_text(planned(text, {})).find("longer") == std::string::npos);
  CHECK(plan_text(planned(text, {{"context", "64"}})).find("1 of 80 lines is longer than the context of 64") !=
        std::string::npos);
  CHECK(planned(text + "a\t" + std::string(5000, 'x') + "\n", {}).config.context == 512);
  const std::string rare = text + "c\tonly one\n";
  CHECK_THROWS_WITH_AS(planned(rare, {}), doctest::Contains("the label 'c' has 1 line, too few"), Error);
  CHECK(planned(rare, {{"val_fraction", "0"}}).labels.size() == 3);
}

TEST_CASE("heads and channels that were not chosen fit those that were") {
  const std::string text = prose(2000);
  CHECK(plan_for(wishes({{"heads", "6"}}), text).config.channels == 66);
  CHECK(plan_for(wishes({{"channels", "30"}}), text).config.heads == 3);
  CHECK(plan_for(wishes({{"channels", "7"}}), text).config.heads == 1);
  CHECK(plan_for(wishes({{"channels", "20"}, {"position", "rotary"}}), text).config.heads == 2);  // not 4 of 5
  CHECK(plan_for(wishes({{"heads", "6"}, {"position", "rotary"}}), text).config.channels == 72);
  CHECK(plan_for(wishes({{"kv_heads", "3"}}), text).config.heads == 3);
  CHECK(plan_for(wishes({{"kv_heads", "8"}}), text).config.heads == 8);
  CHECK(plan_for(wishes({{"channels", "30"}, {"head_size", "16"}}), text).config.heads == 4);
  CHECK(fault_of(wishes({{"channels", "64"}, {"heads", "6"}}), text, "not a multiple of --heads 6") == Fault::usage);
}

TEST_CASE("the first of steps and epochs to be reached ends the run, among those chosen last") {
  const std::string text = prose(10'240);
  const auto with = [](std::vector<std::pair<std::string, std::string>> options) {
    options.insert(options.end(), {{"val_fraction", "0"}, {"batch", "8"}, {"context", "64"}});  // 20 steps an epoch
    return wishes(options);
  };
  CHECK(plan_for(with({{"steps", "7"}}), text).config.steps == 7);
  CHECK(plan_for(with({{"epochs", "2"}}), text).config.steps == 40);
  CHECK(plan_for(with({{"epochs", "0.5"}}), text).config.steps == 10);
  CHECK(plan_for(with({{"epochs", "2"}, {"steps", "30"}}), text).config.steps == 30);
  CHECK(plan_for(with({{"epochs", "1"}, {"steps", "30"}}), text).config.steps == 20);
  CHECK(plan_for(with({{"epochs", "1"}, {"accumulate", "4"}}), text).config.steps == 5);
  Config preset = with({{"epochs", "2"}});
  preset.steps = 2000;
  preset.sources[static_cast<std::size_t>(find_field("steps")->index)] = ChosenBy::preset;
  CHECK(plan_for(preset, text).config.steps == 40);
  CHECK(plan_for(preset, text).config.epochs == 0);
}

TEST_CASE("minutes become steps, evaluations included") {
  const std::string text = prose(10'240);
  Plan plan = plan_for(wishes({{"minutes", "1"}}), text);
  CHECK(plan.timed);
  settle_steps(plan, 0.1);
  CHECK(plan.config.steps == 600);
  CHECK(plan.config.minutes == 0);
  CHECK_FALSE(plan.timed);
  CHECK(plan.config.eval_every == 60);
  plan = plan_for(wishes({{"minutes", "1"}}), text);
  settle_steps(plan, 0.1, 0.5, 2);
  CHECK(plan.config.steps == 490);
  plan = plan_for(wishes({{"minutes", "1"}, {"eval_every", "10"}}), text);
  settle_steps(plan, 0.1, 0.5, 2);
  CHECK(plan.config.steps == 300);
  plan = plan_for(wishes({{"minutes", "1"}, {"steps", "50"}}), text);
  settle_steps(plan, 0.1, 0.5, 2);
  CHECK(plan.config.steps == 50);
  // A short text is evaluated more often, for it is soon known by heart, within a fifth of the time.
  plan = plan_for(wishes({{"minutes", "1"}}), prose(600));
  settle_steps(plan, 0.001, 0.01, 1);
  CHECK(plan.config.steps == 58'990);
  CHECK(plan.config.eval_every == 589);
  plan = plan_for(wishes({{"minutes", "1"}}), prose(600));
  settle_steps(plan, 0.001, 0.5, 2);
  CHECK(plan.config.steps == 48'000);
  CHECK(plan.config.eval_every == 4'363);
  plan = plan_for(wishes({{"minutes", "0.001"}}), text);
  settle_steps(plan, 100, 100, 1);
  CHECK(plan.config.steps == 1);
}

TEST_CASE("early stopping is for runs whose length nobody chose, when there is enough to judge by") {
  CHECK(plan_for({}, prose(50'000)).config.patience > 0);
  CHECK(plan_for({}, prose(5'000)).config.patience == 0);
  CHECK(plan_for(wishes({{"steps", "100"}}), prose(50'000)).config.patience == 0);
  CHECK(plan_for(wishes({{"steps", "100"}, {"patience", "2"}}), prose(50'000)).config.patience == 2);
  Config preset;
  apply_preset(preset, "nanogpt-cpu");
  CHECK(plan_for(preset, prose(50'000)).config.patience == 0);
}

TEST_CASE("weights decay by 0.1 with adamw and not at all with the others, unless somebody chose") {
  CHECK(plan_for(wishes({}), prose(1000)).config.weight_decay == 0.1);
  for (const char* optimizer : {"adam", "sgd"}) {
    CHECK(plan_for(wishes({{"optimizer", optimizer}}), prose(1000)).config.weight_decay == 0);
    CHECK(plan_for(wishes({{"optimizer", optimizer}, {"weight_decay", "0.3"}}), prose(1000)).config.weight_decay ==
          0.3);
  }
  Config preset;
  apply_preset(preset, "nanogpt-cpu");
  set(preset, field_named("optimizer"), "sgd", ChosenBy::flag, "--optimizer");
  CHECK(plan_for(preset, prose(1000)).config.weight_decay == 0.1);
}

TEST_CASE("sinusoidal positions of a new run fit its token rows; a run from before this choice keeps amplitude 1") {
  CHECK(plan_for(wishes({{"position", "sinusoidal"}, {"channels", "64"}}), prose(1000)).config.position_scale == 0.125);
  CHECK(plan_for(wishes({{"position", "sinusoidal"}, {"position_scale", "2"}}), prose(1000)).config.position_scale ==
        2);
  Config saved;
  read_json(saved, R"({"position": "sinusoidal"})", "config.json", ChosenBy::file);
  CHECK(saved.position_scale == 1);
  CHECK(model_config(saved, 10).position_scale == 1);
  CHECK(inherit_model(wishes({}), saved, "run").position_scale == 1);
}

TEST_CASE("a lower learning rate takes a preset's minimum along, a contradiction is refused") {
  Config preset;
  apply_preset(preset, "nanogpt-cpu");
  set(preset, *find_field("lr"), "0.00005", ChosenBy::flag, "--lr");
  CHECK(plan_for(preset, prose(1000)).config.min_lr == doctest::Approx(0.000005));
  CHECK(fault_of(wishes({{"lr", "0.001"}, {"min_lr", "0.01"}}), prose(1000), "--min-lr") == Fault::usage);
}

TEST_CASE("a model that no machine holds is refused before it takes memory") {
  CHECK(fault_of(wishes({{"layers", "1000"}, {"channels", "65536"}, {"heads", "1"}}), prose(1000), "memory") ==
        Fault::memory);
}

TEST_CASE("a plan tells people and programs the same") {
  const Plan plan = plan_for(wishes({{"steps", "9"}}), prose(1000));
  CHECK(plan_text(plan).find("9 steps") != std::string::npos);
  CHECK(plan_json(plan).find("\"parameters\":" + std::to_string(plan.parameters) + ",") != std::string::npos);
  CHECK(plan_json(plan).find('\n') == std::string::npos);
  CHECK(short_number(999) == "999");
  CHECK(short_number(1234) == "1.23k");
  CHECK(short_number(12'345'678) == "12.3M");
  CHECK(short_number(999'600) == "1.00M");
}
