// The page that lists what can be watched, beside what a model really offers.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <string>

#include "tests/nn/small_model.h"
#include "tests/places.h"

using namespace primer::test;

namespace {

using Names = std::map<std::string, std::string>;  // of tensors, with N for a block or a layer -> shape in letters

Names listed() {
  std::ifstream in(source_directory() + std::string("/docs/watching.md"));
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  const std::regex row("\n\\| `([^`]+)` \\| (\\[[^\\]]+\\]) \\|");
  Names names;
  for (std::sregex_iterator i(page.begin(), page.end(), row), end; i != end; ++i) names[(*i)[1]] = (*i)[2];
  return names;
}

std::string text(const Names& names) {
  std::string lines;
  for (const auto& [name, shape] : names) lines += name + " " + shape + "\n";
  return lines;
}

/// Wants everything.
struct Everything : Observer<double> {
  std::map<long, std::string> letters;  // of a size
  Names seen;

  bool wants(std::string_view, std::string_view) override { return true; }
  Tensor<double> see(std::string_view path, std::string_view leaf, Tensor<double> x) override {
    std::string shape;
    for (int i = 0; i < x.shape.rank; ++i) shape += (i > 0 ? ", " : "[") + letters[x.shape[i]];
    const std::string name = std::string(path) + "." + std::string(leaf);
    seen[std::regex_replace(name, std::regex("\\.[0-9]+\\."), ".N.")] = shape + "]";
    return x;
  }
};

}  // namespace

TEST_CASE("the tensors that docs/watching.md lists are those that a model shows") {
  CHECK(listed().size() >= 13);
  for (const auto& [body, causal] : {std::pair{BodyKind::transformer, true},
                                     {BodyKind::transformer, false},
                                     {BodyKind::rnn, true},
                                     {BodyKind::gru, true},
                                     {BodyKind::lstm, true}}) {
    CAPTURE(name(body));
    const bool attends = body == BodyKind::transformer;
    Names expected = listed();
    std::erase_if(expected, [&](const auto& row) {
      return row.first.starts_with(attends ? "layers." : "blocks.") || row.first.starts_with("decoder.") ||
             row.first.starts_with("alignment.");
    });
    for (const char* leaf : {"scores", "pattern"})
      if (attends) expected[std::string("blocks.N.attention.") + leaf] = "[B, H, T, T]";  // S is T: no cache
    ModelConfig config = small_config();
    config.body = body;
    config.causal = causal;
    config.kv_heads = 1;
    config.head_size = 7;
    SmallModel<double> model(config);
    Everything everything;
    constexpr long B = 4, T = 5;
    everything.letters = {{B, "B"}, {T, "T"}, {config.channels, "C"}, {config.heads, "H"}, {7, "K D"}, {14, "H D"}};
    model.tape.observer = &everything;
    model.logits(random_ids(B * T, config.vocabulary, "tokens"), B);
    CHECK(text(everything.seen) == text(expected));
  }
}

TEST_CASE("the tensors of an encoder-decoder are those of two transformers, and of attention to the source") {
  Names expected;
  for (auto [name, shape] : listed()) {
    if (name.starts_with("layers.") || name.starts_with("alignment.")) continue;
    if (name.starts_with("decoder.")) {
      expected[name] = shape;
      continue;
    }
    if (name.ends_with(".scores") || name.ends_with(".pattern")) shape = "[B, H, T, T]";
    expected["decoder." + name] = shape;
    expected["encoder." + name] = std::regex_replace(shape, std::regex("T"), "S");
  }
  CHECK(expected.size() == 31);
  ModelConfig config = small_config();
  config.decoder_layers = 1;
  config.kv_heads = 1;
  config.head_size = 7;
  SmallModel<double> model(config);
  Everything everything;
  constexpr long B = 4, T = 5, S = 6;
  everything.letters = {{B, "B"},   {T, "T"},   {S, "S"}, {config.channels, "C"}, {config.heads, "H"},
                        {7, "K D"}, {14, "H D"}};
  model.tape.observer = &everything;
  const Ids source = random_ids(B * S, config.vocabulary, "source");
  model.source = {source, S};
  model.logits(random_ids(B * T, config.vocabulary, "tokens"), B);
  CHECK(text(everything.seen) == text(expected));
}

TEST_CASE("the tensors of a recurrent encoder-decoder are those of layers in two directions, and its alignment") {
  for (const primer::nn::Align align : {primer::nn::Align::general, primer::nn::Align::additive}) {
    Names expected = listed();
    std::erase_if(expected, [](const auto& row) { return !row.first.starts_with("alignment."); });
    CHECK(expected.size() == 1);
    for (const char* leaf : {"embedding.output", "layers.N.output"}) {
      expected[std::string("decoder.") + leaf] = listed()[leaf];
      expected[std::string("encoder.") + leaf] = std::regex_replace(listed()[leaf], std::regex("T"), "S");
    }
    expected["encoder.layers.N.output"] = "[B, S, 2 C]";
    if (align == primer::nn::Align::additive) expected["alignment.pattern"] = "[B, 1, 1, S]";  // step by step
    ModelConfig config = small_config();
    config.body = BodyKind::gru;
    config.decoder_layers = 2;
    config.align = align;
    SmallModel<double> model(config);
    Everything everything;
    constexpr long B = 4, T = 5, S = 6;
    everything.letters = {{1, "1"}, {B, "B"}, {T, "T"}, {S, "S"}, {config.channels, "C"}, {2 * config.channels, "2 C"}};
    model.tape.observer = &everything;
    const Ids source = random_ids(B * S, config.vocabulary, "source");
    model.source = {source, S};
    model.logits(random_ids(B * T, config.vocabulary, "tokens"), B);
    CHECK(text(everything.seen) == text(expected));
  }
}
