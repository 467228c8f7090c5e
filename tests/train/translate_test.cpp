// What a search finds: held beside the model's own logits, and beside all translations that there are.
#include "train/use/translate.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <set>

#include "tests/nn/small_model.h"
#include "train/tasks/config.h"

using namespace primer;
using namespace primer::train;

namespace {

/// A model of five letters and two marks that nobody has trained; its numbers are large, so that it is sure of things.
struct Drawn {
  std::shared_ptr<const data::Tokenizer> tokenizer =
      data::make_character_tokenizer({'a', 'b', 'c', 'd', 'e'}, std::vector<std::string>{"[BOS]", "[EOS]"});
  autograd::Parameters<float> parameters;
  nn::Model<float> model;
  autograd::Tape<float> tape;

  explicit Drawn(long context, std::uint64_t seed, double deviation = 0.4) : Drawn(config(context, deviation), seed) {}
  Drawn(const nn::ModelConfig& c, std::uint64_t seed) : model(parameters, c) { parameters.build(seed); }
  static nn::ModelConfig config(long context, double deviation) {
    nn::ModelConfig c;
    c.vocabulary = 7;
    c.context = context;
    c.layers = c.decoder_layers = 1;
    c.heads = 2;
    c.channels = 16;
    c.deviation = deviation;
    return c;
  }

  std::vector<Translation> translate(const std::vector<std::vector<int>>& sources, const BeamSearch& search) {
    return train::translate(model, tape, *tokenizer, sources, search);
  }
  Translation one(const std::vector<int>& source, const BeamSearch& search) { return translate({source}, search)[0]; }

  /// ln p of each token that may follow [BOS] and the ids, from the whole sequence at once.
  std::vector<double> next(std::vector<int> source, const std::vector<int>& ids) {
    source.push_back(6);
    std::vector<int> read{5};
    read.insert(read.end(), ids.begin(), ids.end());
    const auto pause = tape.pause();
    const long T = static_cast<long>(read.size());
    const auto logits = model.logits(
        tape, {.tokens = read, .batch = 1, .length = T, .source = {source, static_cast<long>(source.size()), {}}});
    std::vector<double> p(7);
    double sum = 0;
    for (std::size_t v = 0; v < 7; ++v) sum += std::exp(double{logits.data()[(T - 1) * 7 + static_cast<long>(v)]});
    for (std::size_t v = 0; v < 7; ++v) p[v] = logits.data()[(T - 1) * 7 + static_cast<long>(v)] - std::log(sum);
    return p;
  }

  /// Calls each(ids, ln p) for every translation that there is.
  template <class Each>
  void all(const std::vector<int>& source, Each each, std::vector<int> ids = {}, double before = 0) {
    const std::vector<double> p = next(source, ids);
    each(ids, before + p[6]);
    if (static_cast<long>(ids.size()) + 1 == model.config().context) return;
    for (int v = 0; v < 5; ++v) {
      std::vector<int> longer = ids;
      longer.push_back(v);
      all(source, each, longer, before + p[static_cast<std::size_t>(v)]);
    }
  }
};

}  // namespace

TEST_CASE("a search of width 1 takes the most probable token each time") {
  int ended_early = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Drawn drawn(6, seed);
    const std::vector<int> source{static_cast<int>(seed % 5), 3, 1};
    std::vector<int> ids;
    double log_p = 0;
    for (;;) {
      std::vector<double> p = drawn.next(source, ids);
      p[5] = -INFINITY;  // [BOS] begins a target and never stands in it
      const bool is_last = ids.size() + 1 == 6;
      const int best = is_last ? 6 : static_cast<int>(std::ranges::max_element(p) - p.begin());
      log_p += p[static_cast<std::size_t>(best)];
      if (best == 6) break;
      ids.push_back(best);
    }
    const Translation found = drawn.one(source, {1, 0});
    CHECK(found.ids == ids);
    CHECK(found.log_probability == doctest::Approx(log_p).epsilon(1e-5));
    ended_early += ids.size() < 5;
  }
  CHECK(ended_early > 0);
  CHECK(ended_early < 12);
}

TEST_CASE("a search that is wide enough finds the best of all translations, for every penalty of length") {
  int differ = 0, from_greedy = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Drawn drawn(4, seed);
    const std::vector<int> source{2, static_cast<int>(seed % 5)};
    std::vector<int> shortest;
    for (const double penalty : {0.0, 0.6, 5.0}) {
      Translation best;
      double highest = -INFINITY;
      drawn.all(source, [&](const std::vector<int>& ids, double log_p) {
        const double n = static_cast<double>(ids.size()) + 1, score = log_p / std::pow((5 + n) / 6, penalty);
        if (score <= highest) return;
        highest = score;
        best = {ids, log_p};
      });
      const Translation found = drawn.one(source, {1000, penalty});
      CHECK(found.ids == best.ids);
      CHECK(found.log_probability == doctest::Approx(best.log_probability).epsilon(1e-5));
      CHECK(found.score(penalty) == doctest::Approx(highest).epsilon(1e-5));
      if (penalty == 0) {
        shortest = best.ids;
        const Translation greedy = drawn.one(source, {1, 0});
        CHECK(greedy.log_probability <= best.log_probability + 1e-5);
        from_greedy += greedy.ids != best.ids;
      }
      differ += penalty > 0 && best.ids != shortest;
    }
  }
  CHECK(differ > 0);       // the penalty matters
  CHECK(from_greedy > 0);  // and so does the width
}

