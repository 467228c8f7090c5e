#include "train/tasks/config.h"

#include <doctest/doctest.h>

#include <set>

#include "autograd/error.h"
#include "data/text/nearest.h"
#include "train/tasks/numbers.h"
#include "train/tasks/presets.h"

using namespace primer::train;
using primer::autograd::Error;
using primer::autograd::Fault;
using primer::data::edit_distance;
using primer::data::nearest;

namespace {

// The message with which read_json refuses `text`; the fault must be usage and the configuration untouched.
std::string refusal(const std::string& text) {
  Config config;
  const std::string before = to_json(config);
  try {
    read_json(config, text, "my.json", ChosenBy::file);
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::usage);
    CHECK(to_json(config) == before);
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return error.what();
  }
  FAIL("accepted: ", text);
  return {};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a configuration comes back from its JSON, bit for bit") {
  Config config;
  config.layers = 7;
  config.lr = 0.1 + 0.2;
  config.eps = 1.0 / 3e9;
  config.bias = true;
  config.activation = primer::nn::Activation::relu;
  config.steps = 123456789012;
  for (const Layout layout : {Layout::lines, Layout::one_line}) {
    Config again;
    read_json(again, to_json(config, layout), "config.json", ChosenBy::file);
    CHECK(to_json(again) == to_json(config));
    CHECK(again.lr == config.lr);
    CHECK(again.eps == config.eps);
    CHECK(again.steps == config.steps);
  }
  CHECK(contains(to_json(config), "\n  \"layers\": 7,\n"));
  CHECK_FALSE(contains(to_json(config, Layout::one_line), "\n"));
}

TEST_CASE("every field of the list can be set from text and read back") {
  std::set<std::string> options;
  for (const Field& field : fields()) {
    CHECK(options.insert(field.option()).second);
    CHECK(find_field(field.key) == &field);
    Config config;
    const std::string value = field.kind == Field::Kind::switch_ ? "true"
                              : field.kind == Field::Kind::word  ? std::string(field.choices.front())
                                                                 : number_text(field.low);
    set(config, field, value, ChosenBy::flag, "--" + field.option());
    CHECK(value_text(config, field) == value);
    CHECK(source_of(config, field) == ChosenBy::flag);
  }
  CHECK(static_cast<int>(options.size()) == Config::field_count);
  CHECK(find_field("ffn_channels")->option() == "ffn-channels");
  CHECK(find_field("ffn-channels") == nullptr);
}

TEST_CASE("every word that may be chosen is a value of its own, and means what its name says in the model") {
  for (const Field& field : fields()) {
    if (field.kind != Field::Kind::word || field.key.ends_with("tokenizer")) continue;
    std::set<std::string> values;
    for (const std::string_view choice : field.choices) {
      Config config;
      set(config, field, choice, ChosenBy::flag, field.key);
      CHECK(value_text(config, field) == choice);
      CHECK(values.insert(value_text(config, field)).second);
      const auto model = model_config(config, 65);
      CHECK(model.norm == config.norm);
      CHECK(model.norm_kind == config.norm_kind);
      CHECK(model.position == config.position);
      CHECK(model.activation == config.activation);
      CHECK(model.causal == config.objective->causal());
    }
  }
  CHECK(primer::autograd::word<primer::nn::NormPlace>("post") == primer::nn::NormPlace::post);
  CHECK_FALSE(primer::autograd::word<primer::nn::NormPlace>("Post").has_value());
}

TEST_CASE("the epsilon of norms is the task's unless it is chosen, in runs that do not name it too") {
  Config config;
  CHECK(model_config(config, 65).norm_epsilon == 1e-5);
  config.objective = masked_task();
  CHECK(model_config(config, 65).norm_epsilon == 1e-12);
  set(config, field_named("norm_epsilon"), "1e-6", ChosenBy::flag, "--norm-epsilon");
  CHECK(model_config(config, 65).norm_epsilon == 1e-6);
  Config older;  // what --init-from meets
  older.norm_kind = primer::nn::NormKind::rms;
  Config wishes;
  CHECK(inherit_model(wishes, older, "run").norm_kind == primer::nn::NormKind::rms);
  set(wishes, field_named("norm_kind"), "layer", ChosenBy::flag, "--norm-kind");
  CHECK_THROWS_AS(inherit_model(wishes, older, "run"), Error);
}