TEST_CASE("a search goes on while what it follows can become better than all that has ended") {
  int longer_than_first = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Drawn drawn(7, seed, 0.3);
    const std::vector<int> source{static_cast<int>(seed % 5), 2};
    constexpr std::size_t k = 3;
    const double penalty = seed % 2 ? 0 : 2;
    using Prefix = std::pair<double, std::vector<int>>;  // ln p, ids
    std::vector<Prefix> live{{0, {}}};
    Translation best;
    double highest = -INFINITY;
    std::size_t ended = 0, when_k_had_ended = 0;  // translations, tokens
    for (std::size_t n = 1; n <= 7; ++n) {        // all of the context, with nothing left out
      std::vector<Prefix> next;
      for (const auto& [log_p, ids] : live) {
        const std::vector<double> p = drawn.next(source, ids);
        for (const int v : {0, 1, 2, 3, 4, 6}) {
          if (n == 7 && v != 6) continue;
          next.emplace_back(log_p + p[static_cast<std::size_t>(v)], ids);
          next.back().second.push_back(v);
        }
      }
      std::ranges::sort(next, std::greater());
      next.resize(std::min(next.size(), 2 * k));
      live.clear();
      for (std::size_t j = 0; j < next.size(); ++j) {
        const auto& [log_p, ids] = next[j];
        if (ids.back() != 6) {
          if (live.size() < k) live.push_back(next[j]);
        } else if (j < k) {
          if (++ended == k) when_k_had_ended = n;
          const Translation one{{ids.begin(), ids.end() - 1}, log_p};
          if (one.score(penalty) > highest) highest = one.score(penalty), best = one;
        }
      }
    }
    const Translation found = drawn.one(source, {k, penalty});
    CHECK(found.ids == best.ids);
    CHECK(found.log_probability == doctest::Approx(best.log_probability).epsilon(1e-5));
    longer_than_first += when_k_had_ended > 0 && best.ids.size() + 1 > when_k_had_ended;
  }
  CHECK(longer_than_first > 0);  // k translations alone do not end it
}

TEST_CASE("a search follows its width: an unlikely beginning with a likely end is found by two, and not by one") {
  int found_more = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Drawn drawn(6, seed);
    double before = -INFINITY;
    for (const long width : {1L, 2L, 4L, 16L}) {
      const double log_p = drawn.one({1, 4}, {width, 0}).log_probability;
      found_more += log_p > before + 1e-6 && width > 1;
      before = std::max(before, log_p);
    }
  }
  CHECK(found_more > 5);
}

TEST_CASE("a translation does not depend on what is translated beside it, bit for bit") {
  using nn::Align, nn::BodyKind;
  nn::ModelConfig c = Drawn::config(40, 0.8);
  std::vector<nn::ModelConfig> configs{c};
  c.body = BodyKind::gru;
  for (const Align align : {Align::additive, Align::dot, Align::concat, Align::location, Align::local, Align::none}) {
    c.align = align;
    configs.push_back(c);
  }
  c.body = BodyKind::lstm, c.align = Align::general, c.input_feeding = true;
  configs.push_back(c);
  std::size_t most_different = 0;
  for (const nn::ModelConfig& config : configs) {
    CAPTURE(autograd::name(config.body));
    CAPTURE(autograd::name(config.align));
    const BeamSearch search = config.align == Align::concat ? BeamSearch{1, 0} : BeamSearch{3, 0.6};
    Drawn drawn(config, 5);
    for (long i = 0; i < drawn.parameters.size(); ++i) drawn.parameters.values()[i] *= 3;
    std::vector<std::vector<int>> sources;
    for (int i = 0; i < 40; ++i) {
      sources.emplace_back();
      for (int k = 0; k < i % 40; ++k) sources.back().push_back((i * 7 + k * k) % 5);
    }
    const std::vector<Translation> all = drawn.translate(sources, search);
    std::set<std::vector<int>> different;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      CAPTURE(i);
      const Translation alone = drawn.one(sources[i], search);
      CHECK(alone.ids == all[i].ids);
      CHECK(alone.log_probability == all[i].log_probability);
      different.insert(alone.ids);
    }
    most_different = std::max(most_different, different.size());
  }
  CHECK(most_different > 5);
}

TEST_CASE("what cannot be translated is refused") {
  Drawn drawn(4, 1);
  CHECK(drawn.translate({}, {4, 0}).empty());
  const auto plain = data::make_character_tokenizer({'a', 'b', 'c', 'd', 'e', 'f', 'g'});
  const std::vector<std::vector<int>> source{{1}};
  CHECK_THROWS_AS(train::translate(drawn.model, drawn.tape, *plain, source, {1, 0}), autograd::Error);
  CHECK_THROWS_AS(drawn.one({0, 1, 2, 3}, {1, 0}), autograd::Error);  // no room for [EOS]
  std::fill_n(drawn.parameters.values(), drawn.parameters.size(), NAN);
  try {
    drawn.one({1}, {2, 0});
    FAIL_CHECK("nothing was thrown");
  } catch (const autograd::Error& error) {
    CHECK(error.fault() == autograd::Fault::checkpoint);
  }
}