TEST_CASE("a list as long as a configuration can be is read in one pass") {
  std::string text = "{\"validation\": [\"a\"";
  for (int i = 0; i < 200'000; ++i) text += ",\"a\"";
  Config config;
  read_json(config, text + "]}", "my.json", ChosenBy::file);
  CHECK(config.validation.size() == 200'001);
}

TEST_CASE("a list of names comes back from JSON, and what is no such list is refused in one line") {
  Config config;
  config.steps = 5;
  const Field& field = field_named("validation");
  set(config, field, "b.txt\na dir/x \"y\".txt", ChosenBy::flag, "--validation");
  CHECK(config.validation == std::vector<std::string>{"b.txt", "a dir/x \"y\".txt"});
  CHECK(contains(to_json(config), "\"validation\": [\"b.txt\", \"a dir/x \\\"y\\\".txt\"],"));
  for (const Layout layout : {Layout::lines, Layout::one_line}) {
    Config again;
    read_json(again, to_json(config, layout), "my.json", ChosenBy::file);
    CHECK(again.validation == config.validation);
  }
  read_json(config, "{\"validation\": []}", "my.json", ChosenBy::file);
  CHECK(config.validation.empty());
  for (const char* wrong : {"\"a\"", "[\"\"]", "[1]", "[[\"a\"]]", "[\"a\\nb\"]", "{\"a\": \"b\"}", "null"}) {
    CAPTURE(wrong);
    try {
      read_json(config, "{\"validation\": " + std::string(wrong) + "}", "my.json", ChosenBy::file);
      FAIL_CHECK("nothing was thrown");
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::usage);
      CHECK_FALSE(contains(error.what(), "\n"));
    }
  }
}

TEST_CASE("comments are allowed, and only the keys that are there are set") {
  Config config;
  read_json(config, "{ // mine\n \"layers\": 3, /* small */ \"dropout\": 0 }", "my.json", ChosenBy::file);
  CHECK(config.layers == 3);
  CHECK(source_of(config, &Config::layers) == ChosenBy::file);
  CHECK(source_of(config, &Config::dropout) == ChosenBy::file);
  CHECK(source_of(config, &Config::heads) == ChosenBy::fitted);
}

TEST_CASE("an unknown key is refused and the nearest known one named") {
  CHECK(contains(refusal(R"({"chanels": 3})"), "did you mean \"channels\"?"));
  CHECK(contains(refusal(R"({"weightdecay": 3})"), "did you mean \"weight_decay\"?"));
  CHECK_FALSE(contains(refusal(R"({"zzzzzzzz": 3})"), "did you mean"));
  CHECK(contains(refusal("{\"la\\u001b\\nyers\": 3}"), "\\u001b"));
}

TEST_CASE("a field is asked for by its key, and a misspelt key is refused with the nearest one") {
  CHECK(&field_named("lr") == find_field("lr"));
  CHECK_THROWS_WITH_AS(field_named("drop_out"), "unknown option drop_out; did you mean dropout?", Error);
}

TEST_CASE("a wrong type or a value out of range is refused with key, value and range") {
  CHECK(contains(refusal(R"({"layers": "3"})"), "\"layers\" \"3\": expected a whole number"));
  CHECK(contains(refusal(R"({"layers": 3.5})"), "expected a whole number"));
  CHECK(contains(refusal(R"({"layers": 1e3})"), "1e3: expected a whole number"));
  CHECK(contains(refusal(R"({"layers": 4.0})"), "4.0: expected a whole number"));
  CHECK(contains(refusal(R"({"layers": 4E0})"), "expected a whole number"));
  CHECK(contains(refusal(R"({"layers": -1})"), "-1: expected a whole number from 0 to 1000"));
  CHECK(contains(refusal(R"({"layers": 99999999999999999999999})"), "expected a whole number"));
  CHECK(contains(refusal(R"({"dropout": 1.5})"), "\"dropout\" 1.5: expected a number from 0 to 0.99"));
  CHECK(contains(refusal(R"({"dropout": true})"), "expected a number"));
  CHECK(contains(refusal(R"({"bias": 1})"), "expected true or false"));
  CHECK(contains(refusal(R"({"norm": 1})"), "expected a word in quotes"));
  CHECK(contains(refusal(R"({"norm": "pro"})"), "expected one of pre post none; did you mean pre?"));
  CHECK(contains(refusal(R"({"lr": null})"), "expected a number"));
}

TEST_CASE("a negative whole number and every way to write a number are read") {
  Config config;
  read_json(config, R"({"ffn_channels": -1, "layers": -0, "lr": 1E-3, "min_lr": 0.00015, "dropout": -0.0, "eps": 1})",
            "my.json", ChosenBy::file);
  CHECK(config.ffn_channels == -1);
  CHECK(config.layers == 0);
  CHECK(config.lr == 1e-3);
  CHECK(config.min_lr == 0.00015);
  CHECK(config.dropout == 0);
  CHECK(config.eps == 1);
  read_json(config, R"({"seed": 9007199254740991, "beta1": 0.30000000000000004})", "my.json", ChosenBy::file);
  CHECK(config.seed == 9007199254740991);
  CHECK(config.beta1 == 0.1 + 0.2);
}

TEST_CASE("a refusal is one short line, whatever the file holds") {
  CHECK(contains(refusal("{\"norm\": \"p\\u001b[2J\\nre\"}"), "\\x1B[2J\\x0Are: expected one of"));
  CHECK(contains(refusal("{\"lr\": \"\\u202e\"}"), "\\u{202E}"));
  const std::string endless(100'000, '7');
  CHECK(refusal("{\"lr\": " + endless + "}").size() < 300);
  CHECK(refusal("{\"lr\": \"" + endless + "\"}").size() < 300);
  CHECK(refusal("{\"norm\": \"" + endless + "\"}").size() < 300);
  CHECK(refusal("{\"" + endless + "\": 1}").size() < 300);
  CHECK(contains(refusal("{\n\"lr\": 1,\n}"), "line 3"));
}

TEST_CASE("numbers that are none are refused") {
  CHECK(contains(refusal(R"({"lr": nan})"), "it is not valid JSON at byte 9"));
  CHECK(contains(refusal(R"({"lr": 1e999})"), "my.json"));
  Config config;
  for (const char* text : {"nan", "inf", "-inf", "1e999", "", " 1", "1 ", "0x10", "1,5", "--1", "+1"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(set(config, *find_field("lr"), text, ChosenBy::flag, "--lr"), Error);
    CHECK_THROWS_AS(set(config, *find_field("layers"), text, ChosenBy::flag, "--layers"), Error);
  }
  CHECK(source_of(config, &Config::lr) == ChosenBy::fitted);
}

TEST_CASE("what is not one flat object with distinct keys is refused") {
  for (const char* text :
       {"", "{", "[]", "3", "null", R"("x")", "{} {}", R"({"layers": [3]})", R"({"layers": {"x": 3}})",
        R"({"layers": 3, "layers": 4})", R"({"layers": 3, "l\u0061yers": 3})", R"({"layers" 3})"}) {
    CAPTURE(text);
    refusal(text);
  }
  refusal(std::string(1 << 21, ' ') + "{}");
  refusal(std::string(100'000, '['));
  std::string deep = "{\"layers\":";
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  refusal(deep);
  refusal("\xEF\xBB\xBF{}");
  refusal(std::string("{}\0", 3));
  refusal("{\"norm\": \"pre\xFF\"}");
}

TEST_CASE("a preset sets its values, a file and flags override it") {
  Config config;
  apply_preset(config, "nanogpt-cpu");
  CHECK(config.context == 64);
  CHECK(config.activation == primer::nn::Activation::gelu_erf);
  CHECK(config.patience == 0);
  CHECK(source_of(config, &Config::patience) == ChosenBy::preset);
  read_json(config, R"({"context": 32, "lr": 0.01})", "my.json", ChosenBy::file);
  set(config, *find_field("lr"), "0.02", ChosenBy::flag, "--lr");
  CHECK(config.batch == 12);
  CHECK(config.context == 32);
  CHECK(config.lr == 0.02);
  CHECK(source_of(config, &Config::context) == ChosenBy::file);
  CHECK(source_of(config, &Config::lr) == ChosenBy::flag);
  for (const std::string& name : preset_names()) apply_preset(config, name);
  CHECK(config.channels == 384);
  CHECK_THROWS_WITH_AS(apply_preset(config, "nanogpt-cpo"),
                       "unknown preset nanogpt-cpo: there are nanogpt-cpu nanogpt-gpu llama; did you mean nanogpt-cpu?",
                       Error);
}

TEST_CASE("the nearest word is within a slip of the fingers") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("flaw", "lawn") == 2);
  CHECK(nearest("--stpes", {"--steps", "--seed"}) == "--steps");
  CHECK(nearest("--frobnicate", {"--steps", "--seed"}).empty());
  CHECK(nearest(std::string(1'000'000, 'a'), {"a"}).empty());
  CHECK(nearest("--dtype", {"--tie"}).empty());  // the dashes are no likeness
  CHECK(nearest("--rope", {"--force"}).empty());
  CHECK(nearest("--", {"--tie"}).empty());
}

TEST_CASE("a whole number may be written with an exponent") {
  long value = 0;
  for (const auto& [text, number] : std::vector<std::pair<std::string, long>>{{"1e3", 1000},
                                                                              {"2.5e5", 250000},
                                                                              {"1E0", 1},
                                                                              {"-3e2", -300},
                                                                              {"7", 7},
                                                                              {"9007199254740991", 9007199254740991}}) {
    CAPTURE(text);
    CHECK(read_whole(text, value));
    CHECK(value == number);
  }
  for (const char* text : {"", "1.5", "1.0", "1e-1", "1.55e1", "1e99", "e3", "1e3x", "0x10", " 1e3", "nan", "inf"}) {
    CAPTURE(text);
    CHECK_FALSE(read_whole(text, value));
  }
}

TEST_CASE("heads that do not divide the channels make no model") {
  Config config;
  config.channels = 128;
  config.heads = 3;
  CHECK_THROWS_WITH_AS(model_config(config, 65), "--channels 128 is not a multiple of --heads 3: try --channels 129",
                       Error);
  config.head_size = 40;  // of its own
  CHECK(model_config(config, 65).head_channels() == 40);
  config.head_size = 0;
  config.heads = 4;
  CHECK(model_config(config, 65).vocabulary == 65);
  CHECK(model_config(config, 65).causal);
  config.objective = masked_task();
  CHECK_FALSE(model_config(config, 65).causal);
}

TEST_CASE("heads of keys that do not divide the heads, and half a pair of channels to turn, are refused in one line") {
  Config config;
  config.heads = 12;
  config.channels = 60;
  const auto refused = [&](long kv_heads, const char* message) {
    config.kv_heads = kv_heads;
    CHECK_THROWS_WITH_AS(model_config(config, 65), message, Error);
  };
  refused(5, "--kv-heads 5 does not divide --heads 12: try --kv-heads 4");
  refused(24, "--kv-heads 24 does not divide --heads 12: try --kv-heads 12");
  config.position = primer::nn::Position::rotary;
  refused(4, "--position rotary turns pairs of a head's channels, and a head has 5: try --head-size 6");
  config.head_size = 6;
  CHECK(model_config(config, 65).key_channels() == 4 * 6);
}
